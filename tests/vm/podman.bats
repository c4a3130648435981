#!/usr/bin/env bats
# Debian's podman of an ordinary user with a service manager uses pod-oci as its runtime.

load ../lib/vm

setup()
{
	vm_setup
	printf '[engine]\nevents_logger = "file"\nruntime = "pod-oci"\n[engine.runtimes]\npod-oci = ["%s"]\n' \
		"$(command -v pod-oci)" >"$XDG_CONFIG_HOME/containers/containers.conf"
	IMAGE=localhost/busybox
	podman image exists "$IMAGE" 2>/dev/null || {
		make_image "$BATS_TEST_TMPDIR/busybox.tar" --name "$IMAGE":latest
		echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$XDG_CONFIG_HOME/containers/policy.json"
		podman load --input "$BATS_TEST_TMPDIR/busybox.tar" >/dev/null
	}
}

nothing_left()
{
	[ -z "$(ls -A "$XDG_RUNTIME_DIR/pod-oci" 2>/dev/null)" ]
}

teardown()
{
	local status=0

	podman rm --all --force --time 0 >/dev/null
	# ends the process that keeps podman's namespace
	podman system migrate >/dev/null 2>&1
	# conmon may still be cleaning up what a stopped service ran
	wait_until 30 nothing_left || status=1
	vm_teardown || status=1
	return "$status"
}

@test "the scope that podman asks for, with its limits; exec, pause, stop, rm" {
	podman run --detach --name one --network none --memory 64m --pids-limit 50 --cpus 0.5 "$IMAGE" sleep 1000
	run podman inspect --format '{{.OCIRuntime}} {{.State.CgroupPath}}' one
	assert_output --regexp 'pod-oci /user.slice/user-1000.slice/user@1000.service/user.slice/libpod-[0-9a-f]+\.scope'
	run podman exec one sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
	assert_output $'67108864\n50\n50000 100000'
	podman pause one
	run podman inspect --format '{{.State.Status}}' one
	assert_output paused
	podman unpause one
	run podman stats --no-stream --format '{{.PIDs}}' one
	assert_output 1
	run podman exec one sh -c 'exit 9'
	assert_status 9
	podman stop --time 0 one
	podman rm one
	run systemctl --user list-units --plain --no-legend 'libpod-*.scope'
	refute_output --regexp 'libpod-[0-9a-f]'
}

@test "split control groups in a service" {
	cat >"$UNITS/split.service" <<-END
		[Service]
		Delegate=yes
		Environment=PATH=$PATH
		ExecStart=podman run --rm --name split --network none --cgroups=split --pids-limit 50 "$IMAGE" sleep 1000
	END
	systemctl --user daemon-reload
	systemctl --user start split
	wait_until 60 podman container exists split
	wait_until 60 sh -c '[ "$(podman inspect --format "{{.State.Status}}" split)" = running ]'
	pid=$(podman inspect --format '{{.State.Pid}}' split)
	run cat "/proc/$pid/cgroup"
	assert_output --partial /split.service/
	run cat "/sys/fs/cgroup${output#0::}/pids.max"
	assert_output 50
	# Not by the manager, which kills conmon along with it: then nobody deletes the container.
	podman stop --time 0 split
	wait_until 60 sh -c '! systemctl --user is-active --quiet split'
}
