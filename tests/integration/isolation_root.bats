#!/usr/bin/env bats
# as root
# What a container of the host's root may try: its ids are the host's, and no user namespace is in between.

load ../lib/common
load ../lib/oci

setup()
{
	pod_setup
	skip_without root
	export POD_ROOT=$STORE POD_RUNROOT=$XDG_RUNTIME_DIR/pod
	B=$BATS_TEST_TMPDIR/bundle
	S=$BATS_TEST_TMPDIR/state
	mkdir -m 0700 "$S"
	export B S
	# Looking for a command in all of these takes a while, and the process has the container's
	# ids and capabilities already.
	LONG_PATH=$(printf '/nowhere/%d:' {1..2000})/bin
}

teardown()
{
	local status=0

	[ -z "${S-}" ] || pod oci --root "$S" delete --force --regex . || status=1
	pod_teardown || status=1
	return "$status"
}

# prey - container "prey", whose process attacks each that it sees
prey()
{
	load_busybox
	mkdir -p "$HOME/flag"
	cp "$POD_TEST_STAGE/tests/lib/hostile" "$HOME/hostile"
	pod run -d --name prey --network none --security-opt no-new-privileges -v "$HOME/hostile:/hostile:ro" \
		-v "$HOME/flag:/flag:ro" localhost/busybox /hostile /flag/stop stop
	wait_until 20 sh -c 'pod logs prey | grep watching'
}

# prey_got_nothing - it met processes on their way, and could not look into any of them
prey_got_nothing()
{
	touch "$HOME/flag/stop"
	pod wait prey
	run pod logs prey
	refute_output --partial "got "
	[ "$(sed -n 's/^caught //p' <<<"$output")" -gt 20 ] || fail "it met too few: $output"
}

@test "root: exec cannot be entered by a process inside, not even with the same ids and rights" {
	prey
	for _ in {1..100}; do
		pod exec -e PATH="$LONG_PATH" prey true
	done
	prey_got_nothing
}

@test "root: nor can a container that joins the pid namespace of another" {
	prey
	for _ in {1..60}; do
		pod run --rm --network none --security-opt no-new-privileges --pid container:prey -e PATH="$LONG_PATH" localhost/busybox true
	done
	prey_got_nothing
}

@test "root: nor pod oci exec" {
	make_bundle "$B" /hostile /flag/stop stop
	cp "$POD_TEST_STAGE/tests/lib/hostile" "$B/rootfs/hostile"
	mkdir "$BATS_TEST_TMPDIR/flag"
	config "$B" 'c["process"]["noNewPrivileges"] = True
c["mounts"].append({"destination": "/flag", "type": "bind", "source": "'"$BATS_TEST_TMPDIR/flag"'", "options": ["bind", "ro"]})'
	pod oci --root "$S" run --detach --bundle "$B" one </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	wait_until 20 grep -q watching "$BATS_TEST_TMPDIR/out"
	for _ in {1..100}; do
		pod oci --root "$S" exec --env PATH="$LONG_PATH" one true || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	done
	touch "$BATS_TEST_TMPDIR/flag/stop"
	wait_until 20 grep -q caught "$BATS_TEST_TMPDIR/out"
	run cat "$BATS_TEST_TMPDIR/out"
	refute_output --partial "got "
	[ "$(sed -n 's/^caught //p' <<<"$output")" -gt 20 ] || fail "it met too few: $output"
}

@test "root: the programs cannot be reached from run, start, restart and exec" {
	local before attack pid

	load_busybox
	before=$(cat "$POD_TEST_STAGE/bin/pod" "$POD_TEST_STAGE"/libexec/pod/* | sha256sum)
	printf '#!/proc/self/exe login\n' >self
	chmod 755 self
	attack=(-v "$PWD/self:/self:ro" localhost/busybox /self)
	# An empty file, which is no program: nothing of ours is even started.
	run pod run --rm --network none "${attack[@]}"
	assert_status 126
	pod create --name two --network none "${attack[@]}"
	run pod start -a two
	assert_status 126
	run pod restart two
	assert_status 126
	pod run -d --name box --network none localhost/busybox sleep 1000
	pid=$(monitor_pid box)
	assert_equal "$(readlink "/proc/$pid/exe")" "/memfd:pod-monitor (deleted)"
	! echo x 2>/dev/null >"/proc/$pid/exe" || fail "the monitor's copy is not sealed"
	assert_equal "$(cat "$POD_TEST_STAGE/bin/pod" "$POD_TEST_STAGE"/libexec/pod/* | sha256sum)" "$before"
}

@test "root: device nodes of an image do not work" {
	make_image nodes.tar --name localhost/nodes --layer busybox --layer - <<'IMAGE'
[{"path": "zero", "type": "char", "major": 1, "minor": 5, "mode": "0666"}]
IMAGE
	pod load -q -i nodes.tar
	run pod run --rm --network none localhost/nodes sh -c '[ -c /zero ] && head -c 1 /zero'
	[ "$status" -ne 0 ]
	assert_output --partial "Permission denied"
}

@test "root: while a created container waits, nothing of the host is open in it" {
	make_bundle "$B" sleep 1000
	pod oci --root "$S" create --bundle "$B" one </dev/null >/dev/null 2>&1 5<"$HOME" 9<"$HOME" 64<"$HOME"
	run sh -c 'for f in /proc/'"$(pod oci --root "$S" state one | python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])')"'/fd/*; do readlink "$f"; done'
	assert_equal "$(grep -c /dev/null <<<"$output")" 3
	# and its own namespaces, for exec
	[ -z "$(grep -v '^socket:\|^/dev/null$\|^/[0-9]*/ns$' <<<"$output")" ] || fail "$output"
}

@test "root: the caller's groups do not come in" {
	load_busybox
	run setpriv --groups 4,27 pod run --rm --network none -u user localhost/busybox id -G
	assert_output "1000 2000"
	make_bundle "$B" id -G
	config "$B" 'c["process"]["user"] = {"uid": 1000, "gid": 1000}'
	run setpriv --groups 4,27 pod oci --root "$S" run --bundle "$B" one
	assert_output 1000
}

@test "root: a file that is a standard stream keeps its owner" {
	touch "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	make_bundle "$B" id -u
	config "$B" 'c["process"]["user"] = {"uid": 1000, "gid": 1000}'
	pod oci --root "$S" run --bundle "$B" one <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 2>&1
	assert_equal "$(cat "$BATS_TEST_TMPDIR/out") $(stat -c %u "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out" | tr '\n' ' ')" "1000 0 0 "
}

@test "root: mounts of a container do not reach the host" {
	make_bundle "$B" sleep 1000
	cat >"$BATS_TEST_TMPDIR/inside" <<'END'
set -e
mount --make-rshared /
cut -d' ' -f5 /proc/self/mountinfo | sort >"$1/before"
pod oci --root "$2" run --detach --bundle "$3" one </dev/null >/dev/null 2>&1
cut -d' ' -f5 /proc/self/mountinfo | sort | diff "$1/before" -
pod oci --root "$2" delete --force one
END
	run unshare --mount --propagation private sh "$BATS_TEST_TMPDIR/inside" "$BATS_TEST_TMPDIR" "$S" "$B"
	assert_success
	assert_output ""
}

@test "root: no way out of the hierarchy of control groups" {
	local path

	grep -q cgroup2 /proc/mounts || skip "the unified hierarchy is not mounted"
	make_bundle "$B" sleep 1000
	for path in /../pod-escape /a/../../pod-escape "/a//b" '/new\nline' /./x; do
		config "$B" 'c["linux"]["cgroupsPath"] = "'"$path"'"; c["linux"]["resources"] = {"pids": {"limit": 100}}'
		run pod oci --root "$S" run --detach --bundle "$B" one </dev/null
		! rmdir /sys/fs/cgroup/pod-escape 2>/dev/null || fail "a group was made outside"
		assert_status 1
		assert_output --partial "config.json: linux.resources"
	done
	config "$B" 'c["linux"].pop("cgroupsPath"); c["linux"]["resources"] = {}'
	pod oci --root "$S" run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	run pod oci --root "$S" exec --cgroup ../.. one true
	assert_status 1
	assert_output --partial "contains '..'"
}

@test "root: what is not namespaced below /proc cannot be opened for writing" {
	load_busybox
	run pod run --rm --network none localhost/busybox sh -c 'for p in sys/kernel/domainname sys/vm/swappiness sysrq-trigger irq/default_smp_affinity; do
		{ : >>/proc/$p; } 2>/dev/null && echo "$p is open"; done; :'
	assert_output ""
}

@test "root: the control groups cannot be written" {
	load_busybox
	run pod run --rm --network none localhost/busybox sh -c 'cd /sys/fs/cgroup; mkdir new 2>/dev/null && rmdir new && echo made
		for f in */cgroup.procs cgroup.procs; do { : >>$f; } 2>/dev/null && echo "$f is open"; done; :'
	assert_output ""
}
