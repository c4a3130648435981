# As CI systems start programs: no terminal, no home, no name for the user, closed streams; and hosts
# that refuse, which are told apart in one line each.
load ../lib/common

archive()
{
	[ -e "$BATS_FILE_TMPDIR/busybox.tar" ] ||
		make_image "$BATS_FILE_TMPDIR/busybox.tar" --name localhost/busybox >/dev/null
	echo "$BATS_FILE_TMPDIR/busybox.tar"
}

# in_private SCRIPT [ARG...] - a shell script as root of a user and mount namespace, with empty /tmp
# and /var/tmp of its own. $1 is the busybox archive.
in_private()
{
	local script=$1

	shift
	cp "$(archive)" "$BATS_TEST_TMPDIR/busybox.tar"
	run --separate-stderr "$LIB/in-userns.py" --mount sh -c '
		mount --bind "$1" /mnt && mount -t tmpfs -o mode=1777 none /var/tmp &&
			cp /mnt/busybox.tar /var/tmp/ && mount -t tmpfs -o mode=1777 none /tmp || exit 99
		set -- /var/tmp/busybox.tar
		'"$script" sh "$BATS_TEST_TMPDIR" "$@"
}

# --- output and status -------------------------------------------------------------------------------

@test "without a terminal every line is a whole one, without colours or carriage returns" {
	start_registry
	push_busybox team/app:1
	registries_conf <<-END
		[[registry]]
		location = "$REGISTRY"
		insecure = true
	END
	pod run --rm --network none "$REGISTRY/team/app:1" sh -c 'echo out; echo err >&2' \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	assert_equal "$(cat "$BATS_TEST_TMPDIR/out")" out
	run grep -c $'[\r\033]' "$BATS_TEST_TMPDIR/err"
	assert_output 0
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -lt 12 ] || fail "$(cat "$BATS_TEST_TMPDIR/err")"
	run tail -n 1 "$BATS_TEST_TMPDIR/err"
	assert_output err
	pod rmi "$REGISTRY/team/app:1" >/dev/null
	run --separate-stderr pod run --rm -q --network none "$REGISTRY/team/app:1" true
	assert_success
	assert_equal "$output$stderr" ""
}

@test "the status of a pipeline's step is the command's, or the engine's own" {
	local case

	load_busybox
	for case in "0:true" "7:exit 7" "137:kill -9 \$\$" "143:trap - TERM; kill -TERM \$\$"; do
		run pod run --rm --init --network none localhost/busybox sh -c "${case#*:}"
		assert_status "${case%%:*}"
	done
	run -127 pod run --rm --network none localhost/busybox no-such-command
	run pod run --rm --network none localhost/busybox /etc
	assert_status 126
	run pod run --rm --no-such-option localhost/busybox true
	assert_status 125
	run pod run --rm --pull never localhost/not-there true
	assert_status 125
}

@test "closed standard streams" {
	load_busybox
	run sh -c 'pod run --rm --network none localhost/busybox sh -c "echo out; exit 7" <&-'
	assert_status 7
	assert_output out
	run sh -c 'pod run --rm --network none localhost/busybox sh -c "echo out; exit 7" <&- >&- 2>&-'
	assert_status 7
	run sh -c 'pod run -i --rm --network none localhost/busybox sh -c "cat; exit 8" <&- >&- 2>&-'
	assert_status 8
	run sh -c 'pod ps >/dev/full'
	assert_status 125
	run sh -c 'pod ps 2>&-'
	assert_success
}

# --- the account ---------------------------------------------------------------------------------------

@test "a user without a name, a home and a runtime directory" {
	in_private '
		cd / && exec setpriv --reuid=4242 --regid=4343 --clear-groups env -i PATH="$PATH" sh -c "
			pod load -q -i $1 >/dev/null && pod run --rm localhost/busybox sh -c \"id -u; id -g; touch /x && chown 33 /x\"
			ls -d /var/tmp/pod-* /tmp/pod-*; stat -c %a /var/tmp/pod-4242"'
	assert_success
	assert_output "0
0
/tmp/pod-4242
/var/tmp/pod-4242
700"
	assert_stderr --regexp "the store is '/var/tmp/pod-4242', because HOME is not set.*; set HOME, XDG_DATA_HOME or POD_ROOT"
	assert_equal "$(grep -c 'the store is' <<<"$stderr")" 1 # not with every command
}

@test "a home that is read-only, or is none" {
	in_private '
		mkdir -p /tmp/home && mount --bind /tmp/home /tmp/home && mount -o remount,bind,ro /tmp/home
		export HOME=/tmp/home && unset XDG_RUNTIME_DIR
		pod load -q -i "$1" >/dev/null && pod run --rm --network none localhost/busybox echo works; ls -d /var/tmp/pod-*'
	assert_success
	assert_output "works
/var/tmp/pod-0"
	assert_stderr --regexp "because create directory '/tmp/home/.local.*: Read-only file system; set HOME"
	in_private '
		export HOME=/nonexistent && unset XDG_RUNTIME_DIR
		setpriv --reuid=4242 --clear-groups pod load -q -i "$1" >/dev/null && echo works'
	assert_output works
	assert_stderr --partial "/nonexistent"
}

@test "a /tmp that is read-only, and no XDG_RUNTIME_DIR" {
	in_private '
		mount -o remount,ro /tmp
		export HOME=/var/tmp/home && mkdir "$HOME" && unset XDG_RUNTIME_DIR
		pod load -q -i "$1" >/dev/null && pod run --rm --network none localhost/busybox echo works
		ls -d $HOME/.local/share/pod/run'
	assert_success
	assert_output "works
/var/tmp/home/.local/share/pod/run"
}

@test "a store of somebody else's in /var/tmp is not used" {
	in_private '
		mkdir -m 777 /var/tmp/pod-4242 /tmp/pod-4242-store
		exec setpriv --reuid=4242 --clear-groups env -i PATH="$PATH" pod load -q -i "$1"'
	assert_fault 125 "no place for the store" "belongs to uid 0" "POD_ROOT"
}

# --- hosts that refuse -----------------------------------------------------------------------------------

@test "user.max_user_namespaces is 0" {
	run --separate-stderr "$LIB/without" namespaces pod unshare true
	assert_fault 125 user.max_user_namespaces "sysctl"
}

@test "a seccomp filter refuses user namespaces, as docker's does" {
	load_busybox
	run --separate-stderr "$LIB/without" userns-eperm pod run --rm --network none localhost/busybox true
	assert_fault 125 "user namespace" "seccomp filter" "--security-opt seccomp=unconfined"
	run --separate-stderr "$LIB/without" userns pod run --rm --network none localhost/busybox true
	assert_fault 125 "user namespace" "sysctl"
}

@test "kernel.unprivileged_userns_clone is 0" {
	load_busybox
	run --separate-stderr "$LIB/in-userns.py" --mount sh -c '
		mount -t tmpfs none /mnt && cp -r /proc/sys/kernel/random /mnt/ 2>/dev/null
		echo 0 >/mnt/unprivileged_userns_clone && mount --bind /mnt /proc/sys/kernel &&
		exec setpriv --bounding-set -sys_admin pod run --rm --network none localhost/busybox true'
	assert_fault 125 kernel.unprivileged_userns_clone "sysctl"
}

@test "an account without subordinate ids runs with one, and is told how to get more" {
	run --separate-stderr "$LIB/without" subids sh -c '
		cat | pod load -q >/dev/null 2>&1 && pod run --rm --network none localhost/busybox sh -c "id -u; su user -c \"id -u\""' <"$(archive)"
	assert_success
	assert_output "0
1000"
	assert_stderr --regexp "one to the host.*no subordinate user ids for .* in '/etc/subuid'.*usermod --add-subuids"
	run "$LIB/without" subids sh -c 'pod info | grep -c "size: 1$"; pod info | grep -c "no subordinate user ids"'
	assert_output "2
1"
}

@test "newuidmap that cannot do its work: one id, and the reason" {
	for fault in setuid suid; do
		run --separate-stderr "$LIB/without" "$fault" sh -c '
			cat | pod load -q >/dev/null 2>&1 && pod run --rm --network none localhost/busybox id -u' <"$(archive)"
		assert_success
		assert_output 0
		assert_stderr --regexp "one to the host.*(newuidmap|subordinate)"
	done
	load_busybox
	run --separate-stderr setpriv --no-new-privs pod run --rm --network none localhost/busybox id -u
	assert_success
	assert_stderr --partial "no_new_privs"
}
