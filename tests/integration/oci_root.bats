#!/usr/bin/env bats
# as root
# `pod oci` with real privileges: other engines' way of using it, the program's own file, control groups.

load ../lib/common
load ../lib/oci

setup()
{
	CTD=
	oci_setup
	skip_without root
}

teardown()
{
	[ -z "$CTD" ] || stop_containerd
	oci_teardown
}

@test "root: create, start, exec, kill, delete" {
	make_bundle "$B" sleep 1000
	oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	oci start one
	run oci exec one sh -c 'ps; exit 3'
	assert_status 3
	assert_output --partial "sleep 1000"
	oci kill one KILL
	oci delete --force one
	run oci list --quiet
	assert_output ""
}

@test "root: whoever executes or opens /proc/self/exe gets nothing of the program" {
	local pid

	make_bundle "$B" /bin/self
	printf '#!/proc/self/exe\n' >"$B/rootfs/bin/self"
	chmod 755 "$B/rootfs/bin/self"
	before=$(sha256sum "$(readlink -f "$(command -v pod)")")
	run oci run --bundle "$B" one
	assert_status 1
	config_args "$B" sleep 1000
	oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	pid=$(oci state one | python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])')
	# Init, as it waits, is pod: its exe is an empty sealed file, or a sealed copy.
	assert_equal "$(readlink "/proc/$pid/exe")" "/memfd:pod (deleted)"
	run sh -c "echo x >/proc/$pid/exe"
	[ "$status" -ne 0 ] || fail "the file behind exe could be written"
	oci start one
	# A joining process, the same
	run oci exec one /bin/self
	assert_status 1
	assert_equal "$(sha256sum "$(readlink -f "$(command -v pod)")")" "$before"
}

@test "root: devices that the rules deny cannot be opened, those of every container can" {
	make_bundle "$B" sh -c 'head -c 1 /dev/zero >/dev/null && echo zero; ( : >/dev/kmsg ) 2>/dev/null || echo denied'
	config "$B" 'c["linux"]["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}]'
	grep -q cgroup2 /proc/mounts || skip "the unified hierarchy is not mounted"
	run oci run --bundle "$B" one
	assert_output "$(printf 'zero\ndenied')"
}

@test "root: pause and resume" {
	make_bundle "$B" sleep 1000
	grep -q cgroup2 /proc/mounts || skip "the unified hierarchy is not mounted"
	oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	oci pause one
	run oci state one
	assert_output --partial '"paused"'
	run oci exec one true
	assert_status 1
	assert_output --partial "is paused"
	oci resume one
	run oci exec one echo on
	assert_output on
	run oci events --stats one
	assert_output --partial '"type":"stats"'
	oci delete --force one
}

@test "root: a create killed at any step leaves what delete removes, and no process" {
	local call n

	make_bundle "$B" sleep 1234567
	for call in mkdirat bind renameat clone3 recvmsg sendmsg write; do
		for n in 1 2 3; do
			strace -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
				pod oci --root "$S" create --bundle "$B" one </dev/null >/dev/null 2>&1 || true
			oci delete --force one
			[ -z "$(ls -A "$S")" ] || fail "killed at $call $n: $(ls -lR "$S")"
		done
	done
}

# --- containerd ---------------------------------------------------------------------------------

start_containerd()
{
	CTD=$BATS_TEST_TMPDIR/ctd
	mkdir -p "$CTD"
	cat >"$CTD/config.toml" <<END
version = 2
root = "$CTD/root"
state = "$CTD/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$CTD/sock"
[ttrpc]
  address = "$CTD/ttrpc"
END
	containerd --config "$CTD/config.toml" >"$CTD/log" 2>&1 3>&- &
	CTD_PID=$!
	wait_until 30 ctr --address "$CTD/sock" version
}

stop_containerd()
{
	ctr --address "$CTD/sock" task ls -q 2>/dev/null | xargs -r -n 1 ctr --address "$CTD/sock" task rm -f >/dev/null 2>&1
	ctr --address "$CTD/sock" container ls -q 2>/dev/null | xargs -r ctr --address "$CTD/sock" container rm >/dev/null 2>&1
	kill "$CTD_PID"
	wait "$CTD_PID" || true
}

ctr_run()
{
	timeout 60 ctr --address "$CTD/sock" run --runc-binary "$(command -v pod-oci)" --runc-root "$S" "$@"
}

task_is()
{
	ctr --address "$CTD/sock" task ls | grep -q "^$1 .*$2"
}

@test "containerd: ctr run, exec, pause, kill, and its errors" {
	start_containerd
	make_bundle "$B"
	run ctr_run --rm --rootfs "$B/rootfs" one echo hello
	assert_success
	assert_output hello
	run ctr_run --rm --rootfs "$B/rootfs" one sh -c 'exit 5'
	assert_status 5
	run ctr_run --rm --rootfs "$B/rootfs" one nosuch
	assert_status 1
	assert_output --partial "not found in \$PATH"
	ctr_run --detach --rootfs "$B/rootfs" two sleep 1000
	task_is two RUNNING
	run ctr --address "$CTD/sock" task exec --exec-id e1 two sh -c 'echo inside; exit 4'
	assert_status 4
	assert_output inside
	run ctr --address "$CTD/sock" task ps two
	assert_success
	ctr --address "$CTD/sock" task pause two
	task_is two PAUSED
	ctr --address "$CTD/sock" task resume two
	task_is two RUNNING
	ctr --address "$CTD/sock" task kill --signal KILL two
	wait_until 20 task_is two STOPPED
	ctr --address "$CTD/sock" task rm two
}

@test "containerd: a terminal" {
	start_containerd
	make_bundle "$B"
	run on_pty 'expect /dev/pts/0' timeout 60 ctr --address "$CTD/sock" run --runc-binary "$(command -v pod-oci)" \
		--runc-root "$S" --rm --tty --rootfs "$B/rootfs" one sh -c 'tty; sleep 1'
	assert_success
}
