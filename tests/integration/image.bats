# Images without a registry: import, load, save, list, tag, inspect, history, rmi, prune. skopeo and
# podman, where they take part, are the judges of what we write.
load ../lib/common

# Layers and blobs in the store, one a line.
contents()
{
	find "$STORE/layers" "$STORE/images/blobs" -mindepth 1 -maxdepth 2 -name '[0-9a-f]*' \
		-printf '%f\n' | grep -E '^[0-9a-f]{64}$' | sort
}

# A plain root file system with busybox in it.
make_rootfs()
{
	make_image "$BATS_TEST_TMPDIR/image.tar" >/dev/null
	mkdir -p "$BATS_TEST_TMPDIR/unpacked"
	tar -C "$BATS_TEST_TMPDIR/unpacked" -xf "$BATS_TEST_TMPDIR/image.tar"
	local layer

	layer=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[0]["Layers"][0])' \
		"$BATS_TEST_TMPDIR/unpacked/manifest.json")
	ROOTFS=$BATS_TEST_TMPDIR/unpacked/$layer
}

# --- import ----------------------------------------------------------------------------------------

@test "import prints the id; the image can be run" {
	make_rootfs
	run --separate-stderr pod import -c 'CMD=["cat","/etc/os-release"]' "$ROOTFS" mine
	assert_success
	assert_output --regexp '^sha256:[0-9a-f]{64}$'
	assert_equal "$stderr" ""
	run pod images --format '{{.Repository}}:{{.Tag}} {{.ID}}' --no-trunc
	assert_output "localhost/mine:latest $(pod image inspect -f 'sha256:{{.Id}}' mine)"
	run pod run --rm --network none mine
	assert_success
	assert_output "ID=busybox"
}

@test "import takes gzip, bzip2, xz and zstd, a pipe, and no name" {
	make_rootfs
	local diff_id tool

	diff_id=sha256:$(sha256sum <"$ROOTFS" | cut -d' ' -f1)
	for tool in cat gzip bzip2 xz "zstd -q"; do
		cat "$ROOTFS" | $tool >"$BATS_TEST_TMPDIR/in"
		run pod import - <"$BATS_TEST_TMPDIR/in"
		assert_success
		run pod image inspect -f '{{index .RootFS.Layers 0}} {{.RepoTags}}' "$output"
		assert_output "$diff_id []"
	done
}

@test "import: every --change is found in inspect" {
	make_rootfs
	pod import -m hello -c 'ENV A=b' -c 'LABEL k=v' -c 'EXPOSE 80' -c 'USER 1000' -c 'WORKDIR /w' \
		-c 'VOLUME /v' -c 'STOPSIGNAL SIGINT' -c 'ENTRYPOINT ["/bin/sh"]' "$ROOTFS" changed
	run pod image inspect -f '{{json .Config}}' changed
	assert_output '{"User":"1000","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Entrypoint":["/bin/sh"],"Volumes":{"/v":{}},"WorkingDir":"/w","Labels":{"k":"v"},"StopSignal":"SIGINT"}'
	run pod image inspect -f '{{(index .History 0).Comment}}' changed
	assert_output hello
	run --separate-stderr pod import -c 'COPY a b' "$ROOTFS" bad
	assert_fault 125 "COPY a b"
}

@test "import: what is no tar leaves nothing" {
	load_busybox
	local before

	before=$(contents)
	echo garbage >"$BATS_TEST_TMPDIR/garbage"
	run --separate-stderr pod import "$BATS_TEST_TMPDIR/garbage"
	assert_fault 125 "$BATS_TEST_TMPDIR/garbage"
	run --separate-stderr pod import "$BATS_TEST_TMPDIR/absent"
	assert_fault 125 "$BATS_TEST_TMPDIR/absent"
	run --separate-stderr pod import /dev/null
	assert_fault 125 empty
	make_rootfs
	head -c 300000 "$ROOTFS" >"$BATS_TEST_TMPDIR/short"
	run --separate-stderr pod import "$BATS_TEST_TMPDIR/short"
	assert_fault 125 "$BATS_TEST_TMPDIR/short"
	assert_equal "$(contents)" "$before"
}

# --- load and save ---------------------------------------------------------------------------------

@test "load takes docker-archive, OCI archive and OCI layout, compressed too" {
	local format tool

	for format in docker-archive oci-archive oci; do
		make_image "$BATS_TEST_TMPDIR/$format" --format "$format" --name "localhost/$format:1"
		run --separate-stderr pod load -q -i "$BATS_TEST_TMPDIR/$format"
		assert_success
		assert_output --partial "Loaded image: localhost/"
		assert_equal "$stderr" ""
		run pod run --rm --network none "${output#Loaded image: }" cat /etc/os-release
		assert_output "ID=busybox"
	done
	for tool in gzip bzip2 xz "zstd -q"; do
		cat "$BATS_TEST_TMPDIR/docker-archive" | $tool >"$BATS_TEST_TMPDIR/in"
		run pod load -q <"$BATS_TEST_TMPDIR/in"
		assert_success
		assert_output "Loaded image: localhost/docker-archive:1"
	done
}

@test "load tells each layer in a line, without control characters" {
	make_image "$BATS_TEST_TMPDIR/x.tar" --name localhost/x:1 --layer busybox --layer - <<-'END'
		[{"path": "a", "content": "b"}]
	END
	run pod load -i "$BATS_TEST_TMPDIR/x.tar"
	assert_success
	assert_equal "$(grep -cE '^Copying blob sha256:[0-9a-f]{64} done$' <<<"$output")" 2
	refute_output --regexp $'[\001-\010\013-\037]'
}

@test "save gives the same bytes every time, and load takes them back" {
	load_busybox
	local format

	for format in docker-archive oci-archive; do
		pod save -q --format $format busybox >"$BATS_TEST_TMPDIR/1"
		pod save -q --format $format -o "$BATS_TEST_TMPDIR/2" busybox
		cmp "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/2"
		pod rmi busybox
		assert_equal "$(contents)" ""
		run pod load -q -i "$BATS_TEST_TMPDIR/1"
		assert_output "Loaded image: localhost/busybox:latest"
		pod save -q --format $format busybox | cmp - "$BATS_TEST_TMPDIR/1"
	done
}

@test "save as oci keeps manifest, config and layers byte for byte" {
	local compress

	for compress in gzip zstd none; do
		make_image "$BATS_TEST_TMPDIR/$compress" --format oci --compress $compress
		run pod load -q -i "$BATS_TEST_TMPDIR/$compress"
		assert_success
		run pod save --format oci-dir -o "$BATS_TEST_TMPDIR/$compress.saved" "${output#Loaded image: }"
		assert_success
		diff -r "$BATS_TEST_TMPDIR/$compress/blobs" "$BATS_TEST_TMPDIR/$compress.saved/blobs"
	done
}

@test "skopeo reads what save writes" {
	local id

	make_image "$BATS_TEST_TMPDIR/in" --name localhost/x:1 --layer busybox --layer - <<-'END'
		[{"path": "a", "content": "b"}]
	END
	pod load -q -i "$BATS_TEST_TMPDIR/in"
	id=$(pod images -q --no-trunc x:1)
	pod save -q -o "$BATS_TEST_TMPDIR/docker.tar" x:1
	pod save -q --format oci-archive -o "$BATS_TEST_TMPDIR/oci.tar" x:1
	pod save -q --format oci-dir -o "$BATS_TEST_TMPDIR/oci" x:1
	pod save -q --format docker-dir -o "$BATS_TEST_TMPDIR/dir" x:1
	for source in docker-archive:"$BATS_TEST_TMPDIR/docker.tar" oci-archive:"$BATS_TEST_TMPDIR/oci.tar" \
		oci:"$BATS_TEST_TMPDIR/oci" dir:"$BATS_TEST_TMPDIR/dir"; do
		run skopeo inspect --config --raw "$source"
		assert_success
		assert_equal "sha256:$(printf %s "$output" | sha256sum | cut -d' ' -f1)" "$id"
		rm -rf "$BATS_TEST_TMPDIR/copy"
		run skopeo copy -q "$source" "dir:$BATS_TEST_TMPDIR/copy"
		assert_success
	done
}

@test "load takes what skopeo writes" {
	local format

	make_image "$BATS_TEST_TMPDIR/in" --format oci --name x:1
	for format in docker-archive oci-archive oci dir; do
		skopeo copy -q "oci:$BATS_TEST_TMPDIR/in" "$format:$BATS_TEST_TMPDIR/$format" ||
			skopeo copy -q "oci:$BATS_TEST_TMPDIR/in" "$format:$BATS_TEST_TMPDIR/$format:x:1"
		run --separate-stderr pod load -q -i "$BATS_TEST_TMPDIR/$format"
		assert_success
		run pod run --rm --network none "${output#Loaded image: }" cat /etc/os-release
		assert_output "ID=busybox"
	done
}

@test "save -m: several images with one shared layer, written once" {
	make_image "$BATS_TEST_TMPDIR/a" --name localhost/a:1
	make_image "$BATS_TEST_TMPDIR/b" --name localhost/b:1 --env X=y
	pod load -q -i "$BATS_TEST_TMPDIR/a"
	pod load -q -i "$BATS_TEST_TMPDIR/b"
	pod save -q -m -o "$BATS_TEST_TMPDIR/both" a:1 b:1
	assert_equal "$(tar tf "$BATS_TEST_TMPDIR/both" | grep -c '\.tar$')" 1
	pod rmi a:1 b:1
	run pod load -q -i "$BATS_TEST_TMPDIR/both"
	assert_output "Loaded image: localhost/a:1
Loaded image: localhost/b:1"
	run --separate-stderr pod save -q -o "$BATS_TEST_TMPDIR/x" a:1 b:1
	assert_fault 125 b:1 --multi-image-archive
	[ ! -e "$BATS_TEST_TMPDIR/x" ]
}

@test "save refuses a terminal, an unknown image, a directory with something in it" {
	load_busybox
	run on_pty 'expect refusing to save to terminal' pod save busybox
	assert_status 125
	run --separate-stderr pod save -o "$BATS_TEST_TMPDIR/out" absent
	assert_fault 125 absent
	[ ! -e "$BATS_TEST_TMPDIR/out" ]
	mkdir "$BATS_TEST_TMPDIR/full"
	touch "$BATS_TEST_TMPDIR/full/x"
	run --separate-stderr pod save --format oci-dir -o "$BATS_TEST_TMPDIR/full" busybox
	assert_fault 125 "$BATS_TEST_TMPDIR/full"
	[ -e "$BATS_TEST_TMPDIR/full/x" ]
}

@test "load: a damaged archive, and one whose digests do not match" {
	local blob before

	make_image "$BATS_TEST_TMPDIR/good" --format oci-archive --name localhost/x:1
	head -c 200000 "$BATS_TEST_TMPDIR/good" >"$BATS_TEST_TMPDIR/short"
	run --separate-stderr pod load -i "$BATS_TEST_TMPDIR/short"
	assert_fault 125 "$BATS_TEST_TMPDIR/short"
	make_image "$BATS_TEST_TMPDIR/oci" --format oci --name localhost/x:1
	blob=$(find "$BATS_TEST_TMPDIR/oci/blobs" -type f -size +100k)
	printf x | dd of="$blob" bs=1 seek=5000 conv=notrunc status=none
	run --separate-stderr pod load -i "$BATS_TEST_TMPDIR/oci"
	assert_fault 125 "sha256:$(basename "$blob")"
	run pod images -q
	assert_output ""
	assert_equal "$(contents)" ""
	assert_equal "$(ls -A "$STORE/tmp")" ""
}

@test "load: a name in an archive does not steer the terminal by an error" {
	make_image "$BATS_TEST_TMPDIR/x.tar" --name localhost/x:1 --layer - <<-'END'
		[{"path": "\u001b[2J\u009b31m\u007f/../../x", "content": "b"}]
	END
	run --separate-stderr pod load -q -i "$BATS_TEST_TMPDIR/x.tar"
	assert_status 125
	assert_stderr --partial "'?[2J??31m?/../../x'"
}

@test "load: links in an archive lead nowhere outside" {
	local layer

	make_image "$BATS_TEST_TMPDIR/x.tar" --name localhost/x:1
	mkdir "$BATS_TEST_TMPDIR/d"
	tar -C "$BATS_TEST_TMPDIR/d" -xf "$BATS_TEST_TMPDIR/x.tar"
	layer=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[0]["Layers"][0])' \
		"$BATS_TEST_TMPDIR/d/manifest.json")
	cp "$BATS_TEST_TMPDIR/d/$layer" "$BATS_TEST_TMPDIR/outside"
	# A link within the archive is how docker writes a layer twice ...
	mv "$BATS_TEST_TMPDIR/d/$layer" "$BATS_TEST_TMPDIR/d/other"
	mkdir -p "$(dirname "$BATS_TEST_TMPDIR/d/$layer")"
	ln -s "$(realpath --relative-to="$(dirname "$BATS_TEST_TMPDIR/d/$layer")" "$BATS_TEST_TMPDIR/d/other")" \
		"$BATS_TEST_TMPDIR/d/$layer"
	tar -C "$BATS_TEST_TMPDIR/d" -cf "$BATS_TEST_TMPDIR/inside.tar" .
	run pod load -q -i "$BATS_TEST_TMPDIR/inside.tar"
	assert_output "Loaded image: localhost/x:1"
	# ... and one that leads out of it finds nothing there.
	rm "$BATS_TEST_TMPDIR/d/$layer" "$BATS_TEST_TMPDIR/d/other"
	ln -s "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/d/$layer"
	tar -C "$BATS_TEST_TMPDIR/d" -cf "$BATS_TEST_TMPDIR/out.tar" .
	run --separate-stderr pod load -q -i "$BATS_TEST_TMPDIR/out.tar"
	assert_fault 125 "$layer"
}

# --- names -----------------------------------------------------------------------------------------

@test "tag, untag and rmi" {
	load_busybox
	local id

	id=$(pod images -q --no-trunc)
	id=${id#sha256:}
	pod tag busybox other:2 quay.io/x/y
	run pod images --format '{{.Repository}}:{{.Tag}}' --sort repository
	assert_output "localhost/busybox:latest
localhost/other:2
quay.io/x/y:latest"
	run --separate-stderr pod rmi "${id:0:12}"
	assert_fault 125 "$id" "more than one tag" "force"
	run pod rmi other:2
	assert_success
	assert_output "Untagged: localhost/other:2"
	pod untag busybox busybox
	run pod rmi quay.io/x/y
	assert_success
	assert_output "Untagged: quay.io/x/y:latest
Deleted: $id"
	assert_equal "$(contents)" ""
}

@test "an image whose last name goes stays as <none>, until prune" {
	load_busybox
	pod untag busybox
	run pod images --format '{{.Repository}} {{.Tag}}'
	assert_output "<none> <none>"
	run pod images -q --no-trunc --filter dangling=true
	local id=${output#sha256:}
	run pod image prune -f
	assert_success
	assert_output "$id"
	assert_equal "$(contents)" ""
}

@test "a name that moves leaves the old image dangling" {
	load_busybox
	make_image "$BATS_TEST_TMPDIR/new" --name localhost/busybox:latest --env NEW=1
	local old

	old=$(pod images -q)
	pod load -q -i "$BATS_TEST_TMPDIR/new"
	run pod images -q --filter dangling=true
	assert_output "$old"
	run pod image inspect -f '{{.RepoTags}}' "$old"
	assert_output "[]"
}

@test "rmi: statuses are 1 for an unknown image, 2 for one in use; -f removes the container too" {
	load_busybox
	run --separate-stderr pod rmi absent
	assert_fault 1 absent "image not known"
	run pod rmi -i absent
	assert_success
	pod create --name c --network none busybox true
	run --separate-stderr pod rmi busybox
	assert_fault 2 "in use by a container"
	pod tag busybox second
	run pod rmi busybox
	assert_output "Untagged: localhost/busybox:latest"
	run pod rmi -f second
	assert_success
	run pod ps -aq
	assert_output ""
	assert_equal "$(contents)" ""
}

@test "layers of a container whose image is gone stay until the container goes" {
	load_busybox
	pod create --name c --network none busybox cat /etc/os-release
	rm "$STORE"/images/refs/*
	pod image prune -f
	run pod start -a c
	assert_success
	assert_output "ID=busybox"
	pod rm c
	make_image "$BATS_TEST_TMPDIR/b" --name localhost/b --layer - <<<'[{"path": "a", "content": "b"}]'
	pod load -q -i "$BATS_TEST_TMPDIR/b"
	pod rmi b
	assert_equal "$(contents)" ""
}

@test "prune deletes no layer while an image's record cannot be read" {
	local before

	load_busybox
	before=$(contents)
	cp "$STORE/images/refs/localhost%busybox:latest" "$BATS_TEST_TMPDIR/record"
	# a newer pod's, and a damaged one
	for text in '{"version":2}' '{"version'; do
		echo "$text" >"$STORE/images/refs/localhost%busybox:latest"
		run --separate-stderr pod image prune -f
		assert_stderr --partial 'unused layers are not deleted'
		assert_equal "$(contents)" "$before"
	done
	cp "$BATS_TEST_TMPDIR/record" "$STORE/images/refs/localhost%busybox:latest"
	run pod run --rm --network none busybox true
	assert_success
	pod rmi busybox
	assert_equal "$(contents)" ""
}

@test "rmi removes an image whose config is damaged, load mends it" {
	local id config name

	make_image "$BATS_TEST_TMPDIR/b.tar" --name localhost/b:1 >/dev/null
	for name in b:1 id localhost/b:1; do
		pod load -q -i "$BATS_TEST_TMPDIR/b.tar"
		id=$(pod images -q --no-trunc)
		config=$STORE/images/blobs/sha256/${id#sha256:}
		if [ "$name" = localhost/b:1 ]; then
			rm "$config"
		else # of the same size
			tr ' -~' x <"$config" >"$BATS_TEST_TMPDIR/x" && cp "$BATS_TEST_TMPDIR/x" "$config"
		fi
		[ "$name" != id ] || name=${id:7:12}
		pod tag b:1 other && fail "tagged a damaged image"
		run pod rmi "$name"
		assert_success
		assert_equal "$(contents)" ""
	done
	pod load -q -i "$BATS_TEST_TMPDIR/b.tar"
	cp "$BATS_TEST_TMPDIR/x" "$config"
	run pod run --rm --network none b:1 true
	assert_status 125
	pod load -q -i "$BATS_TEST_TMPDIR/b.tar"
	run pod run --rm --network none b:1 true
	assert_success
	run pod rmi nothing
	assert_status 1
}

@test "rmi --all" {
	load_busybox
	pod tag busybox other
	run pod rmi -a
	assert_success
	run pod images -q
	assert_output ""
	assert_equal "$(contents)" ""
}

@test "image exists" {
	load_busybox
	run pod image exists busybox
	assert_success
	run pod image exists localhost/busybox:latest
	assert_success
	run pod image exists "$(pod images -q)"
	assert_success
	run pod image exists absent
	assert_status 1
	assert_output ""
}

# --- listing ---------------------------------------------------------------------------------------

@test "images: columns, quiet, digests, JSON, filters" {
	load_busybox
	make_image "$BATS_TEST_TMPDIR/b" --name localhost/b:2 --label colour=red
	pod load -q -i "$BATS_TEST_TMPDIR/b"
	run pod images
	assert_output --regexp '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE'
	assert_output --regexp 'localhost/busybox +latest +[0-9a-f]{12} +.* ago +[0-9.]+ [kM]B'
	run pod images --digests
	assert_output --regexp '^REPOSITORY +TAG +DIGEST +IMAGE ID +CREATED +SIZE'
	run pod images -n --format '{{.Repository}}' --filter label=colour=red
	assert_output localhost/b
	run pod images -n --format '{{.Repository}}' --filter 'reference=*busy*'
	assert_output localhost/busybox
	run pod images -n --format '{{.Repository}}' busybox
	assert_output localhost/busybox
	run --separate-stderr pod images --filter nonsense=1
	assert_status 125
	assert_stderr --partial nonsense
	run pod images --format json
	assert_success
	python3 - "$output" <<-'END'
		import json, sys
		images = json.loads(sys.argv[1])
		assert len(images) == 2, images
		for image in images:
		    assert len(image["Id"]) == 64 and image["Digest"].startswith("sha256:")
		    assert isinstance(image["Created"], int) and image["Size"] > 0
		assert sorted(sum((i["Names"] for i in images), [])) == ["localhost/b:2", "localhost/busybox:latest"]
	END
}

@test "image inspect has podman's members" {
	load_busybox
	run pod image inspect busybox
	assert_success
	python3 - "$output" <<-'END'
		import json, sys
		image, = json.loads(sys.argv[1])
		wanted = """Id Digest RepoTags RepoDigests Parent Comment Created Config Version Author Architecture
		Os Size VirtualSize GraphDriver RootFS Labels Annotations ManifestType User History NamesHistory"""
		missing = set(wanted.split()) - set(image)
		assert not missing, missing
		assert image["RepoTags"] == ["localhost/busybox:latest"]
		assert image["RepoDigests"] == ["localhost/busybox@" + image["Digest"]]
	END
	run --separate-stderr pod image inspect absent
	assert_status 125
	assert_output "[]"
	assert_stderr --partial "absent: image not known"
}

@test "history" {
	load_busybox
	run pod history busybox
	assert_success
	assert_output --regexp '^ID +CREATED +CREATED BY +SIZE +COMMENT'
	run pod history -q busybox
	assert_success
	assert_equal "${lines[0]}" "$(pod images -q)"
}
