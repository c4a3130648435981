#!/usr/bin/env bats
# Control groups: scopes of the user's systemd, limits, the OOM killer, pause, update, stats, delegated groups.

load ../lib/vm

setup()
{
	vm_setup
	load_busybox
}

# group NAME - the directory of a container's control group
group()
{
	echo "/sys/fs/cgroup$(pod inspect --format '{{.State.CgroupPath}}' "$1")"
}

# unit_run OPTION... -- SCRIPT - in a service of the user's systemd
unit_run()
{
	systemd-run --user --wait --pipe --quiet --same-dir --setenv=PATH="$PATH" "$@"
}

@test "a container is in a delegated scope of the user's systemd, its monitor beside it" {
	pod run -d --name web --network none localhost/busybox sleep 1000
	id=$(pod inspect --format '{{.Id}}' web)
	run unit "pod-$id.scope" ActiveState
	assert_output active
	run unit "pod-$id.scope" Delegate
	assert_output yes
	run group web
	assert_output --regexp "/user@1000.service/user.slice/pod-$id.scope/container$"
	run cat "$(group web)/cgroup.procs"
	assert_output "$(pod inspect --format '{{.State.Pid}}' web)"
	run cat "$(group web)/../supervisor/cgroup.procs"
	assert_output "$(pod inspect --format '{{.State.ConmonPid}}' web)"
	# podman's default
	run cat "$(group web)/pids.max"
	assert_output 2048
	# Its own root, also for an exec session.
	run pod exec web cat /proc/self/cgroup
	assert_output "0::/"
	pod rm -f -t 0 web
	wait_until 10 scope_is_gone "$id"
}

scope_is_gone()
{
	[ "$(unit "pod-$1.scope" ActiveState)" = inactive ]
}

@test "limits reach the kernel" {
	pod run -d --name limited --network none --memory 64m --memory-reservation 32m --cpus 0.5 \
		--cpu-shares 512 --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 50 --blkio-weight 200 \
		--cgroup-conf memory.high=60000000 localhost/busybox sleep 1000
	cd "$(group limited)"
	run grep . memory.max memory.swap.max memory.low cpu.max cpu.weight cpuset.cpus cpuset.mems pids.max
	assert_output "memory.max:67108864
memory.swap.max:67108864
memory.low:33554432
cpu.max:50000 100000
cpu.weight:20
cpuset.cpus:0
cpuset.mems:0
pids.max:50"
	run cat memory.high
	assert_output 59998208
	cd /
	run pod inspect --format \
		'{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpusetCpus}}' \
		limited
	assert_output "67108864 134217728 500000000 50 0"
}

@test "update changes a running container at once, and its next start" {
	pod run -d --name changed --network none --memory 64m localhost/busybox sleep 1000
	run pod update --memory 128m --cpus 1 changed
	assert_success
	assert_output changed
	run cat "$(group changed)/memory.max" "$(group changed)/memory.swap.max" "$(group changed)/cpu.max"
	assert_output "134217728
134217728
100000 100000"
	run pod update --cpu-period 50000 --cpu-quota 25000 --cpu-shares 512 --memory-reservation 32m --pids-limit 7 changed
	assert_success
	cd "$(group changed)"
	run cat cpu.max cpu.weight memory.low pids.max
	assert_output "25000 50000
20
33554432
7"
	cd /
	# no controller was asked for when it was started
	run --separate-stderr pod update --cpuset-cpus 0 changed
	assert_fault 125 cpuset.cpus
	run --separate-stderr pod update --cpuset-mems 0 changed
	assert_fault 125 cpuset.mems
	run pod update --cpu-period 100000 --cpu-quota 100000 changed
	pod restart -t 0 changed
	run cat "$(group changed)/memory.max" "$(group changed)/cpu.max"
	assert_output "134217728
100000 100000"
	run --separate-stderr pod update --memory 1g --memory-swap 512m changed
	assert_fault 125 --memory-swap
	run --separate-stderr pod update changed
	assert_fault 125 "nothing to update"
}

@test "an end by the OOM killer shows" {
	run pod run --name hungry --network none --memory 16m --memory-swap 16m localhost/busybox \
		sh -c 'x=$(head -c 100000000 /dev/zero | tr "\0" x); echo "${#x}"'
	assert_status 137
	run pod inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' hungry
	assert_output "true 137 exited"
	run pod run --name modest --network none --memory 16m localhost/busybox true
	run docker events --since 1h --until 0s --filter container=hungry --format '{{.Action}}'
	assert_output --partial "oom
die"
	run pod inspect --format '{{.State.OOMKilled}}' modest
	assert_output false
}

@test "what exec starts counts against the same limits" {
	pod run -d --name small --network none --pids-limit 6 localhost/busybox sleep 1000
	run pod exec small sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; wait'
	assert_status 2
	assert_output --partial "can't fork"
	run cat "$(group small)/pids.events"
	refute_output "max 0"
}

@test "pause stops everything in the container, unpause lets it go on" {
	pod run -d --name clock --network none localhost/busybox sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
	run pod pause clock
	assert_success
	assert_output clock
	run cat "$(group clock)/cgroup.events"
	assert_output --partial "frozen 1"
	run pod ps --format '{{.State}} {{.Status}}'
	assert_output "paused Paused"
	run pod ps --filter status=paused --format '{{.Names}}'
	assert_output clock
	run pod inspect --format '{{.State.Status}} {{.State.Paused}}' clock
	assert_output "paused true"
	run --separate-stderr pod pause clock
	assert_fault 125 "already paused"
	run --separate-stderr pod exec clock true
	assert_fault 125 paused
	run --separate-stderr pod start clock
	assert_fault 125 unpause
	run pod unpause clock
	assert_success
	run cat "$(group clock)/cgroup.events"
	assert_output --partial "frozen 0"
	run --separate-stderr pod unpause clock
	assert_fault 125 "not paused"
	# A paused container can be stopped: it gets to see the signal.
	pod pause --all
	run pod stop -t 30 clock
	assert_success
	run pod inspect --format '{{.State.ExitCode}} {{.State.Paused}}' clock
	assert_output "5 false"
	pod start clock
	run pod inspect --format '{{.State.Status}}' clock
	assert_output running
	pod pause clock
	pod rm -f -t 0 clock
}

@test "stats measures what containers use" {
	pod run -d --name busy --network none --memory 64m localhost/busybox \
		sh -c 'dd if=/dev/zero of=/dev/null bs=1M count=2000 2>/dev/null; echo done; sleep 1000'
	wait_until 120 has_output busy
	run pod stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemLimit}}' busy
	assert_output --regexp '^busy [123] 67108864$'
	run pod stats --no-stream --format json
	assert_success
	echo "$output" >stats.json
	run python3 -c 'import json
s, = json.load(open("stats.json"))
assert s["name"] == "busy", s
assert s["mem_usage"].endswith(" / 67.11MB"), s
assert float(s["avg_cpu"].rstrip("%")) > 0, s'
	assert_success
	pod pause busy
	run pod stats --no-stream busy
	assert_success
	assert_output --partial "MEM USAGE / LIMIT"
}

has_output()
{
	[ -n "$(pod logs "$1")" ]
}

@test "parent, namespace and mode of the group can be chosen" {
	run pod run --rm --network none --cgroupns host --cgroup-parent my-own.slice localhost/busybox cat /proc/self/cgroup
	assert_output --regexp "/my.slice/my-own.slice/pod-[0-9a-f]{64}.scope/container$"
	run --separate-stderr pod run --rm --network none --cgroup-parent nope localhost/busybox true
	assert_fault 125 nope slice
	run pod run --rm --network none --cgroups disabled --cgroupns host localhost/busybox cat /proc/self/cgroup
	assert_output "$(cat /proc/self/cgroup)"
	run --separate-stderr pod run --rm --network none --cgroups disabled --memory 64m localhost/busybox true
	assert_fault 125 --cgroups=disabled
}

@test "without XDG_RUNTIME_DIR, as under su and cron, the lingering user's systemd is found" {
	run env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS \
		"$(command -v pod)" run --rm --network none --memory 64m --cgroupns host localhost/busybox cat /proc/self/cgroup
	assert_success
	assert_output --regexp "pod-[0-9a-f]{64}.scope/container$"
	[ "${#lines[@]}" -eq 1 ]
}

@test "with no systemd to be reached and no delegation one line says so, and the container runs" {
	run --separate-stderr pod --cgroup-manager cgroupfs run --rm --network none --memory 64m --cpus 1 localhost/busybox echo runs
	assert_success
	assert_output runs
	assert_stderr --partial "resource limits are not supported here and ignored (--memory, --cpus)"
	[ "${#stderr_lines[@]}" -eq 1 ]
	run --separate-stderr pod --cgroup-manager cgroupfs run --rm --network none localhost/busybox echo quiet
	assert_success
	[ -z "$stderr" ]
}

@test "in a delegated group the cgroupfs manager makes groups below it, and removes them" {
	run unit_run --property Delegate=yes sh -euc '
		own=/sys/fs/cgroup$(sed s/0::// /proc/self/cgroup)
		pod --cgroup-manager cgroupfs run -d --name inner --network none --memory 64m localhost/busybox sleep 1000 >/dev/null
		group=/sys/fs/cgroup$(pod inspect --format "{{.State.CgroupPath}}" inner)
		[ "$(dirname "$group")" = "$own" ]
		cat "$group/memory.max"
		pod exec inner cat /proc/self/cgroup
		pod rm -f -t 0 inner >/dev/null
		while [ -e "$group" ]; do sleep 0.1; done
		echo gone'
	assert_success
	assert_output "67108864
0::/
gone"
}

@test "split: the container's group is made in the unit's own" {
	cat >"$UNITS/split.service" <<-END
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		Delegate=yes
		Environment=PATH=$PATH
		ExecStart=$(command -v pod) run -d --name inside --cgroups split --network none localhost/busybox sleep 1000
		ExecStop=$(command -v pod) rm -f -t 0 inside
	END
	systemctl --user daemon-reload
	systemctl --user start split
	run group inside
	assert_output --regexp "/split.service/pod-[0-9a-f]{64}$"
	systemctl --user stop split
	run pod container exists inside
	assert_status 1
}

@test "a container that restarts keeps its scope and its limits" {
	pod run -d --name again --network none --memory 32m --restart always localhost/busybox true
	wait_until 60 has_restarted again
	pod stop -t 0 again
	pod run -d --name again2 --network none --memory 32m --restart always localhost/busybox sleep 1000
	sudo kill -9 "$(pod inspect --format '{{.State.Pid}}' again2)"
	wait_until 60 has_restarted again2
	wait_until 60 runs again2
	run cat "$(group again2)/memory.max"
	assert_output 33554432
}

has_restarted()
{
	[ "$(pod inspect --format '{{.RestartCount}}' "$1")" -gt 0 ]
}

runs()
{
	[ "$(pod inspect --format '{{.State.Status}}' "$1")" = running ]
}

# as_root COMMAND... - real root, with a store of its own
as_root()
{
	sudo env PATH="$PATH" "$(command -v pod)" --root /var/tmp/root-store --runroot /run/root-store "$@"
}

@test "real root: a scope of the system's, and a device node that is made cannot be used" {
	sudo mkdir -p /var/tmp/rootfs/bin /var/tmp/rootfs/proc /var/tmp/rootfs/dev /var/tmp/rootfs/sys
	sudo cp /bin/busybox /var/tmp/rootfs/bin/busybox
	run as_root run --rm --network none --cgroupns host --rootfs /var/tmp/rootfs /bin/busybox cat /proc/self/cgroup
	assert_output --regexp "^0::/machine.slice/pod-[0-9a-f]{64}.scope/container$"
	disk=$(findmnt --noheadings --output SOURCE /)
	numbers=$(stat --format '%Hr %Lr' "$disk")
	run as_root run --rm --network none --cap-add MKNOD --rootfs /var/tmp/rootfs /bin/busybox sh -c "
		cd /dev
		busybox mknod disk b $numbers && echo made
		busybox head -c 1 disk || echo refused
		busybox mknod n c 1 3 && echo x >n && echo null"
	assert_success
	assert_output --partial "made"
	assert_output --partial "refused"
	assert_output --partial "null"
	# The node of a device that was given may be used as far as it was given.
	run as_root run --rm --network none --device "$disk:/dev/x:r" --rootfs /var/tmp/rootfs /bin/busybox sh -c \
		'busybox head -c 4 </dev/x | busybox wc -c; (: >>/dev/x) || echo read-only'
	assert_output --partial 4
	assert_output --partial read-only
	as_root rm -a -f -t 0
	sudo rm -rf /var/tmp/root-store
}
