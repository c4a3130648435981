# pod in a container: outer ones made by bubblewrap, by podman and by pod itself. What the outer one
# keeps back is done without, and one line each says what that costs.
load ../lib/common

# Debian's podman wants a file system of the container's own for its pause process, and a runtime
# that takes a hybrid hierarchy of cgroups.
setup()
{
	pod_setup
	mkdir -p "$XDG_CONFIG_HOME/containers"
	printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "%s"\n' \
		"$(podman_runtime)" >"$XDG_CONFIG_HOME/containers/containers.conf"
	printf '[storage]\ndriver = "vfs"\n' >"$XDG_CONFIG_HOME/containers/storage.conf"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$XDG_CONFIG_HOME/containers/policy.json"
	ARCHIVE=$BATS_FILE_TMPDIR/busybox.tar
	OUTER=$BATS_FILE_TMPDIR/outer.tar
	[ -e "$ARCHIVE" ] || make_image "$ARCHIVE" --name localhost/busybox >/dev/null
	[ -e "$OUTER" ] || make_image "$OUTER" --name localhost/outer --layer - >/dev/null <<-'JSON'
		[{"path": "bin", "type": "symlink", "target": "usr/bin"},
		 {"path": "sbin", "type": "symlink", "target": "usr/sbin"},
		 {"path": "lib", "type": "symlink", "target": "usr/lib"},
		 {"path": "lib64", "type": "symlink", "target": "usr/lib64"},
		 {"path": "usr", "type": "dir"}, {"path": "root", "type": "dir"},
		 {"path": "tmp", "type": "dir", "mode": "1777"},
		 {"path": "var/tmp", "type": "dir", "mode": "1777"},
		 {"path": "home/user", "type": "dir", "uid": 1000, "gid": 1000},
		 {"path": "etc/passwd", "content": "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"},
		 {"path": "etc/group", "content": "root:x:0:\nuser:x:1000:\n"}]
	JSON
	cat >"$BATS_TEST_TMPDIR/inside" <<-'SH'
		#!/bin/sh
		# what runs in the outer container: the busybox image in a store there, and a command on it
		PATH=/stage/bin:/usr/bin:/usr/sbin:/bin
		[ "$(id -u)" = 0 ] && HOME=/root || HOME=/home/user
		export HOME
		pod load -q -i /busybox.tar >/dev/null && exec pod run --rm "$@"
	SH
	chmod 755 "$BATS_TEST_TMPDIR/inside"
	MOUNTS=(-v /usr:/usr:ro -v "$POD_TEST_STAGE:/stage:ro" -v "$ARCHIVE:/busybox.tar:ro"
		-v "$BATS_TEST_TMPDIR/inside:/inside:ro")
}

teardown()
{
	if [ -e "$HOME/.local/share/containers" ]; then
		podman system migrate >/dev/null 2>&1 || : # ends its pause process
		podman unshare rm -rf "$HOME/.local/share/containers" 2>/dev/null || :
		podman system migrate >/dev/null 2>&1 || :
	fi
	pod_teardown
}

# crun of Debian 12 refuses hybrid hierarchies, runc takes everything
podman_runtime()
{
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo crun; else echo runc; fi
}

# in_podman [podman options --] ARG... - `pod run --rm ARG...` in a container of podman's
in_podman()
{
	local options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	podman load -q -i "$OUTER" >/dev/null 2>&1
	run --separate-stderr podman run --rm --network none "${MOUNTS[@]}" "${options[@]}" localhost/outer \
		/bin/sh /inside "$@"
	# podman's own words about this host
	stderr=$(grep -v 'level=warning' <<<"$stderr")
}

# in_pod - the same in a container of ours
in_pod()
{
	local options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	pod load -q -i "$OUTER" >/dev/null
	run --separate-stderr pod run --rm --network none "${MOUNTS[@]}" "${options[@]}" localhost/outer \
		/bin/sh /inside "$@"
}

# --- bubblewrap --------------------------------------------------------------------------------------

bwrap_one()
{
	run --separate-stderr bwrap --bind / / --dev-bind /dev /dev --unshare-all "$@"
}

@test "in bubblewrap, which maps one id" {
	bwrap_one --proc /proc -- sh -c 'pod load -q -i "$1" >/dev/null && pod run --rm localhost/busybox sh -c "id -u; ls -d /proc/[0-9]*"' \
		sh "$ARCHIVE"
	assert_success
	assert_equal "${lines[0]}" 0
	assert_equal "${lines[1]}" /proc/1 # a /proc of its own
	assert_stderr --regexp "one to the host.*maps a single id; run pod outside of it"
}

@test "in bubblewrap with a masked /proc" {
	bwrap_one --proc /proc --ro-bind /dev/null /proc/cpuinfo -- sh -c '
		pod load -q -i "$1" >/dev/null
		pod run --rm --network none localhost/busybox sh -c "readlink /proc/self/ns/pid; cat /proc/self/comm; touch /x && chown 33 /x"
		readlink /proc/self/ns/pid' sh "$ARCHIVE"
	assert_success
	assert_equal "${lines[1]}" cat
	assert_equal "${lines[0]}" "${lines[2]}" # the process ids are those around it
	assert_stderr --partial "the container's processes and those around it see each other; unmask it"
}

@test "the end of a container that shares process ids is the end of its processes" {
	bwrap_one --proc /proc --ro-bind /dev/null /proc/cpuinfo -- sh -c '
		pod load -q -i "$1" >/dev/null
		pod run -d --name web --network none localhost/busybox sh -c "sleep 4321 & sleep 4321 & exec sleep 4321" >/dev/null 2>&1
		pod exec web true && pgrep -c -x sleep
		pod rm -f -t 0 web >/dev/null
		pgrep -c -x sleep
		ls "$HOME/.local/share/pod/containers"' sh "$ARCHIVE"
	assert_equal "${lines[0]} ${lines[1]} ${lines[2]}" "3 0 names"
}

@test "in bubblewrap without user namespaces: refused with the remedy" {
	load_busybox
	bwrap_one --unshare-user --disable-userns --proc /proc -- pod run --rm --network none localhost/busybox true
	assert_fault 125 "user namespace" max_user_namespaces
}

# --- podman ------------------------------------------------------------------------------------------

@test "as root of podman's container, with its default capabilities, filter and masks" {
	in_podman -- localhost/busybox sh -c 'id -u; [ "$(wc -l </proc/self/uid_map)" -gt 1 ] && echo many; su user -c "id -u"; touch /x; chown 33 /x && stat -c %u /x'
	assert_success
	assert_output "0
many
1000
33"
	assert_stderr --partial "a new /proc because this one is partly masked"
	assert_stderr --partial "shares the network around it: device '/dev/net/tun' does not exist"
	[[ $stderr != *"one to the host"* ]] || fail "it has ids enough: $stderr"
}

@test "as an ordinary user of podman's container, who has no subordinate ids" {
	in_podman --user user -- localhost/busybox sh -c 'id -u; su user -c "id -u"; touch /x; chown 33 /x'
	assert_success
	assert_output "0
1000"
	assert_stderr --partial "no subordinate user ids for 'user' in '/etc/subuid'"
}

@test "podman's container with /proc unmasked and /dev/net/tun gives what a host gives" {
	skip_without tun
	in_podman --security-opt unmask=ALL --security-opt seccomp=unconfined --device /dev/net/tun -- \
		localhost/busybox sh -c 'echo $$; hostname; ls -d /proc/[0-9]* | wc -l; ls /sys/class/net'
	assert_success
	assert_equal "${lines[0]}" 1
	[ "${lines[2]}" -lt 5 ] || fail "${lines[2]} processes are seen"
	assert_output --partial tap0
	assert_equal "$stderr" ""
}

@test "as root of podman's container without any capability: refused with the remedy" {
	in_podman --cap-drop ALL -- localhost/busybox true
	assert_status 125
	assert_stderr --regexp "Error: .*root.*CAP_SETFCAP.*--cap-add SETFCAP"
}

@test "in podman's container under a filter like docker's: refused with the remedy" {
	load_busybox
	run --separate-stderr "$LIB/without" userns-eperm pod run --rm --network none localhost/busybox true
	assert_fault 125 "user namespace" "seccomp" "--security-opt seccomp=unconfined"
}

# --- pod ---------------------------------------------------------------------------------------------

@test "pod in pod: the ids of the outer one, its store on an overlay" {
	in_pod -- localhost/busybox sh -c 'id -u; su user -c "id -u"; touch /x; chown 33 /x && stat -c %u /x; echo written >/srv && cat /srv'
	assert_success
	assert_output "0
1000
33
written"
	[[ $stderr != *"one to the host"* ]] || fail "it has ids enough: $stderr"
}

@test "pod in pod as an ordinary user" {
	in_pod --user user -- localhost/busybox sh -c 'id -u; su user -c "id -u"; touch /x; chown 33 /x'
	assert_success
	assert_output "0
1000"
}

@test "pod in pod, both with a single id: the outer one answers for both" {
	"$LIB/without" newuidmap pod load -q -i "$OUTER" >/dev/null
	run --separate-stderr "$LIB/without" newuidmap pod run --rm --network none "${MOUNTS[@]}" localhost/outer \
		/bin/sh /inside localhost/busybox sh -c 'id -u; touch /x; chown 33 /x && su user -c "id -u"'
	assert_success
	assert_output "0
1000"
	"$LIB/without" newuidmap pod rm -fa >/dev/null 2>&1 || :
}

@test "without capabilities but CAP_SYS_ADMIN kept back: root of a host that was taken it" {
	load_busybox
	run --separate-stderr "$LIB/in-userns.py" setpriv --bounding-set -sys_admin \
		pod run --rm --network none localhost/busybox sh -c 'id -u; [ "$(wc -l </proc/self/uid_map)" -gt 1 ] && echo many'
	assert_success
	assert_output "0
many"
}
