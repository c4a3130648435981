# What `pod run` promises: options, exit codes, streams, isolation that a user sees.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
}

run_one()
{
	run --separate-stderr pod run --rm --network none "$@"
}

@test "a command's output and status come back" {
	run_one localhost/busybox sh -c 'echo out; echo err >&2; exit 42'
	assert_status 42
	assert_output out
	assert_stderr err
}

@test "exit codes 125, 126, 127 and 128+n" {
	run_one localhost/busybox /no/such/command
	assert_status 127
	run_one localhost/busybox no-such-command
	assert_status 127
	assert_stderr --partial no-such-command
	run_one localhost/busybox /etc
	assert_status 126
	run_one --no-such-flag localhost/busybox true
	assert_status 125
	assert_stderr --partial "unknown flag: --no-such-flag"
	run_one localhost/busybox sh -c 'kill -TERM $$; sleep 1' # PID 1 ignores it
	assert_success
	run_one --init localhost/busybox sh -c 'kill -9 $$'
	assert_status 137
}

@test "a script whose interpreter is missing cannot be invoked" {
	mkdir root
	printf '#!/no/such/interpreter\n' >root/script
	chmod 755 root/script
	run_one -v "$PWD/root:/v" localhost/busybox /v/script
	assert_status 126
	assert_stderr --partial /v/script
}

@test "what a failed --rm run leaves: nothing" {
	run_one localhost/busybox /no/such/command
	assert_status 127
	run pod ps -aq
	assert_output ""
}

@test "-i: piped input arrives, its end is seen" {
	run bash -c 'printf abc | pod run --rm -i --network none localhost/busybox wc -c'
	assert_success
	assert_output 3
	# without -i there is nothing to read
	run bash -c 'echo x | pod run --rm --network none localhost/busybox cat'
	assert_output ""
}

@test "binary output passes unchanged and complete" {
	head -c 3000001 /dev/urandom >data
	pod run --rm -i --network none localhost/busybox cat <data >copy
	cmp data copy
	pod run --rm --network none -v "$PWD:/v" localhost/busybox cat /v/data >copy
	cmp data copy
}

@test "-u: names, numbers, groups of the container" {
	run_one -u user localhost/busybox id
	assert_output --regexp '^uid=1000\(user\) gid=1000\(user\) groups=.*2000\(extra\)'
	run_one -u 1000:2000 localhost/busybox id -g
	assert_output 2000
	# the first group is among all of them (CVE-2022-36109)
	run_one -u 1000:77 localhost/busybox grep Groups: /proc/self/status
	assert_output --regexp $'^Groups:\t77 *$'
	run_one -u user --group-add 5 localhost/busybox grep Groups: /proc/self/status
	assert_output --regexp $'^Groups:\t5 1000 2000 *$'
	run_one -u 4321 localhost/busybox sh -c 'id -u; id -g; echo $HOME'
	assert_output $'4321\n0\n/'
	run_one -u nosuchuser localhost/busybox true
	assert_status 125
	assert_stderr --partial nosuchuser
	for odd in -1 4294967296 0x0 99999999999999999999 ' 1'; do
		run_one -u "$odd" localhost/busybox id -u
		assert_status 125
	done
}

@test "a user that is not root holds no capability, and may use the standard streams by name" {
	run_one -u user localhost/busybox sh -c 'grep CapEff /proc/self/status; echo named >/dev/stdout'
	assert_success
	assert_output $'CapEff:\t0000000000000000\nnamed'
	run_one --privileged -u user localhost/busybox grep CapEff /proc/self/status
	assert_output $'CapEff:\t0000000000000000'
}

@test "capabilities: podman's eleven, added, dropped; none inheritable or ambient" {
	run_one localhost/busybox grep Cap /proc/self/status
	assert_output --partial $'CapInh:\t0000000000000000\nCapPrm:\t00000000800405fb\nCapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\nCapAmb:\t0000000000000000'
	run_one --cap-drop all --cap-add NET_RAW localhost/busybox grep CapEff /proc/self/status
	assert_output $'CapEff:\t0000000000002000'
	run_one --cap-add nonsense localhost/busybox true
	assert_status 125
	assert_stderr --partial nonsense
}

@test "seccomp and no-new-privileges are on or off as asked" {
	run_one localhost/busybox sed -n 's/^\(Seccomp\|NoNewPrivs\):.//p' /proc/self/status
	assert_output $'0\n2'
	run_one --security-opt seccomp=unconfined --security-opt no-new-privileges \
		localhost/busybox sed -n 's/^\(Seccomp\|NoNewPrivs\):.//p' /proc/self/status
	assert_output $'1\n0'
	run_one --security-opt nonsense=1 localhost/busybox true
	assert_status 125
}

@test "environment: the image's, ours, --env-file; nothing of the host's" {
	printf 'FROM_FILE=1\n# comment\nHOST_CANARY\n' >file
	HOST_CANARY=seen OTHER=hidden run_one -e A=1 -e B= --env-file file localhost/busybox env
	assert_output --partial A=1
	assert_output --partial $'B=\n'
	assert_output --partial FROM_FILE=1
	refute_output --partial OTHER
	run_one localhost/busybox env
	refute_output --partial "$HOME"
}

@test "no descriptor of the host's is passed on" {
	exec 7<"$BATS_TEST_FILENAME"
	run_one localhost/busybox sh -c 'ls /proc/self/fd | grep -v "^[0-3]$"'
	exec 7<&-
	assert_output ""
}

@test "-w makes the directory, --entrypoint replaces, --hostname is set" {
	run_one -w /new/dir localhost/busybox pwd
	assert_output /new/dir
	run_one --entrypoint '["echo","entry"]' localhost/busybox arg
	assert_output "entry arg"
	run_one --entrypoint echo localhost/busybox only args
	assert_output "only args"
	run_one --hostname box localhost/busybox sh -c 'hostname; cat /etc/hostname'
	assert_output $'box\nbox'
	run_one -w relative localhost/busybox pwd
	assert_status 125
}

@test "a working directory that leads to a descriptor is refused" {
	for n in 3 4 5 6 7 8 9 10 11 12 20 63; do
		run_one -w /proc/self/fd/$n localhost/busybox ls
		[ "$status" -ne 0 ]
	done
}

@test "--read-only, --tmpfs, --shm-size" {
	run_one --read-only localhost/busybox touch /x
	assert_status 1
	run_one --read-only --tmpfs /t:size=1m localhost/busybox sh -c 'touch /t/x; df /t | tail -1'
	assert_success
	assert_output --regexp 'tmpfs +1024 '
	run_one --shm-size 2m localhost/busybox df /dev/shm
	assert_output --regexp 'shm +2048 '
}

@test "bind mounts: writable, read-only, files, missing sources" {
	mkdir dir
	echo host >dir/file
	run_one -v "$PWD/dir:/v" localhost/busybox sh -c 'cat /v/file; echo new >/v/new'
	assert_output host
	assert_equal "$(cat dir/new)" new
	run_one -v "$PWD/dir:/v:ro" localhost/busybox touch /v/x
	assert_status 1
	run_one --mount "type=bind,source=$PWD/dir/file,destination=/etc/f,readonly" localhost/busybox cat /etc/f
	assert_output host
	run_one -v "$PWD/none:/v" localhost/busybox true
	assert_fault 125 "$PWD/none"
	run_one -v "$PWD/dir:relative" localhost/busybox true
	assert_status 125
}

@test "volumes: kept, filled from the image once, anonymous ones go with the container" {
	run_one -v data:/etc localhost/busybox sh -c 'grep -c root /etc/passwd; touch /etc/mark'
	assert_success
	assert_output 1
	run_one -v data:/etc localhost/busybox ls /etc/mark
	assert_output /etc/mark
	run pod volume ls -q
	assert_output data
	pod run --name anon --network none -v /anon localhost/busybox true
	run pod volume ls -q
	assert_equal "${#lines[@]}" 2
	pod rm -v anon
	run pod volume ls -q
	assert_output data
	run_one -v /anon localhost/busybox touch /anon/file
	assert_success
	run pod volume ls -q
	assert_output data
	pod volume rm data
}

@test "an image's VOLUME that is a link to / stays inside" {
	make_image "$BATS_TEST_TMPDIR/v.tar" --format docker-archive --name localhost/v:latest \
		--config '{"Volumes": {"/link": {}}}' --layer busybox --layer - <<-'END'
		[{"path": "link", "type": "symlink", "target": "/../../../.."}]
	END
	pod load -q -i "$BATS_TEST_TMPDIR/v.tar"
	run_one localhost/v touch /link/made-in-container
	[ ! -e /made-in-container ]
	pod volume prune -f
}

@test "--ulimit, --init, --group-add, --device" {
	run_one --ulimit nofile=100:200 localhost/busybox sh -c 'ulimit -n; ulimit -Hn'
	assert_output $'100\n200'
	# enough for the command; what is done before it needs a few more
	run_one --ulimit nofile=4 -u user localhost/busybox sh -c 'ulimit -n'
	assert_output 4
	run_one --init localhost/busybox cat /proc/1/comm
	assert_output pod-init
	run_one --init localhost/busybox cat /proc/1/cmdline
	refute_output --partial localhost
	run_one --group-add extra --group-add 77 localhost/busybox id -G
	assert_output "0 77 2000"
	run_one --device /dev/fuse:/dev/other localhost/busybox test -c /dev/other
	assert_success
	run_one --device /etc/passwd localhost/busybox true
	assert_fault 125 /etc/passwd
}

@test "namespaces: own by default, host's or a container's when asked" {
	own=$(pod run --rm --network none localhost/busybox readlink /proc/self/ns/ipc)
	[ "$own" != "$(readlink /proc/self/ns/ipc)" ]
	run_one --ipc host localhost/busybox readlink /proc/self/ns/ipc
	assert_output "$(readlink /proc/self/ns/ipc)"
	run_one --uts host localhost/busybox hostname
	assert_output "$(hostname)"
	run_one --pid host localhost/busybox sh -c 'ls /proc | grep -c "^[0-9]"'
	[ "$output" -gt 2 ]
	pod run -d --name first --network none localhost/busybox sleep 1000
	run_one --pid container:first localhost/busybox sh -c 'ps | grep -c "sleep 1000"'
	[ "$output" -ge 1 ]
	run_one --ipc container:first localhost/busybox true
	assert_success
	run_one --pid container:nosuch localhost/busybox true
	assert_status 125
	pod rm -f -t 0 first
}

@test "masked and read-only paths" {
	run_one localhost/busybox sh -c 'for f in /proc/kcore /proc/keys /proc/timer_list; do
		[ ! -e $f ] || [ -c $f ] || [ -z "$(head -c 1 $f 2>/dev/null)" ] || echo "$f is readable"; done
		ls /proc/acpi /sys/firmware 2>/dev/null
		echo 1 >/proc/sys/kernel/hostname && echo written
		echo h >/proc/sysrq-trigger && echo written'
	refute_output --partial readable
	refute_output --partial written
	refute_output --partial efi
	run_one --security-opt unmask=/proc/timer_list --security-opt mask=/etc/group localhost/busybox cat /etc/group
	assert_output ""
}

@test "files that tell the container about itself" {
	run_one --name self localhost/busybox sh -c 'cat /run/.containerenv; cat /etc/hosts'
	assert_output --partial 'name="self"'
	assert_output --partial 'image="localhost/busybox:latest"'
	assert_output --partial localhost
	# as little to be written to as the root
	run_one --read-only --name self localhost/busybox sh -c 'cat /run/.containerenv; touch /run/x || echo no
		for f in /etc/hosts /etc/hostname /etc/resolv.conf /run/.containerenv; do : >$f && echo written; done'
	assert_output --partial 'name="self"'
	refute_output --partial written
	refute_output --partial no
}

@test "files that tell the container about itself lie over what is mounted on their directory" {
	run_one --name self --tmpfs /etc --tmpfs /run localhost/busybox sh -c 'cat /run/.containerenv /etc/hosts'
	assert_output --partial 'name="self"'
	assert_output --partial localhost
	run_one --name self -v data:/etc localhost/busybox cat /etc/hosts
	assert_output --partial localhost
	mkdir run
	run_one -v "$PWD/run:/run" localhost/busybox ls -A /run
	assert_output ""
}

@test "--cidfile, --pidfile, --name, --replace, --label" {
	run_one --cidfile cid --pidfile pid -d --name one --label a=b localhost/busybox sleep 1000
	assert_success
	assert_equal "$(cat cid)" "$output"
	assert_equal "$(cat "/proc/$(cat pid)/comm")" sleep
	run_one --name one localhost/busybox true
	assert_fault 125 '"one"' "already in use"
	run_one --cidfile cid localhost/busybox true
	assert_status 125
	run pod inspect --format '{{.Config.Labels.a}}' one
	assert_output b
	run_one --replace --stop-timeout 0 --name one localhost/busybox echo replaced
	assert_output replaced
}

@test "--rootfs runs a directory" {
	mkdir -p root/bin
	cp "$(command -v busybox)" root/bin/
	run_one --rootfs "$PWD/root" /bin/busybox echo from a directory
	assert_output "from a directory"
}

@test "signals reach the container and its status comes back" {
	pod run --name target --network none localhost/busybox sh -c \
		'trap "exit 33" TERM; echo ready; while :; do sleep 0.1; done' >out &
	wait_until 20 grep -q ready out
	kill -TERM $!
	status=0
	wait $! || status=$?
	assert_equal "$status" 33
	run pod ps -a --format '{{.Status}}'
	assert_output --partial "Exited (33)"
}

@test "real-time signals, also those that a C library keeps for itself" {
	for number in 34 35 64; do
		pod run --rm --network none localhost/busybox sh -c \
			"trap 'exit 33' $number; echo ready; while :; do sleep 0.1; done" >out.$number 3>&- &
		wait_until 20 grep -q ready out.$number
		kill -$number $!
		status=0
		wait $! || status=$?
		assert_equal "$number $status" "$number 33"
	done
	# through the init process
	pod run --rm --init --name target --network none localhost/busybox sh -c \
		"trap 'exit 33' 34; echo ready; while :; do sleep 0.1; done" >out.init 3>&- &
	wait_until 20 grep -q ready out.init
	pod kill -s RTMIN target
	status=0
	wait $! || status=$?
	assert_equal "$status" 33
	# one that is ignored around us
	run bash -c "trap '' 34 TERM; pod run --rm --network none localhost/busybox grep SigIgn /proc/self/status"
	assert_output --regexp '^SigIgn:.0000000000000000$'
}

@test "a terminal: size at start, on change, detaching and coming back" {
	run on_pty --size 30x100 'expect / #
	line stty size
	expect 30 100
	line exit' pod run --rm -it --network none localhost/busybox sh
	assert_success
}

@test "the command line that a container was created with is no option of ours" {
	run_one localhost/busybox echo -n --name x
	assert_output "--name x"
	run_one localhost/busybox -- true
	assert_status 127
}

@test "the terminal has its size before the command looks" {
	load_busybox
	run on_pty --size 31x101 'expect 31 101' pod run -it --rm --network none localhost/busybox stty size
	assert_success
	pod create -t --name c localhost/busybox stty size
	run on_pty --size 32x102 'expect 32 102' pod start -a c
	assert_success
}

@test "a seccomp profile that asks an agent" {
	local agent

	load_busybox
	cat >"$BATS_TEST_TMPDIR/profile" <<END
{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "$BATS_TEST_TMPDIR/agent",
 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]}
END
	python3 "$LIB/seccomp_agent.py" "$BATS_TEST_TMPDIR/agent" 122 >"$BATS_TEST_TMPDIR/told" &
	agent=$!
	wait_until 20 grep -q ready "$BATS_TEST_TMPDIR/told"
	run pod run --rm --name asks --security-opt seccomp="$BATS_TEST_TMPDIR/profile" localhost/busybox mkdir /tmp/x
	assert_status 1
	assert_output --partial "Disk quota exceeded"
	wait "$agent"
	sed -n 2p "$BATS_TEST_TMPDIR/told" | python3 -c '
import json, sys
s = json.loads(sys.stdin.read())
assert s["fds"] == ["seccompFd"] and s["state"]["pid"] == s["pid"] > 1, s
assert s["state"]["bundle"].endswith("/containers/" + s["state"]["id"]), s'
}

@test "--log-driver passthrough: the container has the caller's streams themselves" {
	load_busybox
	echo 'from the caller' >in
	pod run --name direct --network none --log-driver passthrough localhost/busybox \
		sh -c 'cat; echo out; echo err >&2; exit 3' <in >out 2>err || echo $? >status
	assert_equal "$(cat status)" 3
	assert_equal "$(cat out)" "from the caller
out"
	assert_equal "$(cat err)" err
	run --separate-stderr pod logs direct
	assert_fault 125 passthrough
	pod run -d --name later --network none --log-driver passthrough localhost/busybox \
		sh -c 'echo behind' <in >id 2>err
	pod wait later
	grep -q "^behind$" id
	run --separate-stderr pod run -t --log-driver passthrough localhost/busybox true
	assert_fault 125 passthrough
	run --separate-stderr pod run --restart always --log-driver passthrough localhost/busybox true
	assert_fault 125 --restart
	run on_pty 'expect cannot be used on a terminal' pod run --rm --log-driver passthrough localhost/busybox true
	assert_status 125
}
