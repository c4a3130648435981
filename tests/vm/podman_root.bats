#!/usr/bin/env bats
# as root
# Debian's podman, as root and with the systemd manager, uses pod-oci as its runtime.

load ../lib/vm

setup()
{
	vm_setup
	PODMAN="podman --runtime $(command -v pod-oci) --cgroup-manager ${MANAGER-systemd} --events-backend file"
	IMAGE=localhost/busybox
	podman image exists "$IMAGE" 2>/dev/null || {
		make_image "$BATS_TEST_TMPDIR/busybox.tar" --name "$IMAGE":latest
		echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
		podman load --input "$BATS_TEST_TMPDIR/busybox.tar" >/dev/null
	}
}

teardown()
{
	local status=0

	podman rm --all --force --time 0 >/dev/null
	[ -z "$(ls -A /run/pod-oci 2>/dev/null)" ] || status=1
	[ -z "$(find /sys/fs/cgroup/machine.slice /sys/fs/cgroup/libpod_parent -name 'libpod-[0-9a-f]*' 2>/dev/null)" ] || status=1
	vm_teardown || status=1
	return "$status"
}

engine()
{
	# shellcheck disable=SC2086 # words
	$PODMAN "$@"
}

@test "run: status, output, errors, limits, and nothing left" {
	run engine run --rm --network none --memory 64m --pids-limit 50 --cpus 0.5 --cpuset-cpus 0 --ulimit nofile=99:99 \
		--cap-drop all --cap-add net_raw --read-only --tmpfs /scratch --user 1000:2000 "$IMAGE" sh -c '
			cd /sys/fs/cgroup; cat memory.max pids.max cpu.max cpuset.cpus; ulimit -n; id -u
			grep CapBnd /proc/self/status; touch /scratch/x && touch /x || exit 7'
	assert_status 7
	assert_output --partial $'67108864\n50\n50000 100000\n0\n99\n1000\nCapBnd:\t0000000000002000'
	run -127 engine run --rm --network none "$IMAGE" nosuch
	run engine run --rm --network none "$IMAGE" /etc
	assert_status 126
	run engine run --rm --network host --privileged --pid host "$IMAGE" sh -c 'ls /dev/vda && readlink /proc/1/exe'
	assert_output --partial /dev/vda
}

@test "detached: exec, terminal, pause, update, healthcheck, restart, stop, rm" {
	engine run --detach --name one --network none --health-cmd 'test -e /tmp/healthy' --health-interval disable "$IMAGE" sleep 1000
	run engine inspect --format '{{.OCIRuntime}} {{.State.CgroupPath}}' one
	assert_output --regexp 'pod-oci /machine.slice/libpod-[0-9a-f]+\.scope'
	run engine exec --env A=b --workdir /tmp --user daemon one sh -c 'echo $A $PWD $(id -un); exit 9'
	assert_status 9
	assert_output "b /tmp daemon"
	run on_pty --size 33x77 --timeout 60 'expect / # 
line until stty size 2>/dev/null | grep "33 77"; do sleep 0.1; done
expect \n33 77
line exit 4' $PODMAN exec -it one sh
	assert_status 4
	run engine healthcheck run one
	assert_status 1
	engine exec one touch /tmp/healthy
	engine healthcheck run one
	engine pause one
	run engine inspect --format '{{.State.Status}}' one
	assert_output paused
	engine unpause one
	run engine top one pid args
	assert_output --partial "sleep 1000"
	run engine stats --no-stream --format '{{.PIDs}}' one
	assert_output 1
	engine update --memory 32m one >/dev/null
	run engine exec one cat /sys/fs/cgroup/memory.max
	assert_output 33554432
	engine restart --time 0 one
	run engine exec one echo again
	assert_output again
	engine stop --time 0 one
	run engine inspect --format '{{.State.Status}} {{.State.ExitCode}}' one
	assert_output "exited 137"
	engine rm one
}

@test "a terminal in the foreground, kill, a user namespace" {
	run on_pty --size 33x77 --timeout 60 'expect / # 
line until stty size 2>/dev/null | grep "33 77"; do sleep 0.1; done
expect \n33 77
line exit 5' $PODMAN run -it --rm --network none "$IMAGE" sh
	assert_status 5
	run engine run --rm --network none --uidmap 0:200000:1000 "$IMAGE" cat /proc/self/uid_map
	assert_output --regexp '0 +200000 +1000'
	engine run --detach --name killed --network none "$IMAGE" sleep 1000 >/dev/null
	engine kill --signal KILL killed
	run engine wait killed
	assert_output 137
}

@test "the cgroupfs manager" {
	PODMAN="podman --runtime $(command -v pod-oci) --cgroup-manager cgroupfs --events-backend file"
	engine run --detach --name one --network none --memory 64m "$IMAGE" sleep 1000
	run engine inspect --format '{{.State.CgroupPath}}' one
	assert_output --partial /libpod_parent/libpod-
	run engine exec one cat /sys/fs/cgroup/memory.max
	assert_output 67108864
	engine rm --force --time 0 one
}
