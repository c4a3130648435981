# shellcheck shell=bash
# For tests of `pod oci`:   load ../lib/oci   (after common)

# make_bundle DIR [ARG...] - a bundle with busybox as its root; ARG: the process, without terminal
make_bundle()
{
	local dir=$1 name

	shift
	mkdir -p "$dir/rootfs/bin" "$dir/rootfs/proc" "$dir/rootfs/dev" "$dir/rootfs/sys" "$dir/rootfs/tmp" "$dir/rootfs/etc"
	cp "$(command -v busybox)" "$dir/rootfs/bin/busybox"
	for name in sh true false ls cat sleep echo id env ps stty tty mount hostname printf test kill readlink head tr mkfifo pwd touch rm grep; do
		ln -sf busybox "$dir/rootfs/bin/$name"
	done
	if [ "$(id -u)" -eq 0 ]; then
		pod oci spec --bundle "$dir"
	else
		pod oci spec --rootless --bundle "$dir"
	fi
	config "$dir" 'c["process"]["terminal"] = False'
	[ $# -eq 0 ] || config_args "$dir" "$@"
}

# config DIR STATEMENTS - change DIR/config.json, which Python's STATEMENTS see as c
config()
{
	python3 - "$1/config.json" "$2" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    c = json.load(f)
exec(sys.argv[2])
with open(sys.argv[1], "w") as f:
    json.dump(c, f)
END
}

config_args()
{
	local dir=$1

	shift
	config "$dir" "c['process']['args'] = $(python3 -c 'import sys; print(sys.argv[1:])' "$@")"
}

# oci_status ID - "created", "running", ...
oci_status()
{
	pod oci state "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["status"])'
}

oci_pid()
{
	pod oci state "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])'
}

status_is()
{
	[ "$(oci_status "$1")" = "$2" ]
}

# oci_setup - $B for a bundle; as root $S, a state directory of the test's own
oci_setup()
{
	pod_setup
	B=$BATS_TEST_TMPDIR/bundle
	export B
	[ "$(id -u)" -eq 0 ] || return 0
	S=$BATS_TEST_TMPDIR/state
	mkdir -m 0700 "$S"
	export S
}

# oci_outside - $OUTSIDE, a directory that the container does not cover with its mounts, on a file
# system whose ids every supported kernel can map
oci_outside()
{
	OUTSIDE=$(mktemp -d /var/tmp/pod-outside.XXXXXX)
}

# oci COMMAND [ARG...] - pod oci with this test's state directory
oci()
{
	pod oci ${S:+--root "$S"} "$@"
}

# oci_run [STATEMENTS] - run the bundle, changed by Python's STATEMENTS
oci_run()
{
	[ $# -eq 0 ] || config "$B" "$1"
	run oci ${S:+--rootless true} run --bundle "$B" one
}

# oci_teardown - nothing of a container may be left
oci_teardown()
{
	local state=${S-$XDG_RUNTIME_DIR/pod-oci} status=0 left

	[ -z "${OUTSIDE-}" ] || rm -rf "$OUTSIDE"
	oci delete --force --regex . || status=1
	# containerd makes a directory for its namespace there
	left=$(find "$state" -mindepth 1 ${S:+\( -name state.json -o -name lock \)} 2>/dev/null)
	[ -z "$left" ] || {
		echo "left in the state directory: $left"
		status=1
	}
	pod_teardown || status=1
	return "$status"
}
