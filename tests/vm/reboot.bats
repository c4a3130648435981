#!/usr/bin/env bats
# What is to come back after a reboot: set up here, looked at in reboot.boot.bats.

load ../lib/vm

teardown()
{
	: # it stays
}

# enable_unit OPTION... CONTAINER - in the user's systemd, as a person would
enable_unit()
{
	(cd "$UNITS" && pod generate systemd --name --files "$@")
	systemctl --user daemon-reload
}

# Ends at SIGTERM, and does nothing until then.
looping='trap "exit 0" TERM; sleep 10000 & wait'

@test "before the reboot: units, restart policies, containers that just run" {
	load_busybox
	mkdir -p "$HOME/kept"
	# a new container at each start; one that is there; a template
	pod create --name fresh --network none localhost/busybox sh -c "$looping"
	enable_unit --new fresh
	pod rm fresh
	pod create --name same --network none localhost/busybox sh -c "date >>/starts; $looping"
	enable_unit same
	pod create --name many --network none localhost/busybox sh -c "$looping"
	enable_unit --template many
	pod rm many
	systemctl --user enable --now container-fresh container-same container-many@a
	# by their policies
	sed "s,/[^ ]*/pod ,$POD_TEST_STAGE/bin/pod ," "$POD_TEST_STAGE/lib/systemd/pod-restart.service" \
		>"$UNITS/pod-restart.service"
	run systemd-analyze --user verify --man=no "$UNITS/pod-restart.service"
	assert_output ""
	systemctl --user enable --now pod-restart
	pod run -d --name always --restart always --network none localhost/busybox sh -c "$looping"
	pod run -d --name unless --restart unless-stopped -p 127.0.0.1:4712:80 localhost/busybox sh -c "echo up; $looping"
	pod run -d --name stopped --restart unless-stopped --network none localhost/busybox sh -c "$looping"
	pod stop stopped
	pod run -d --name failing --restart on-failure --network none localhost/busybox sh -c "$looping"
	# by nobody
	pod run -d --name plain --network none -v data:/data localhost/busybox \
		sh -c "echo root >/file; echo volume >/data/file; echo ready; $looping"
	pod run -d --name deaf --network none localhost/busybox sleep 1000
	pod run --name ended --network none localhost/busybox sh -c 'echo said; exit 7' || [ $? = 7 ]
	pod run -d --rm --name gone --network none localhost/busybox sh -c "$looping"
	pod run -d --name frozen --network none localhost/busybox sh -c "$looping"
	pod pause frozen
	wait_until 30 sh -c 'pod logs plain | grep -q ready'
	for name in fresh same always plain; do pod inspect --format '{{.Id}}' "$name" >"$HOME/kept/$name"; done
	cp /proc/sys/kernel/random/boot_id "$HOME/kept/boot_id"
	run pod ps --format '{{.Names}}' --sort names
	assert_output "always
deaf
failing
fresh
frozen
gone
many-a
plain
same
unless"
}
