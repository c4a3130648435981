#!/usr/bin/env bats
# pod-oci as the low-level runtime of engines that others wrote, as an ordinary user.

load ../lib/common
load ../lib/oci

setup()
{
	oci_setup
	RUNTIME=$(command -v pod-oci)
	export RUNTIME
}

teardown()
{
	if [ -d "$HOME/.local/share/containers" ]; then
		podman rm --all --force --time 0 >/dev/null 2>&1
		podman unshare rm -rf "$HOME/.local/share/containers" >/dev/null 2>&1
		# ends the process that keeps podman's namespace
		podman system migrate >/dev/null 2>&1
	fi
	oci_teardown
}

setup_podman()
{
	local dir=$XDG_CONFIG_HOME/containers

	printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "%s"\n' "$RUNTIME" >"$dir/containers.conf"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$dir/policy.json"
	: >"$dir/registries.conf"
	printf '[storage]\ndriver = "vfs"\n' >"$dir/storage.conf"
	make_image "$BATS_TEST_TMPDIR/busybox.tar" --name localhost/busybox:latest
	podman load --input "$BATS_TEST_TMPDIR/busybox.tar" >/dev/null 2>&1
}

@test "podman: run, its statuses, and its errors" {
	skip_without subuid
	setup_podman
	assert_equal "$(podman info --format '{{.Host.OCIRuntime.Path}}')" "$RUNTIME"
	# Few runs in the foreground: podman may wait 20 seconds after each for its own clean-up here.
	mkdir "$BATS_TEST_TMPDIR/shared"
	run podman run --rm --network none --read-only --volume "$BATS_TEST_TMPDIR/shared:/shared" --tmpfs /scratch \
		localhost/busybox sh -c 'echo hello; echo x >/shared/file; echo y >/scratch/file; echo z >/file || exit 7'
	assert_status 7
	assert_output --partial hello
	assert_equal "$(cat "$BATS_TEST_TMPDIR/shared/file")" x
	run -127 podman run --rm --network none localhost/busybox /no/such/command
	run podman run --rm --network none localhost/busybox /etc
	assert_status 126
}

@test "podman: exec, stop, start, rm" {
	skip_without subuid
	setup_podman
	# Its terminal goes to conmon by the console socket.
	podman run --detach --tty --network none --name one localhost/busybox sh -c 'tty; sleep 1000'
	wait_until 20 sh -c 'podman logs one | grep -q /dev/pts/0'
	assert_equal "$(podman inspect --format '{{.OCIRuntime}}' one)" "$RUNTIME"
	run podman exec one echo inside
	assert_output inside
	run podman exec one sh -c 'exit 9'
	assert_status 9
	run -127 podman exec one nosuch
	run podman exec --user daemon --workdir /tmp --env A=b one sh -c 'echo $(id -un) $PWD $A'
	assert_output "daemon /tmp b"
	run podman exec --tty one tty
	assert_output --partial /dev/pts/
	podman stop --time 0 one
	assert_equal "$(podman inspect --format '{{.State.Status}}' one)" exited
	podman start one
	run podman exec one echo again
	assert_output again
	podman rm --force --time 0 one
	run podman ps --all --quiet
	assert_output ""
}

@test "umoci: a bundle that it unpacked runs" {
	make_image "$BATS_TEST_TMPDIR/image" --format oci --name latest
	umoci unpack --rootless --image "$BATS_TEST_TMPDIR/image:latest" "$B"
	config "$B" 'c["process"]["terminal"] = False; c["process"]["args"] = ["sh", "-c", "echo unpacked; id -u; exit 6"]'
	run pod oci run --bundle "$B" one
	assert_status 6
	assert_output "$(printf 'unpacked\n0')"
}

@test "conmon as the parent: pid file, log, exit status, and a terminal by the console socket" {
	local dir=$BATS_TEST_TMPDIR/conmon

	make_bundle "$B" sh -c 'echo to the log; exit 5'
	mkdir -p "$dir/exits" "$dir/persist"
	conmon --cid one --cuuid "$(printf 'a%.0s' {1..64})" --name one --runtime "$RUNTIME" --bundle "$B" \
		--container-pidfile "$dir/pid" --conmon-pidfile "$dir/conmon.pid" --exit-dir "$dir/exits" \
		--persist-dir "$dir/persist" --log-path "k8s-file:$dir/log" --log-level error --full-attach \
		--socket-dir-path "$dir"
	wait_until 20 test -s "$dir/pid"
	assert_equal "$(oci_status one)" created
	assert_equal "$(cat "$dir/pid")" "$(oci_pid one)"
	pod oci start one
	wait_until 20 test -e "$dir/exits/one"
	assert_equal "$(cat "$dir/exits/one")" 5
	grep -q "to the log" "$dir/log"
	pod oci delete one
	# With a terminal
	config "$B" 'c["process"]["terminal"] = True; c["process"]["args"] = ["sh", "-c", "tty; exit 4"]'
	rm -rf "$dir"
	mkdir -p "$dir/exits" "$dir/persist"
	conmon --terminal --cid two --cuuid "$(printf 'b%.0s' {1..64})" --name two --runtime "$RUNTIME" --bundle "$B" \
		--container-pidfile "$dir/pid" --conmon-pidfile "$dir/conmon.pid" --exit-dir "$dir/exits" \
		--persist-dir "$dir/persist" --log-path "k8s-file:$dir/log" --log-level error --full-attach \
		--socket-dir-path "$dir"
	wait_until 20 test -s "$dir/pid"
	pod oci start two
	wait_until 20 test -e "$dir/exits/two"
	assert_equal "$(cat "$dir/exits/two")" 4
	grep -q /dev/pts/0 "$dir/log"
}
