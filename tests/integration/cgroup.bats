#!/usr/bin/env bats
# Control groups where none is delegated: warnings and errors. What needs a delegated one is in tests/vm/cgroup.bats.

load ../lib/common

setup()
{
	pod_setup
	load_busybox
	# Whatever the host's systemd would give: nobody is asked.
	MANAGER=(--cgroup-manager cgroupfs)
}

# A group of our own could be made here.
is_delegated()
{
	local own

	own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	[ -n "$own" ] && { [ -w "/sys/fs/cgroup$own/cgroup.procs" ] || [ -w "/sys/fs/cgroup/unified$own/cgroup.procs" ]; }
}

@test "limits that cannot be had are named in one warning, and the container runs" {
	! is_delegated || skip "control groups are delegated here"
	run --separate-stderr pod "${MANAGER[@]}" run --rm --network none -m 64m --cpus 1.5 --pids-limit 10 localhost/busybox echo runs
	assert_success
	assert_output runs
	[ "${#stderr_lines[@]}" -eq 1 ]
	assert_stderr --partial "Warning: resource limits are not supported here and ignored (--memory, --cpus, --pids-limit)"
	assert_stderr --partial "Delegate=yes"
	# Nothing asked for, nothing said.
	run --separate-stderr pod "${MANAGER[@]}" run --rm --network none localhost/busybox true
	assert_success
	[ -z "$stderr" ]
}

@test "a manager that cannot be reached is no failure" {
	mkdir empty
	if [ -S "/run/user/$(id -u)/systemd/private" ]; then
		skip "the user's systemd is there"
	fi
	run --separate-stderr pod --cgroup-manager systemd run --rm --network none localhost/busybox echo runs
	assert_success
	assert_output runs
	[ "${#stderr_lines[@]}" -eq 1 ]
	assert_stderr --partial "falling back to --cgroup-manager=cgroupfs"
}

@test "what needs a control group says so: pause, stats, update of a running container" {
	! is_delegated || skip "control groups are delegated here"
	pod "${MANAGER[@]}" run -d --name plain --network none localhost/busybox sleep 1000
	for command in "pause plain" "stats --no-stream plain" "update -m 64m plain"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr pod $command
		assert_fault 125 "'plain' has no control group of its own" "Delegate=yes"
	done
	run pod stats --no-stream
	assert_success
	run --separate-stderr pod unpause plain
	assert_fault 125 "not paused"
	pod rm -f -t 0 plain
	pod create --name idle --network none -m 32m localhost/busybox true
	pod update --memory 64m --cpus 2 idle
	pod rename idle still
	run pod inspect --format '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}}' still
	assert_output "67108864 134217728 2000000000"
	run --separate-stderr pod pause still
	assert_fault 125 "not running"
	run --separate-stderr pod stats --no-stream still
	assert_fault 125 "not running"
}

@test "values that make no sense are refused before anything is made" {
	while IFS='|' read -r options words; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr pod run --rm --network none $options localhost/busybox true
		assert_fault 125 "$words"
	done <<-'END'
		-m nonsense|--memory
		-m 64m --memory-swap 32m|--memory-swap
		-m 64m --memory-reservation 128m|memory reservation
		--cpus x|--cpus
		--cpus 1 --cpu-quota 5000|--cpus and --cpu-quota
		--cpuset-cpus 0;1|--cpuset-cpus
		--pids-limit many|--pids-limit
		--blkio-weight 5|--blkio-weight
		--device-read-bps /dev/null:1mb|not a block device
		--cgroup-conf ../../x=1|--cgroup-conf
		--cgroup-conf cgroup.procs=1|--cgroup-conf
		--cgroups disabled -m 64m|--cgroups=disabled
		--oom-score-adj 5000|--oom-score-adj
		--memory-swappiness 60|--memory-swappiness
		--oom-kill-disable|--oom-kill-disable
	END
	for options in "--cgroups sometimes" "--cgroupns other" "--cgroup-manager other"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr pod run --rm --network none $options localhost/busybox true
		assert_status 125
		assert_stderr --partial "for \"${options% *}\" flag"
	done
	run pod ps -aq
	[ -z "$output" ]
}

@test "a parent that leads out of the hierarchy is refused" {
	for parent in /../x /a/../../b a//b; do
		run --separate-stderr pod "${MANAGER[@]}" run --rm --network none --cgroup-parent "$parent" -m 64m localhost/busybox true
		assert_fault 125 "$parent"
	done
}

@test "--oom-score-adj reaches the container, and only goes up without privileges" {
	run pod run --rm --network none --oom-score-adj 300 localhost/busybox cat /proc/self/oom_score_adj
	assert_success
	assert_output 300
	own=$(cat /proc/self/oom_score_adj)
	run --separate-stderr pod run --rm --network none --oom-score-adj -900 localhost/busybox cat /proc/self/oom_score_adj
	assert_success
	assert_output "$own"
	assert_stderr --partial "--oom-score-adj -900"
}
