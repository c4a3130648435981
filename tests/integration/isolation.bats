# What an image or a container may try, and must not reach: one test for each class of the security
# record that starting a process belongs to.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
	mkdir "$HOME/bait"
	chmod 0777 "$HOME/bait"
}

run_one()
{
	run --separate-stderr timeout -k 5 30 pod run --rm --network none "$@"
}

# hostile NAME ENTRY... - image localhost/NAME: busybox with these layer entries on top
hostile()
{
	local name=$1 archive=$BATS_TEST_TMPDIR/$1.tar

	shift
	(IFS=,; printf '[%s]' "$*") |
		make_image "$archive" --name "localhost/$name" --layer busybox --layer -
	pod load -q -i "$archive"
}

bait_is_empty()
{
	[ -z "$(ls -A "$HOME/bait")" ] || fail "something was put into the host's directory: $(ls -A "$HOME/bait")"
}

@test "an image whose /dev, /etc, /run or /dev/pts leads to a directory of the host" {
	local path

	for path in dev etc run tmp dev/pts dev/shm sys/fs; do
		hostile "link-${path//\//-}" \
			"{\"path\":\"$path\",\"type\":\"symlink\",\"target\":\"$HOME/bait\"}"
		run_one "localhost/link-${path//\//-}" true
		# it may be refused, by one line, or resolved inside of the image; never followed
		[ "$status" -eq 0 ] || assert_fault 125
		bait_is_empty
	done
}

@test "an image whose /proc or /sys is a symbolic link is refused" {
	local path

	for path in proc sys; do
		hostile "$path-link" \
			"{\"path\":\"$path\",\"type\":\"symlink\",\"target\":\"/tmp\"}"
		run_one "localhost/$path-link" true
		assert_fault 125 "'/$path'" "symbolic link"
	done
}

@test "an image's own /dev/null, /dev/console and /dev/ptmx are not used" {
	hostile nodes '{"path":"dev/null","content":"not the null device"}' \
		'{"path":"dev/console","type":"symlink","target":"/etc/passwd"}' \
		'{"path":"dev/ptmx","content":"x"}'
	run_one localhost/nodes sh -c 'cat /dev/null /proc/timer_list; [ -c /dev/null ] && echo device'
	assert_output device
	run_one -t localhost/nodes sh -c '[ -c /dev/console ] && tty'
	assert_output --partial /dev/pts/0
	run_one localhost/nodes grep -c root /etc/passwd
	assert_output --regexp '^[1-9]'
}

@test "an image's masked path is a link: what it leads to stays readable, the path does not leak" {
	run_one --security-opt mask=/tmp/link localhost/busybox true
	assert_success
	hostile mask '{"path":"tmp/link","type":"symlink","target":"/etc/passwd"}'
	run_one --security-opt mask=/tmp/link localhost/mask sh -c 'wc -c </tmp/link'
	assert_output 0
}

@test "/etc/passwd and /etc/group of the image: links, pipes, holes, long lines" {
	ln -s "$HOME/secret" link
	echo 'app:x:77:77::/home:/bin/sh' >secret
	hostile pw-link "{\"path\":\"etc/passwd\",\"type\":\"symlink\",\"target\":\"$HOME/secret\"}"
	run_one -u app localhost/pw-link true
	assert_fault 125 "unable to find user app"

	hostile pw-magic '{"path":"etc/passwd","type":"symlink","target":"/proc/self/fd/0"}'
	run_one -u app localhost/pw-magic true
	assert_fault 125 "unable to find user app"
	run_one -u 77 localhost/pw-magic true
	assert_success

	hostile pw-fifo '{"path":"etc/passwd","type":"fifo"}' '{"path":"etc/group","type":"fifo"}'
	run_one -u app localhost/pw-fifo true
	assert_fault 125 "unable to find user app"
	run_one -u 77 localhost/pw-fifo true
	assert_success

	hostile pw-hole '{"path":"etc/passwd","type":"sparse","size":4398046511104}'
	run_one -u app localhost/pw-hole true
	assert_fault 125 "unable to find user app"
}

@test "users that are no users: never root by accident" {
	local user

	pod run -d --name box --network none localhost/busybox sleep 1000
	for user in -1 4294967295 4294967296 18446744073709551616 2147483648 0x0 +0 ' 0' 1:-1 \
		0:4294967296 root:root:root $'root\n' ../root; do
		run_one --user="$user" localhost/busybox id
		assert_status 125
		assert_output ""
		run --separate-stderr pod exec --user="$user" box id
		[ "$status" -ne 0 ] || fail "exec --user='$user' is $output"
		assert_output ""
	done
	run_one --user=1000: localhost/busybox id -u
	assert_output 1000
}

@test "no inheritable or ambient capability for any user, in run and in exec" {
	local user

	pod run -d --name caps --network none localhost/busybox sleep 1000
	for user in root user 1000 4321:1 0:0; do
		run_one --user $user localhost/busybox grep -E 'Cap(Inh|Amb)' /proc/self/status
		assert_output $'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000'
		run --separate-stderr pod exec --user $user caps grep -E 'Cap(Inh|Amb)' /proc/self/status
		assert_output $'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000'
	done
	run_one --privileged --user user localhost/busybox grep CapEff /proc/self/status
	assert_output $'CapEff:\t0000000000000000'
	run --separate-stderr pod exec --user user caps grep CapEff /proc/self/status
	assert_output $'CapEff:\t0000000000000000'
}

@test "a user that is not root cannot read root's files" {
	hostile private '{"path":"etc/private","content":"secret","mode":"0600"}'
	run_one -u user localhost/private cat /etc/private
	assert_status 1
	assert_output ""
	run_one --privileged -u user localhost/private cat /etc/private
	assert_status 1
	assert_output ""
	# nor start a program by a way that root alone may go
	hostile closed '{"path":"closed","type":"dir","mode":"0700"}' '{"path":"closed/true","content":"#!/bin/sh\n","mode":"0755"}'
	run_one -u user localhost/closed /closed/true
	assert_status 126
	run_one -u user -e PATH=/closed localhost/closed true
	[ "$status" -ne 0 ]
}

@test "working directories in /proc/self/fd: of run, of an image, of exec" {
	local n

	make_image wd.tar --name localhost/wd --workdir /proc/self/fd/8
	pod load -q -i wd.tar
	run_one localhost/wd sh -c 'cat ../../../../../../../../etc/hostname; pwd'
	[ "$status" -ne 0 ]
	assert_output ""
	pod run -d --name wd --network none localhost/busybox sleep 1000
	for n in $(seq 0 63); do
		run --separate-stderr pod exec --workdir /proc/self/fd/"$n" wd ls -a
		[ "$status" -ne 0 ] || fail "descriptor $n led somewhere: $output"
	done
	# a chain of links
	hostile chain '{"path":"a","type":"symlink","target":"b"}' \
		'{"path":"b","type":"symlink","target":"/proc/1/root"}'
	run_one -w /a localhost/chain pwd
	[ "$status" -ne 0 ] || assert_output --regexp '^/'
}

@test "mounts onto /proc are refused, those through links stay inside" {
	run_one -v "$HOME/bait:/proc/sys" localhost/busybox true
	assert_fault 125 "/proc"
	run_one -v "$HOME/bait:/proc" localhost/busybox true
	assert_fault 125 "/proc"
	run_one --tmpfs /proc/1 localhost/busybox true
	assert_fault 125 "/proc"
	hostile links '{"path":"up","type":"symlink","target":"../../../../../../../../../tmp"}' \
		'{"path":"top","type":"symlink","target":"/"}'
	run_one --tmpfs /up/x.$$ localhost/links ls -d /tmp/x.$$
	assert_output /tmp/x.$$
	[ ! -e /tmp/x.$$ ]
	run_one --tmpfs /top localhost/links true
	assert_fault 125 root
}

@test "a container that swaps directories for links while others mount below them" {
	local i

	mkdir shared shared/dir
	pod run -d --name swapper --network none -v "$PWD/shared:/v" localhost/busybox sh -c \
		'while :; do mv /v/dir /v/d; ln -s '"$HOME"'/bait /v/dir; rm /v/dir; mv /v/d /v/dir; done'
	for i in $(seq 60); do
		run_one -v "$PWD/shared:/v" --tmpfs "/v/dir/sub$i" localhost/busybox true
		[ "$status" -eq 0 ] || assert_status 125
		bait_is_empty
	done
	pod rm -f -t 0 swapper
}

# own_programs - pod's programs in files of this user's own
own_programs()
{
	mkdir -p own/bin own/libexec/pod
	cp "$POD_TEST_STAGE/bin/pod" own/bin/
	cp "$POD_TEST_STAGE"/libexec/pod/* own/libexec/pod/
	PATH=$PWD/own/bin:$PATH
	BEFORE=$(cat own/bin/pod own/libexec/pod/* | sha256sum)
}

# attacker - container "box", which attacks the program of each container that joins its processes;
# those run "pod login host/self", which waits for its input: VICTIM
attacker()
{
	printf '#!/proc/self/exe login\n' >self
	cp "$LIB/attack" attack
	chmod 755 self attack
	pod run -d --name box --network none -v "$PWD/attack:/attack:ro" localhost/busybox /attack
	VICTIM=(--name victim -i --network none --pid container:box -v "$PWD/self:/host/self:ro" localhost/busybox host/self)
}

# attacked N - it has met N, and got nothing but our copy, which it cannot write to
attacked()
{
	wait_until 20 sh -c "pod logs box | grep -c . | grep -qx $1"
	run pod logs box
	assert_output "$(yes "/memfd:pod (deleted)" | head -n "$1")"
}

@test "programs in the user's own home: no container gets at the file that runs it" {
	local pid

	own_programs
	attacker
	pod run -d "${VICTIM[@]}"
	attacked 1
	pod restart -t 0 victim
	attacked 2
	pod rm -f -t 0 victim
	pod create --init "${VICTIM[@]}"
	pod start victim
	attacked 3
	pod rm -f -t 0 victim
	pod run -d --restart always "${VICTIM[@]}"
	attacked 4
	kill -KILL "$(pod inspect --format '{{.State.Pid}}' victim)"
	attacked 5
	pod rm -f -t 0 victim
	# An exec session is made by the monitor.
	pid=$(monitor_pid box)
	assert_equal "$(readlink "/proc/$pid/exe")" "/memfd:pod-monitor (deleted)"
	! echo x 2>/dev/null >"/proc/$pid/exe" || fail "the monitor's copy is not sealed"
	pod stop -t 0 box
	run pod logs box
	refute_output --partial written
	assert_equal "$(cat own/bin/pod own/libexec/pod/* | sha256sum)" "$BEFORE"
}

@test "programs that belong to a subordinate id count as the user's own" {
	own_programs
	attacker
	"$LIB/in-userns.py" chown -R 1:0 own
	pod run -d "${VICTIM[@]}"
	attacked 1
	"$LIB/in-userns.py" chown -R 0:0 own
}

@test "the network's helper is closed to a container of the same user that sees it" {
	local pid

	skip_without tun
	pod run -d --name net -p 127.0.0.1::80 localhost/busybox sleep 1000
	pid=$(pgrep -x -P "$(pod inspect --format '{{.State.ConmonPid}}' net)" slirp4netns)
	# Three times by ids and rights that might do
	for options in "-u 0" "-u 1:1" "--cap-add SYS_ADMIN --cap-add NET_ADMIN"; do
		# shellcheck disable=SC2086
		run_one --pid host $options localhost/busybox sh -c "cd /proc/$pid
			for link in exe cwd root fd/0 fd/9; do readlink \$link; done
			for file in environ mem maps; do : <\$file && echo \$file; done; ls root/"
		assert_output ""
	done
}

@test "PID 1 of --init shows nothing of the host and cannot be entered" {
	local before after

	before=$(sha256sum <"$(command -v pod)")
	run_one --init -e INNER=1 localhost/busybox sh -c 'tr "\0" "\n" </proc/1/cmdline | grep .
		for f in environ maps mem fd/0; do head -c 1 /proc/1/$f; done
		for d in fd cwd root; do ls /proc/1/$d/ | grep .; done
		for l in exe cwd root; do readlink /proc/1/$l; done
		for f in exe mem; do echo x >/proc/1/$f; done; :'
	assert_output pod-init
	run_one localhost/busybox sh -c 'echo x >/proc/self/exe; readlink /proc/self/exe'
	assert_output /bin/busybox
	after=$(sha256sum <"$(command -v pod)")
	assert_equal "$before" "$after"
}

@test "who shares a pid namespace cannot read the command line that a container is created with" {
	pod run -d --name watcher --network none localhost/busybox sh -c \
		'while :; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" "\n" | grep "SECRET[_]WORD" && break; done'
	for _ in $(seq 20); do
		run_one --pid container:watcher -e SECRET_WORD=1 localhost/busybox true
		assert_success
	done
	run pod logs watcher
	assert_output ""
}

@test "the control groups cannot be written" {
	run_one localhost/busybox sh -c 'cd /sys/fs/cgroup && for f in cgroup.procs */cgroup.procs \
		release_agent */release_agent; do [ -e $f ] && echo 0 2>/dev/null >$f && echo "wrote $f"; done
		mkdir new && echo made; mount -o remount,rw /sys/fs/cgroup && echo remounted; :'
	assert_output ""
}

@test "the host's mounts cannot be reached or undone from inside" {
	run_one localhost/busybox sh -c 'for p in /proc/kcore /proc/sys /sys/firmware /dev/null; do
			umount $p 2>/dev/null && echo "unmounted $p"; done
		mount -o remount,rw,bind /proc/sys 2>/dev/null && echo remounted
		mount -t proc proc /tmp 2>/dev/null && echo mounted
		grep -c " /dev/shm/\| /home/\| /var/" /proc/self/mountinfo; ls -A /..'
	refute_output --partial mounted
	run_one -v "$HOME/bait:/b:ro" localhost/busybox sh -c 'touch /b/x; mount -o remount,rw,bind /b; touch /b/x'
	[ "$status" -ne 0 ]
	bait_is_empty
}

@test "malformed environment of an image pulls nothing from the host" {
	make_image env.tar --name localhost/env \
		--config '{"config":{"Env":["CANARY","*","=x","A=B","PATH=/bin"]}}'
	pod load -q -i env.tar || skip_load=1
	[ -n "${skip_load-}" ] && return 0 # refused as a whole: fine, too
	CANARY=leaked run_one localhost/env env
	refute_output --partial leaked
}

@test "default restrictions: filter, bounding set and masked paths, in run and in exec" {
	local paths="/proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi
		/proc/timer_list /proc/timer_stats /sys/dev/block /sys/devices/virtual/powercap /sys/firmware /sys/fs/selinux"

	run_one localhost/busybox grep -E '^(Seccomp|CapBnd):' /proc/self/status
	assert_output $'CapBnd:\t00000000800405fb\nSeccomp:\t2'
	run_one localhost/busybox sh -c "for p in $(tr -d '\n' <<<"$paths"); do
		[ -d \$p ] && ls -A \$p; [ ! -f \$p ] && [ ! -c \$p ] || head -c 1 \$p; done; :"
	assert_output ""
	pod run -d --name box --network none localhost/busybox sleep 1000
	run pod exec box grep -E '^(Seccomp|CapBnd):' /proc/self/status
	assert_output $'CapBnd:\t00000000800405fb\nSeccomp:\t2'
}

@test "nothing of the host's mounts is left in the container's mount namespace" {
	run_one localhost/busybox sh -c 'cut -d" " -f5 /proc/self/mountinfo |
		grep -vE "^/(proc|dev|sys|etc/hosts|etc/resolv.conf|etc/hostname|run/.containerenv)(/.*)?$"'
	assert_output /
}

@test "the store and the runtime directory are closed to other users, whatever the umask is" {
	(umask 0 && export HOME=$PWD/other XDG_RUNTIME_DIR=$PWD && pod volume create v && pod ps)
	assert_equal "$(find other/.local/share/pod pod -maxdepth 0 -perm /077)" ""
	assert_equal "$(find other/.local/share/pod pod -maxdepth 0 | wc -l)" 2
	rm -rf other pod
}

@test "names that are paths name no volume" {
	local name

	mkdir -p victim/_data
	for name in ../../../../../../victim ../victim . .. a/b; do
		run --separate-stderr pod volume create -- "$name"
		assert_fault 125 "$name"
		run --separate-stderr pod volume rm -- "$name"
		[ "$status" -ne 0 ]
	done
	[ -d victim/_data ]
}

@test "an image's VOLUME that is a link brings nothing of the host" {
	echo secret >"$HOME/bait/secret"
	make_image "$PWD/vol.tar" --name localhost/vol --volume /v --layer busybox --layer - <<END
[{"path": "v", "type": "symlink", "target": "$HOME/bait"}]
END
	pod load -q -i vol.tar
	run_one localhost/vol sh -c "ls -A /v/ $HOME/bait/"
	refute_output --partial secret
	assert_equal "$(ls -A "$HOME/bait")" secret
}

@test "what a container is made of adds no line to a systemd unit" {
	pod create --name c -e $'A=1\nExecStartPre=/bin/evil' --label $'l=\r\nUser=root' --hostname h \
		localhost/busybox sh -c $'echo "\nExecStopPost=/bin/evil'
	run pod generate systemd --new c
	assert_success
	refute_output --regexp $'\n[[:space:]]*(ExecStartPre=/bin/evil|User=|ExecStopPost=/bin/evil)'
	run pod generate systemd --new -e $'B=1\nUser=root' c
	[ "$status" -ne 0 ] || refute_output --regexp $'\n[[:space:]]*User='
}
