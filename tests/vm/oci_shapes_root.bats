#!/usr/bin/env bats
# as root
# What `pod oci` prints as JSON has the members that runc's and crun's output has, for the same container.

load ../lib/vm
load ../lib/oci

setup()
{
	oci_vm_setup
	config "$B" 'c["ociVersion"] = "1.0.2"; c["annotations"] = {"org.example.a": "b"}; c["process"]["terminal"] = False
c["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 50}, "devices": c["linux"]["resources"]["devices"]}'
	for runtime in pod-oci runc crun; do
		config "$B" "c['linux']['cgroupsPath'] = '/shape/$runtime'"
		$runtime run --detach --bundle "$B" shape </dev/null >/dev/null 2>&1
	done
}

teardown()
{
	local status=0

	for runtime in pod-oci runc crun; do
		$runtime delete --force shape || status=1
	done
	vm_teardown || status=1
	return "$status"
}

# ask COMMAND... - the output of all three, each in $T/NAME
ask()
{
	for runtime in pod-oci runc crun; do
		"$runtime" "$@" >"$T/$runtime"
	done
}

# alike [ALLOWED...]
alike()
{
	for runtime in runc crun; do
		run "$LIB/shape.py" "$T/pod-oci" "$T/$runtime" "$@"
		assert_output ""
	done
}

@test "state, list, ps" {
	ask state shape
	# crun's word for the scope
	alike systemd-scope
	ask list --format json
	alike
	ask ps --format json shape
	alike
	# Nothing but numbers of processes.
	assert_equal "$(cat "$T/pod-oci")" "[$(oci_pid shape)]"
}

@test "events --stats: runc's members" {
	pod-oci events --stats shape >"$T/pod-oci"
	runc events --stats shape >"$T/runc"
	# Counters that only version 1 has; huge pages and cache classes that are not limited.
	run "$LIB/shape.py" "$T/pod-oci" "$T/runc" data.cpuset data.hugetlb data.intel_rdt data.memory.kernel data.memory.kernelTCP \
		data.memory.usage.failcnt data.memory.usage.max data.memory.swap.failcnt data.memory.swap.max data.memory.swapOnly
	assert_output ""
}

@test "features: runc's members, and every word of runc's is known" {
	# Debian 12's crun has no such command.
	pod-oci features >"$T/pod-oci"
	runc features >"$T/runc"
	# runc's are the versions of its libraries.
	run "$LIB/shape.py" "$T/pod-oci" "$T/runc" annotations
	assert_output ""
	python3 - "$T" <<'END'
import json, sys
ours, theirs = (json.load(open(sys.argv[1] + "/" + name)) for name in ("pod-oci", "runc"))
for path in (("hooks",), ("mountOptions",), ("linux", "namespaces"), ("linux", "capabilities"), ("linux", "seccomp", "actions"),
             ("linux", "seccomp", "operators"), ("linux", "seccomp", "archs")):
    a, b = ours, theirs
    for key in path:
        a, b = a[key], b[key]
    # these two are passed on to the file system, whose own words they are
    missing = set(b) - set(a) - {"acl", "noacl"}
    assert not missing, (path, missing)
END
}
