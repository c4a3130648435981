#!/usr/bin/env bats
# as root
# Members of config.json that only the host's root can honour.

load ../lib/common
load ../lib/oci

setup()
{
	oci_setup
	skip_without root
	oci_outside
}

teardown()
{
	oci_teardown
}

bundle()
{
	local name

	make_bundle "$B" "$@"
	for name in awk chmod mkdir cut stat; do ln -sf busybox "$B/rootfs/bin/$name"; done
	config "$B" 'c["root"]["readonly"] = False; c["linux"].pop("resources", None)'
}

@test "root: device nodes with their numbers, modes and owners" {
	bundle sh -c 'stat -c "%A %u:%g %t:%T %n" /dev/own/null /else/zero /dev/null'
	oci_run 'c["linux"]["devices"] = [{"path": "/dev/own/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o20640, "uid": 5, "gid": 6},
		{"path": "/else/zero", "type": "u", "major": 1, "minor": 5, "fileMode": 0o600}]'
	assert_success
	assert_output $'crw-r----- 5:6 1:3 /dev/own/null\ncrw------- 0:0 1:5 /else/zero\ncrw-rw-rw- 0:0 1:3 /dev/null'
}

@test "root: what the image has in place of a device is refused, and what it leads to left alone" {
	touch "$OUTSIDE/victim"
	chmod 600 "$OUTSIDE/victim"
	bundle true
	ln -s "$OUTSIDE/victim" "$B/rootfs/dev/null"
	oci_run 'c["mounts"] = [m for m in c["mounts"] if not m["destination"].startswith("/dev")]'
	assert_status 1
	assert_output --partial "make device '/dev/null': the image has something else there"
	rm "$B/rootfs/dev/null"
	echo text >"$B/rootfs/dev/null"
	oci_run
	assert_status 1
	assert_output --partial "make device '/dev/null'"
	assert_equal "$(stat -c %a "$OUTSIDE/victim")" 600
	rm "$B/rootfs/dev/null"
	oci_run
	assert_success
}

@test "root: mounts with ids of their own, and with the user namespace's" {
	bundle stat -c '%u:%g' /m/f
	mkdir "$OUTSIDE/fs"
	touch "$OUTSIDE/fs/f"
	chown 7:8 "$OUTSIDE/fs/f"
	oci_run 'c["mounts"].append({"destination": "/m", "type": "bind", "source": "'"$OUTSIDE"'/fs", "options": ["bind", "ro"],
		"uidMappings": [{"containerID": 7, "hostID": 1007, "size": 1}], "gidMappings": [{"containerID": 8, "hostID": 1008, "size": 1}]})'
	assert_success
	assert_output 1007:1008
	oci_run 'c["mounts"][-1] = {"destination": "/m", "source": "'"$OUTSIDE"'/fs", "options": ["rbind", "ridmap"]}'
	assert_status 1
	assert_output --partial "idmap needs uidMappings and gidMappings, or a user namespace"
	oci_run 'c["linux"]["namespaces"].append({"type": "user"})
for kind in ("uid", "gid"): c["linux"][kind + "Mappings"] = [{"containerID": 0, "hostID": 300000, "size": 1000}]'
	assert_success
	assert_output 7:8
}

@test "root: priorities that need the host's privileges, also into a user namespace" {
	bundle sh -c 'awk "{print \$40, \$41}" /proc/self/stat; ionice -p $$'
	ln -sf busybox "$B/rootfs/bin/ionice"
	oci_run 'c["process"]["scheduler"] = {"policy": "SCHED_FIFO", "priority": 7}
c["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_RT", "priority": 3}
c["linux"]["namespaces"].append({"type": "user"})
for kind in ("uid", "gid"): c["linux"][kind + "Mappings"] = [{"containerID": 0, "hostID": 300000, "size": 1000}]'
	assert_success
	assert_output $'7 1\nrealtime: prio 3'
}

@test "root: a namespace of the host's can be joined from a new user namespace" {
	local pid

	bundle sh -c 'readlink /proc/self/ns/net; awk "{print \$2}" /proc/self/uid_map'
	unshare --net sleep 1000 3>&- &
	pid=$!
	wait_until 10 sh -c "[ \"\$(readlink /proc/$pid/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
	oci_run 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] not in ("network", "cgroup")] + [
	{"type": "user"}, {"type": "network", "path": "/proc/'$pid'/ns/net"}]
c["mounts"] = [m for m in c["mounts"] if "cgroup" not in m["type"]]
for kind in ("uid", "gid"): c["linux"][kind + "Mappings"] = [{"containerID": 0, "hostID": 300000, "size": 1000}]'
	assert_success
	assert_output "$(readlink "/proc/$pid/ns/net")"$'\n300000'
	kill "$pid"
	wait "$pid" || :
}

@test "root: a user namespace without a 0" {
	bundle id
	oci_run 'c["linux"]["namespaces"].append({"type": "user"})
for kind in ("uid", "gid"): c["linux"][kind + "Mappings"] = [{"containerID": 5, "hostID": 300000, "size": 10}]
c["process"]["user"] = {"uid": 6, "gid": 7}'
	assert_success
	assert_output --partial "uid=6 gid=7"
}

@test "root: without pivot_root the root is the container's all the same" {
	bundle sh -c 'ls /; grep -c . /proc/self/mountinfo >/dev/null && echo fine'
	run pod oci --root "$S" --rootless true run --no-pivot --bundle "$B" one
	assert_success
	assert_output --partial "bin"
	refute_output --partial "root"$'\n'"run"
	assert_output --partial fine
}

@test "root: the mount namespace of the first process is never joined" {
	bundle true
	config "$B" '[ns for ns in c["linux"]["namespaces"] if ns["type"] == "mount"][0]["path"] = "/proc/1/ns/mnt"'
	# not this host's: that of a first process that can be spared
	run unshare --mount --pid --fork --mount-proc \
		sh -c 'unshare --mount pod oci --root "$1" --rootless true run --bundle "$2" one; echo "status $?"; ls -d /usr' sh "$S" "$B"
	assert_output --partial "config.json: linux.namespaces: the mount namespace to join is the host's"
	assert_output --partial "status 1"
	assert_output --partial /usr
}
