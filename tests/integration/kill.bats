# kill -9 of any process at any moment leaves no mount, no lock and no unusable name: `ps` tells the
# truth, `rm` works, `pull` carries on. Sixty seconds here, half an hour in `make check-long`.
load ../lib/common

# The campaign's own limits are inside it.
export BATS_TEST_TIMEOUT=2400

seconds()
{
	if [ -n "${POD_TEST_LONG-}" ]; then
		echo $((30 * $1))
	else
		echo "$1"
	fi
}

@test "kill -9 at random moments: containers" {
	load_busybox
	run python3 "$LIB/killer.py" --seconds "$(seconds 40)" --seed 20260101
	assert_success
	echo "# $output" >&3
}

@test "kill -9 at random moments: containers that are started again" {
	load_busybox
	run python3 "$LIB/killer.py" --seconds "$(seconds 15)" --seed 20260103 --restart
	assert_success
	echo "# $output" >&3
}

@test "kill -9 at random moments: networks and pulls" {
	load_busybox
	start_registry plain
	push_busybox kill:latest --layer busybox --layer - <<<'[{"path": "a", "size": 3000000}, {"path": "b", "size": 9}]'
	run python3 "$LIB/killer.py" --seconds "$(seconds 20)" --seed 20260102 --network --pull "$REGISTRY/kill:latest"
	assert_success
	echo "# $output" >&3
}

@test "kill -9 at the steps of every command" {
	local stride=12

	[ -z "${POD_TEST_LONG-}" ] || stride=1
	load_busybox
	start_registry plain
	push_busybox kill:steps --layer busybox --layer - <<<'[{"path": "a", "size": 3000000}, {"path": "b", "size": 9}]'
	make_image "$BATS_TEST_TMPDIR/image.tar" --name localhost/killed --layer busybox --layer - >/dev/null \
		<<<'[{"path": "etc", "type": "opaque"}, {"path": "etc/new", "content": "x", "uid": 5}]'
	run python3 "$LIB/killsteps.py" --stride "$stride" --archive "$BATS_TEST_TMPDIR/image.tar" \
		--pull "$REGISTRY/kill:steps"
	assert_success
	echo "# $output" >&3
}

@test "kill -9 of the monitor: the container is gone or shown as unsupervised, and can be removed" {
	load_busybox
	pod run -d --name victim --network none localhost/busybox sleep 1000
	local monitor

	monitor=$(monitor_pid victim)
	kill -9 "$monitor"
	wait_until 10 sh -c 'test "$(pod ps -q)" = ""'
	run pod start victim
	assert_success
	run pod rm -f -t 0 victim
	assert_success
}

@test "a name whose container is gone is swept when containers are listed" {
	load_busybox
	pod create --name stays localhost/busybox
	ln -s "$(printf '%064d' 7)" "$STORE/containers/names/left"
	run pod ps -a --format '{{.Names}}'
	assert_output stays
	run ls "$STORE/containers/names"
	assert_output stays
}

@test "kill -9 of everything: the next command tells the truth" {
	load_busybox
	for i in 1 2 3; do
		pod run -d --name "c$i" localhost/busybox sleep 1000
	done
	for pid in $(pgrep -P "$POD_TEST_REAPER" '^(pod|slirp4netns)'); do
		kill -9 "$pid"
	done
	wait_until 10 sh -c 'test "$(pod ps -q)" = ""'
	run pod ps -a --format '{{.Names}} {{.State}}'
	assert_success
	refute_output --partial running
	for i in 1 2 3; do
		run pod start "c$i"
		assert_success
	done
}
