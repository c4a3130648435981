#!/usr/bin/env bats
# `pod oci` by itself: the command line that runc and crun share, as an ordinary user.

load ../lib/common
load ../lib/oci

setup()
{
	oci_setup
}

teardown()
{
	oci_teardown
}

@test "run: output and status are the process's, and nothing is left" {
	make_bundle "$B" sh -c 'echo out; echo err >&2; exit 7'
	run --separate-stderr pod oci run --bundle "$B" one
	assert_status 7
	assert_output out
	assert_stderr err
	run pod oci list -q
	assert_output ""
}

@test "called by the name pod-oci it is the same" {
	make_bundle "$B" echo hello
	cd "$B"
	run pod-oci run one
	assert_success
	assert_output hello
	run pod-oci --version
	assert_output --partial "pod-oci version"
	assert_output --partial "spec: 1."
}

@test "create, start, kill, delete: each state is what it says" {
	make_bundle "$B" sh -c 'echo started; sleep 1000'
	pod oci create --bundle "$B" --pid-file "$BATS_TEST_TMPDIR/pid" one >"$BATS_TEST_TMPDIR/out" 2>&1
	assert_equal "$(oci_status one)" created
	assert_equal "$(oci_pid one)" "$(cat "$BATS_TEST_TMPDIR/pid")"
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	pod oci start one
	assert_equal "$(oci_status one)" running
	wait_until 20 grep -q started "$BATS_TEST_TMPDIR/out"
	run pod oci delete one
	assert_status 1
	assert_output --partial "not stopped: running"
	pod oci kill one KILL
	wait_until 20 status_is one stopped
	run pod oci kill one TERM
	assert_status 1
	assert_output --partial "container not running"
	pod oci delete one
	run pod oci state one
	assert_status 1
	assert_output --partial "does not exist"
}

@test "state: the specification's members, with the annotations" {
	make_bundle "$B" sleep 1000
	config "$B" 'c["annotations"] = {"org.example.a": "b=c", "empty": ""}'
	pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	pod oci state one | python3 -c '
import json, os, sys
s = json.load(sys.stdin)
assert s["ociVersion"].startswith("1."), s
assert s["id"] == "one" and s["status"] == "created" and s["bundle"] == os.environ["B"], s
assert isinstance(s["pid"], int) and s["pid"] > 1, s
assert s["annotations"] == {"org.example.a": "b=c", "empty": ""}, s'
	pod oci delete one
}

@test "a created container can be killed and deleted without having run" {
	make_bundle "$B" touch /tmp/ran
	pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	pod oci delete one
	[ ! -e "$B/rootfs/tmp/ran" ]
	pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	pod oci kill one 9
	wait_until 20 status_is one stopped
	run pod oci start one
	assert_status 1
	assert_output --partial "cannot start container 'one' in state 'stopped'"
	pod oci delete one
}

@test "exec into a container that was created and not started, which starts all the same" {
	make_bundle "$B" sh -c 'echo started; cat /tmp/left'
	config "$B" 'c["root"]["readonly"] = False; c["linux"]["namespaces"].append({"type": "time"})'
	pod oci create --bundle "$B" one </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	pid=$(oci_pid one)
	for word in "" "--tty"; do
		# shellcheck disable=SC2086
		run pod oci exec $word --env A=b one sh -c 'echo "$A $(id -u) $(readlink /proc/1/exe | head -c 1)"; exit 7' </dev/null
		assert_status 7
		assert_output --partial "b 0"
	done
	run pod oci exec one sh -c 'echo here >/tmp/left; for n in user mnt pid net; do readlink /proc/self/ns/$n; done'
	assert_success
	[ "${#lines[@]}" -eq 4 ]
	for line in "${lines[@]}"; do
		refute_output --partial "$(readlink "/proc/self/ns/${line%%:*}")"
	done
	# nothing of the program that waits can be seen from inside
	run pod oci exec one sh -c 'ls -l /proc/1/fd /proc/1/exe; cat /proc/1/environ'
	refute_output --partial pod
	status_is one created
	assert_equal "$(oci_pid one)" "$pid"
	pod oci start one
	wait_until 10 status_is one stopped
	assert_equal "$(cat "$BATS_TEST_TMPDIR/out")" $'started\nhere'
}

@test "what is asked twice, of nobody, or by a bad name is refused" {
	make_bundle "$B" sleep 1000
	run pod oci create --bundle "$B" ../x
	assert_status 1
	assert_output --partial "invalid container id"
	run pod oci start nobody
	assert_status 1
	assert_output --partial "container 'nobody' does not exist"
	run pod oci delete nobody
	assert_status 1
	run pod oci delete --force nobody
	assert_success
	pod oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	run pod oci create --bundle "$B" one
	assert_status 1
	assert_output --partial "container 'one' exists already"
	run pod oci start one
	assert_status 1
	assert_output --partial "in state 'running'"
	run pod oci create --bundle "$BATS_TEST_TMPDIR/nowhere" two
	assert_status 1
	assert_output --partial "nowhere"
	assert_equal "$(pod oci list -q)" one
}

@test "config.json as it was at create counts" {
	make_bundle "$B" sh -c 'echo first'
	pod oci create --bundle "$B" one >"$BATS_TEST_TMPDIR/out"
	config_args "$B" sh -c 'echo second'
	pod oci start one
	wait_until 20 status_is one stopped
	assert_equal "$(cat "$BATS_TEST_TMPDIR/out")" first
}

@test "the error tells what is wrong with the command" {
	make_bundle "$B" nosuch
	printf '#!/no/such/interpreter\n' >"$B/rootfs/bin/script"
	chmod 755 "$B/rootfs/bin/script"
	echo text >"$B/rootfs/bin/data"
	run pod oci create --bundle "$B" one
	assert_status 1
	assert_output --partial "exec 'nosuch': executable file not found in \$PATH"
	config_args "$B" /bin/data
	run pod oci create --bundle "$B" one
	assert_status 1
	assert_output --partial "exec '/bin/data': permission denied"
	config_args "$B" /bin/script
	run pod oci run --bundle "$B" one
	assert_status 1
	assert_output --partial "its interpreter or loader does not"
	assert_equal "$(pod oci list -q)" ""
}

@test "log-format json: one object with the message, which stderr has too" {
	make_bundle "$B" nosuch
	run --separate-stderr pod oci --log "$BATS_TEST_TMPDIR/log" --log-format json create --bundle "$B" one
	assert_status 1
	python3 - "$BATS_TEST_TMPDIR/log" "$stderr" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    entry = json.load(f)
assert entry["level"] == "error", entry
assert "not found in $PATH" in entry["msg"], entry
assert entry["msg"] in sys.argv[2], sys.argv
assert entry["time"].endswith("Z"), entry
END
	run pod oci --log-format xml list
	assert_status 1
	assert_output --partial "text, json"
}

@test "list: table, JSON, ids; delete by regular expression" {
	make_bundle "$B" sleep 1000
	for id in a-1 a-2 b-1; do
		pod oci run --detach --bundle "$B" "$id" </dev/null >/dev/null 2>&1
	done
	assert_equal "$(pod oci list -q | tr '\n' ' ')" "a-1 a-2 b-1 "
	run pod oci list
	assert_output --partial "a-2"
	assert_output --partial "$B"
	pod oci list --format json | python3 -c '
import json, sys
rows = json.load(sys.stdin)
assert [r["id"] for r in rows] == ["a-1", "a-2", "b-1"], rows
assert all(r["status"] == "running" for r in rows), rows'
	pod oci delete --force --regex '^a-'
	assert_equal "$(pod oci list -q)" b-1
}

@test "exec: status, environment, directory, user and capabilities" {
	make_bundle "$B" sleep 1000
	pod oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	run pod oci exec one sh -c 'exit 9'
	assert_status 9
	run pod oci exec --env A=b --env PATH=/bin --cwd /tmp one sh -c 'echo $A $PWD $PATH'
	assert_output "b /tmp /bin"
	run pod oci exec --user 0:0 one id -u
	assert_output 0
	run pod oci exec --cap CAP_SYS_CHROOT one grep CapEff /proc/self/status
	with=$output
	run pod oci exec one grep CapEff /proc/self/status
	[ "$with" != "$output" ] || fail "the capability was not added: $output"
	assert_equal $((0x${with##*	} & 1 << 18)) $((1 << 18))
	run pod oci exec --no-new-privs one grep NoNewPrivs /proc/self/status
	assert_output --regexp '1$'
	run pod oci exec one nosuch
	assert_status 1
	assert_output --partial "not found in \$PATH"
	# It is in the container's namespaces and cannot see ours.
	run pod oci exec one sh -c 'ps | grep -c "sleep 1000"; hostname'
	assert_output --partial pod
}

@test "exec: --process, --detach, --pid-file, --preserve-fds" {
	make_bundle "$B" sleep 1000
	pod oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	python3 - "$B/config.json" "$BATS_TEST_TMPDIR/process.json" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    process = json.load(f)["process"]
process["args"] = ["sh", "-c", "echo $X; cat <&3; sleep 500"]
process["env"] = ["X=y", "PATH=/bin"]
with open(sys.argv[2], "w") as f:
    json.dump(process, f)
END
	echo passed >"$BATS_TEST_TMPDIR/three"
	pod oci exec --detach --process "$BATS_TEST_TMPDIR/process.json" --pid-file "$BATS_TEST_TMPDIR/pid" \
		--preserve-fds 1 one </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3<"$BATS_TEST_TMPDIR/three"
	wait_until 20 grep -q passed "$BATS_TEST_TMPDIR/out"
	assert_equal "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/out")" "y passed "
	pid=$(cat "$BATS_TEST_TMPDIR/pid")
	pod oci ps --format json one | python3 -c "
import json, sys
pids = json.load(sys.stdin)
assert $pid in pids, (pids, $pid)"
	run pod oci ps one
	assert_output --partial "sleep 1000"
	pod oci kill --all one KILL
	wait_until 20 status_is one stopped
	run pod oci exec --process x one true
	assert_status 1
	run pod oci exec --preserve-fds 40 one true
	assert_status 1
	assert_output --partial "is not open"
}

@test "a process gets its standard streams and what is passed on, nothing else" {
	make_bundle "$B" sh -c 'ls /proc/self/fd'
	run pod oci run --bundle "$B" one
	# ls itself has the directory open
	assert_output "$(printf '0\n1\n2\n3')"
	run pod oci run --bundle "$B" --preserve-fds 2 one 3</dev/null 4</dev/null 5</dev/null
	assert_output "$(printf '0\n1\n2\n3\n4\n5')"
	run pod oci run --bundle "$B" --preserve-fds 30 one
	assert_status 1
	assert_output --partial "is not open"
}

@test "a terminal goes to who listens on --console-socket" {
	make_bundle "$B" sh -c 'tty; stty size; echo done'
	config "$B" 'c["process"]["terminal"] = True; c["process"]["consoleSize"] = {"height": 33, "width": 77}'
	CONSOLE_START="pod oci start one" run python3 "$LIB/console.py" "$BATS_TEST_TMPDIR/socket" \
		"$BATS_TEST_TMPDIR/out" pod oci create --bundle "$B" --console-socket "$BATS_TEST_TMPDIR/socket" one
	assert_success
	assert_equal "$(tr -d '\r' <"$BATS_TEST_TMPDIR/out")" "$(printf '/dev/pts/0\n33 77\ndone')"
	run pod oci create --bundle "$B" two
	assert_status 1
	assert_output --partial "--console-socket is needed"
	config "$B" 'c["process"]["terminal"] = False'
	run pod oci create --bundle "$B" --console-socket "$BATS_TEST_TMPDIR/socket" two
	assert_status 1
	assert_output --partial "process.terminal is not true"
}

@test "run and exec on a terminal: ours and the container's are one" {
	make_bundle "$B" sh
	config "$B" 'c["process"]["terminal"] = True'
	run on_pty --size 30x100 'expect / # 
line stty size
expect 30 100
resize 40 120
line stty size; exit 3
expect 40 120' pod oci run --bundle "$B" one
	assert_status 3
	config "$B" 'c["process"]["terminal"] = False'
	config_args "$B" sleep 1000
	pod oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	run on_pty 'expect / # 
line tty; exit 4
expect /dev/pts/0' pod oci exec --tty one sh
	assert_status 4
}

@test "signals reach the process of a run in the foreground" {
	make_bundle "$B" sh -c 'trap "echo got; exit 5" TERM; echo ready; while :; do sleep 1; done'
	pod oci run --bundle "$B" one >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null &
	wait_until 20 grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM $!
	status=0
	wait $! || status=$?
	assert_status 5
	grep -q got "$BATS_TEST_TMPDIR/out"
}

# A hook that notes its point, the state's status, and whether it is in the container.
write_hooks()
{
	local point

	cat >"$BATS_TEST_TMPDIR/hook" <<'END'
#!/bin/sh
state=$(cat)
status=${state#*\"status\":\"}
echo "$1 ${status%%\"*} $VARIABLE" >>"$2"
exit "${3:-0}"
END
	chmod 755 "$BATS_TEST_TMPDIR/hook"
	cp "$BATS_TEST_TMPDIR/hook" "$B/rootfs/bin/hook"
	for point in prestart createRuntime createContainer poststart poststop; do
		config "$B" "c.setdefault('hooks', {})['$point'] = [{'path': '$BATS_TEST_TMPDIR/hook',
			'args': ['hook', '$point', '$BATS_TEST_TMPDIR/log'], 'env': ['VARIABLE=v', 'PATH=/bin:/usr/bin']}]"
	done
	config "$B" "c['hooks']['startContainer'] = [{'path': '/bin/hook',
		'args': ['hook', 'startContainer', '/tmp/log'], 'env': ['VARIABLE=inside', 'PATH=/bin']}]"
}

@test "hooks run at their points, in order, with the state" {
	make_bundle "$B" sleep 1000
	config "$B" 'c["root"]["readonly"] = False'
	write_hooks
	pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	assert_equal "$(cat "$BATS_TEST_TMPDIR/log")" "$(printf 'prestart creating v\ncreateRuntime creating v\ncreateContainer creating v')"
	[ ! -e "$B/rootfs/tmp/log" ]
	pod oci start one
	assert_equal "$(cat "$B/rootfs/tmp/log")" "startContainer created inside"
	assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/log")" "poststart running v"
	pod oci delete --force one
	assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/log")" "poststop stopped v"
	rm "$BATS_TEST_TMPDIR/log"
	config_args "$B" true
	pod oci run --bundle "$B" one
	assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/log")" 5
}

@test "a hook that fails or takes too long fails what it belongs to" {
	local point

	make_bundle "$B" sleep 1000
	for point in prestart createRuntime createContainer; do
		config "$B" "c['hooks'] = {'$point': [{'path': '/bin/sh', 'args': ['sh', '-c', 'echo words; exit 3']}]}"
		run pod oci create --bundle "$B" one
		assert_status 1
		assert_output --partial "$point hook #0 '/bin/sh': exit status 3, output: words"
		assert_equal "$(pod oci list -q)" ""
	done
	config "$B" "c['hooks'] = {'createRuntime': [{'path': '/bin/sleep', 'args': ['sleep', '1000'], 'timeout': 1}]}"
	run pod oci create --bundle "$B" one
	assert_status 1
	assert_output --partial "not done after 1 seconds"
	config "$B" "c['hooks'] = {'startContainer': [{'path': '/bin/false'}]}"
	pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	run pod oci start one
	assert_status 1
	assert_output --partial "startContainer hook #0"
	wait_until 20 status_is one stopped
	pod oci delete one
	config "$B" "c['hooks'] = {'poststart': [{'path': '/bin/false'}]}"
	run pod oci run --detach --bundle "$B" one
	assert_status 1
	assert_output --partial "poststart hook #0"
	assert_equal "$(pod oci list -q)" ""
	# The container is gone all the same.
	config "$B" "c['hooks'] = {'poststop': [{'path': '/no/such/hook'}, {'path': '/bin/touch', 'args': ['touch', '$BATS_TEST_TMPDIR/second']}]}"
	config_args "$B" true
	run pod oci run --bundle "$B" one
	assert_success
	assert_equal "$(pod oci list -q)" ""
	[ -e "$BATS_TEST_TMPDIR/second" ]
}

@test "features: words that the configuration's reader knows" {
	make_bundle "$B" true
	pod oci features | python3 -c '
import json, sys
f = json.load(sys.stdin)
assert f["hooks"] == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"], f
assert "rbind" in f["mountOptions"] and "rro" in f["mountOptions"], f
linux = f["linux"]
assert sorted(linux["namespaces"]) == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"], linux
assert "CAP_CHECKPOINT_RESTORE" in linux["capabilities"], linux
assert linux["cgroup"]["v2"] is True and linux["seccomp"]["enabled"] is True, linux
assert "SCMP_ACT_NOTIFY" in linux["seccomp"]["actions"], linux
assert "MPOL_BIND" in linux["memoryPolicy"]["modes"] and "MPOL_F_STATIC_NODES" in linux["memoryPolicy"]["flags"], linux'
	# Each mount option is taken.
	pod oci features | python3 -c '
import json, sys
words = json.load(sys.stdin)["mountOptions"]
print(*(w for w in words if w not in ("bind", "rbind") and "tmpcopyup" not in w and "idmap" not in w))' >"$BATS_TEST_TMPDIR/words"
	for word in $(cat "$BATS_TEST_TMPDIR/words"); do
		case $word in
		*shared | *slave | *private | *unbindable | copy-symlink | remount) continue ;;
		esac
		config "$B" "c['mounts'] = [m for m in c['mounts'] if m['destination'] != '/tmp'] + [{'destination': '/tmp', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['$word']}]"
		pod oci run --bundle "$B" one || fail "option $word"
	done
}

@test "spec writes a configuration once" {
	mkdir "$B"
	pod oci spec --rootless --bundle "$B"
	run pod oci spec --rootless --bundle "$B"
	assert_status 1
	assert_output --partial "exists already"
	pod oci spec --rootless --bundle "$B" --file other.json
	cmp "$B/config.json" "$B/other.json"
}

@test "update: options are members of linux.resources; what only version 1 had is refused by name" {
	make_bundle "$B" sleep 1000
	pod oci create --no-subreaper --bundle "$B" one </dev/null >/dev/null 2>&1
	local -A refused=(
		[--cpu-rt-runtime=5]="--cpu-rt-runtime: cpu.realtimeRuntime: cgroup v2 has no such limit"
		[--cpu-rt-period=5]="--cpu-rt-period: cpu.realtimePeriod: cgroup v2 has no such limit"
		[--kernel-memory=5m]="--kernel-memory: memory.kernel: cgroup v2 has no such limit"
		[--kernel-memory-tcp=1]="--kernel-memory-tcp: memory.kernelTCP: cgroup v2 has no such limit"
		[--memory=x]="--memory: invalid size 'x'"
		[--cpu-quota=x]="--cpu-quota 'x': must be a number"
		[--cpu-idle=2]="--cpu-idle: cpu.idle: must be between 0 and 1"
		[--blkio-weight=5]="--blkio-weight: blockIO.weight: must be between 10 and 1000"
		[--cpuset-mems=x]="--cpuset-mems: cpu.mems: must be a list"
		[--l3-cache-schema=L3:0=f]="container 'one': its config.json has no linux.intelRdt"
		[--mem-bw-schema=MB:0=50]="container 'one': its config.json has no linux.intelRdt"
	)
	local option

	for option in "${!refused[@]}"; do
		run --separate-stderr pod oci update "$option" one
		assert_status 1
		assert_stderr --partial "${refused[$option]}"
	done
}

@test "checkpoint and restore say why they are not there" {
	for command in checkpoint restore; do
		run pod oci "$command" one
		assert_status 1
		assert_output --partial "'pod oci $command' is not available"
		assert_output --partial CRIU
	done
}

@test "limits without a control group are refused by name, and ignored where that is asked for" {
	make_bundle "$B" echo runs
	! "$LIB/probe" cgroup >/dev/null || skip "a control group is delegated: limits are honoured, see tests/vm"
	config "$B" 'c["linux"]["resources"] = {"memory": {"limit": 64000000}}'
	run pod oci run --bundle "$B" one
	assert_status 1
	assert_output --partial "linux.resources"
	run pod oci --rootless=true run --bundle "$B" one
	assert_success
	assert_output runs
	run pod oci --cgroup-manager=disabled run --bundle "$B" one
	assert_status 1
	config "$B" 'c["linux"]["resources"] = {}; c["linux"]["cgroupsPath"] = "/made/up"'
	run pod oci run --bundle "$B" one
	assert_output runs
	config_args "$B" sleep 1000
	pod oci run --detach --bundle "$B" two </dev/null >/dev/null 2>&1
	run pod oci pause two
	assert_status 1
	assert_output --partial "no control group"
}

@test "a create killed at any step leaves what the next one takes over" {
	local call n

	make_bundle "$B" sleep 1000
	for call in mkdirat openat bind renameat clone3 wait4 recvmsg sendmsg write unlinkat; do
		for n in 1 2 3 5 8; do
			strace -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
				pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1 || true
			# Whatever is there can be removed, and nothing of it runs on.
			run timeout 60 pod oci delete --force one
			assert_success
			assert_equal "$(ls -A "$XDG_RUNTIME_DIR/pod-oci")" ""
		done
	done
	# Without a delete in between: the next create takes over what has no record.
	strace -qq -o /dev/null -e trace=renameat -e inject=renameat:signal=KILL:when=1 \
		pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1 || true
	[ -e "$XDG_RUNTIME_DIR/pod-oci/one" ] || fail "nothing was left to take over"
	assert_equal "$(pod oci list -q)" ""
	pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	assert_equal "$(oci_status one)" created
}

@test "a start killed at any step: the state stays true, start or delete go on" {
	local call n state

	make_bundle "$B" sleep 1000
	for call in connect sendmsg recvmsg unlinkat; do
		pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1
		strace -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=1" \
			pod oci start one >/dev/null 2>&1 || true
		state=$(oci_status one)
		case $state in
		created) pod oci start one ;;
		running) ;;
		*) fail "killed at $call: $state" ;;
		esac
		wait_until 20 status_is one running
		pod oci delete --force one
	done
}

@test "the state directory below /tmp is never a link" {
	local at

	at=/tmp/pod-oci-$(id -u)
	mkdir -m 700 private
	ln -sn "$PWD/private" "$at"
	run --separate-stderr env -u XDG_RUNTIME_DIR pod oci list
	rm -r "$at"
	assert_status 1
	assert_stderr --partial "$at"
	run env -u XDG_RUNTIME_DIR pod oci --root "$PWD/private" list
	assert_success
}
