# shellcheck shell=bash
# What the files of tests/vm load:   load ../lib/vm
#
# As ../lib/common, but with the user's real home and runtime directory, because the user's systemd starts
# programs with these: one store for all tests of a file. `sudo` needs no password. When a test ends,
# its units and containers are gone.

# shellcheck source=tests/lib/common.bash
source "$POD_TEST_STAGE/tests/lib/common.bash"

UNITS=$POD_VM_HOME/.config/systemd/user
export UNITS

setup()
{
	vm_setup
}

teardown()
{
	vm_teardown
}

vm_setup()
{
	export HOME=$POD_VM_HOME XDG_RUNTIME_DIR=$POD_VM_RUNTIME_DIR
	export XDG_CONFIG_HOME=$HOME/.config
	STORE=$HOME/.local/share/pod
	export STORE
	mkdir -p "$UNITS" "$XDG_CONFIG_HOME/containers"
	cd "$BATS_TEST_TMPDIR" || return 1
}

# vm_teardown - stop and remove the test's units, then its containers; nothing may be left
vm_teardown()
{
	local status=0 file units=()

	for file in "$UNITS"/*.service "$UNITS"/*.socket; do
		[ ! -e "$file" ] || units+=("$(basename "$file")")
	done
	if [ ${#units[@]} -gt 0 ]; then
		systemctl --user disable --now "${units[@]}" >/dev/null 2>&1 || :
		rm -rf "${UNITS:?}"/*
		systemctl --user daemon-reload
		systemctl --user reset-failed
	fi
	timeout 60 pod rm --all --force --time 0 >"$BATS_TEST_TMPDIR/teardown" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/teardown"
		status=1
	}
	stop_servers
	python3 "$LIB/leftover.py" "$STORE" "$XDG_RUNTIME_DIR" || status=1
	return "$status"
}

# unit NAME PROPERTY - what the user's systemd says of it
unit()
{
	systemctl --user show --value --property "$2" "$1"
}

# journal UNIT - what a unit's programs and systemd said
journal()
{
	sudo journalctl --no-pager --output cat _SYSTEMD_USER_UNIT="$1" + USER_UNIT="$1"
}

# --- `pod oci` in the guest (with ../lib/oci) ---------------------------------------------------------

# oci_vm_setup - $T for files, and in $B a bundle that sleeps
oci_vm_setup()
{
	vm_setup
	T=$BATS_TEST_TMPDIR
	B=$T/bundle
	make_bundle "$B" sleep 1000
}

# start ID [OPTION...] - the container of that bundle, detached; the options are those before "run"
start()
{
	pod oci "${@:2}" run --detach --bundle "$B" "$1" </dev/null >"$T/$1.out" 2>&1 || {
		cat "$T/$1.out"
		return 1
	}
}

# group ID - the directory of its control group
group()
{
	echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(oci_pid "$1")/cgroup")"
}
