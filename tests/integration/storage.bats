# What a container sees of its image's layers, with every storage driver; and what is left of a store
# when its writers are killed.
load ../lib/common

DRIVERS="overlay fuse-overlayfs vfs"

# load_layers LAYER... - localhost/layers from a busybox layer and the given JSON layers above it
load_layers()
{
	local options=() layer i=0

	for layer in "$@"; do
		i=$((i + 1))
		printf '%s' "$layer" >"$BATS_TEST_TMPDIR/layer$i.json"
		options+=(--layer "$BATS_TEST_TMPDIR/layer$i.json")
	done
	make_image "$BATS_TEST_TMPDIR/layers.tar" --name localhost/layers --layer busybox \
		"${options[@]}" >/dev/null
	pod load -q -i "$BATS_TEST_TMPDIR/layers.tar" >/dev/null
}

# in_layers DRIVER COMMAND... - a command in a container of that image
in_layers()
{
	local driver=$1

	shift
	pod --storage-driver "$driver" run --rm --network none localhost/layers "$@"
}

skip_driver()
{
	[ "$1" != fuse-overlayfs ] || [ -w /dev/fuse ]
}

@test "whiteouts, opaque directories, replaced and reborn entries: every driver shows the same" {
	load_layers '[
		{"path": "t", "type": "dir"},
		{"path": "t/kept", "content": "1"},
		{"path": "t/removed", "content": "1"},
		{"path": "t/tree", "type": "dir"}, {"path": "t/tree/a/b", "content": "1"},
		{"path": "t/opaque", "type": "dir", "mode": "0711", "uid": 5},
		{"path": "t/opaque/old", "content": "1"},
		{"path": "t/reborn", "type": "dir"}, {"path": "t/reborn/old", "content": "1"},
		{"path": "t/file-to-dir", "content": "1"},
		{"path": "t/dir-to-file", "type": "dir"}, {"path": "t/dir-to-file/x", "content": "1"},
		{"path": "t/dir-to-link", "type": "dir"}, {"path": "t/dir-to-link/x", "content": "1"}
	]' '[
		{"path": "t/removed", "type": "whiteout"},
		{"path": "t/tree", "type": "whiteout"},
		{"path": "t/opaque", "type": "dir", "mode": "0750", "gid": 6},
		{"path": "t/opaque", "type": "opaque"},
		{"path": "t/opaque/new", "content": "2"},
		{"path": "t/reborn", "type": "whiteout"},
		{"path": "t/reborn", "type": "dir"}, {"path": "t/reborn/new", "content": "2"},
		{"path": "t/file-to-dir", "type": "dir"}, {"path": "t/file-to-dir/x", "content": "2"},
		{"path": "t/dir-to-file", "content": "2"},
		{"path": "t/dir-to-link", "type": "symlink", "target": "tree"}
	]' '[
		{"path": "t/removed", "content": "3"},
		{"path": "t/tree", "type": "dir"}, {"path": "t/tree/c", "content": "3"},
		{"path": "t/nothing-below", "type": "whiteout"}
	]'
	for driver in $DRIVERS; do
		skip_driver "$driver" || continue
		run in_layers "$driver" sh -c \
			'cd /t && find . | sort | while read -r p; do stat -c "%n %a %u:%g %F" "$p"; done; cat kept removed'
		assert_output ". 755 0:0 directory
./dir-to-file 644 0:0 regular file
./dir-to-link 777 0:0 symbolic link
./file-to-dir 755 0:0 directory
./file-to-dir/x 644 0:0 regular file
./kept 644 0:0 regular file
./opaque 750 0:6 directory
./opaque/new 644 0:0 regular file
./reborn 755 0:0 directory
./reborn/new 644 0:0 regular file
./removed 644 0:0 regular file
./tree 755 0:0 directory
./tree/c 644 0:0 regular file
13"
	done
}

@test "ownership, modes, attributes, links, holes and special files arrive" {
	load_layers '[
		{"path": "t", "type": "dir", "mode": "2775", "uid": 100, "gid": 200},
		{"path": "t/setuid", "content": "x", "mode": "4755", "uid": 1000, "gid": 1000},
		{"path": "t/high", "content": "x", "uid": 65000, "gid": 65000},
		{"path": "t/xattr", "content": "x", "xattrs": {"user.pod": "value"}},
		{"path": "t/hard", "type": "hardlink", "target": "t/setuid"},
		{"path": "t/link", "type": "symlink", "target": "../nowhere"},
		{"path": "t/fifo", "type": "fifo", "mode": "0620"},
		{"path": "t/device", "type": "char", "major": 1, "minor": 3},
		{"path": "t/huge", "type": "sparse", "size": 6000000000},
		{"path": "t/old", "content": "x", "mtime": 1}
	]'
	for driver in $DRIVERS; do
		skip_driver "$driver" || continue
		run in_layers "$driver" sh -c 'cd /t && stat -c "%n %a %u:%g %h %s" . setuid high hard fifo huge
			stat -c "%Y" old; readlink link; [ "$(stat -c %b huge)" -lt 100 ] && echo holes
			tail -c 3 huge; [ ! -e device ] && echo no device'
		assert_output --regexp "^\. 2775 100:200 [0-9]+ [0-9]+
setuid 4755 1000:1000 2 1
high 644 65000:65000 1 1
hard 4755 1000:1000 2 1
fifo 620 0:0 1 0
huge 644 0:0 1 6000000000
1
\.\./nowhere
holes
endno device$"
	done
	run getfattr --absolute-names -n user.pod --only-values "$(find "$STORE/layers" -name xattr)"
	assert_output value
}

@test "a directory that a layer does not hold itself is as the layers below made it" {
	# The second layer is larger: it is unpacked first.
	load_layers '[
		{"path": "t", "type": "dir", "mode": "1777", "uid": 7, "gid": 8},
		{"path": "t/private", "type": "dir", "mode": "0700", "uid": 9}
	]' '[
		{"path": "t/private/file", "size": 2000000},
		{"path": "fresh/new", "content": "x"}
	]' '[
		{"path": "t/private/other", "content": "x"}
	]'
	for driver in $DRIVERS; do
		skip_driver "$driver" || continue
		run in_layers "$driver" stat -c "%n %a %u:%g" /t /t/private /fresh
		assert_output "/t 1777 7:8
/t/private 700 9:0
/fresh 755 0:0"
	done
}

@test "127 layers" {
	local layers=() i

	for ((i = 1; i <= 126; i++)); do
		layers+=("[{\"path\": \"top\", \"content\": \"$i\"}, {\"path\": \"t/$i\", \"content\": \"$i\"}]")
	done
	load_layers "${layers[@]}"
	for driver in overlay fuse-overlayfs; do
		skip_driver "$driver" || continue
		run in_layers "$driver" sh -c 'cat /top; echo; ls /t | wc -l; rm /t/1; ls /t | wc -l'
		assert_output "126
126
125"
	done
}

@test "long names, and paths longer than the kernel takes at once" {
	local name path i

	name=$(printf 'n%.0s' {1..255})
	path=t
	for ((i = 0; i < 30; i++)); do
		path+=/$name
	done
	load_layers "[{\"path\": \"$path\", \"type\": \"dir\"}, {\"path\": \"t/$name.\", \"content\": \"x\"}]" &&
		fail "a name of 256 bytes was taken"
	load_layers "[{\"path\": \"$path\", \"type\": \"dir\"}]"
	run python3 - "$(dirname "$(find "$STORE/layers" -maxdepth 3 -path '*/diff/t')")" <<-'END'
		import os, sys
		fd, depth = os.open(sys.argv[1] + "/t", os.O_RDONLY), 0
		while os.listdir(fd):
		    fd, depth = os.open(os.listdir(fd)[0], os.O_RDONLY, dir_fd=fd), depth + 1
		print(depth)
	END
	assert_output 30
	# A shell inside gets as far as PATH_MAX lets it.
	for driver in $DRIVERS; do
		skip_driver "$driver" || continue
		run in_layers "$driver" sh -c 'cd /t; n=0; while cd n* 2>/dev/null; do n=$((n + 1)); done; echo $n'
		assert_output 15
	done
}

@test "a container stays with its storage driver; an unknown one is refused" {
	load_busybox
	POD_STORAGE_DRIVER=vfs pod run --name c --network none localhost/busybox sh -c 'echo 1 >/file'
	pod start -a c
	run pod cp c:/file -
	assert_success
	[ -d "$STORE/containers/$(pod inspect -f '{{.Id}}' c)/root" ] || fail "no plain copy was made"
	run --separate-stderr pod --storage-driver zfs run --rm localhost/busybox true
	assert_fault 125 zfs fuse-overlayfs vfs
}

@test "a fuse-overlayfs server ends with its container" {
	skip_driver fuse-overlayfs || skip "/dev/fuse cannot be opened"
	load_busybox
	pod --storage-driver fuse-overlayfs run -d --name c --network none localhost/busybox sleep 1000
	pgrep -u "$(id -u)" -f "fuse-overlayfs -f.*$STORE" >/dev/null ||
		pgrep -u "$(id -u)" -x fuse-overlayfs >/dev/null || fail "no server runs"
	run pod exec c sh -c 'echo x >/new && cat /new'
	assert_output x
	pod rm -f -t 0 c
	# teardown looks for processes left behind
}
