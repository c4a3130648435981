# The literal `pod run alpine sh`: docker.io's mirror is a registry on loopback, the terminal is a
# pseudo-terminal, nothing else is configured.
load ../lib/common

start_alpine()
{
	start_registry "$@"
	push_busybox library/alpine:latest --cmd '["/bin/sh"]'
	mirror_docker_io
}

@test "pod run alpine sh" {
	start_alpine plain
	run on_pty 'expect [#$] 
		line id -u
		expect \r\n0\r\n
		line hostname
		expect \r\n[0-9a-f]{12}\r\n
		line exit 42' pod run -it alpine sh
	assert_status 42
	run pod ps -a --format '{{.Image}} {{.Status}}'
	assert_success
	assert_output --regexp '^docker.io/library/alpine:latest Exited \(42\) '
}

@test "pod run alpine sh: the image is there the second time" {
	start_alpine plain
	run pod run --rm alpine true
	assert_success
	stop_servers
	run --separate-stderr pod run --rm alpine echo again
	assert_success
	assert_output again
	assert_equal "$stderr" ""
}

@test "pod run alpine sh over TLS with a private CA" {
	start_alpine tls
	run --separate-stderr pod run --rm alpine cat /etc/os-release
	assert_success
	assert_output "ID=busybox"
}

@test "pod pull -q prints the id alone; without a terminal there are no control characters" {
	start_alpine plain
	run --separate-stderr pod pull -q alpine
	assert_success
	assert_output --regexp '^[0-9a-f]{64}$'
	assert_equal "$stderr" ""
	pod rmi alpine
	run pod pull alpine
	assert_success
	refute_output --regexp $'[\x01-\x09\x0b-\x1f]'
}
