#!/usr/bin/env bats
# The guest is what the other files take it for, and pod works in it.

load ../lib/vm

@test "the user's systemd manages delegated control groups" {
	[ -e /sys/fs/cgroup/cgroup.controllers ]
	run systemctl --user is-system-running
	assert_output running
	run cat "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers"
	assert_output "cpuset cpu io memory pids"
	run loginctl show-user --property Linger --value "$(id -u)"
	assert_output yes
}

@test "containers start, run commands, stop and start again" {
	load_busybox
	run pod run --rm localhost/busybox sh -c 'ls /sys/class/net; exit 7'
	assert_status 7
	assert_output --partial tap0
	pod run -d --name one localhost/busybox sleep 1000
	run pod exec -u 1000 one id -u
	assert_output 1000
	pod stop -t 0 one
	pod start one
	run pod exec one pidof sleep
	assert_output 1
	pod rm -f -t 0 one
}

@test "an image is pulled, mounted as an overlay and run" {
	start_registry plain
	mirror_docker_io
	push_busybox library/alpine:latest
	run pod run --rm alpine cat /etc/os-release
	assert_success
	assert_output --partial ID=busybox
	run pod info --format '{{.Store.GraphDriverName}}'
	assert_output overlay
	pod rmi alpine
}
