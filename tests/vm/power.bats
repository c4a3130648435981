#!/usr/bin/env bats
# The power fails while this runs (tests/vm/bats); power.cut.bats looks at what is left then.

load ../lib/vm

teardown()
{
	: # power.cut.bats looks
}

# mark TEXT - this is so now: a sector of the disk, written past all caches and without a flush
mark()
{
	printf '%-4096s' "POD-VM-MARK $1
" | dd of="$HOME/mark" bs=4096 count=1 iflag=fullblock oflag=direct conv=notrunc status=none
}

# image NAME - what an image is made of: some layers, each with files and their sums
image()
{
	python3 - "$1" >"$BATS_TEST_TMPDIR/$1.json" <<-'END'
		import hashlib, json, random, sys
		name = sys.argv[1]
		dice = random.Random(name)
		files = []
		for i in range(40):
		    text = "".join(dice.choices("abcdefgh\n", k=dice.randrange(1, 30000)))
		    files.append(("files/%s/%d" % (name, i), text))
		sums = "".join("%s  /%s\n" % (hashlib.sha256(text.encode()).hexdigest(), path) for path, text in files)
		print(json.dumps([{"path": path, "content": text} for path, text in files + [("sums", sums)]]))
	END
	make_image "$BATS_TEST_TMPDIR/$1.tar" --format "${2:-docker-archive}" --name "localhost/$1:latest" --layer busybox \
		--layer "$BATS_TEST_TMPDIR/$1.json" --cmd '["sha256sum", "-c", "-s", "/sums"]'
}

@test "a store in use" {
	names=(one two three)
	for name in "${names[@]}"; do image "$name"; done
	image pulled oci
	start_registry
	push_image "$BATS_TEST_TMPDIR/pulled.tar" pulled:latest
	registries_conf <<-END
		[[registry]]
		location = "$REGISTRY"
		insecure = true
	END
	load_busybox
	pod run -d --name before --network none -v kept:/data localhost/busybox \
		sh -c 'echo volume >/data/file; sync; echo up; sleep 10000'
	head -c 4096 /dev/zero >"$HOME/mark"
	sync
	mark begin
	for name in "${names[@]}"; do
		pod load -q -i "$BATS_TEST_TMPDIR/$name.tar"
		mark "image:localhost/$name"
		pod create --name "c-$name" --network none "localhost/$name"
		mark "created:c-$name"
		pod run --name "e-$name" --network none localhost/busybox sh -c 'exit 7' || [ $? = 7 ]
		mark "ran:e-$name"
		pod run -d --name "r-$name" --restart always --network none localhost/busybox sleep 10000
		mark "ran:r-$name"
		pod volume create "v-$name"
		mark "volume:v-$name"
		pod run --rm --network none -v "v-$name:/v" localhost/busybox sh -c "echo $name >/v/name; sync"
		mark "filled:v-$name"
		pod tag "localhost/$name" "localhost/t-$name"
		mark "image:localhost/t-$name"
		pod rename "c-$name" "n-$name"
		mark "created:n-$name"
		pod rm "e-$name"
	done
	pod pull -q "$REGISTRY/pulled"
	mark "image:$REGISTRY/pulled"
	pod rmi localhost/one
	pod rm -f r-one
	pod image prune -f
	mark end
}
