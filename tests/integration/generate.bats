#!/usr/bin/env bats
# Units beside podman's. What systemd makes of them is in tests/vm/units.bats.

load ../lib/common

setup()
{
	pod_setup
	mkdir -p "$XDG_CONFIG_HOME/containers"
	printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "%s"\n' \
		"$([ -e /sys/fs/cgroup/cgroup.controllers ] && echo crun || echo runc)" >"$XDG_CONFIG_HOME/containers/containers.conf"
	printf '[storage]\ndriver = "vfs"\n' >"$XDG_CONFIG_HOME/containers/storage.conf"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$XDG_CONFIG_HOME/containers/policy.json"
}

teardown()
{
	podman system migrate >/dev/null 2>&1 || : # ends its pause process
	podman unshare rm -rf "$HOME/.local/share/containers" 2>/dev/null || :
	podman system migrate >/dev/null 2>&1 || :
	pod_teardown
}

@test "the units are podman's, but for what must differ" {
	load_busybox
	podman load -q -i "$BATS_FILE_TMPDIR/localhost_busybox_latest.tar" >/dev/null 2>&1
	run "$LIB/generate_matrix.py"
	assert_success
	assert_output --regexp "^[0-9]+ units, 0 differ$"
}

@test "a unit cannot be broken by what it is made of" {
	load_busybox
	pod create --name web localhost/busybox true
	run --separate-stderr pod generate systemd --after 'x\' web
	assert_fault 125 "'After='"
	run --separate-stderr pod generate systemd --wants $'x\nExecStart=/bin/false' web
	assert_fault 125 "'Wants='"
	run --separate-stderr pod generate systemd -e 'A B=c' web
	assert_fault 125 "'A B=c'"
	run --separate-stderr pod generate systemd --container-prefix 'a b' web
	assert_fault 125 "a b-"
}
