#!/usr/bin/env bats
# as root
# Groups that real root's containers make in the hierarchy, without a service manager.

load ../lib/common

setup()
{
	pod_setup
	skip_without root
	export POD_ROOT=$STORE POD_RUNROOT=$XDG_RUNTIME_DIR/pod
	TOP=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	[ -n "$TOP" ] && [ -w "$TOP/cgroup.procs" ] || skip "no unified hierarchy that can be written to"
	PARENT=/pod-test-$$-$BATS_TEST_NUMBER
	load_busybox
}

teardown()
{
	pod_teardown
	[ -z "${TOP-}" ] || rmdir "$TOP$PARENT" 2>/dev/null || :
}

@test "groups made for --cgroup-parent go with the last container in them" {
	for name in one two; do
		pod --cgroup-manager cgroupfs run -d --name "$name" --network none --cgroup-parent "$PARENT/below" \
			localhost/busybox sleep 1000
	done
	run sh -c 'ls -d "$1"/below/pod-* | wc -l' sh "$TOP$PARENT"
	assert_output 2
	pod rm -f -t 0 one
	[ -d "$TOP$PARENT/below" ]
	# A monitor that is killed cannot; rm does.
	kill -9 "$(pod inspect --format '{{.State.ConmonPid}}' two)"
	pod rm -f -t 0 two
	[ ! -e "$TOP$PARENT" ]
}

@test "a group that was there stays" {
	mkdir "$TOP$PARENT"
	pod --cgroup-manager cgroupfs run --rm --network none --cgroup-parent "$PARENT/below" localhost/busybox true
	gone()
	{
		[ ! -e "$TOP$PARENT/below" ]
	}
	wait_until 10 gone
	[ -d "$TOP$PARENT" ]
}

@test "many that end and begin at once do not take the group from each other" {
	local pids

	for _ in 1 2 3; do
		pids=()
		for n in 1 2 3 4; do
			pod --cgroup-manager cgroupfs run --rm --network none --cgroup-parent "$PARENT" localhost/busybox \
				sh -c 'grep -c . /proc/self/cgroup' >"out.$n" 2>&1 &
			pids+=($!)
		done
		for pid in "${pids[@]}"; do wait "$pid"; done
		run grep -il "warning\|error" out.1 out.2 out.3 out.4
		assert_output ""
	done
}
