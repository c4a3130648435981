#!/usr/bin/env bats
# What a bundle's container may try against `pod oci`, and what it must not inherit from the caller.

load ../lib/common
load ../lib/oci

setup()
{
	pod_setup
	B=$BATS_TEST_TMPDIR/bundle
	export B
	# where the container has nothing mounted
	OUTSIDE=$(mktemp -d /var/tmp/pod-outside.XXXXXX)
}

teardown()
{
	local status=0

	rm -rf "$OUTSIDE"
	[ -z "${AGENT-}" ] || kill "$AGENT"
	oci_teardown || status=1
	pod_teardown || status=1
	return "$status"
}

# bundle COMMAND [ARG...] - in $B, with a root that can be written
bundle()
{
	make_bundle "$B" "$@"
	config "$B" 'c["root"]["readonly"] = False'
}

# running COMMAND [ARG...] - container "one", with all capabilities and what is in $CONFIG
running()
{
	bundle "$@"
	# root of the user namespace may mount
	config "$B" 'c["process"]["noNewPrivileges"] = False
for s in ("bounding", "permitted", "effective"): c["process"]["capabilities"][s] = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER", "CAP_KILL"]
'"${CONFIG-}"
	pod oci run --detach --bundle "$B" one </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
}

# --- the engine's own program ----------------------------------------------------------------------

@test "oci: a program in the user's own home is out of reach in run and exec" {
	local before self

	mkdir -p own/bin own/libexec/pod
	cp "$POD_TEST_STAGE/bin/pod" own/bin/
	cp "$POD_TEST_STAGE"/libexec/pod/* own/libexec/pod/
	PATH=$PWD/own/bin:$PATH
	before=$(sha256sum <own/bin/pod)
	bundle bin/self
	printf '#!/proc/self/exe login\n' >"$B/rootfs/bin/self"
	chmod 755 "$B/rootfs/bin/self"
	mkfifo "$BATS_TEST_TMPDIR/input"
	# "pod login bin/self" waits for its input, inside.
	pod oci run --detach --bundle "$B" one <>"$BATS_TEST_TMPDIR/input" >/dev/null 2>&1
	wait_until 20 sh -c 'pod oci exec one readlink /proc/1/exe | grep pod'
	run pod oci exec one readlink /proc/1/exe
	assert_output "/memfd:pod (deleted)"
	pod oci exec one bin/self <>"$BATS_TEST_TMPDIR/input" >/dev/null 2>&1 3>&- &
	# shellcheck disable=SC2016
	self='for p in /proc/[0-9]*; do [ "$p" = /proc/1 ] || readlink "$p/exe"; done | grep pod'
	wait_until 20 pod oci exec one sh -c "$self"
	run pod oci exec one sh -c "$self"
	assert_output "/memfd:pod (deleted)"
	assert_equal "$(sha256sum <own/bin/pod)" "$before"
}

# --- descriptors and directories -------------------------------------------------------------------

# with_descriptors COMMAND... - our caller left its own open, on a directory of the host
with_descriptors()
{
	"$@" 5<"$OUTSIDE" 9<"$OUTSIDE" 64<"$OUTSIDE"
}

@test "no descriptor of the caller's or of ours is left, in run, create, start and exec" {
	local list='ls /proc/$$/fd; :'

	bundle sh -c "$list"
	run with_descriptors pod oci run --bundle "$B" one
	assert_output "$(seq 0 2)"
	run with_descriptors pod oci run --preserve-fds 3 --bundle "$B" one 3</dev/null 4</dev/null
	assert_output "$(seq 0 5)"
	config_args "$B" sh -c "$list; sleep 1000"
	with_descriptors pod oci create --bundle "$B" one </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	with_descriptors pod oci start one
	wait_until 20 grep -q 2 "$BATS_TEST_TMPDIR/out"
	assert_equal "$(cat "$BATS_TEST_TMPDIR/out")" "$(seq 0 2)"
	run with_descriptors pod oci exec one sh -c "$list"
	assert_output "$(seq 0 2)"
	run with_descriptors pod oci exec --preserve-fds 1 one sh -c "$list" 3</dev/null
	assert_output "$(seq 0 3)"
	load_busybox
	run with_descriptors pod run --rm --network none localhost/busybox sh -c "$list"
	assert_output "$(seq 0 2)"
	with_descriptors pod run -d --name box --network none localhost/busybox sleep 1000
	run with_descriptors pod exec box sh -c "$list"
	assert_output "$(seq 0 2)"
}

@test "a working directory outside of the root is refused, by whichever descriptor it is named" {
	local cwd

	bundle pwd
	for cwd in /proc/self/fd/0 /proc/self/fd/3 /proc/thread-self/fd/3 /dev/fd/3; do
		config "$B" 'c["process"]["cwd"] = "'"$cwd"'"'
		run pod oci run --preserve-fds 1 --bundle "$B" one <"$OUTSIDE" 3<"$OUTSIDE"
		assert_status 1
		assert_output --partial "$cwd"
	done
	config "$B" 'c["process"]["cwd"] = "/"'
	config_args "$B" sleep 1000
	pod oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	for cwd in /proc/self/fd/0 /proc/self/fd/3; do
		run pod oci exec --cwd "$cwd" --preserve-fds 1 one pwd <"$OUTSIDE" 3<"$OUTSIDE"
		assert_status 1
		assert_output --partial "$cwd"
	done
	# What we have open ourselves, while it is being started
	for cwd in /proc/self/fd/{4..40} /proc/1/fd/{3..9}; do
		run pod oci exec --cwd "$cwd" one pwd
		[ "$status" -ne 0 ] || fail "$cwd led somewhere: $output"
	done
}

@test "/etc/passwd that leads to a descriptor is not read" {
	echo 'app:x:77:77::/:/bin/sh' >"$OUTSIDE/passwd"
	bundle sleep 1000
	ln -s /proc/self/fd/0 "$B/rootfs/etc/passwd"
	pod oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	run pod oci exec --user app one id <"$OUTSIDE/passwd"
	assert_status 1
	assert_output --partial "unable to find user app"
}

@test "users that are no users, in exec and in config.json: never root by accident" {
	local user

	bundle id
	for user in -1 4294967295 4294967296 '"0"' 0.5 null; do
		config "$B" 'c["process"]["user"] = {"uid": 9, "gid": 0}'
		sed -i "s/\"uid\": 9,/\"uid\": $user,/" "$B/config.json"
		run --separate-stderr pod oci run --bundle "$B" one
		[ "$status" -eq 1 ] || [ "$user" = null ]
		refute_output --partial "uid=0(root) gid=1"
		[ "$user" = null ] || assert_output ""
	done
	config "$B" 'c["process"]["user"] = {"uid": 0, "gid": 0}'
	config_args "$B" sleep 1000
	printf 'root:x:0:0::/:/bin/sh\n4294967295:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n' >"$B/rootfs/etc/passwd"
	pod oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	for user in -1 4294967295 4294967296 18446744073709551616 0x0 +0 ' 0' '' : 0: 1:-1 0:4294967296 root:root:root $'root\n' ../root; do
		run --separate-stderr pod oci exec --user "$user" one id
		[ "$status" -ne 0 ] || fail "--user '$user' is $output"
		assert_output ""
	done
}

# --- procfs and terminals that a container has replaced ---------------------------------------------

@test "labels are written to procfs or not at all" {
	CONFIG='c["linux"]["maskedPaths"] = c["linux"]["readonlyPaths"] = []'
	running sleep 1000
	ln -sf busybox "$B/rootfs/bin/umount"
	# Another file system on /proc
	pod oci exec one sh -c 'mkdir /p; mount --bind /proc /p; mount -t tmpfs x /proc
		mkdir -p /proc/self/attr/apparmor; : >/proc/self/attr/exec; : >/proc/self/attr/apparmor/exec'
	run pod oci exec --apparmor profile one true
	assert_status 1
	assert_equal "$(cat "/proc/$(oci_pid one)/root/proc/self/attr/exec")" ""
	assert_equal "$(cat "/proc/$(oci_pid one)/root/proc/self/attr/apparmor/exec")" ""
	pod oci exec one umount /proc
	# A part of procfs on /proc
	pod oci exec one mount --bind /p/1 /proc
	run pod oci exec --apparmor profile one true
	assert_status 1
	assert_output --partial "ross-device link"
	pod oci exec one umount /proc
}

@test "a terminal comes from devpts or not at all, in exec too" {
	running sleep 1000
	pod oci exec one sh -c 'umount /dev/pts; mkdir -p /dev/pts; : >/dev/pts/ptmx'
	run on_pty '' pod oci exec --tty one tty
	assert_status 1
	assert_output --partial "a terminal needs a devpts file system"
	pod oci exec one sh -c 'rm -r /dev/pts; ln -s /tmp /dev/pts; : >/tmp/ptmx'
	run on_pty '' pod oci exec --tty one tty
	assert_status 1
	load_busybox
	pod run -d --name box --network none --cap-add SYS_ADMIN localhost/busybox sleep 1000
	pod exec box sh -c 'mkdir /pp; mount -t devpts -o newinstance,ptmxmode=666 x /pp; umount /dev/pts
		: >/dev/pts/ptmx; mount --bind /pp/ptmx /dev/pts/ptmx'
	run on_pty '' pod exec -t box tty
	[ "$status" -ne 0 ]
	assert_output --partial "terminal"
}

@test "labels are not written to a file that lies over the joining process's own" {
	local inner pid

	CONFIG='c["linux"]["maskedPaths"] = c["linux"]["readonlyPaths"] = []'
	running sleep 1000
	cat >"$BATS_TEST_TMPDIR/console.py" <<'END'
# A console socket that is full: the process waits inside of the container until somebody takes what came.
import os, socket, sys, time
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(0)
first = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
first.connect(sys.argv[1])
print("ready", flush=True)
while not os.path.exists(sys.argv[1] + ".go"):
    time.sleep(0.05)
kept = []
while True:
    kept.append(server.accept())
END
	start_server python3 "$BATS_TEST_TMPDIR/console.py" "$BATS_TEST_TMPDIR/console"
	pod oci exec --apparmor profile --tty --console-socket "$BATS_TEST_TMPDIR/console" --detach one sleep 1000 \
		>"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	pid=$!
	# shellcheck disable=SC2016
	inner='for p in /proc/[0-9]*; do [ $p = /proc/1 ] || [ $p = /proc/$$ ] || { echo ${p#/proc/}; break; }; done | grep .'
	wait_until 20 pod oci exec one sh -c "$inner"
	inner=$(pod oci exec one sh -c "$inner")
	pod oci exec one sh -c ": >/over; for f in exec apparmor/exec; do mount --bind /over /proc/$inner/attr/\$f; done; cat /proc/$inner/attr/exec"
	touch "$BATS_TEST_TMPDIR/console.go"
	! wait "$pid" || fail "the process runs"
	assert_equal "$(pod oci exec one cat /over)" ""
	run cat "$BATS_TEST_TMPDIR/said"
	assert_output --partial "ross-device link"
}

# --- the host's side -------------------------------------------------------------------------------

@test "hooks get the environment that is theirs, and no descriptor of ours" {
	bundle true
	config "$B" 'c["hooks"] = {point: [{"path": "/bin/sh", "args": ["sh", "-c", "/usr/bin/env >>'"$BATS_TEST_TMPDIR"'/env; ls -l /proc/$$/fd >>'"$BATS_TEST_TMPDIR"'/fds"]}]
	for point in ("createRuntime", "poststart", "poststop")}'
	SECRET_WORD=1 with_descriptors pod oci run --bundle "$B" one
	assert_equal "$(grep -c ^PWD= "$BATS_TEST_TMPDIR/env")" 3
	assert_equal "$(grep -vE '^(PWD|SHLVL|_|OLDPWD)=' "$BATS_TEST_TMPDIR/env")" ""
	run cat "$BATS_TEST_TMPDIR/fds"
	refute_output --partial "$OUTSIDE"
	refute_output --partial socket:
}

@test "a state directory that others can write to is refused" {
	mkdir "$BATS_TEST_TMPDIR/open"
	chmod 0777 "$BATS_TEST_TMPDIR/open"
	run pod oci --root "$BATS_TEST_TMPDIR/open" list
	assert_status 1
	assert_output --partial "can be written by others"
}

@test "another file in place of the host's /dev/null is no device, and masks nothing" {
	bundle true
	echo fake >"$BATS_TEST_TMPDIR/fake"
	cat >"$BATS_TEST_TMPDIR/inside" <<'END'
mount --bind "$1/fake" /dev/null
exec pod oci run --bundle "$2" one
END
	rm "$B/config.json"
	pod oci spec --bundle "$B"
	config "$B" 'c["process"]["terminal"] = False; c["process"]["args"] = ["cat", "/dev/null"]
c["mounts"] = [m for m in c["mounts"] if "cgroup" not in m["type"]]
c["linux"]["maskedPaths"] = []
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"]'
	run "$LIB/in-userns.py" --mount sh "$BATS_TEST_TMPDIR/inside" "$BATS_TEST_TMPDIR" "$B"
	assert_status 1
	assert_output --partial "device '/dev/null'"
	config "$B" 'c["mounts"] = [{"destination": "/dev", "type": "bind", "source": "'"$B"'/rootfs/dev", "options": ["rbind"]}]
c["process"]["args"] = ["true"]
c["linux"]["maskedPaths"] = ["/bin/sh"]'
	run "$LIB/in-userns.py" --mount sh "$BATS_TEST_TMPDIR/inside" "$BATS_TEST_TMPDIR" "$B"
	assert_status 1
	assert_output --partial "is not the null device"
}

# --- a filter with a listener ----------------------------------------------------------------------

@test "exec hands its own listener to the agent, and while it waits nobody inside gets at it" {
	local pid inner file

	bundle sh -c 'echo started; exec sleep 1000'
	config "$B" 'c["annotations"] = {"a": "b"}
c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "'"$BATS_TEST_TMPDIR"'/agent", "listenerMetadata": "for you",
	"syscalls": [{"names": ["execve"], "action": "SCMP_ACT_NOTIFY"}]}'
	python3 "$LIB/seccomp_agent.py" --hold 2 "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/agent" continue 30 >"$BATS_TEST_TMPDIR/told" 3>&- &
	AGENT=$!
	wait_until 20 grep -q ready "$BATS_TEST_TMPDIR/told"
	pod oci run --detach --bundle "$B" one </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	wait_until 20 grep -q started "$BATS_TEST_TMPDIR/out"
	# The second listener's: held in its execve, with the container's ids and rights.
	pod oci exec one echo through >"$BATS_TEST_TMPDIR/held" 2>&1 3>&- &
	wait_until 20 grep -q held "$BATS_TEST_TMPDIR/told"
	sed -n 3p "$BATS_TEST_TMPDIR/told" | python3 -c '
import json, os, sys
s = json.loads(sys.stdin.read())
assert s["fds"] == ["seccompFd"] and s["metadata"] == "for you" and s["ociVersion"].startswith("1."), s
state = s["state"]
assert state["id"] == "one" and state["status"] == "running" and state["bundle"] == os.environ["B"], s
assert state["annotations"] == {"a": "b"} and state["pid"] == '"$(oci_pid one)"', s
assert s["pid"] not in (0, state["pid"]), s
print(s["pid"])' >"$BATS_TEST_TMPDIR/pid"
	pid=$(cat "$BATS_TEST_TMPDIR/pid")
	inner=$(awk '/^NSpid:/ { print $NF }' "/proc/$pid/status")
	assert_equal "$(grep -c . "/proc/$pid/cmdline")" 1
	# From inside, by the same ids with the same capabilities
	for file in exe cwd root fd/0; do
		run pod oci exec one readlink "/proc/$inner/$file"
		assert_status 1
		assert_output ""
	done
	run pod oci exec one head -c 1 "/proc/$inner/environ"
	assert_status 1
	touch "$BATS_TEST_TMPDIR/go"
	wait_until 20 grep -q through "$BATS_TEST_TMPDIR/held"
	pod oci delete --force one
}
