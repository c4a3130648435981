#!/usr/bin/env bats
# as root
# `pod oci` of real root and control groups: every limit, devices, both managers, update, events, what a delete leaves.

load ../lib/vm
load ../lib/oci

setup()
{
	oci_vm_setup
}

teardown()
{
	local status=0

	pod oci delete --force --regex . || status=1
	[ -z "$(ls -A /run/pod-oci 2>/dev/null)" ] || status=1
	[ -z "$(ls -d /sys/fs/cgroup/pod/*/ 2>/dev/null)" ] || status=1
	[ -z "$(systemctl list-units --all --plain --no-legend 'pod-*.scope')" ] || status=1
	vm_teardown || status=1
	return "$status"
}

# refused WORD... - the bundle does not start, and says so
refused()
{
	run pod oci run --bundle "$B" one
	assert_status 1
	for word in "$@"; do
		assert_output --partial "$word"
	done
	[ ! -e /sys/fs/cgroup/pod/one ] || fail "the control group was left"
}

resources()
{
	config "$B" "c['linux']['resources'] = $1"
}

@test "each limit reaches the kernel" {
	disk=$(cat /sys/block/vda/dev)
	resources "{
'memory': {'limit': 64 << 20, 'swap': 96 << 20, 'reservation': 32 << 20, 'useHierarchy': True},
'cpu': {'shares': 512, 'quota': 50000, 'period': 200000, 'burst': 10000, 'cpus': '0-1', 'mems': '0'},
'pids': {'limit': 50},
'blockIO': {'throttleReadBpsDevice': [{'major': ${disk%:*}, 'minor': ${disk#*:}, 'rate': 1 << 20}],
	'throttleWriteIOPSDevice': [{'major': ${disk%:*}, 'minor': ${disk#*:}, 'rate': 100}]},
'hugepageLimits': [{'pageSize': '2MB', 'limit': 4 << 20}],
'unified': {'memory.high': '60000000', 'memory.oom.group': '1', 'cgroup.max.depth': '3', 'io.max': '$disk wbps=2000000'}}"
	start one
	cd "$(group one)"
	[ "$PWD" = /sys/fs/cgroup/pod/one ]
	run grep . memory.max memory.swap.max memory.low memory.high memory.oom.group cpu.weight cpu.max cpu.max.burst cpuset.cpus \
		cpuset.mems pids.max hugetlb.2MB.max hugetlb.2MB.rsvd.max cgroup.max.depth
	assert_output "memory.max:67108864
memory.swap.max:33554432
memory.low:33554432
memory.high:59998208
memory.oom.group:1
cpu.weight:20
cpu.max:50000 200000
cpu.max.burst:10000
cpuset.cpus:0-1
cpuset.mems:0
pids.max:50
hugetlb.2MB.max:4194304
hugetlb.2MB.rsvd.max:4194304
cgroup.max.depth:3"
	run cat io.max
	assert_output "$disk rbps=1048576 wbps=2000000 riops=max wiops=100"
	# It is the root of what the container sees.
	run pod oci exec one cat /proc/self/cgroup
	assert_output "0::/"
	cd /
	pod oci delete --force one
	resources "{'cpu': {'idle': 1}}"
	start one
	run cat "$(group one)/cpu.idle"
	assert_output 1
}

@test "a limit that this host has not is refused by name" {
	resources '{"rdma": {"mlx5_1": {"hcaHandles": 3}}}'
	refused linux.resources "'mlx5_1 hca_handle=3'" rdma.max
	resources '{"unified": {"misc.max": "sev 1"}}'
	refused linux.resources unified "'sev 1'" misc.max
	resources '{"hugepageLimits": [{"pageSize": "64KB", "limit": 65536}]}'
	refused linux.resources hugetlb.64KB.max "this kernel has no such limit"
	resources '{"unified": {"memory.nosuch": "1"}}'
	refused linux.resources memory.nosuch "this kernel has no such limit"
	resources '{"unified": {"nosuch.max": "1"}}'
	refused linux.resources nosuch.max
	resources '{"cpu": {"cpus": "900"}}'
	refused linux.resources "'900'" cpuset.cpus
	resources '{"memory": {"kernel": 1000000}}'
	refused linux.resources memory.kernel "cgroup v2 has no such limit"
	resources '{}'
	config "$B" 'c["linux"]["cgroupsPath"] = "/pod/../../escape"'
	refused cgroupsPath
}

@test "device rules are the kernel's, also after update" {
	config "$B" 'c["root"]["readonly"] = False
for s in c["process"]["capabilities"].values(): s.append("CAP_MKNOD")
c["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"},
	{"allow": True, "type": "b", "major": 7, "minor": 0, "access": "rw"},
	{"allow": False, "type": "b", "major": 7, "minor": 0, "access": "w"}]}'
	ln -sf busybox "$B/rootfs/bin/mknod"
	start one
	disk=$(cat /sys/block/vda/dev)
	run pod oci exec one sh -c "mknod /tmp/disk b ${disk%:*} ${disk#*:} && mknod /tmp/loop b 7 0 && echo made
cat /tmp/disk
cat /tmp/loop && echo read
echo x >/tmp/loop
echo x >/dev/null && echo null"
	assert_output "made
cat: can't open '/tmp/disk': Operation not permitted
read
sh: can't create /tmp/loop: Operation not permitted
null"
	echo '{"devices": [{"allow": false, "access": "rwm"}]}' | pod oci update --resources - one
	run pod oci exec one sh -c 'cat /tmp/loop; echo x >/dev/null && echo null'
	assert_output "cat: can't open '/tmp/loop': Operation not permitted
null"
	echo '{"devices": [{"allow": true, "access": "rwm"}]}' | pod oci update --resources - one
	run pod oci exec one sh -c 'cat /tmp/loop && echo read; head -c 1 /tmp/disk >/dev/null && echo disk'
	assert_output $'read\ndisk'
}

# Memory of its own, in the container.
eat()
{
	run pod oci exec one sh -c "head -c $1 /dev/zero | busybox tail >/dev/null; echo \$?"
}

has_line()
{
	grep -q "$1" "$2"
}

@test "update: limits bite at once, and events tells of memory shortage as it comes" {
	start one
	pod oci events --interval 1h one >"$T/events" 3>&- &
	events=$!
	eat 32m
	assert_output 0
	pod oci update --memory 16m --memory-swap 16m one
	# It watches before it has written anything.
	wait_until 20 sh -c "ls -l /proc/$events/fd | grep -q inotify"
	eat 32m
	assert_output --regexp '137$'
	wait_until 20 has_line '"type":"oom"' "$T/events"
	python3 - "$T/events" <<'END'
import json, sys
for line in open(sys.argv[1]):
    assert json.loads(line) == {"type": "oom", "id": "one"}, line
END
	pod oci update --memory -1 --memory-swap -1 one
	eat 32m
	assert_output 0
	echo '{"pids": {"limit": 2}, "cpu": {"quota": 20000, "period": 50000, "cpus": "1"}}' >"$T/resources"
	pod oci update --resources "$T/resources" one
	run pod oci exec one sh -c 'sleep 0 & wait $!'
	assert_output --partial "can't fork"
	run grep . "$(group one)/cpu.max" "$(group one)/cpuset.cpus"
	assert_output --partial "cpu.max:20000 50000"
	assert_output --partial "cpuset.cpus:1"
	# A value that the kernel refuses changes nothing, and is named.
	run pod oci update --cpuset-cpus 77 one
	assert_status 1
	assert_output --partial "'77'"
	# It ends with the container.
	pod oci delete --force one
	wait "$events"
}

@test "events: statistics are the group's" {
	resources "{'memory': {'limit': 64 << 20}, 'pids': {'limit': 50}, 'cpu': {'quota': 100000, 'period': 100000}}"
	start one
	pod oci events --stats one | python3 -c '
import json, sys
e = json.load(sys.stdin)
assert e["type"] == "stats" and e["id"] == "one", e
d = e["data"]
assert d["pids"] == {"current": 1, "limit": 50}, d
assert d["memory"]["usage"]["limit"] == 64 << 20 and 0 < d["memory"]["usage"]["usage"] <= 64 << 20, d
assert d["memory"]["raw"]["anon"] > 0, d
assert d["memory"]["swap"]["limit"] >= 64 << 20 and d["memory"]["raw"]["pgfault"] > 0, d
assert all(set(e) == {"major", "minor", "op", "value"} for e in d["blkio"]["ioServiceBytesRecursive"]), d
assert d["cpu"]["usage"]["total"] > 0, d
assert d["cpu"]["usage"]["total"] >= d["cpu"]["usage"]["user"], d'
	pod oci events --interval 10ms one >"$T/events" 3>&- &
	events=$!
	wait_until 20 sh -c "[ \$(grep -c '\"stats\"' '$T/events') -ge 3 ]"
	pod oci kill one KILL
	wait "$events"
}

@test "pause stops everything in the container; resume, kill and delete work from there" {
	config_args "$B" sh -c 'while :; do echo x; done | while read -r _; do :; done'
	start one
	pod oci pause one
	status_is one paused
	before=$(sed -n 's/^usage_usec //p' "$(group one)/cpu.stat")
	run pod oci exec one true
	assert_status 1
	assert_output --partial "is paused"
	run pod oci ps one
	assert_success
	assert_equal "$(sed -n 's/^usage_usec //p' "$(group one)/cpu.stat")" "$before"
	pod oci resume one
	status_is one running
	run pod oci resume one
	assert_status 1
	pod oci pause one
	pod oci kill one KILL
	wait_until 20 status_is one stopped
	pod oci delete one
	start one
	pod oci pause one
	pod oci delete --force one
}

@test "ps, kill --all and delete: what is in the group, without a pid namespace too" {
	local g

	config "$B" 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]
c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/proc"] + [{"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}]'
	config_args "$B" sh -c 'busybox setsid sleep 1001 & sleep 1002 & echo up; wait'
	start one
	wait_until 20 has_line up "$T/one.out"
	g=$(group one)
	wait_until 20 sh -c "[ \$(wc -l <'$g/cgroup.procs') -eq 3 ]"
	run pod oci ps one
	assert_output --partial "sleep 1001"
	assert_output --partial "sleep 1002"
	assert_equal "$(pod oci ps --format json one | python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)))')" \
		"$(sort -n "$g/cgroup.procs" | xargs)"
	pod oci kill --all one KILL
	wait_until 20 sh -c "! grep -q . '$g/cgroup.procs'"
	pod oci delete one
	[ ! -e "$g" ]
	# Init ends, the others live: they are the container's to the end.
	config_args "$B" sh -c 'busybox setsid sleep 1001 & echo up; exec sleep 1002'
	start one
	wait_until 20 has_line up "$T/one.out"
	g=$(group one)
	pod oci kill one KILL
	wait_until 20 status_is one stopped
	run pod oci ps one
	assert_output --partial "sleep 1001"
	pod oci kill --all one KILL
	wait_until 20 sh -c "! grep -q . '$g/cgroup.procs'"
	pod oci delete one
	start one
	pod oci delete --force one
	[ ! -e "$g" ]
	run pgrep -f 'sleep 100[12]'
	assert_output ""
}

@test "groups that the container made itself go with it" {
	config "$B" 'c["root"]["readonly"] = False
for m in c["mounts"]:
    if m["destination"] == "/sys/fs/cgroup": m["options"] = ["nosuid", "noexec", "nodev"]'
	ln -sf busybox "$B/rootfs/bin/mkdir"
	start one
	g=$(group one)
	pod oci exec one mkdir -p /sys/fs/cgroup/a/b/c
	pod oci exec --cgroup a/b --detach one sleep 1001 </dev/null >/dev/null 2>&1
	wait_until 20 sh -c "grep -q . '$g/a/b/cgroup.procs'"
	run pod oci ps one
	assert_output --partial "sleep 1001"
	run pod oci exec --cgroup ../.. one true
	assert_status 1
	pod oci delete --force one
	[ ! -e "$g" ]
}

# scope NAME PROPERTY
scope()
{
	systemctl show --value --property "$2" "$1.scope"
}

@test "systemd: the scope that cgroupsPath names, limits in it, and nothing of it after delete" {
	config "$B" 'c["linux"]["cgroupsPath"] = "pod-test.slice:pod:one"; c["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 50}}'
	start one --systemd-cgroup
	run scope pod-one ActiveState
	assert_output active
	run scope pod-one Slice
	assert_output pod-test.slice
	run scope pod-one Delegate
	assert_output yes
	g=$(group one)
	assert_equal "$g" "/sys/fs/cgroup/pod.slice/pod-test.slice/pod-one.scope/container"
	run cat "$g/memory.max" "$g/pids.max"
	assert_output $'67108864\n50'
	# Whoever asks the manager afterwards (daemon-reload) changes nothing.
	systemctl daemon-reload
	run cat "$g/memory.max" "$g/pids.max"
	assert_output $'67108864\n50'
	run pod oci exec one sh -c 'cat /proc/self/cgroup; echo in'
	assert_output $'0::/\nin'
	pod oci pause one
	status_is one paused
	pod oci resume one
	pod oci update --memory 128m one
	run cat "$g/memory.max"
	assert_output 134217728
	pod oci delete --force one
	wait_until 20 sh -c '[ ! -e /sys/fs/cgroup/pod.slice/pod-test.slice/pod-one.scope ]'
	run scope pod-one ActiveState
	assert_output inactive
}

@test "systemd: a name of ours without cgroupsPath, the default slice, names that are none" {
	start pod-a --cgroup-manager systemd
	# Statistics and limits do not depend on what was limited at first.
	run pod oci events --stats pod-a
	assert_output --regexp '"memory":.*"usage":\{"limit"'
	pod oci update --memory 64m pod-a
	assert_equal "$(cat "$(group pod-a)/memory.max")" 67108864
	assert_equal "$(group pod-a)" /sys/fs/cgroup/machine.slice/pod-a.scope/container
	config "$B" 'c["linux"]["cgroupsPath"] = ":pod:b"'
	start b --systemd-cgroup
	assert_equal "$(group b)" /sys/fs/cgroup/machine.slice/pod-b.scope/container
	# The same scope twice
	run pod oci --systemd-cgroup run --detach --bundle "$B" c
	assert_status 1
	assert_output --partial "pod-b.scope"
	assert_equal "$(oci_status b)" running
	for path in /pod/x a.slice:b:../c a.slice:b a.slice:b:x.slice; do
		config "$B" "c['linux']['cgroupsPath'] = '$path'"
		run pod oci --systemd-cgroup run --bundle "$B" d
		assert_status 1
		assert_output --partial "linux.cgroupsPath"
	done
	pod oci delete --force pod-a
	pod oci delete --force b
}

@test "systemd: a run in the foreground gives status and output, and leaves no scope" {
	config "$B" 'c["linux"]["cgroupsPath"] = "system.slice:pod:one"'
	config_args "$B" sh -c 'echo out; exit 7'
	run pod oci --systemd-cgroup run --bundle "$B" one
	assert_status 7
	assert_output out
	wait_until 20 sh -c '[ ! -e /sys/fs/cgroup/system.slice/pod-one.scope ]'
	# One that cannot start leaves none either.
	config_args "$B" nosuch
	run pod oci --systemd-cgroup run --bundle "$B" one
	assert_status 1
	wait_until 20 sh -c '[ ! -e /sys/fs/cgroup/system.slice/pod-one.scope ]'
}
