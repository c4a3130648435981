# Options of run and create that change one thing each.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
}

inside()
{
	run --separate-stderr pod run --rm "$@"
}

@test "--sysctl, --domainname, --umask" {
	inside --sysctl net.ipv4.ip_forward=1 --domainname example.org --umask 077 localhost/busybox \
		sh -c 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/domainname; umask'
	assert_success
	assert_output "1
example.org
0077"
	inside --sysctl kernel.panic=1 localhost/busybox true
	assert_status 125
	assert_stderr --partial kernel.panic
	inside --sysctl nothing localhost/busybox true
	assert_fault 125 --sysctl nothing
	inside --umask 9 localhost/busybox true
	assert_fault 125 --umask 9
	pod create --name c --umask 27 localhost/busybox true
	run pod inspect -f '{{.Config.Umask}}' c
	assert_output 0027
}

@test "--env-host, --http-proxy, --unsetenv" {
	export OUTSIDE=1 http_proxy=http://proxy:1
	inside localhost/busybox env
	assert_output --partial http_proxy=http://proxy:1
	refute_output --partial OUTSIDE
	inside --http-proxy=false localhost/busybox env
	refute_output --partial http_proxy
	run docker run --rm localhost/busybox env
	assert_success
	refute_output --partial http_proxy
	inside --env-host -e OUTSIDE=2 localhost/busybox env
	assert_output --partial OUTSIDE=2
	inside --unsetenv container -e A=1 localhost/busybox /bin/env
	refute_output --partial container=
	assert_output --partial A=1
	inside --unsetenv-all -e A=1 localhost/busybox /bin/env
	refute_output --partial PATH=
	assert_output --partial A=1
}

@test "--tz" {
	[ -e /usr/share/zoneinfo/Asia/Kolkata ]
	inside --tz Asia/Kolkata -v /usr/share/zoneinfo/Asia/Kolkata:/zone:ro localhost/busybox \
		sh -c 'echo "$TZ"; cmp /etc/localtime /zone && echo same'
	assert_output "Asia/Kolkata
same"
	inside --tz No/Where localhost/busybox true
	assert_fault 125 No/Where
	inside --tz ../../etc/passwd localhost/busybox true
	assert_status 125
}

@test "--expose is published by -P and shown by inspect" {
	pod create --name c --expose 99 --expose 100-101/udp localhost/busybox true
	run pod inspect -f '{{json .Config.ExposedPorts}}' c
	assert_output '{"99/tcp":{},"100/udp":{},"101/udp":{}}'
	pod run -d --name d -P --expose 80 localhost/busybox sleep 1000
	run pod port d
	assert_output --regexp '^80/tcp -> 0\.0\.0\.0:[0-9]+$'
	inside --expose 70000 localhost/busybox true
	assert_fault 125 --expose 70000
}

@test "--volumes-from takes volumes and binds, not over one's own" {
	mkdir host
	echo bound >host/file
	pod create --name c -v data:/data -v "$PWD/host:/host" --tmpfs /scratch localhost/busybox true
	inside --volumes-from c localhost/busybox sh -c 'echo x >/data/x; cat /host/file; mount | grep -c /scratch'
	assert_output "bound
0"
	inside --volumes-from c:ro localhost/busybox sh -c 'cat /data/x; echo y >/data/x'
	assert_output x
	assert_status 1
	pod create --name says -v data:/data:rw -v "$PWD:/host:ro" localhost/busybox true
	inside --volumes-from says:ro localhost/busybox sh -c 'cat /data/x; echo y >/data/x; echo y >/host/file'
	assert_output x
	assert_stderr --partial "can't create /data/x: Read-only file system"
	assert_stderr --partial "can't create /host/file: Read-only file system"
	inside --volumes-from c -v other:/data localhost/busybox ls /data
	assert_output ""
	inside --volumes-from nothing localhost/busybox true
	assert_fault 125 --volumes-from nothing
}

@test "--image-volume, --no-hosts" {
	make_image "$BATS_TEST_TMPDIR/v.tar" --name localhost/v:latest --volume /vol >/dev/null
	pod load -q -i "$BATS_TEST_TMPDIR/v.tar"
	pod create --name a localhost/v true
	pod create --name b --image-volume ignore localhost/v true
	run pod inspect -f '{{len .Mounts}}' a b
	assert_output "1
0"
	inside --image-volume tmpfs localhost/v sh -c 'mount | grep " /vol "'
	assert_output --partial tmpfs
	inside --no-hosts localhost/busybox sh -c 'grep -c slirp /etc/hosts'
	refute_output 1
	inside --no-hosts --add-host a:1.2.3.4 localhost/busybox true
	assert_fault 125 --no-hosts --add-host
}

@test "run --attach chooses the streams, --rmi takes the image along" {
	inside -a stderr localhost/busybox sh -c 'echo out; echo err >&2'
	assert_success
	assert_output ""
	assert_stderr err
	inside -a stdout -d localhost/busybox true
	assert_fault 125 --attach --detach
	pod tag localhost/busybox localhost/second
	inside --rmi localhost/second echo hello
	assert_output hello
	run pod image exists localhost/second
	assert_status 1
	run pod image exists localhost/busybox
	assert_success
}

@test "a user that the image does not know gets a line in /etc/passwd" {
	run pod run --name u --network none --user 1234:77 -w /tmp localhost/busybox sh -c \
		'id; tail -n 1 /etc/passwd; tail -n 1 /etc/group; echo $HOME'
	assert_output "uid=1234(1234) gid=77(77) groups=77(77)
1234:*:1234:77:container user:/tmp:/bin/sh
77:x:77:1234
/tmp"
	# Once, and not in what another container shares with it.
	run pod start -a u
	pod cp u:/etc/passwd "$BATS_TEST_TMPDIR/copy"
	assert_equal "$(grep -c 1234 "$BATS_TEST_TMPDIR/copy")" 1
	run pod run --rm --network none --user 1000 localhost/busybox grep -c : /etc/passwd
	assert_output "$(pod run --rm --network none localhost/busybox grep -c : /etc/passwd)"
	run pod run --rm --network none --read-only --user 99 localhost/busybox tail -n 1 /etc/passwd
	assert_output "99:*:99:0:container user:/:/bin/sh"
	run pod run --rm --network none --passwd=false --user 1234 localhost/busybox id
	assert_output "uid=1234 gid=0(root) groups=0(root)"
	run docker run --rm --network none --user 1234 localhost/busybox id
	assert_output "uid=1234 gid=0(root) groups=0(root)"
}

@test "--passwd-entry, --group-entry, --hostuser" {
	run pod run --rm --network none --user 5:6 --passwd-entry '$USERNAME:x:$UID:$GID:$NAME of mine:$HOME:/x$Y' \
		--group-entry '$GROUPNAME:y:$GID:$USERLIST,other' localhost/busybox \
		sh -c 'tail -n 1 /etc/passwd; tail -n 1 /etc/group'
	assert_output '5:x:5:6:container user of mine:/:/x$Y
6:y:6:5,other'
	run pod run --rm --network none --hostuser games --user games localhost/busybox id -un
	assert_output games
	run --separate-stderr pod run --rm --hostuser nosuch localhost/busybox true
	assert_fault 125 --hostuser nosuch /etc/passwd
}

@test "account files that are no files, or another's, are left alone" {
	make_image "$BATS_TEST_TMPDIR/odd.tar" --name localhost/odd --layer busybox --layer - <<'END'
[{"path": "etc/passwd", "type": "symlink", "target": "../../../../../../etc/x"},
 {"path": "etc/group", "type": "fifo"}]
END
	pod load -q -i "$BATS_TEST_TMPDIR/odd.tar"
	# Builtins only: whoever looks up a name waits for the FIFO.
	run timeout -k 1 20 pod run --rm --network none --user 1234:5 localhost/odd sh -c 'test -e /etc/x || echo none; test -p /etc/group && echo fifo'
	assert_output "none
fifo"
	echo 'own:x:1:1::/:/bin/sh' >"$BATS_TEST_TMPDIR/passwd"
	run pod run --rm --network none --user 1234 -v "$BATS_TEST_TMPDIR/passwd:/etc/passwd" localhost/busybox cat /etc/passwd
	assert_output 'own:x:1:1::/:/bin/sh'
	assert_equal "$(cat "$BATS_TEST_TMPDIR/passwd")" 'own:x:1:1::/:/bin/sh'
}

@test "--read-only: podman's tmpfs where programs need one, none with docker's name" {
	run pod run --rm --network none --read-only localhost/busybox sh -c \
		'touch /run/a /tmp/a /var/tmp/a && echo "#!/bin/true" >/tmp/x && chmod +x /tmp/x && ! touch /a'
	assert_success
	run pod run --rm --network none --read-only --read-only-tmpfs=false localhost/busybox touch /tmp/a
	assert_status 1
	run docker run --rm --network none --read-only localhost/busybox touch /tmp/a
	assert_status 1
	run pod run --rm --network none --read-only -v own:/tmp localhost/busybox sh -c 'mount | grep -c "^tmpfs on /tmp "; touch /tmp/kept'
	run pod run --rm --network none -v own:/data localhost/busybox ls /data
	assert_output kept
}

@test "--env-merge" {
	run pod run --rm --network none -e B=user --env-merge 'PATH=${PATH}:/opt/bin' --env-merge 'A=x$NONE-${NO NAME}$1' \
		--env-merge 'B=${B}1' localhost/busybox sh -c 'echo "$PATH"; echo "$A"; echo "$B"'
	assert_output --regexp '/bin.*:/opt/bin
x-\$\{NO NAME\}\$1
user$'
	run --separate-stderr pod run --rm --env-merge X localhost/busybox true
	assert_fault 125 --env-merge NAME=VALUE
}
