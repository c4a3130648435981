#!/usr/bin/env bats
# as root
# Debian's docker uses pod-oci as its runtime.

load ../lib/vm

setup_file()
{
	export D=$BATS_FILE_TMPDIR/docker
	mkdir -p "$D"
	# shellcheck source=tests/lib/common.bash
	source "$POD_TEST_STAGE/tests/lib/common.bash"
	dockerd --data-root "$D/data" --exec-root "$D/exec" --pidfile "$D/pid" --host "unix://$D/sock" --bridge none \
		--iptables=false --ip6tables=false --storage-driver overlay2 --add-runtime "pod=$(command -v pod-oci)" \
		--default-runtime pod --exec-opt "native.cgroupdriver=${DRIVER-systemd}" >"$D/log" 2>&1 3>&- &
	echo $! >"$D/shell"
	wait_until 120 engine version || {
		cat "$D/log"
		return 1
	}
	make_image "$D/busybox.tar" --name localhost/busybox:latest >/dev/null
	engine load --quiet --input "$D/busybox.tar"
}

teardown_file()
{
	kill "$(cat "$D/shell")"
	while kill -0 "$(cat "$D/shell")" 2>/dev/null; do sleep 0.1; done
	# dockerd leaves the namespace of --network none mounted.
	umount -q "$D"/exec/netns/* || :
}

setup()
{
	vm_setup
	IMAGE=localhost/busybox
}

teardown()
{
	local status=0

	engine ps --all --quiet | while read -r id; do engine rm --force "$id" >/dev/null; done
	[ -z "$(ls -d /sys/fs/cgroup/system.slice/docker-* 2>/dev/null)" ] || status=1
	return "$status"
}

engine()
{
	/usr/bin/docker --host "unix://$D/sock" "$@"
}

@test "run: status, output, errors, limits" {
	run engine run --rm --network none --memory 64m --memory-swap 64m --pids-limit 50 --cpus 0.5 --cpuset-cpus 0 --ulimit nofile=99:99 \
		--cap-drop all --cap-add net_raw --read-only --tmpfs /scratch --user 1000:2000 "$IMAGE" sh -c '
			cd /sys/fs/cgroup; cat memory.max pids.max cpu.max cpuset.cpus; ulimit -n; id -u
			grep CapBnd /proc/self/status; touch /scratch/x && touch /x || exit 7'
	assert_status 7
	assert_output --partial $'67108864\n50\n50000 100000\n0\n99\n1000\nCapBnd:\t0000000000002000'
	run -127 engine run --rm --network none "$IMAGE" nosuch
	assert_output --partial "not found in \$PATH"
	run engine run --rm --network none "$IMAGE" /etc
	assert_status 126
	run engine run --rm --network host --privileged --pid host "$IMAGE" sh -c 'ls /dev/vda; echo $?'
	assert_output $'/dev/vda\n0'
	run engine run --rm --network none --init "$IMAGE" sh -c 'cat /proc/1/comm'
	assert_output docker-init
}

@test "detached: exec, terminal, pause, update, stats, healthcheck, restart, stop, rm" {
	engine run --detach --name one --network none --health-cmd 'test -e /tmp/healthy' --health-interval 1s "$IMAGE" sleep 1000
	assert_equal "$(engine inspect --format '{{.HostConfig.Runtime}}' one)" pod
	run engine exec --env A=b --workdir /tmp --user daemon one sh -c 'echo $A $PWD $(id -un); exit 9'
	assert_status 9
	assert_output "b /tmp daemon"
	run on_pty --size 33x77 --timeout 60 'expect / # 
line until stty size 2>/dev/null | grep "33 77"; do sleep 0.1; done
expect \n33 77
resize 20 60
line until stty size | grep "20 60"; do sleep 0.1; done
expect \n20 60
line exit 4' /usr/bin/docker --host "unix://$D/sock" exec -it one sh
	assert_status 4
	engine exec one touch /tmp/healthy
	wait_until 60 sh -c '[ "$(/usr/bin/docker --host "unix://$D/sock" inspect --format "{{.State.Health.Status}}" one)" = healthy ]'
	engine pause one
	assert_equal "$(engine inspect --format '{{.State.Status}}' one)" paused
	engine unpause one
	run engine top one
	assert_output --partial "sleep 1000"
	assert_equal "$(engine stats --no-stream --format '{{.PIDs}}' one)" 1
	engine update --memory 32m --memory-swap 32m one
	assert_equal "$(engine exec one cat /sys/fs/cgroup/memory.max)" 33554432
	engine restart --time 0 one
	assert_equal "$(engine exec one echo again)" again
	engine stop --time 0 one
	assert_equal "$(engine inspect --format '{{.State.Status}} {{.State.ExitCode}}' one)" "exited 137"
	engine rm one
}

@test "a terminal in the foreground, OOM, kill" {
	run on_pty --size 33x77 --timeout 60 'expect / # 
line until stty size 2>/dev/null | grep "33 77"; do sleep 0.1; done
expect \n33 77
line exit 5' /usr/bin/docker --host "unix://$D/sock" run -it --rm --network none "$IMAGE" sh
	assert_status 5
	engine run --detach --name big --network none --memory 16m --memory-swap 16m "$IMAGE" sh -c 'head -c 64m /dev/zero | tail; sleep 1'
	assert_equal "$(engine wait big)" 0
	assert_equal "$(engine inspect --format '{{.State.OOMKilled}}' big)" true
	engine run --detach --name killed --network none "$IMAGE" sleep 1000
	engine kill --signal KILL killed
	assert_equal "$(engine wait killed)" 137
}
