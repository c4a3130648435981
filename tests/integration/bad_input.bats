# Bad input and host faults: one line that names the object, the cause and the remedy; exit status 125;
# nothing half-made left (teardown looks), nothing written outside the layer.
load ../lib/common

# double LAYOUT [fault...] - the misbehaving registry, as $SERVER, with repository x:latest
double()
{
	start_server python3 "$LIB/registry_double.py" "$1" x:latest "${@:2}"
}

layout()
{
	make_image "$BATS_TEST_TMPDIR/oci" --format oci "$@" >/dev/null
	LAYOUT=$BATS_TEST_TMPDIR/oci
}

# A failed pull has left neither image nor layer.
assert_no_image()
{
	run pod images -q
	assert_success
	assert_output ""
	run find "$STORE/layers" -mindepth 1 -maxdepth 1
	assert_output ""
}

pull_x()
{
	run --separate-stderr pod pull -q --tls-verify=false "$SERVER/x:latest"
}

@test "an unknown image" {
	layout
	double "$LAYOUT"
	run --separate-stderr pod run --rm -q --tls-verify=false "$SERVER/nothing:latest"
	assert_fault 125 "$SERVER/nothing" unknown
	assert_no_image
}

@test "an unknown image with --pull never" {
	run --separate-stderr pod run --rm --pull never nothing-like-this
	assert_fault 125 nothing-like-this
}

@test "a name that is no reference" {
	run --separate-stderr pod pull 'UPPER/case:x:y'
	assert_fault 125 'UPPER/case:x:y'
	run --separate-stderr pod run --rm ''
	assert_status 125
}

@test "unauthorised" {
	start_registry basic
	push_busybox private/x:latest
	run --separate-stderr pod pull -q --tls-verify=false "$REGISTRY/private/x:latest"
	assert_fault 125 "$REGISTRY/private/x" "pod login"
	run --separate-stderr pod pull -q --tls-verify=false --creds user:wrong "$REGISTRY/private/x:latest"
	assert_fault 125 "$REGISTRY/private/x"
	run pod pull -q --tls-verify=false --creds user:secret "$REGISTRY/private/x:latest"
	assert_success
}

@test "HTTPS with an unknown CA" {
	start_registry tls
	push_busybox x:latest
	run --separate-stderr pod pull -q "$REGISTRY/x:latest"
	assert_fault 125 "$REGISTRY/x" certificate
	assert_no_image
}

@test "a registry that speaks plain HTTP where HTTPS is asked for" {
	start_registry plain
	push_busybox x:latest
	run --separate-stderr pod pull -q "$REGISTRY/x:latest"
	assert_fault 125 "$REGISTRY/x" --tls-verify=false
}

@test "a registry that is not there" {
	run --separate-stderr pod pull -q --tls-verify=false 127.0.0.1:1/x:latest
	assert_fault 125 127.0.0.1:1/x
}

@test "a registry that answers 500" {
	layout
	double "$LAYOUT" status=500
	pull_x
	assert_fault 125 "$SERVER/x" 500
}

@test "a malformed manifest" {
	layout
	for text in '{"schemaVersion":2' '{}' '[]' 'null' '"x"' '{"schemaVersion":1}' \
		'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":"sha256:../../x","size":1,"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[]}' \
		'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":5,"layers":{}}'; do
		double "$LAYOUT" "manifest=$text"
		pull_x
		assert_fault 125 "$SERVER/x"
		stop_servers
	done
	assert_no_image
}

@test "a manifest that is both image and index" {
	layout --manifest '{"manifests": []}'
	double "$LAYOUT"
	pull_x
	assert_fault 125 "$SERVER/x"
	assert_no_image
}

@test "a manifest with another digest than the one asked for" {
	layout
	double "$LAYOUT" wrong-manifest
	local digest

	digest=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' \
		"$LAYOUT/index.json")
	run --separate-stderr pod pull -q --tls-verify=false "$SERVER/x@$digest"
	assert_fault 125 "$SERVER/x" digest
	assert_no_image
}

@test "a layer with a wrong digest" {
	layout
	double "$LAYOUT" corrupt
	pull_x
	assert_fault 125 "$SERVER/x"
	assert_no_image
	double "$LAYOUT" corrupt-header
	pull_x
	assert_fault 125 "$SERVER/x"
	assert_no_image
}

@test "a layer whose diff_id is wrong" {
	local zeros

	zeros=$(printf '0%.0s' {1..64})
	layout --config "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$zeros\"]}}"
	double "$LAYOUT"
	pull_x
	assert_fault 125 "$SERVER/x"
	assert_no_image
}

@test "a truncated layer: resumed where the connection broke" {
	layout
	double "$LAYOUT" cut=100000
	pull_x
	assert_success
	run grep -c 'bytes=[1-9]' "$BATS_TEST_TMPDIR"/server.*.log
	assert_output 1
	run pod run --rm --network none "$SERVER/x:latest" cat /etc/os-release
	assert_output "ID=busybox"
}

@test "a truncated layer, again and again" {
	layout
	double "$LAYOUT" cut-always=1 no-range
	pull_x
	assert_fault 125 "$SERVER/x"
	assert_no_image
}

@test "a registry that is busy is asked again" {
	layout
	double "$LAYOUT" busy=2
	pull_x
	assert_success
}

@test "a layer that is not there" {
	layout
	double "$LAYOUT" missing-layers
	pull_x
	assert_fault 125 "$SERVER/x"
	assert_no_image
}

@test "an Authorization header never follows a redirect to another host" {
	layout
	double "$LAYOUT"
	local other=$SERVER other_log

	other_log=$(ls "$BATS_TEST_TMPDIR"/server.*.log)
	double "$LAYOUT" "redirect=http://localhost:${other##*:}"
	run --separate-stderr pod pull -q --tls-verify=false --creds user:secret "$SERVER/x:latest"
	assert_success
	run grep blobs "$other_log"
	assert_success
	refute_output --partial authorization
}

# --- hostile layers --------------------------------------------------------------------------------

# hostile ENTRIES - a busybox image with a second layer of these entries, loaded. Whatever load
# answers, nothing may appear outside the layer.
hostile()
{
	make_image "$BATS_TEST_TMPDIR/bad.tar" --name localhost/bad --layer busybox --layer - <<<"$1" >/dev/null
	: >"$HOME/canary"
	run --separate-stderr pod load -q -i "$BATS_TEST_TMPDIR/bad.tar"
	[ ! -s "$HOME/canary" ] || fail "the canary was written"
	[ -z "$(find "$BATS_TEST_TMPDIR" -name 'pod-escape*' ! -path "$STORE/layers/*/diff/*" -print -quit)" ] ||
		fail "a file got out of the layer"
}

@test "hostile paths stay inside the layer or are refused" {
	local up=../../../../../../../../../../..

	for entry in "{\"path\": \"$up$HOME/pod-escape\", \"content\": \"x\"}" \
		"{\"path\": \"$HOME/pod-escape\", \"content\": \"x\"}" \
		"{\"path\": \"a/$up$HOME/pod-escape\", \"content\": \"x\"}" \
		"{\"path\": \"..\", \"type\": \"dir\", \"mode\": \"0777\"}"; do
		hostile "[$entry]"
		[ "$status" -eq 0 ] || assert_fault 125
		rm -rf "$BATS_TEST_TMPDIR/bad.tar"
	done
}

@test "a symlink, then a file through it" {
	hostile "[{\"path\": \"link\", \"type\": \"symlink\", \"target\": \"$HOME\"},
		{\"path\": \"link/pod-escape\", \"content\": \"x\"}]"
	[ "$status" -eq 0 ] || assert_fault 125
	hostile "[{\"path\": \"link\", \"type\": \"symlink\", \"target\": \"$HOME/canary\"},
		{\"path\": \"link\", \"content\": \"replaced\"}]"
	assert_success
	run pod run --rm --network none localhost/bad cat /link
	assert_output replaced
}

@test "a hard link to the host" {
	echo secret >"$HOME/secret"
	for target in "$HOME/secret" ../../../../../../../../../../../etc/passwd; do
		hostile "[{\"path\": \"pod-escape\", \"type\": \"hardlink\", \"target\": \"$target\"}]"
		if [ "$status" -eq 0 ]; then
			run pod run --rm --network none localhost/bad cat /pod-escape
			refute_output --partial secret
		else
			assert_fault 125
		fi
		assert_equal "$(stat -c %h "$HOME/secret")" 1
	done
}

@test "overlay's own attributes never come from an archive" {
	hostile '[{"path": "etc", "type": "dir", "xattrs": {"user.overlay.opaque": "y"}},
		{"path": "root", "type": "dir", "xattrs": {"user.overlay.redirect": "/etc",
			"trusted.overlay.redirect": "/etc", "user.containers.override_stat": "0:0:0777"}}]'
	[ "$status" -eq 0 ] || { assert_fault 125; return; }
	run pod run --rm --network none localhost/bad cat /etc/os-release
	assert_output "ID=busybox"
	run getfattr -R -d -m '^(user|trusted)\.(overlay|containers)\.' "$STORE/layers"
	refute_output --partial user.overlay.redirect
	refute_output --partial user.containers
}

@test "an archive that is none" {
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/noise"
	run --separate-stderr pod load -i "$BATS_TEST_TMPDIR/noise"
	assert_fault 125 noise
	: >"$BATS_TEST_TMPDIR/empty"
	run --separate-stderr pod load -i "$BATS_TEST_TMPDIR/empty"
	assert_fault 125 empty
	run --separate-stderr pod load -i "$BATS_TEST_TMPDIR/not-there"
	assert_fault 125 not-there
	assert_no_image
}

@test "a truncated archive" {
	make_image "$BATS_TEST_TMPDIR/whole.tar" >/dev/null
	head -c 1000000 "$BATS_TEST_TMPDIR/whole.tar" >"$BATS_TEST_TMPDIR/half.tar"
	run --separate-stderr pod load -i "$BATS_TEST_TMPDIR/half.tar"
	assert_fault 125 half.tar
	assert_no_image
}

# --- the host ----------------------------------------------------------------------------------------

@test "newuidmap is missing: one id for all, and a line that says so" {
	load_busybox
	run --separate-stderr "$LIB/without" newuidmap pod run --rm --network none localhost/busybox true
	assert_success
	assert_equal "${#stderr_lines[@]}" 1
	assert_stderr --regexp "one to the host.*'newuidmap' is not installed.*uidmap"
}

@test "slirp4netns is missing" {
	load_busybox
	run --separate-stderr "$LIB/without" slirp4netns pod run --rm localhost/busybox true
	assert_fault 125 slirp4netns "--network"
}

@test "there is no /dev/net/tun: the network around it, and a line that says so; asked for, it is refused" {
	load_busybox
	run --separate-stderr "$LIB/without" tun pod run --rm localhost/busybox readlink /proc/self/ns/net
	assert_success
	assert_output "$(readlink /proc/self/ns/net)"
	assert_equal "${#stderr_lines[@]}" 1
	assert_stderr --regexp "shares the network around it: device '/dev/net/tun' .*modprobe tun"
	run --separate-stderr "$LIB/without" tun pod run --rm --network slirp4netns localhost/busybox true
	assert_fault 125 /dev/net/tun
}

@test "the kernel refuses user namespaces" {
	load_busybox
	run --separate-stderr "$LIB/without" userns pod run --rm --network none localhost/busybox true
	assert_fault 125 "user namespace"
}

@test "no XDG_RUNTIME_DIR: a private directory is used" {
	load_busybox
	unset XDG_RUNTIME_DIR
	run pod run --rm --network none localhost/busybox echo works
	assert_success
	assert_output works
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
}

@test "an XDG_RUNTIME_DIR that is not there" {
	load_busybox
	run env XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/nowhere" pod run --rm --network none localhost/busybox echo works
	[ "$status" -eq 0 ] || {
		run --separate-stderr env XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/nowhere" \
			pod run --rm --network none localhost/busybox echo works
		assert_fault 125 nowhere
	}
}

@test "the disk is full while a layer is unpacked" {
	local small=$HOME/small

	mkdir -p "$small"
	make_image "$BATS_TEST_TMPDIR/big.tar" --name localhost/big --layer - >/dev/null <<<'[{"path": "big", "size": 8000000}]'
	# The tmpfs is gone with the command: look at what is left before that.
	# shellcheck disable=SC2016 # for the shell inside
	run --separate-stderr "$LIB/without" "space=4m:$small" sh -c '
		pod --root "$1/store" load -q -i "$2"; status=$?
		find "$1/store/layers" "$1/store/tmp" "$1/store/images/refs" -mindepth 1
		exit $status' sh "$small" "$BATS_TEST_TMPDIR/big.tar"
	assert_fault 125 "No space left on device"
	assert_output ""
}

@test "a bad option value is one line" {
	load_busybox
	for options in "-p 99999:80" "-v relative" "--memory-oops 1" "--ulimit nofile=x" "--cap-add NO_SUCH" \
		"--network no-such-network" "--user no-such-user" "-e =x" "--mount type=nope" "--userns bogus" \
		"--stop-signal SIGNOPE" "--shm-size -1" "--log-driver nope" "--platform x"; do
		# shellcheck disable=SC2086 # an option and its value
		run --separate-stderr pod run --rm $options localhost/busybox true
		[ "$status" -ne 0 ] || fail "'$options' was taken"
		assert_equal "$status" 125
		[ "${#stderr_lines[@]}" -ge 1 ] || fail "'$options': nothing said"
	done
}
