#!/usr/bin/env bats
# After the reboot that follows reboot.bats. Nobody has logged in before the tests do.

load ../lib/vm

teardown()
{
	: # every test looks at the same things; the last one removes them
}

is_state()
{
	[ "$(unit "$1" ActiveState)" = "$2" ]
}

id()
{
	pod inspect --format '{{.Id}}' "$1"
}

state()
{
	pod inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$1"
}

kept()
{
	cat "$HOME/kept/$1"
}

@test "it is another boot" {
	[ "$(kept boot_id)" != "$(cat /proc/sys/kernel/random/boot_id)" ]
}

@test "units that were enabled run again: a new container, the same container, an instance" {
	for name in fresh same many@a; do wait_until 120 is_state "container-$name" active; done
	run pod inspect --format '{{.State.Status}}' fresh same many-a
	assert_output "running
running
running"
	[ "$(id fresh)" != "$(kept fresh)" ]
	assert_equal "$(id same)" "$(kept same)"
	run unit container-same MainPID
	assert_output "$(pod inspect --format '{{.State.ConmonPid}}' same)"
	run pod exec same sh -c 'wc -l </starts'
	assert_output 2
}

@test "pod-restart.service starts what is always to run, and what nobody had stopped" {
	wait_until 120 is_state pod-restart active
	run state always
	assert_output "running 0"
	run state unless
	assert_output "running 0"
	run pod port unless
	assert_output "80/tcp -> 127.0.0.1:4712"
	run state stopped
	assert_output --partial exited
	run state failing
	assert_output --partial exited
	assert_equal "$(id always)" "$(kept always)"
	# They were stopped in order, each by its own signal.
	run journal pod-restart.service
	refute_output --partial "resorting to SIGKILL"
}

@test "what ran without either has ended, is shown so, and can be started" {
	for name in plain deaf frozen; do
		run state "$name"
		assert_output --regexp "^exited [0-9]+$"
	done
	run state ended
	assert_output "exited 7"
	run pod logs ended
	assert_output said
	run pod ps -a --format '{{.Names}}' --filter name=gone
	assert_output ""
	run pod ps --format '{{.Names}}' --sort names
	assert_output "always
fresh
many-a
same
unless"
	run timeout 30 pod wait plain
	assert_success
	run pod start plain deaf frozen
	assert_success
	run pod exec plain cat /file /data/file
	assert_output "root
volume"
	run pod exec frozen echo thawed
	assert_output thawed
	assert_equal "$(id plain)" "$(kept plain)"
}

@test "a shutdown waits for what pod-restart.service stops, and a container is told by its signal" {
	# The first boot's journal is gone; the container's own record is not.
	pod run -d --name asked --restart always --network none localhost/busybox \
		sh -c 'trap "echo asked; exit 3" TERM; echo up; sleep 10000 & wait'
	wait_until 30 sh -c 'pod logs asked | grep -q up'
	systemctl --user stop pod-restart
	run state asked
	assert_output "exited 3"
	run state unless
	assert_output --partial exited
	# It is the unit's stop, not somebody's: the next boot starts it.
	systemctl --user start pod-restart
	run state asked
	assert_output "running 0"
	run state unless
	assert_output "running 0"
}

@test "everything can be removed" {
	run pod ps -aq
	assert_success
	vm_teardown
}
