# doc/tutorial.md does what it says: every command of it, in order, but for what needs systemd.
load ../lib/common

@test "the tutorial" {
	start_registry plain
	push_busybox library/busybox:latest --cmd '["sh"]'
	mirror_docker_io
	local port

	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
	run python3 "$LIB/tutorial.py" "$LIB/../../doc/tutorial.md" "8080=$port"
	assert_success
	# all of it was found
	[ "${output%% *}" -gt 40 ] || fail "only $output"
}
