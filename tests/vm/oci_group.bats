#!/usr/bin/env bats
# `pod oci` of an ordinary user and control groups: scopes of the user's systemd, and a group delegated to it.

load ../lib/vm
load ../lib/oci

setup()
{
	oci_vm_setup
}

teardown()
{
	local status=0

	oci_teardown || status=1
	[ -z "$(systemctl --user list-units --all --plain --no-legend 'pod-*.scope')" ] || status=1
	vm_teardown || status=1
	return "$status"
}

has_line()
{
	grep -q "$1" "$2"
}

has_gone()
{
	[ ! -e "$1" ]
}

@test "systemd: a scope of the user's manager, from a session that is not delegated" {
	config "$B" 'c["linux"]["cgroupsPath"] = "user.slice:pod:one"
c["linux"]["resources"] = {"memory": {"limit": 64 << 20, "swap": 64 << 20}, "pids": {"limit": 50}, "cpu": {"quota": 50000, "period": 100000, "cpus": "0"}}'
	start one --systemd-cgroup
	g=$(group one)
	[[ $g = */user@1000.service/user.slice/pod-one.scope/container ]] || fail "it is in $g"
	run unit pod-one.scope Delegate
	assert_output yes
	run cat "$g/memory.max" "$g/pids.max" "$g/cpu.max" "$g/cpuset.cpus"
	assert_output $'67108864\n50\n50000 100000\n0'
	# A process that joins is in the group, though it comes from outside of what is ours.
	run pod oci exec one sh -c 'cat /proc/self/cgroup; exit 3'
	assert_status 3
	assert_output "0::/"
	pod oci exec --detach one sleep 1001 </dev/null >/dev/null 2>&1
	run pod oci ps one
	assert_output --partial "sleep 1001"
	run cat "$g/cgroup.procs"
	assert_equal "${#lines[@]}" 2
	# Limits hold for it.
	pod oci events --interval 1h one >"$T/events" 3>&- &
	events=$!
	pod oci update --memory 16m --memory-swap 16m one
	wait_until 20 sh -c "ls -l /proc/$events/fd | grep -q inotify"
	run pod oci exec one sh -c 'head -c 32m /dev/zero | busybox tail >/dev/null; echo $?'
	assert_output --regexp '137$'
	wait_until 20 has_line '"type":"oom"' "$T/events"
	pod oci pause one
	status_is one paused
	pod oci resume one
	pod oci kill --all one KILL
	wait_until 20 status_is one stopped
	pod oci delete one
	wait "$events"
	wait_until 20 has_gone "${g%/container}"
}

@test "cgroupfs: in a group that was delegated, limits are set; in the session's they are refused" {
	config "$B" 'c["linux"]["resources"] = {"pids": {"limit": 50}}'
	run pod oci run --bundle "$B" one
	assert_status 1
	assert_output --partial "linux.resources"
	cat >"$T/script" <<-'END'
		# the top must be empty for its controllers to be handed on
		top=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
		mkdir "$top/own"
		echo $$ >"$top/own/cgroup.procs"
		echo +pids +memory >"$top/cgroup.subtree_control"
		python3 - "$1/config.json" "${top#/sys/fs/cgroup}/made" <<-'PY'
			import json, sys
			c = json.load(open(sys.argv[1]))
			c["linux"]["cgroupsPath"] = sys.argv[2]
			json.dump(c, open(sys.argv[1], "w"))
		PY
		pod oci run --detach --bundle "$1" one </dev/null >/dev/null 2>&1 || exit
		cat "$top/made/pids.max"
		pod oci exec one cat /proc/self/cgroup || exit
		pod oci delete --force one
		ls -d "$top/made"
	END
	run systemd-run --user --wait --pipe --quiet --property Delegate=yes --setenv=PATH="$PATH" bash "$T/script" "$B"
	assert_output --regexp $'^50\n0::/\nls: cannot access .*/made'
}

@test "without a group: what needs one says so, the rest works" {
	start one
	for command in pause "update --pids-limit 5" "events --stats"; do
		# shellcheck disable=SC2086 # words
		run pod oci $command one
		assert_status 1
		assert_output --partial "no control group"
	done
	pod oci exec --detach one sleep 1001 </dev/null >/dev/null 2>&1
	run pod oci ps one
	assert_output --partial "sleep 1001"
	pod oci kill --all one KILL
	wait_until 20 status_is one stopped
}
