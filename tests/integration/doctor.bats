# pod doctor: on a host as it should be, and with each fault really there.
load ../lib/common

checks="kernel user-namespaces apparmor namespaces subordinate-ids newuidmap proc seccomp cgroups limits
linger keyrings programs runtime-directory store space overlay fuse slirp4netns tun low-ports ping dns registries"

# finds FAULT CHECK STATE WORD... - with FAULT (see tests/lib/without) the check has the state, says the
# words, and has a cost and a remedy
finds()
{
	local fault=$1 check=$2 state=$3 word

	shift 3
	run --separate-stderr "$LIB/without" "$fault" \
		pod doctor --format '{{.State}}|{{.Found}}|{{.Cost}}|{{.Remedy}}' "$check"
	assert_output --regexp "^$state\|[^|]+\|[^|]+\|.+$"
	for word; do
		assert_output --partial "$word"
	done
}

@test "every check has a result, and containers can run" {
	skip_without overlay
	run pod doctor --format '{{.Name}}'
	assert_success
	assert_equal "$(echo $output)" "$(echo $checks)"
	run pod doctor
	assert_success
	assert_output --partial "Containers can run."
	assert_output --regexp "ok +subordinate-ids +[0-9]+ user and [0-9]+ group ids for '$(id -un)'"
	assert_output --regexp "ok +overlay +the kernel mounts it"
	refute_output --regexp '(^|
)failed'
	[ -z "$(ls -A "$STORE/tmp")" ] || fail "left in tmp: $(ls "$STORE/tmp")"
}

@test "what is not ok says what it costs and what mends it, what is ok says neither" {
	run pod doctor --format '{{.State}}|{{.Cost}}|{{.Remedy}}'
	assert_success
	while IFS='|' read -r state cost remedy; do
		case $state in
		ok | unknown) [ -z "$cost$remedy" ] || fail "$state: $cost, $remedy" ;;
		note | warning) [ -n "$cost" ] && [ -n "$remedy" ] || fail "$state without words" ;;
		*) fail "state '$state'" ;;
		esac
	done <<<"$output"
}

@test "json, templates, tables, quiet" {
	run --separate-stderr pod doctor --format json
	assert_success
	python3 - "$output" <<-'END'
		import json, sys
		for check in json.loads(sys.argv[1]):
		    assert list(check) == ["Name", "State", "Found", "Cost", "Remedy"], check
		    assert check["State"] in ("ok", "note", "warning"), check
	END
	run pod doctor --format 'table {{.Name}}\t{{.State}}' programs
	assert_output --regexp '^NAME +STATE
programs +ok$'
	run pod doctor -q
	assert_success
	assert_output ""
	run pod system doctor --quiet
	assert_success
	assert_output ""
	run --separate-stderr pod doctor nothing
	assert_fault 125 "'nothing'"
	run --separate-stderr pod doctor --format '{{.Nothing}}'
	assert_fault 125 Nothing
}

# --- ids -------------------------------------------------------------------------------------------

@test "an account without subordinate ids" {
	finds subids subordinate-ids warning none usermod '--add-subuids 565536-631071'
	run "$LIB/without" subids pod doctor -q
	assert_success
}

@test "a directory service that has no subordinate ids for the account" {
	# Where the service's module is missing, shadow's getsubids reads the files instead.
	run --separate-stderr "$LIB/without" directory sh -c 'printf "#!/bin/sh\nexit 1\n" >getsubids; chmod 755 getsubids
		PATH=$PWD:$PATH exec pod doctor --format "{{.State}}|{{.Found}}|{{.Cost}}|{{.Remedy}}" subordinate-ids'
	assert_output --regexp '^warning\|[^|]+\|[^|]+\|.+$'
	assert_output --partial 'directory service'
	assert_output --partial /etc/nsswitch.conf
}

@test "subordinate ids of a directory service are found" {
	# shellcheck disable=SC2016 # for that shell
	run --separate-stderr "$LIB/without" directory sh -c 'echo "#!/bin/sh" >getsubids
		echo "echo 0: $(id -un) 3000000000 65536" >>getsubids
		chmod 755 getsubids; PATH=$PWD:$PATH exec pod doctor --format "{{.Found}}" subordinate-ids'
	assert_output --regexp '^65536 user and 65536 group ids for .* from the directory service$'
}

@test "newuidmap: not installed, not set-user-ID, on a nosuid mount, and no_new_privs" {
	finds newuidmap newuidmap warning 'not installed' 'sudo apt-get install uidmap'
	finds setuid newuidmap warning 'is not set-uid root' 'sudo chmod u+s /usr/bin/newuidmap'
	finds suid newuidmap warning nosuid 'outside of this container or sandbox'
	run setpriv --no-new-privs pod doctor --format '{{.State}} {{.Found}}' newuidmap
	assert_output --regexp '^warning .*no_new_privs'
}

@test "a user namespace with a single id" {
	run unshare --map-root-user pod doctor --format '{{.State}} {{.Found}} {{.Remedy}}' subordinate-ids
	assert_output --regexp '^warning .*single id .*--map-auto'
}

# --- namespaces --------------------------------------------------------------------------------------

@test "no user namespaces: the sysctl, and a filter" {
	finds namespaces user-namespaces failed user.max_user_namespaces=0 'sysctl --system'
	run "$LIB/without" namespaces pod doctor
	assert_status 1
	assert_output --partial "Containers cannot run"
	assert_output --regexp 'unknown +overlay +cannot be tried \(user-namespaces\)'
	run --separate-stderr "$LIB/without" namespaces pod unshare true
	assert_fault 125 '(see: pod doctor user-namespaces)'
	finds userns user-namespaces failed 'limit is reached'
	run "$LIB/without" userns pod doctor -q
	assert_status 1
	assert_output ""
}

@test "limits of the session" {
	run sh -c 'ulimit -n 256; exec pod doctor --format "{{.State}} {{.Found}} {{.Remedy}}" limits'
	assert_success
	assert_output --regexp '^warning at most 256 open files .*limits.conf'
	run prlimit --nproc=400: pod doctor --format '{{.State}} {{.Found}}' limits
	assert_output --regexp '^warning at most 400 processes'
}

# --- devices and programs ------------------------------------------------------------------------------

@test "no /dev/net/tun, no slirp4netns: the failed start names the check" {
	load_busybox
	finds slirp4netns slirp4netns failed 'not installed' 'apt-get install slirp4netns'
	run --separate-stderr "$LIB/without" slirp4netns pod run --rm localhost/busybox true
	assert_fault 125 '(see: pod doctor slirp4netns)'
	finds tun tun warning 'does not exist' 'modprobe tun'
	run --separate-stderr "$LIB/without" tun pod run --rm --network slirp4netns localhost/busybox true
	assert_fault 125 '(see: pod doctor tun)'
	run --separate-stderr "$LIB/without" tun pod run --rm localhost/busybox true
	assert_success
	assert_stderr --partial '(see: pod doctor tun)'
}

@test "no /dev/fuse: nothing lost where the kernel mounts overlays" {
	skip_without overlay
	run "$LIB/without" fuse pod doctor --format '{{.State}} {{.Found}}' fuse
	assert_success
	assert_output "ok '/dev/fuse' does not exist; not needed here"
	load_busybox
	run --separate-stderr "$LIB/without" fuse \
		pod --storage-driver fuse-overlayfs run --rm --network none localhost/busybox true
	assert_fault 125 /dev/fuse '(see: pod doctor fuse)'
}

@test "the monitor is not installed" {
	load_busybox
	run env POD_LIBEXECDIR=/nowhere pod doctor --format '{{.State}} {{.Found}} {{.Remedy}}' programs
	assert_status 1
	assert_output --regexp "^failed 'pod-monitor' .*/nowhere.* make install"
	run --separate-stderr env POD_LIBEXECDIR=/nowhere pod run --rm localhost/busybox true
	assert_fault 125 '(see: pod doctor programs)'
}

# --- directories ----------------------------------------------------------------------------------------

@test "the store's file system is full" {
	mkdir -p "$STORE"
	run "$LIB/without" "space=1m:$STORE" sh -c 'pod doctor --format "{{.State}}" space
		head -c 900k /dev/zero >"$1/filler"; pod doctor --format "{{.State}} {{.Found}} {{.Remedy}}" space' \
		sh "$STORE"
	assert_status 1
	assert_equal "${lines[0]}" warning
	[[ ${lines[1]} == "failed '$STORE' is full: "*"pod system prune"* ]] || fail "$output"
}

@test "an image that does not fit: the failed load names the check" {
	make_image "$BATS_TEST_TMPDIR/big.tar" --layer busybox
	mkdir -p "$STORE"
	run --separate-stderr "$LIB/without" "space=1m:$STORE" pod load -q -i "$BATS_TEST_TMPDIR/big.tar"
	assert_fault 125 'No space left on device' '(see: pod doctor space)'
}

@test "no directory for the store" {
	run pod --root /proc/nowhere doctor --format '{{.State}} {{.Found}}' store
	assert_status 1
	assert_output --regexp '^failed .*/proc/nowhere'
}

@test "no home directory" {
	run --separate-stderr env -u XDG_DATA_HOME HOME=/proc/nowhere pod doctor --format '{{.State}} {{.Found}}' store
	assert_success
	assert_output --regexp '^note .*for want of a home'
	"$LIB/remove-tree" "/var/tmp/pod-$(id -u)"
}

@test "without XDG_RUNTIME_DIR" {
	[ ! -d "/run/user/$(id -u)" ] || skip "the account has a login session"
	run env -u XDG_RUNTIME_DIR pod doctor --format '{{.State}} {{.Found}} {{.Remedy}}' runtime-directory
	assert_success
	assert_output --regexp "^note '/tmp/pod-$(id -u)'.*XDG_RUNTIME_DIR"
	mkdir -m 755 "$XDG_RUNTIME_DIR/pod"
	run pod doctor --format '{{.State}} {{.Found}}' runtime-directory
	assert_status 1
	assert_output --regexp '^failed .*open to others'
	run --separate-stderr pod ps
	assert_fault 125 '(see: pod doctor runtime-directory)'
}

# --- network ------------------------------------------------------------------------------------------

@test "no name server" {
	finds resolv.conf dns warning 'names no server' resolv.conf
	run --separate-stderr "$LIB/without" resolv.conf pod pull -q registry.invalid/x
	assert_fault 125 '(see: pod doctor dns)'
}

@test "a port that may not be published" {
	[ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 81 ] || skip "port 81 may be published"
	load_busybox
	run pod doctor --format '{{.State}} {{.Remedy}}' low-ports
	assert_output --regexp '^note .*ip_unprivileged_port_start'
	run --separate-stderr pod run --rm -p 81:81 localhost/busybox true
	assert_fault 125 '(see: pod doctor low-ports)'
}

@test "ping" {
	# In a network of its own the range is what the kernel begins with: nobody.
	run unshare --map-root-user --net pod doctor --format '{{.State}} {{.Remedy}}' ping
	assert_output --regexp '^note .*ping_group_range'
}

@test "a registries.conf that cannot be read" {
	registries_conf <<<'unqualified-search-registries = "x'
	run pod doctor --format '{{.State}} {{.Found}}' registries
	assert_success
	assert_output --regexp '^warning .*registries.conf'
}

@test "a user that the container has no ids for, a proxy that does not answer" {
	load_busybox
	run --separate-stderr pod run --rm --network none --user 172761424 localhost/busybox true
	assert_fault 125 172761424:0 /etc/subuid "(see: pod doctor subordinate-ids)"
	https_proxy=http://user:secret@127.0.0.1:1 run --separate-stderr pod pull -q registry.invalid/x
	assert_fault 125 registry.invalid/x https_proxy
	refute_output --partial secret
	case $stderr in
	*secret*) fail "the password is shown: $stderr" ;;
	esac
}
