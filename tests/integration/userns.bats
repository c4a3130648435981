# --userns, --uidmap: containers whose user namespace has other ids than the user's own.
load ../lib/common

setup()
{
	pod_setup
	skip_without subuid
	load_busybox
	ME=$(id -u)
	MY_GROUP=$(id -g)
	# Programs of the host's.
	HOST=(-v /usr:/usr:ro)
	for dir in /lib /lib64; do
		[ ! -e "$dir" ] || HOST+=(-v "$(readlink -f "$dir"):$dir:ro")
	done
}

inside()
{
	run --separate-stderr pod run --rm --network none "$@"
}

# owner of $1 as the container sees it, in a container made with the rest
owners()
{
	local what=$1

	shift
	inside "$@" localhost/busybox sh -c "stat -c '%u:%g' $what"
}

@test "--userns=keep-id: the user is itself, the image's files are root's" {
	inside --userns=keep-id localhost/busybox sh -c 'id -u; id -g; stat -c %u:%g / /etc/passwd /bin/busybox /etc/hosts /run/.containerenv; echo "$HOME"'
	assert_success
	assert_output "$ME
$MY_GROUP
0:0
0:0
0:0
0:0
0:0
/"
	inside --userns=keep-id localhost/busybox sh -c 'echo x >>/etc/passwd'
	[ "$status" -ne 0 ]
	inside --userns=keep-id --user 0 localhost/busybox sh -c 'echo x >>/etc/passwd && id -u && tail -n 1 /etc/passwd'
	assert_success
	assert_output "0
x"
	# The image's own user stays; --user too, by name.
	inside --userns=keep-id --user user localhost/busybox id -u
	assert_output 1000
	inside --userns=keep-id:uid=200,gid=210 localhost/busybox sh -c 'id -u; id -g; stat -c %u:%g /bin'
	assert_output "200
210
0:0"
}

@test "keep-id: files in volumes belong to the user on both sides" {
	mkdir here
	echo mine >here/old
	inside --userns=keep-id -v "$HOME/here:/there" localhost/busybox \
		sh -c 'stat -c %u:%g /there/old; cat /there/old; echo new >/there/new'
	assert_success
	assert_output "$ME:$MY_GROUP
mine"
	[ "$(stat -c %u:%g here/new)" = "$ME:$MY_GROUP" ]
	# A directory that nobody else may enter.
	mkdir -m 0700 closed
	echo secret >closed/file
	inside --userns=nomap -v "$HOME/closed/file:/file:ro" localhost/busybox stat -c %u /file
	assert_success
	assert_output 65534
	pod volume create v
	inside --userns=keep-id -v v:/v localhost/busybox sh -c 'echo new >/v/new; stat -c %u /v/new'
	assert_output "$ME"
	run pod unshare stat -c %u "$(pod volume inspect -f '{{.Mountpoint}}' v)/new"
	assert_output 0
}

@test "maps: what /proc says" {
	inside --userns=keep-id:uid=7,gid=9 localhost/busybox sh -c 'head -n 2 /proc/self/uid_map /proc/self/gid_map | tr -s " "'
	assert_success
	assert_output "==> /proc/self/uid_map <==
 0 1 7
 7 0 1

==> /proc/self/gid_map <==
 0 1 9
 9 0 1"
	inside --userns=nomap localhost/busybox sh -c 'head -n 1 /proc/self/uid_map | tr -s " "'
	assert_output --regexp '^ 0 1 [0-9]+$'
	inside --userns=auto:size=700 localhost/busybox sh -c 'cat /proc/self/uid_map | tr -s " "'
	assert_output " 0 1 700"
	inside --uidmap 0:1:500 --uidmap 1000:501:10 --gidmap 0:1:400 localhost/busybox \
		sh -c 'cat /proc/self/uid_map /proc/self/gid_map | tr -s " "'
	assert_output " 0 1 500
 1000 501 10
 0 1 400"
	inside --gidmap 0:3:3000 localhost/busybox sh -c 'cat /proc/self/uid_map | tr -s " "'
	assert_output " 0 3 3000"
	inside --subuidname "$(id -un)" localhost/busybox sh -c 'head -n 1 /proc/self/uid_map | tr -s " "'
	assert_output --regexp '^ 0 1 [0-9]+$'
	run "$LIB/in-userns.py" cat /proc/self/uid_map
	own=$output
	inside --userns=host localhost/busybox cat /proc/self/uid_map
	assert_output "$own"
}

@test "--userns=auto: no two containers have the same ids" {
	pod create --name a --userns=auto localhost/busybox true
	pod create --name b --userns=auto:size=2000 localhost/busybox true
	pod create --name c --userns=auto --user 3000 localhost/busybox true
	run pod inspect -f '{{json .HostConfig.IDMappings.UidMap}}' a b c
	assert_output '["0:1:1024"]
["0:1025:2000"]
["0:3025:3001"]'
	pod rm b >/dev/null
	pod create --name d --userns=auto localhost/busybox true
	run pod inspect -f '{{json .HostConfig.IDMappings.GidMap}}' d
	assert_output '["0:1025:1024"]'
	run --separate-stderr pod create --userns=auto:size=99999999 localhost/busybox true
	assert_fault 125 userns=auto 99999999 'size='
}

@test "exec, cp, diff, export, top, restart" {
	pod run -d --name c --network none --userns=keep-id --stop-timeout 0 localhost/busybox \
		sh -c 'echo mine >/tmp/mine; exec sleep 1000'
	wait_until 10 pod exec c test -s /tmp/mine
	run pod exec c sh -c 'id -u; stat -c %u /tmp/mine'
	assert_output "$ME
$ME"
	run pod exec -u 0 c sh -c 'echo root >/etc/root; stat -c %u:%g /etc/root'
	assert_output 0:0
	run pod top c user huser args
	assert_output --regexp "$(id -un) +$(id -un) +sleep 1000"
	echo from >file
	pod cp file c:/tmp/copied
	run pod exec c cat /tmp/copied
	assert_output from
	pod cp c:/etc/root back
	[ "$(stat -c %u back) $(cat back)" = "$ME root" ]
	run pod diff c
	assert_output --partial "A /etc/root"
	refute_output --partial busybox
	pod export c | tar -t -v --numeric-owner >running
	pod stop -t 0 c >/dev/null
	pod export c | tar -t -v --numeric-owner >stopped
	for list in running stopped; do
		grep -q " 0/0 .* etc/root$" "$list"
		grep -q " $ME/$MY_GROUP .* tmp/mine$" "$list"
		grep -q " 0/0 .* bin/busybox$" "$list"
	done
	pod cp c:/tmp/mine - | tar -t -v --numeric-owner >one
	grep -q " $ME/$MY_GROUP " one
	pod cp file c:/tmp/late
	pod start c >/dev/null
	run pod exec c sh -c 'cat /tmp/late; cat /etc/root; cat /etc/hosts | wc -l'
	assert_success
	assert_output --partial "from
root"
	pod restart -t 0 c >/dev/null
	run pod exec c stat -c %u:%g /etc/hosts
	assert_output 0:0
	pod rm -f -t 0 c
}

@test "a terminal, standard streams and init are the container's user's" {
	run on_pty "expect <$ME>" pod run -it --rm --network none --userns=keep-id localhost/busybox \
		stat -c '<%u>' /dev/console
	assert_status 0
	for mode in keep-id nomap auto; do
		inside --userns=$mode --init localhost/busybox sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'
		assert_success
		assert_output out
		assert_stderr err
	done
}

@test "set-uid programs work" {
	pod run --name c --network none --userns=keep-id --user 0 "${HOST[@]}" localhost/busybox \
		sh -c 'cp /usr/bin/id /setuid; chown 33:33 /setuid; chmod 4755 /setuid'
	pod export c | pod import - localhost/setuid >/dev/null
	pod rm c >/dev/null
	inside --userns=keep-id "${HOST[@]}" localhost/setuid /setuid -u
	assert_success
	assert_output 33
}

@test "the network of a container with other ids is shared" {
	pod run -d --name base --network none --stop-timeout 0 localhost/busybox sleep 1000
	pod run -d --name kept --network none --userns=keep-id --stop-timeout 0 localhost/busybox sleep 1000
	net=$(pod exec base readlink /proc/self/ns/net)
	run pod run --rm --userns=keep-id --network container:base localhost/busybox readlink /proc/self/ns/net
	assert_output "$net"
	net=$(pod exec kept readlink /proc/self/ns/net)
	run pod run --rm --userns=host --network container:kept localhost/busybox readlink /proc/self/ns/net
	assert_output "$net"
	pod rm -a -f -t 0
}

@test "a network of its own, with a published port" {
	skip_without tun
	for mode in keep-id nomap; do
		pod run -d --name web --userns=$mode --stop-timeout 0 -p 127.0.0.1::7000 -p 127.0.0.1::7000/udp \
			"${HOST[@]}" -v "$LIB:/tests:ro" localhost/busybox \
			/usr/bin/python3 /tests/echo.py tcp 0.0.0.0:7000 >/dev/null
		answers() { [ -n "$(pod logs web)" ]; }
		wait_until 20 answers
		port=$(pod port web 7000/tcp)
		run python3 "$LIB/ask.py" tcp 127.0.0.1 "${port##*:}" hello
		assert_success
		pod rm -f -t 0 web >/dev/null
	done
}

@test "the files are prepared once for each map, and go with the image" {
	for _ in first second; do
		inside --userns=keep-id localhost/busybox true
		assert_success
	done
	[ "$(find "$STORE/shifted" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
	inside --userns=nomap localhost/busybox true
	[ "$(ls "$STORE/shifted" | wc -l)" = 2 ]
	pod rmi localhost/busybox >/dev/null
	[ "$(ls "$STORE/shifted" | wc -l)" = 0 ]
	[ "$(ls "$STORE/layers" | wc -l)" = 0 ]
}

@test "what a killed preparation left is swept" {
	inside --userns=nomap localhost/busybox true
	mkdir -p "$STORE/tmp/shift.0123456789abcdef/diff"
	pod unshare chown -R 5:5 "$STORE/tmp/shift.0123456789abcdef/diff"
	pod system prune -f >/dev/null
	[ ! -e "$STORE/tmp/shift.0123456789abcdef" ]
}

@test "a kernel that leaves content nowhere else: files are copied" {
	inside --userns=nomap localhost/busybox true
	skip_without overlay
	# What the probe says on kernels before 6.16.
	sed -i 's/^[a-z]*/copied/' "$STORE/content"
	owners "/ /bin/busybox /etc/passwd" --userns=keep-id
	assert_success
	assert_output "0:0
0:0
0:0"
	compgen -G "$STORE/shifted/*.copy-*" >/dev/null
	inside --userns=keep-id --user 0 localhost/busybox sh -c 'echo x >>/etc/passwd; tail -n 1 /etc/passwd'
	assert_output x
}

@test "layers on top of each other" {
	cat >bottom.json <<'END'
[{"path": "a/kept", "content": "1", "uid": 5, "gid": 6, "mode": "0640"},
 {"path": "a/gone", "content": "2"},
 {"path": "a/changed", "content": "old"},
 {"path": "b/hidden", "content": "3"},
 {"path": "c/one", "content": "linked"},
 {"path": "c/two", "type": "hardlink", "target": "c/one"}]
END
	cat >top.json <<'END'
[{"path": "a/gone", "type": "whiteout"},
 {"path": "a/changed", "content": "new"},
 {"path": "c/one", "content": "other"},
 {"path": "b", "type": "dir", "uid": 7, "gid": 8},
 {"path": "b", "type": "opaque"},
 {"path": "b/shown", "content": "4"}]
END
	make_image layers.tar --name localhost/layers --layer busybox --layer bottom.json --layer top.json
	pod load -q -i layers.tar >/dev/null
	inside --userns=keep-id --user 0 localhost/layers \
		sh -c 'ls /a /b; cat /a/changed /b/shown /c/one /c/two; echo; stat -c "%u:%g %a %s" /a/kept /b'
	assert_success
	assert_output "/a:
changed
kept

/b:
shown
new4otherlinked
5:6 640 1
7:8 755 $(stat -c %s "$STORE/shifted/"*/diff/b)"
	# Removed and changed as in any other container.
	pod run --name c --network none --userns=keep-id --user 0 localhost/layers \
		sh -c 'rm -r /a/kept /b; echo more >>/c/two; chmod 600 /a/changed; cat /c/two /a/changed'
	run pod diff c
	assert_output --partial "D /a/kept"
	assert_output --partial "D /b"
	assert_output --partial "C /c/two"
	pod rm c >/dev/null
}

@test "fuse-overlayfs and vfs show the same" {
	for driver in fuse-overlayfs vfs; do
		[ "$driver" = vfs ] || [ -w /dev/fuse ] || continue
		POD_STORAGE_DRIVER=$driver owners "/ /bin/busybox /etc/passwd" --userns=keep-id
		assert_success
		assert_output "0:0
0:0
0:0"
		export POD_STORAGE_DRIVER=$driver
		pod run --name c --network none --userns=keep-id localhost/busybox sh -c 'echo x >/tmp/mine'
		pod export c | tar -t -v --numeric-owner >list
		grep -q " $ME/$MY_GROUP .* tmp/mine$" list
		grep -q " 0/0 .* bin/busybox$" list
		pod rm c >/dev/null
		unset POD_STORAGE_DRIVER
	done
}

@test "the user is in /etc/passwd by its name" {
	name=$(id -un)
	home=$(getent passwd "$ME" | cut -d: -f6)
	inside --userns=keep-id --workdir /tmp localhost/busybox sh -c 'id -un; grep "$(id -un)" /etc/passwd; echo "$HOME"'
	assert_success
	assert_output "$name
$name:*:$ME:$MY_GROUP:$(getent passwd "$ME" | cut -d: -f5):/tmp:/bin/sh
/tmp"
	# Where the home is mounted it is the home; a second start adds nothing.
	pod run --name c --network none --userns=keep-id -v "$HOME:$home" localhost/busybox \
		sh -c 'echo "$HOME"; grep -c "^$(id -un):" /etc/passwd' >first
	[ "$(cat first)" = "$home
1" ]
	run pod start -a c
	assert_output "$(cat first)"
	pod rm c >/dev/null
	inside --userns=keep-id --passwd=false localhost/busybox grep -c "^$name:" /etc/passwd
	assert_output 0
}

@test "volumes with U belong to the container's user" {
	mkdir -p given/below
	echo x >given/below/file
	ln -s /etc/passwd given/link
	inside --user 7:8 -v "$HOME/given:/given:U" localhost/busybox \
		sh -c 'stat -c %u:%g /given /given/below /given/below/file; echo y >/given/below/file'
	assert_success
	assert_output "7:8
7:8
7:8"
	inside --userns=keep-id --user daemon --mount "type=bind,source=$HOME/given,destination=/given,U=true" localhost/busybox \
		sh -c 'stat -c %u:%g /given /given/below/file'
	assert_output "1:1
1:1"
	# Back to the user.
	inside --userns=keep-id -v "$HOME/given:/given:U" localhost/busybox true
	[ "$(stat -c %u:%g given/below/file)" = "$ME:$MY_GROUP" ]
	pod volume create v >/dev/null
	inside --user 7 -v v:/new:U localhost/busybox stat -c %u /new
	assert_output 7
	inside -v "$HOME:/h:U" localhost/busybox true
	assert_fault 125 "'U'" "$HOME"
	inside -v /etc/ssl:/h:U localhost/busybox true
	assert_fault 125 "'U'" /etc/ssl
}

@test "SELinux words change nothing where there is no SELinux" {
	[ ! -e /sys/fs/selinux/status ] || skip "the host has SELinux"
	mkdir v
	inside --security-opt label=type:spc_t --security-opt label=level:s0:c1 --security-opt label=disable \
		-v "$HOME/v:/v:Z" -v "$HOME/v:/w:ro,z" localhost/busybox true
	assert_success
	[ -z "$stderr" ]
}

@test "refused in one line: object, cause, remedy" {
	run --separate-stderr pod run --rm --userns=bogus localhost/busybox true
	assert_fault 125 userns bogus keep-id
	run --separate-stderr pod run --rm --userns=keep-id:shoe=1 localhost/busybox true
	assert_fault 125 keep-id shoe=1
	run --separate-stderr pod run --rm --userns=keep-id --uidmap 0:0:1 localhost/busybox true
	assert_fault 125 'mutually exclusive'
	run --separate-stderr pod run --rm --uidmap 0:1 localhost/busybox true
	assert_fault 125 uidmap 0:1
	run --separate-stderr pod run --rm --uidmap 0:0:99999999 localhost/busybox true
	assert_fault 125 uidmap /etc/subuid
	run --separate-stderr pod run --rm --uidmap 0:1:10 --uidmap 5:20:10 localhost/busybox true
	assert_fault 125 overlap
	run --separate-stderr pod run --rm --subuidname nobody-at-all localhost/busybox true
	assert_fault 125 subuidname nobody-at-all
	# The image has files that the map has no owner for.
	run --separate-stderr pod run --rm --uidmap 5:1:10 localhost/busybox true
	assert_fault 125 'user 0' uidmap
	# One id.
	run --separate-stderr "$LIB/without" newuidmap pod run --rm --userns=keep-id localhost/busybox true
	assert_fault 125 userns=keep-id id
}
