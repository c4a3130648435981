# Pulling: from Debian's docker-registry, and from a double that can be slow and tells what was asked.
load ../lib/common

# double LAYOUT [fault...] - the registry double; its log is $DOUBLE_LOG
double()
{
	local layout=$1

	shift
	start_server python3 "$LIB/registry_double.py" "$layout" x:latest "$@"
	DOUBLE_LOG=$(find "$BATS_TEST_TMPDIR" -name 'server.*.log' -printf '%T@ %p\n' | sort -n | tail -1 |
		cut -d' ' -f2)
}

pull()
{
	pod pull --tls-verify=false "$@"
}

# An image of three layers, the last one with MB megabytes that do not compress.
layout()
{
	LAYOUT=$BATS_TEST_TMPDIR/layout
	make_image "$LAYOUT" --format oci --layer busybox \
		--layer - --layer <(echo "[{\"path\": \"big\", \"size\": $(($1 * 1000000))}]") "${@:2}" \
		<<<'[{"path": "small", "content": "x"}]' >/dev/null
}

layer_digests()
{
	python3 - "$LAYOUT" <<-'END'
		import json, sys, os
		def blob(d): return json.load(open(os.path.join(sys.argv[1], "blobs", *d.split(":"))))
		top = json.load(open(os.path.join(sys.argv[1], "index.json")))["manifests"][0]
		for layer in blob(top["digest"])["layers"]:
		    print(layer["digest"])
	END
}

# unlocked FILE - nobody holds a lock on it: whoever wrote it is gone
unlocked()
{
	python3 - "$1" <<-'END'
		import fcntl, struct, sys
		form = "hhqqi4x"
		with open(sys.argv[1], "r+b") as f:
		    ask = struct.pack(form, fcntl.F_WRLCK, 0, 0, 0, 0)
		    answer = fcntl.fcntl(f, getattr(fcntl, "F_OFD_GETLK", 36), ask)
		sys.exit(struct.unpack(form, answer)[0] != fcntl.F_UNLCK)
	END
}

@test "pull prints the id; the image runs; a second pull finds all layers" {
	start_registry plain
	push_busybox some/x:1
	run --separate-stderr pull "$REGISTRY/some/x:1"
	assert_success
	assert_output --regexp '^[0-9a-f]{64}$'
	assert_stderr --partial "Trying to pull $REGISTRY/some/x:1..."
	assert_stderr --regexp 'Copying blob sha256:[0-9a-f]{64} done'
	local id=$output

	run pod run --rm --network none "$REGISTRY/some/x:1" cat /etc/os-release
	assert_output "ID=busybox"
	run --separate-stderr pull "$REGISTRY/some/x:1"
	assert_output "$id"
	assert_stderr --partial "skipped: already exists"
	run --separate-stderr pull -q "$REGISTRY/some/x:1"
	assert_output "$id"
	assert_equal "$stderr" ""
}

@test "pull takes gzip, multi-member gzip, zstd and plain layers, OCI and docker manifests" {
	start_registry plain
	local compress schema

	for schema in oci docker; do
		for compress in gzip gzip-multi zstd none; do
			[ $schema.$compress != docker.zstd ] || continue
			push_busybox x:$schema-$compress --schema $schema --compress $compress
			run pull -q "$REGISTRY/x:$schema-$compress"
			assert_success
			run pod run --rm --network none "$REGISTRY/x:$schema-$compress" cat /etc/os-release
			assert_output "ID=busybox"
			pod rmi "$REGISTRY/x:$schema-$compress"
		done
	done
}

@test "pull chooses the platform from an index" {
	start_registry plain
	push_busybox x:1 --platform linux/arm64 --platform linux/amd64 --platform linux/s390x
	pull -q "$REGISTRY/x:1"
	run pod image inspect -f '{{.Os}}/{{.Architecture}}' "$REGISTRY/x:1"
	assert_output linux/amd64
	pull -q --platform linux/arm64 "$REGISTRY/x:1"
	run pod image inspect -f '{{.Os}}/{{.Architecture}}' "$REGISTRY/x:1"
	assert_output linux/arm64
	run --separate-stderr pull -q --platform linux/riscv64 "$REGISTRY/x:1"
	assert_fault 125 "$REGISTRY/x:1" riscv64
}

@test "pull by digest" {
	local digest

	start_registry plain
	push_busybox x:1
	pull -q "$REGISTRY/x:1"
	digest=$(pod image inspect -f '{{.Digest}}' "$REGISTRY/x:1")
	pod rmi "$REGISTRY/x:1"
	run pull -q "$REGISTRY/x@$digest"
	assert_success
	run pod image exists "$REGISTRY/x@$digest"
	assert_success
	run pod image inspect -f '{{.RepoDigests}}' "$REGISTRY/x@$digest"
	assert_output "[$REGISTRY/x@$digest]"
}

@test "policies: missing does not ask when the image is there, never does not ask at all, newer does" {
	start_registry plain
	push_busybox x:1
	run --separate-stderr pull --policy never "$REGISTRY/x:1"
	assert_fault 125 "$REGISTRY/x:1"
	pull -q --policy missing "$REGISTRY/x:1"
	local old

	old=$(pod images -q --no-trunc)
	push_busybox x:1 --env NEW=1
	run --separate-stderr pull -q --policy missing "$REGISTRY/x:1"
	assert_output "${old#sha256:}"
	run --separate-stderr pull -q --policy newer "$REGISTRY/x:1"
	assert_success
	[ "$output" != "${old#sha256:}" ]
	local new=$output

	stop_servers
	run --separate-stderr pull -q --policy missing "$REGISTRY/x:1"
	assert_output "$new"
	run --separate-stderr pull -q --policy newer "$REGISTRY/x:1"
	assert_success
	assert_output "$new"
	run --separate-stderr pull --policy sometimes "$REGISTRY/x:1"
	assert_status 125
	assert_stderr --partial sometimes
}

@test "kill -9 of a pull: nothing is visible, and the next one continues at the byte it reached" {
	local part digest

	layout 8
	digest=$(layer_digests | tail -1)
	part=$STORE/tmp/${digest#sha256:}.part
	double "$LAYOUT" slow=2000000
	pod pull -q --tls-verify=false "$SERVER/x" 3>&- &
	local pid=$!

	wait_until 20 test -s "$part"
	kill -9 $pid
	wait $pid || :
	run pod images -q
	assert_output ""
	local reached

	wait_until 10 unlocked "$part"
	reached=$(stat -c %s "$part")
	[ "$reached" -gt 0 ]
	stop_servers
	double "$LAYOUT"
	run pull -q "$SERVER/x"
	assert_success
	grep "$digest bytes=$reached-" "$DOUBLE_LOG"
	assert_equal "$(ls -A "$STORE/tmp")" ""
	run pod run --rm --network none "$SERVER/x" wc -c /big
	assert_output "8000000 /big"
}

@test "what an interrupted pull left is not believed" {
	local digest

	layout 1
	double "$LAYOUT"
	digest=$(layer_digests | tail -1)
	pod images # makes the store
	head -c 300000 /dev/urandom >"$STORE/tmp/${digest#sha256:}.part"
	run pull -q "$SERVER/x"
	assert_success
	run pod run --rm --network none "$SERVER/x" wc -c /big
	assert_output "1000000 /big"
	pod rmi -a
	# As long as the blob, or longer.
	head -c 5000000 /dev/urandom >"$STORE/tmp/${digest#sha256:}.part"
	run pull -q "$SERVER/x"
	assert_success
	assert_equal "$(ls -A "$STORE/tmp")" ""
}

@test "pulls of one image at once fetch every layer once" {
	local i pids=() failed=0

	layout 2
	double "$LAYOUT" slow=4000000
	for i in {1..12}; do
		pod pull -q --tls-verify=false "$SERVER/x" >"$BATS_TEST_TMPDIR/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || failed=$((failed + 1))
	done
	cat "$BATS_TEST_TMPDIR"/out.*
	assert_equal "$failed" 0
	assert_equal "$(sort -u "$BATS_TEST_TMPDIR"/out.* | wc -l)" 1
	for digest in $(layer_digests); do
		assert_equal "$(grep -c "GET .*/blobs/$digest " "$DOUBLE_LOG")" 1
	done
	assert_equal "$(ls -A "$STORE/tmp")" ""
}

@test "pulls of images that share layers, at once" {
	local i pids=() failed=0

	start_registry plain
	for i in 1 2 3 4; do
		make_image "$BATS_TEST_TMPDIR/$i" --format oci --layer busybox \
			--layer <(echo '[{"path": "shared", "size": 500000}]') \
			--layer <(echo "[{\"path\": \"own\", \"content\": \"$i\"}]") >/dev/null
		push_image "$BATS_TEST_TMPDIR/$i" "x:$i"
	done
	for i in 1 2 3 4 1 2 3 4; do
		pod pull -q --tls-verify=false "$REGISTRY/x:$i" >>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || failed=$((failed + 1))
	done
	cat "$BATS_TEST_TMPDIR/out"
	assert_equal "$failed" 0
	for i in 1 2 3 4; do
		run pod run --rm --network none "$REGISTRY/x:$i" cat /own
		assert_output "$i"
	done
}

@test "rmi while a pull of the same layers runs takes nothing away from it" {
	local pid

	layout 4
	double "$LAYOUT"
	pull -q "$SERVER/x"
	pod tag "$SERVER/x" keep
	local first=$SERVER

	make_image "$BATS_TEST_TMPDIR/second" --format oci --layer busybox \
		--layer <(echo '[{"path": "other", "size": 3000000}]') >/dev/null
	double "$BATS_TEST_TMPDIR/second" slow=2000000
	pod pull -q --tls-verify=false "$SERVER/x" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	wait_until 20 grep -q blobs "$DOUBLE_LOG"
	pod rmi keep "$first/x"
	wait $pid
	# What rmi could not delete meanwhile went with the end of the pull.
	assert_equal "$(find "$STORE/layers" -mindepth 1 -maxdepth 1 | wc -l)" 2
	run pod run --rm --network none "$SERVER/x" wc -c /other
	assert_output "3000000 /other"
}

@test "POD_KEEP_BLOBS=0: the image works, and save says what is missing" {
	layout 1
	double "$LAYOUT"
	export POD_KEEP_BLOBS=0
	pull -q "$SERVER/x"
	unset POD_KEEP_BLOBS
	run pod run --rm --network none "$SERVER/x" wc -c /big
	assert_output "1000000 /big"
	for digest in $(layer_digests); do
		[ ! -e "$STORE/images/blobs/sha256/${digest#sha256:}" ]
	done
	run --separate-stderr pod save -o "$BATS_TEST_TMPDIR/out" "$SERVER/x"
	assert_fault 125 "blob" "POD_KEEP_BLOBS"
	[ ! -e "$BATS_TEST_TMPDIR/out" ]
}

@test "a terminal gets a bar per layer" {
	layout 1
	double "$LAYOUT" slow=3000000
	run env TERM=xterm python3 "$LIB/terminal.py" --size 24x100 'expect [[]=+>-+
		expect done \(' pod pull --tls-verify=false "$SERVER/x"
	assert_success
}

@test "127 layers" {
	local layers=() i

	start_registry plain
	for i in {1..126}; do
		echo "[{\"path\": \"f$i\", \"content\": \"$i\"}]" >"$BATS_TEST_TMPDIR/$i.json"
		layers+=(--layer "$BATS_TEST_TMPDIR/$i.json")
	done
	push_busybox x:127 --layer busybox "${layers[@]}"
	run pull -q "$REGISTRY/x:127"
	assert_success
	run pod run --rm --network none "$REGISTRY/x:127" cat /f1 /f126
	assert_output "1126"
}
