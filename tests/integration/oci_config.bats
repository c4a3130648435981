#!/usr/bin/env bats
# Members of config.json: each is honoured, or refused with its path. (Their syntax: test_spec_read.)

load ../lib/common
load ../lib/oci

setup()
{
	oci_setup
	oci_outside
}

teardown()
{
	oci_teardown
}

# bundle COMMAND [ARG...] - in $B, with a root that can be written
bundle()
{
	make_bundle "$B" "$@"
	config "$B" 'c["root"]["readonly"] = False'
}

# as_root COMMAND... - root of a user namespace, as far as pod can see real root
as_root()
{
	"$LIB/in-userns.py" "$@"
}

# --- process ---------------------------------------------------------------------------------------

@test "user, groups, umask and home are those of the configuration" {
	bundle sh -c 'id -u; id -g; id -G; umask; echo $HOME; touch /tmp/x; ls -l /tmp/x | cut -c1-10'
	printf 'root:x:0:0::/root:/bin/sh\nuser:x:1000:50::/home/user:/bin/sh\n' >"$B/rootfs/etc/passwd"
	chmod 1777 "$B/rootfs/tmp"
	as_root chmod 1777 "$B/rootfs/tmp"
	ln -sf busybox "$B/rootfs/bin/cut"
	config "$B" 'c["linux"]["uidMappings"] = [{"containerID": 0, "hostID": '"$(id -u)"', "size": 1}, {"containerID": 1, "hostID": '"$(subordinate uid)"', "size": 60000}]
c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": '"$(id -g)"', "size": 1}, {"containerID": 1, "hostID": '"$(subordinate gid)"', "size": 60000}]'
	oci_run 'c["process"]["user"] = {"uid": 1000, "gid": 51, "additionalGids": [7, 8], "umask": 0o27}'
	assert_success
	assert_output $'1000\n51\n51 7 8\n0027\n/home/user\n-rw-r-----'
	# an id without entry, and HOME that is given
	oci_run 'c["process"]["user"] = {"uid": 77, "gid": 0}; c["process"]["args"] = ["sh", "-c", "id -u; umask; echo $HOME"]'
	assert_output $'77\n0022\n/'
	oci_run 'c["process"]["env"] += ["HOME=/here"]'
	assert_output $'77\n0022\n/here'
	as_root rm -f "$B/rootfs/tmp/x"
}

subordinate()
{
	awk -F: -v name="$(id -un)" '$1 == name { print $2; exit }' "/etc/sub$1"
}

@test "the five capability sets are exactly as given" {
	bundle grep Cap /proc/self/status
	oci_run 'c["process"]["capabilities"] = {
		"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
		"effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN"], "ambient": []}; c["process"]["noNewPrivileges"] = False'
	assert_success
	# execve by root gives it what is in the bounding set
	assert_output --partial $'CapInh:\t0000000000000001'
	assert_output --partial $'CapBnd:\t0000000000200021'
	assert_output --partial $'CapAmb:\t0000000000000000'
	oci_run 'c["process"]["capabilities"] = {}'
	assert_output --partial $'CapInh:\t0000000000000000'
	assert_output --partial $'CapPrm:\t0000000000000000'
	assert_output --partial $'CapEff:\t0000000000000000'
	assert_output --partial $'CapBnd:\t0000000000000000'
}

@test "capabilities that cannot be had are left out with a warning" {
	bundle grep CapBnd /proc/self/status
	config "$B" 'c["process"]["capabilities"] = {
		"bounding": ["CAP_KILL", "CAP_OF_TOMORROW"], "permitted": ["CAP_KILL"], "ambient": ["CAP_KILL"]}'
	run --separate-stderr pod oci --debug run --bundle "$B" one
	assert_success
	assert_output $'CapBnd:\t0000000000000020'
	assert_stderr --partial "process.capabilities.bounding[1]: there is no capability 'CAP_OF_TOMORROW'"
	assert_stderr --partial "process.capabilities.ambient: CAP_KILL cannot be granted"
}

@test "ambient capabilities reach a process that is not root" {
	bundle grep Cap /proc/self/status
	config "$B" 'c["linux"]["uidMappings"] = [{"containerID": 5, "hostID": '"$(id -u)"', "size": 1}]
c["linux"]["gidMappings"] = [{"containerID": 5, "hostID": '"$(id -g)"', "size": 1}]
sets = c["process"]["capabilities"] = {k: ["CAP_NET_RAW"] for k in ("bounding", "permitted", "effective", "inheritable", "ambient")}
c["process"]["user"] = {"uid": 5, "gid": 5}'
	oci_run
	assert_success
	for name in Inh Prm Eff Bnd Amb; do
		assert_output --partial "Cap$name:"$'\t'0000000000002000
	done
}

@test "limits, no_new_privs and OOM score" {
	bundle sh -c 'ulimit -n; ulimit -H -n; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status'
	oci_run 'c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
c["process"]["oomScoreAdj"] = 500; c["process"]["noNewPrivileges"] = True'
	assert_success
	assert_output $'100\n200\n500\nNoNewPrivs:\t1'
}

@test "scheduler, I/O priority, personality and memory policy" {
	bundle sh -c 'awk "{print \$19, \$41}" /proc/self/stat; ionice -p $$; uname -m; grep -c "bind:0" /proc/self/numa_maps'
	for name in awk ionice uname; do ln -sf busybox "$B/rootfs/bin/$name"; done
	oci_run 'c["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 4}
c["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 6}
c["linux"]["personality"] = {"domain": "LINUX32"}
c["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}'
	assert_success
	assert_equal "${lines[0]}" "4 3"
	assert_equal "${lines[1]}" "best-effort: prio 6"
	[[ ${lines[2]} != x86_64 && ${lines[2]} != aarch64 ]]
	[ "${lines[3]}" -gt 0 ]
}

@test "exec: its processors, and what all processes of the container have" {
	bundle sleep 1000
	for name in awk uname; do ln -sf busybox "$B/rootfs/bin/$name"; done
	config "$B" 'c["linux"]["personality"] = {"domain": "LINUX32"}
c["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}
c["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 3}
c["process"]["execCPUAffinity"] = {"initial": "0", "final": "0"}'
	pod oci create --bundle "$B" one </dev/null >/dev/null 2>&1
	pod oci start one
	run pod oci exec one sh -c 'grep Cpus_allowed_list /proc/self/status; uname -m; grep -c bind:0 /proc/self/numa_maps; awk "{print \$19, \$41}" /proc/self/stat'
	assert_success
	assert_equal "${lines[0]}" $'Cpus_allowed_list:\t0'
	[[ ${lines[1]} != x86_64 && ${lines[1]} != aarch64 ]]
	[ "${lines[2]}" -gt 0 ]
	assert_equal "${lines[3]}" "3 3"
	echo '{"args": ["sh", "-c", "uname -m; grep -c bind:0 /proc/self/numa_maps"], "cwd": "/", "env": ["PATH=/bin"]}' >"$BATS_TEST_TMPDIR/process"
	run pod oci exec --process "$BATS_TEST_TMPDIR/process" one
	assert_success
	[[ ${lines[0]} != x86_64 && ${lines[0]} != aarch64 ]]
	[ "${lines[1]}" -gt 0 ]
}

@test "what needs the host's privileges says which member it was" {
	bundle true
	oci_run 'c["process"]["scheduler"] = {"policy": "SCHED_FIFO", "priority": 50}'
	assert_status 1
	assert_output --partial "config.json: process.scheduler: Operation not permitted"
	oci_run 'c["process"]["scheduler"] = None; c["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "900"}'
	assert_status 1
	assert_output --partial "config.json: linux.memoryPolicy: Invalid argument"
}

@test "a class of service needs a resctrl file system" {
	! grep -q " - resctrl " /proc/self/mountinfo || skip "this host has one, which root alone may use"
	bundle true
	oci_run 'c["linux"]["intelRdt"] = {"closID": "class"}'
	assert_status 1
	assert_output --partial "config.json: linux.intelRdt: this host has no resctrl file system"
}

@test "labels are refused where no security module would see to them" {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || skip "this host has AppArmor"
	[ ! -e /sys/fs/selinux/enforce ] || skip "this host has SELinux"
	bundle true
	oci_run 'c["process"]["apparmorProfile"] = "some"'
	assert_status 1
	assert_output --partial "process.apparmorProfile: this host has no AppArmor"
	oci_run 'c["process"]["apparmorProfile"] = ""; c["process"]["selinuxLabel"] = "some"'
	assert_status 1
	assert_output --partial "process.selinuxLabel: this host has no SELinux"
	oci_run 'c["process"]["selinuxLabel"] = ""; c["linux"]["mountLabel"] = "some"'
	assert_status 1
	assert_output --partial "linux.mountLabel: this host has no SELinux"
}

@test "the working directory is made, and the command found in PATH" {
	bundle own
	mkdir -p "$B/rootfs/opt/tools"
	printf '#!/bin/sh\npwd\n' >"$B/rootfs/opt/tools/own"
	chmod +x "$B/rootfs/opt/tools/own"
	oci_run 'c["process"]["cwd"] = "/deep/below"; c["process"]["env"] = ["PATH=/opt/tools:/bin"]; c["root"]["readonly"] = True'
	assert_success
	assert_output /deep/below
	oci_run 'c["process"]["env"] = ["PATH=/bin"]'
	assert_status 1
	assert_output --partial "exec 'own': executable file not found in \$PATH"
}

# --- namespaces ------------------------------------------------------------------------------------

@test "a time namespace with its offsets, also for exec" {
	skip_without_time
	bundle sh -c 'cat /proc/self/timens_offsets; exec sleep 1000'
	config "$B" 'c["linux"]["namespaces"].append({"type": "time"})
c["linux"]["timeOffsets"] = {"monotonic": {"secs": 100000}, "boottime": {"secs": 3000000, "nanosecs": 7}}'
	pod oci create --bundle "$B" one </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	pod oci start one
	run pod oci exec one sh -c 'cut -d. -f1 /proc/uptime 2>/dev/null || cat /proc/uptime'
	assert_success
	[ "${output%%[. ]*}" -gt 3000000 ]
	wait_until 10 grep -q boottime "$BATS_TEST_TMPDIR/out"
	run awk '{print $1, $2, $3}' "$BATS_TEST_TMPDIR/out"
	assert_output $'monotonic 100000 0\nboottime 3000000 7'
}

skip_without_time()
{
	[ -e /proc/self/ns/time ] || skip "the kernel has no time namespaces"
}

@test "namespaces are joined by path" {
	local pid

	bundle sleep 1000
	config "$B" 'c["hostname"] = "first"'
	pod oci create --bundle "$B" first </dev/null >/dev/null 2>&1
	pod oci start first
	pid=$(oci_pid first)
	B=$BATS_TEST_TMPDIR/second
	bundle sh -c 'hostname; for n in net ipc uts user; do readlink /proc/self/ns/$n; done'
	config "$B" 'for ns in c["linux"]["namespaces"]:
    if ns["type"] in ("network", "ipc", "uts", "user"):
        ns["path"] = "/proc/'"$pid"'/ns/" + {"network": "net"}.get(ns["type"], ns["type"])
c.pop("hostname", None)
c["linux"].pop("uidMappings"); c["linux"].pop("gidMappings")
c["mounts"] = [m for m in c["mounts"] if m["destination"] not in ("/sys", "/sys/fs/cgroup", "/dev/mqueue")]'
	oci_run
	assert_success
	assert_equal "${lines[0]}" first
	assert_equal "${lines[1]}" "$(readlink "/proc/$pid/ns/net")"
	assert_equal "${lines[2]}" "$(readlink "/proc/$pid/ns/ipc")"
	assert_equal "${lines[3]}" "$(readlink "/proc/$pid/ns/uts")"
	assert_equal "${lines[4]}" "$(readlink "/proc/$pid/ns/user")"
	oci_run 'c["linux"]["namespaces"][0]["path"] = "/nowhere/at/all"'
	assert_status 1
	assert_output --partial "/nowhere/at/all"
}

@test "a mount namespace is joined: its root becomes the container's, the host's never does" {
	start_server unshare --user --map-root-user --mount sh -c 'mount -t tmpfs marked /mnt && echo $$ && exec sleep 1000'
	bundle sh -c 'readlink /proc/self/ns/mnt; ls -d /rel/sub; grep -c marked /proc/self/mountinfo; ls /'
	mkdir -p "$B/source/sub"
	# the source is relative to the bundle; what is mounted in the namespace can be bound
	oci_run 'for ns in c["linux"]["namespaces"]:
    if ns["type"] in ("mount", "user"):
        ns["path"] = "/proc/'"$SERVER"'/ns/" + {"mount": "mnt"}.get(ns["type"], ns["type"])
c["linux"].pop("uidMappings"); c["linux"].pop("gidMappings")
c["mounts"] += [{"destination": "/rel", "type": "bind", "source": "source", "options": ["rbind"]},
	{"destination": "/marked", "type": "bind", "source": "/mnt", "options": ["rbind"]}]'
	assert_success
	assert_equal "${lines[0]}" "$(readlink "/proc/$SERVER/ns/mnt")"
	assert_equal "${lines[1]}" /rel/sub
	assert_equal "${lines[2]}" 1
	refute_output --partial home
	for path in /proc/self/ns/mnt "/proc/$$/ns/mnt"; do
		oci_run '[ns for ns in c["linux"]["namespaces"] if ns["type"] == "mount"][0]["path"] = "'"$path"'"'
		assert_status 1
		assert_output --partial "config.json: linux.namespaces: the mount namespace to join is the host's"
	done
}

@test "network interfaces move in, with their addresses, up" {
	bundle sh -c 'cat /sys/class/net/inner/operstate; ip addr show inner; ls /sys/class/net'
	ln -sf busybox "$B/rootfs/bin/ip"
	rm "$B/config.json"
	pod oci spec --bundle "$B"
	config "$B" 'c["process"]["terminal"] = False
c["process"]["args"] = ["sh", "-c", "ip addr show inner; ls /sys/class/net"]
c["mounts"] = [m for m in c["mounts"] if "cgroup" not in m["type"]]
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"]
c["linux"]["netDevices"] = {"outer": {"name": "inner"}}'
	cat >"$BATS_TEST_TMPDIR/inside" <<'END'
set -e
ip link add outer mtu 1400 type veth peer name peer
ip addr add 10.9.8.7/24 dev outer
ip -6 addr add fd00::7/64 dev outer nodad
ip link set peer up
! ip link show outer | grep -q state.UP
pod oci run --bundle "$1" one
! ip link show outer 2>/dev/null
END
	run as_root unshare --net sh "$BATS_TEST_TMPDIR/inside" "$B"
	assert_success
	assert_output --regexp "inner@[^ ]*: <[^>]*UP[^>]*> mtu 1400"
	assert_output --partial "inet 10.9.8.7/24"
	assert_output --partial "inet6 fd00::7/64"
	assert_output --regexp $'inner\nlo$'
	run as_root unshare --net pod oci run --bundle "$B" one
	assert_status 1
	assert_output --partial "config.json: linux.netDevices.outer: there is no such interface"
}

@test "host name and domain name need a namespace of their own" {
	bundle cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname
	oci_run 'c["hostname"] = "me"; c["domainname"] = "example.org"'
	assert_success
	assert_output $'me\nexample.org'
	oci_run 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "uts"]'
	assert_status 1
	assert_output --partial "config.json: hostname: "
}

# --- root and mounts -------------------------------------------------------------------------------

@test "a read-only root is one" {
	bundle sh -c 'touch /x 2>/dev/null || echo refused; echo fine >/dev/null && echo fine'
	oci_run 'c["root"]["readonly"] = True'
	assert_success
	assert_output $'refused\nfine'
}

@test "the root's propagation, and none that reaches the host" {
	bundle grep " / / " /proc/self/mountinfo
	for word in private slave shared rshared unbindable; do
		oci_run 'c["process"]["args"] = ["sh", "-c", "grep \" / \" /proc/self/mountinfo | head -1"]; c["linux"]["rootfsPropagation"] = "'$word'"'
		assert_success
		case $word in
		*shared) assert_output --partial "shared:" ;;
		unbindable) assert_output --partial "unbindable" ;;
		*) refute_output --partial "shared:" ;;
		esac
	done
}

@test "a shared root: mounts below a shared bind mount reach the host, nothing else does" {
	bundle sh -c 'mount -t tmpfs inner /m/sub && mount -t tmpfs inner /tmp && echo mounted'
	rm "$B/config.json"
	pod oci spec --bundle "$B"
	mkdir -p "$BATS_TEST_TMPDIR/shared/sub"
	config "$B" 'c["process"]["terminal"] = False
c["process"]["args"] = ["sh", "-c", "mount -t tmpfs inner /m/sub && mount -t tmpfs inner /tmp && echo mounted"]
c["root"]["readonly"] = False
for s in ("bounding", "permitted", "effective"): c["process"]["capabilities"][s].append("CAP_SYS_ADMIN")
c["mounts"] = [m for m in c["mounts"] if "cgroup" not in m["type"]]
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"]
c["linux"]["rootfsPropagation"] = "rshared"
c["mounts"].append({"destination": "/m", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/shared", "options": ["rbind", "rshared"]})'
	cat >"$BATS_TEST_TMPDIR/inside" <<'END'
set -e
mount --make-rshared /
mount --bind "$1/shared" "$1/shared"
cut -d' ' -f5 /proc/self/mountinfo | sort -u >"$1/before"
pod oci run --bundle "$2" one
cut -d' ' -f5 /proc/self/mountinfo | sort -u | comm -3 "$1/before" - | tr -d '\t'
END
	run as_root --mount sh "$BATS_TEST_TMPDIR/inside" "$BATS_TEST_TMPDIR" "$B"
	assert_success
	assert_output "mounted"$'\n'"$BATS_TEST_TMPDIR/shared/sub"
}

@test "mount options, those for all mounts below included" {
	mkdir -p "$BATS_TEST_TMPDIR/src"
	bundle sh -c 'grep " /m" /proc/self/mountinfo | cut -d" " -f5,6'
	ln -sf busybox "$B/rootfs/bin/cut"
	oci_run 'c["mounts"] += [
		{"destination": "/m", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/src", "options": ["rbind", "rro", "rnosuid", "rnodev", "rnoexec"]},
		{"destination": "/m2", "type": "tmpfs", "source": "tmpfs", "options": ["noexec", "nodiratime", "size=64k", "mode=700"]},
		{"destination": "/m2", "options": ["remount", "ro", "nosuid"]}]'
	assert_success
	assert_output --partial "/m ro,nosuid,nodev,noexec"
	assert_output --regexp "/m2 ro,nosuid,noexec,.*nodiratime"
}

@test "options that only mount(2) takes; a bind mount has no versions" {
	local m='c["mounts"].append({"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": ["silent", "iversion", "noexec", "size=64k", "sync"]})'

	bundle sh -c 'grep " /m " /proc/self/mountinfo; ls /proc/self/status'
	oci_run "$m"
	assert_success
	assert_output --regexp " /m .*noexec.* - tmpfs tmpfs .*sync.*size=64k"
	assert_output --partial /proc/self/status
	oci_run 'c["mounts"][-1] = {"destination": "/m", "type": "bind", "source": "/etc", "options": ["rbind", "silent", "loud", "noiversion"]}'
	assert_success
	oci_run 'c["mounts"][-1]["options"].append("iversion")'
	assert_status 1
	assert_output --partial "option 'iversion' is for file systems"
}

@test "a tmpfs begins with what the image has; files and links are bound" {
	bundle sh -c 'cat /etc/motd /file; readlink /etc/link; touch /etc/new && echo writable'
	echo welcome >"$B/rootfs/etc/motd"
	echo bound >"$BATS_TEST_TMPDIR/file"
	ln -s /etc/motd "$BATS_TEST_TMPDIR/link"
	oci_run 'c["mounts"] += [
		{"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]},
		{"destination": "/file", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/file", "options": ["bind"]},
		{"destination": "/etc/link", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/link", "options": ["bind", "copy-symlink"]}]'
	assert_success
	assert_output $'welcome\nbound\n/etc/motd\nwritable'
	[ ! -e "$B/rootfs/etc/new" ]
}

@test "an overlay with more layers than one option of the kernel's takes" {
	skip_without overlay
	local i layers=

	bundle sh -c 'ls /m | wc -l; echo x >/m/new; cat /m/1'
	ln -sf busybox "$B/rootfs/bin/wc"
	mkdir -p "$BATS_TEST_TMPDIR/upper" "$BATS_TEST_TMPDIR/work"
	for ((i = 1; i <= 30; i++)); do
		mkdir -p "$BATS_TEST_TMPDIR/l/$i"
		echo "$i" >"$BATS_TEST_TMPDIR/l/$i/$i"
		layers+=${layers:+:}$BATS_TEST_TMPDIR/l/$i
	done
	oci_run 'c["mounts"].append({"destination": "/m", "type": "overlay", "source": "overlay", "options": ["nosuid", "userxattr",
		"lowerdir='"$layers"'", "upperdir='"$BATS_TEST_TMPDIR"'/upper", "workdir='"$BATS_TEST_TMPDIR"'/work"]})'
	assert_success
	assert_output $'30\n1'
	assert_equal "$(cat "$BATS_TEST_TMPDIR/upper/new")" x
	as_root rm -rf "$BATS_TEST_TMPDIR/work"
}

@test "mounts that cannot be made are refused with their place in the list" {
	bundle true
	last='c["mounts"][-1]'
	oci_run 'c["mounts"].append({"destination": "/m", "type": "bind", "source": "/etc", "options": ["rbind", "size=5"]})'
	assert_status 1
	assert_output --regexp "config.json: mounts\[[0-9]+\]: .*'size=5' is for file systems"
	oci_run "$last"' = {"destination": "/m", "type": "nofs", "source": "x"}'
	assert_status 1
	assert_output --regexp "config.json: mounts\[[0-9]+\]: .*nofs"
	oci_run "$last"' = {"destination": "/proc/self/attr", "type": "tmpfs", "source": "x"}'
	assert_status 1
	assert_output --partial "lies inside of /proc"
	oci_run "$last"' = {"destination": "/proc", "type": "tmpfs", "source": "x"}'
	assert_status 1
	assert_output --partial "/proc"
	ln -s /proc "$B/rootfs/like"
	oci_run "$last"' = {"destination": "/like/self/attr", "type": "tmpfs", "source": "x"}'
	assert_status 1
	assert_output --partial "lies inside of /proc"
	oci_run 'c["mounts"] = [{"destination": "/proc", "type": "bind", "source": "'"$B"'/rootfs/etc", "options": ["rbind"]}] + c["mounts"]'
	assert_status 1
	assert_output --partial "only a proc file system may be mounted on /proc"
	config "$B" 'del c["mounts"][0]'
	oci_run "$last"' = {"destination": "/m", "type": "bind", "source": "/nowhere", "options": ["bind"]}'
	assert_status 1
	assert_output --partial "/nowhere"
	oci_run "$last"' = {"destination": "/m", "type": "bind", "source": "/etc", "options": ["rbind", "idmap"],
		"uidMappings": [{"containerID": 0, "hostID": '"$(id -u)"', "size": 1}], "gidMappings": [{"containerID": 0, "hostID": '"$(id -g)"', "size": 1}]}'
	assert_status 1
	assert_output --regexp "config.json: mounts\[[0-9]+\].uidMappings: map the ids of '/etc'"
}

@test "a mount with ids of its own" {
	bundle sh -c 'ls -n /m/sub | tail -1 | awk "{print \$3, \$4}"'
	for name in awk tail; do ln -sf busybox "$B/rootfs/bin/$name"; done
	mkdir -p "$BATS_TEST_TMPDIR/fs"
	# Root of a user namespace may map the ids of file systems that it has mounted itself.
	cat >"$BATS_TEST_TMPDIR/inside" <<'END'
set -e
mount -t tmpfs tmpfs "$1/fs"
mkdir "$1/fs/sub"
touch "$1/fs/sub/f"
chown 3:4 "$1/fs/sub/f"
mount --make-private "$1/fs"
exec pod oci run --bundle "$2" one
END
	rm "$B/config.json"
	pod oci spec --bundle "$B"
	config "$B" 'c["process"]["terminal"] = False
c["process"]["args"] = ["sh", "-c", "ls -n /m/sub | tail -1 | awk \"{print \\$3, \\$4}\""]
c["mounts"] = [m for m in c["mounts"] if "cgroup" not in m["type"]]
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"]
c["mounts"].append({"destination": "/m", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/fs", "options": ["bind"],
	"uidMappings": [{"containerID": 3, "hostID": 1003, "size": 1}], "gidMappings": [{"containerID": 4, "hostID": 2004, "size": 1}]})'
	run as_root --mount sh "$BATS_TEST_TMPDIR/inside" "$BATS_TEST_TMPDIR" "$B"
	if [[ $output == *"its file system, or this kernel, cannot"* ]]; then
		skip "the kernel does not map the ids of a tmpfs (before Linux 6.3)"
	fi
	assert_success
	assert_output "1003 2004"
}

# --- devices, paths, sysctl ------------------------------------------------------------------------

@test "devices have their mode, in places of their own" {
	bundle sh -c 'ls -l /dev/own/pipe /made | cut -c1-10; echo x >/else/null && ls -l /else/null | cut -c1'
	ln -sf busybox "$B/rootfs/bin/cut"
	oci_run 'c["linux"]["devices"] = [{"path": "/dev/own/pipe", "type": "p", "fileMode": 0o640},
		{"path": "/made", "type": "p", "fileMode": 0o10600}, {"path": "/else/null", "type": "c", "major": 1, "minor": 3}]'
	assert_success
	assert_output $'prw-r-----\nprw-------\nc'
}

@test "a link where a device is due is not followed" {
	bundle true
	touch "$BATS_TEST_TMPDIR/victim"
	chmod 600 "$BATS_TEST_TMPDIR/victim"
	ln -s "$BATS_TEST_TMPDIR/victim" "$B/rootfs/pipe"
	oci_run 'c["linux"]["devices"] = [{"path": "/pipe", "type": "p", "fileMode": 0o666}]'
	assert_status 1
	assert_output --partial "make device '/pipe'"
	assert_equal "$(stat -c %a "$BATS_TEST_TMPDIR/victim")" 600
	# not even to the same kind of thing
	rm "$BATS_TEST_TMPDIR/victim"
	mkfifo -m 600 "$BATS_TEST_TMPDIR/victim"
	oci_run
	assert_status 1
	assert_output --partial "make device '/pipe'"
	assert_equal "$(stat -c %a "$BATS_TEST_TMPDIR/victim")" 600
	# where the host's node is bound
	rm "$BATS_TEST_TMPDIR/victim"
	touch "$BATS_TEST_TMPDIR/victim"
	oci_run 'c["linux"]["devices"] = [{"path": "/pipe", "type": "c", "major": 1, "minor": 3}]'
	assert_status 1
	assert_output --partial "make device '/pipe'"
}

@test "a file to mount on is not made through a link that leads nowhere" {
	bundle true
	ln -s "$OUTSIDE/planted" "$B/rootfs/dangling"
	oci_run 'c["mounts"].append({"destination": "/dangling", "type": "bind", "source": "/etc/hostname", "options": ["bind"]})'
	assert_status 1
	assert_output --partial "create '/dangling'"
	assert_equal "$(ls -A "$OUTSIDE")" ""
}

@test "/proc and /sys that are links are refused, masks and mounts stay in the root" {
	bundle true
	rmdir "$B/rootfs/proc"
	ln -s "$BATS_TEST_TMPDIR" "$B/rootfs/proc"
	oci_run
	assert_status 1
	assert_output --partial "'/proc' as a symbolic link"
	rm "$B/rootfs/proc"
	mkdir "$B/rootfs/proc"
	ln -s "$OUTSIDE" "$B/rootfs/link"
	ln -s ../../../../../../../../../.."$OUTSIDE" "$B/rootfs/up"
	oci_run 'c["mounts"] += [{"destination": "/link/a", "type": "tmpfs", "source": "tmpfs"}, {"destination": "/up/b", "type": "tmpfs", "source": "tmpfs"}]
c["process"]["cwd"] = "/link/cwd"; c["process"]["args"] = ["pwd"]
c["linux"]["maskedPaths"] += ["/link"]; c["linux"]["readonlyPaths"] += ["/up"]'
	assert_status 1
	run ls -A "$OUTSIDE"
	assert_output ""
	mkdir -p "$B/rootfs$OUTSIDE"
	oci_run 'c["linux"]["maskedPaths"].remove("/link"); c["linux"]["readonlyPaths"].remove("/up")'
	assert_success
	assert_output "$OUTSIDE/cwd"
	run ls -A "$OUTSIDE"
	assert_output ""
}

@test "masked paths are empty, read-only ones cannot be written" {
	bundle sh -c 'ls -A /secret | wc -l; cat /hidden; touch /kept/x 2>/dev/null || echo refused; cat /kept/f'
	ln -sf busybox "$B/rootfs/bin/wc"
	mkdir "$B/rootfs/secret" "$B/rootfs/kept"
	touch "$B/rootfs/secret/key"
	echo key >"$B/rootfs/hidden"
	echo kept >"$B/rootfs/kept/f"
	oci_run 'c["linux"]["maskedPaths"] = ["/secret", "/hidden", "/absent"]; c["linux"]["readonlyPaths"] = ["/kept", "/absent/too"]'
	assert_success
	assert_output $'0\nrefused\nkept'
}

@test "sysctl: those of the container's own namespaces, and no way to another file" {
	bundle cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax
	oci_run 'c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "8000"}
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"] + [{"type": "network"}]'
	assert_success
	assert_output $'1\n8000'
	for name in kernel.panic vm.swappiness fs.file-max kernel.core_pattern; do
		oci_run 'c["linux"]["sysctl"] = {"'$name'": "1"}'
		assert_status 1
		assert_output --partial "'$name' belongs to no namespace"
	done
	for name in net/../kernel/panic net...kernel.panic net..kernel net.ipv4/ip_forward net.ipv4.ip_forward. .net.x ''; do
		oci_run 'c["linux"]["sysctl"] = {"'$name'": "1"}'
		assert_status 1
	done
	oci_run 'c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1\n"}'
	assert_status 1
	oci_run 'c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"]
c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/sys"]'
	assert_status 1
	assert_output --partial "its namespace is shared"
}

# --- seccomp ---------------------------------------------------------------------------------------

@test "seccomp: errors, arguments and what kills" {
	bundle sh -c 'mkdir /tmp/d 2>&1; chmod 700 /tmp 2>&1 && echo 700; chmod 755 /tmp 2>&1 || :; sync; echo alive'
	for name in mkdir chmod sync; do ln -sf busybox "$B/rootfs/bin/$name"; done
	oci_run 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
	"flags": ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"], "syscalls": [
	{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122},
	{"names": ["chmod"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "args": [{"index": 1, "value": 0o755, "op": "SCMP_CMP_EQ"}]},
	{"names": ["fchmodat", "fchmodat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "args": [{"index": 2, "value": 0o755, "op": "SCMP_CMP_EQ"}]},
	{"names": ["sync"], "action": "SCMP_ACT_KILL_PROCESS"}]}'
	assert_success
	assert_output --partial "mkdir: can't create directory '/tmp/d': Disk quota exceeded"
	assert_output --partial "700"
	assert_output --partial "/tmp: No space left on device"
	assert_output --partial "alive"
	assert_output --partial "Bad system call"
}

@test "seccomp: an agent is asked, for the first process and for exec, also about what we use ourselves" {
	local agent

	bundle sh -c 'mkdir /tmp/d 2>&1; echo finished; exec sleep 1000'
	ln -sf busybox "$B/rootfs/bin/mkdir"
	config "$B" 'c["annotations"] = {"a": "b"}; c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "'"$BATS_TEST_TMPDIR"'/agent", "listenerMetadata": "for you",
	"syscalls": [{"names": ["mkdir", "mkdirat", "sendmsg", "futex", "wait4"], "action": "SCMP_ACT_NOTIFY"}]}'
	run pod oci run --bundle "$B" nobody
	assert_status 1
	assert_output --partial "connect to the seccomp agent at '$BATS_TEST_TMPDIR/agent'"
	python3 "$LIB/seccomp_agent.py" "$BATS_TEST_TMPDIR/agent" 122 >"$BATS_TEST_TMPDIR/told" &
	agent=$!
	wait_until 20 grep -q ready "$BATS_TEST_TMPDIR/told"
	pod oci create --bundle "$B" one </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	pod oci start one
	wait_until 20 grep -q finished "$BATS_TEST_TMPDIR/out"
	run cat "$BATS_TEST_TMPDIR/out"
	assert_output --partial "Disk quota exceeded"
	sed -n 2p "$BATS_TEST_TMPDIR/told" | python3 -c '
import json, os, sys
s = json.loads(sys.stdin.read())
assert s["fds"] == ["seccompFd"] and s["metadata"] == "for you" and s["ociVersion"].startswith("1."), s
assert s["state"]["id"] == "one" and s["state"]["pid"] == s["pid"] > 1 and s["state"]["bundle"] == os.environ["B"], s
assert s["state"]["annotations"] == {"a": "b"}, s'
	pod oci delete --force one
	wait "$agent"
}

# --- races -----------------------------------------------------------------------------------------

@test "names that are swapped for links while the container is set up lead nowhere outside" {
	local rounds=500 i outside=$OUTSIDE swappers=()

	[ -z "${POD_TEST_LONG-}" ] || rounds=10000
	bundle sh -c 'cat /w/copy/secret /w/secret 2>/dev/null; true'
	mkdir -p "$outside/copy" "$outside/dir" "$B/rootfs/w/copy" "$B/rootfs/w/dir" "$B/rootfs/x"
	echo outer >"$outside/copy/secret"
	echo outer >"$outside/secret"
	touch "$outside/pipe" "$outside/file"
	chmod 600 "$outside/pipe" "$outside/file"
	ln -s "$outside" "$B/rootfs/swap"
	ln -s "$outside" "$B/rootfs/x/swap"
	mkdir "$B/rootfs/x/y"
	config "$B" 'c["mounts"] += [
		{"destination": "/w/copy", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]},
		{"destination": "/w/made/deep", "type": "tmpfs", "source": "tmpfs"},
		{"destination": "/x/y/made", "type": "bind", "source": "/etc/hostname", "options": ["bind"]},
		{"destination": "/w/file", "type": "bind", "source": "/etc/hostname", "options": ["bind"]}]
c["linux"]["devices"] = [{"path": "/w/pipe", "type": "p", "fileMode": 0o666}, {"path": "/x/y/null", "type": "c", "major": 1, "minor": 3}]
c["linux"]["maskedPaths"] += ["/w/dir"]; c["linux"]["readonlyPaths"] += ["/x/y"]
c["process"]["cwd"] = "/w/cwd/deep"'
	find "$outside" -printf '%P %y %m %s %T@ %C@\n' | sort >"$BATS_TEST_TMPDIR/before"
	# with its ways inside the root, too: both sides of a swap can be used
	mkdir -p "$B/rootfs$outside"
	"$LIB/swapper" "$B/rootfs/w" "$B/rootfs/swap" 3>&- &
	swappers+=($!)
	"$LIB/swapper" "$B/rootfs/x/y" "$B/rootfs/x/swap" 3>&- &
	swappers+=($!)
	for ((i = 0; i < rounds; i++)); do
		timeout 30 pod oci run --bundle "$B" one 2>&1 || :
	done >"$BATS_TEST_TMPDIR/log"
	kill "${swappers[@]}"
	wait "${swappers[@]}" || :
	find "$outside" -printf '%P %y %m %s %T@ %C@\n' | sort >"$BATS_TEST_TMPDIR/after"
	run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	assert_success
	run grep -c outer "$BATS_TEST_TMPDIR/log"
	assert_output 0
	# some met the link, some did not: else nothing was tried
	[ "$(grep -c Error "$BATS_TEST_TMPDIR/log")" -lt "$rounds" ]
	rm -rf "$B/rootfs/w" "$B/rootfs/swap" "$B/rootfs/x" 2>/dev/null || as_root rm -rf "$B/rootfs"
}

@test "a directory that becomes a link as soon as it has been made leads nowhere outside" {
	local rounds=100 i swapper

	[ -z "${POD_TEST_LONG-}" ] || rounds=5000
	bundle true
	config "$B" 'c["mounts"] = [{"destination": "/z/made/below", "type": "tmpfs", "source": "tmpfs"}]'
	"$LIB/swapper" "$B/rootfs/z/made" "$B/rootfs/z/swap" 3>&- &
	swapper=$!
	for ((i = 0; i < rounds; i++)); do
		kill -STOP "$swapper"
		until grep -q '^State:.*T' "/proc/$swapper/status"; do :; done
		rm -rf "$B/rootfs/z"
		mkdir "$B/rootfs/z"
		ln -s "$OUTSIDE" "$B/rootfs/z/swap"
		kill -CONT "$swapper"
		timeout 30 pod oci run --bundle "$B" one 2>&1 || :
	done >"$BATS_TEST_TMPDIR/log"
	kill "$swapper"
	wait "$swapper" || :
	assert_equal "$(ls -A "$OUTSIDE")" ""
}
