# pod cp: what lands where, owners, streams, and containers that fight back.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
	mkdir src src/sub dst
	echo content >src/file
	echo deep >src/sub/deep
}

# start NAME [pod run options] - a container to copy to and from
start()
{
	pod run -d --network none --name "$1" "${@:2}" localhost/busybox sleep 1000 >/dev/null
}

@test "into and out of a running container" {
	start box
	run pod cp src/file box:/tmp/new
	assert_success
	assert_output ""
	assert_equal "$(pod exec box cat /tmp/new)" content
	pod cp src box:/tmp
	assert_equal "$(pod exec box cat /tmp/src/sub/deep)" deep
	pod cp src/. box:/tmp/flat
	assert_equal "$(pod exec box cat /tmp/flat/file)" content
	pod cp box:/tmp/src dst
	assert_equal "$(cat dst/src/sub/deep)" deep
	pod cp box:/tmp/src/. dst
	assert_equal "$(cat dst/file)" content
	assert_equal "$(pod cp box:/tmp/new /dev/stdout)" content
	pod cp box:/tmp/new /dev/null
	pod cp box:tmp/new dst/renamed # relative to the root
	assert_equal "$(cat dst/renamed)" content
}

@test "into and out of a stopped container, volumes included" {
	pod create --network none --name box -v vol:/data/deep -v "$PWD/src:/bound" localhost/busybox \
		sh -c 'cat /etc/new /data/deep/file' >/dev/null
	pod cp src/file box:/etc/new
	pod cp src/file box:/data/deep
	run pod start -a box
	assert_success
	assert_output $'content\ncontent'
	pod cp box:/data/deep/file dst/
	assert_equal "$(cat dst/file)" content
	pod cp box:/bound/sub dst
	assert_equal "$(cat dst/sub/deep)" deep
	pod cp box:/etc dst
	assert_equal "$(cat dst/etc/new)" content
}

@test "a running container whose runtime directory was removed" {
	start box
	rm -rf "$XDG_RUNTIME_DIR/pod"
	pod cp src/file box:/tmp
	pod cp box:/tmp/file dst
	assert_equal "$(cat dst/file)" content
	run pod top box pid
	assert_success
	assert_equal "${lines[1]}" 1
}

@test "device nodes do not come out" {
	start box
	run --separate-stderr pod cp box:/dev dst
	assert_success
	assert_stderr --partial "device nodes"
	[ ! -e dst/dev/null ]
}

@test "between containers" {
	start one
	pod create --network none --name two localhost/busybox cat /copied/sub/deep >/dev/null
	pod cp src one:/tmp
	pod cp one:/tmp/src two:/copied
	run pod start -a two
	assert_output deep
	pod cp one:/tmp/src one:/tmp/again
	assert_equal "$(pod exec one cat /tmp/again/file)" content
	run --separate-stderr pod cp two:/copied two:/again
	assert_fault 125 two "not running"
}

@test "what does not fit is refused in one line" {
	start box
	pod exec box sh -c 'mkdir -p /d/file; echo x >/f'
	run --separate-stderr pod cp src/none box:/tmp
	assert_fault 125 src/none "no such file"
	run --separate-stderr pod cp box:/none dst
	assert_fault 125 /none "no such file"
	run --separate-stderr pod cp src box:/f
	assert_fault 125 /f --overwrite
	run --separate-stderr pod cp src/file box:/none/
	assert_fault 125 /none/
	run --separate-stderr pod cp src/file box:/none/new
	assert_fault 125 /none/new
	run --separate-stderr pod cp src/file box:/d
	assert_fault 125 file --overwrite
	run --separate-stderr pod cp src/file nobody:/
	assert_fault 125 nobody
	run --separate-stderr pod cp src dst
	assert_status 125
	assert_stderr --partial CONTAINER:PATH
	pod cp --overwrite src/file box:/d
	assert_equal "$(pod exec box cat /d/file)" content
	pod cp --overwrite src box:/f
	assert_equal "$(pod exec box cat /f/file)" content
}

@test "owners, modes and kinds of files" {
	start box --user 1000:1000
	chmod 4750 src/file
	ln -s /etc/passwd src/link
	ln src/file src/other
	mkfifo src/fifo
	pod cp src box:/tmp
	run pod exec --user 0 box stat -c '%u:%g %a' /tmp/src /tmp/src/file
	assert_equal "${lines[1]}" "1000:1000 4750"
	assert_equal "$(pod exec --user 0 box stat -c %i /tmp/src/file)" \
		"$(pod exec --user 0 box stat -c %i /tmp/src/other)"
	assert_equal "$(pod exec box readlink /tmp/src/link)" /etc/passwd
	pod cp --archive=false src/file box:/tmp/kept
	assert_equal "$(pod exec --user 0 box stat -c %u /tmp/kept)" 0
	# on the host all is the caller's, without set-user-id
	pod cp box:/tmp/src dst
	assert_equal "$(stat -c '%u %a' dst/src/file)" "$(id -u) 750"
	assert_equal "$(stat -c %i dst/src/file)" "$(stat -c %i dst/src/other)"
	[ -L dst/src/link ]
	[ -p dst/src/fifo ]
}

@test "a mount point inside is written to, not replaced" {
	start box
	echo '192.0.2.1 there' >hosts
	pod cp hosts box:/etc/hosts
	assert_equal "$(pod exec box cat /etc/hosts)" "192.0.2.1 there"
}

@test "tar streams" {
	start box
	pod exec box mkdir /in
	tar -C src -cf - . | pod cp - box:/in
	assert_equal "$(pod exec box cat /in/sub/deep)" deep
	pod cp box:/in - | tar -C dst -xf -
	assert_equal "$(cat dst/in/file)" content
	long=$(printf 'long%.0s' {1..50})
	mkdir -p "src/$long/$long"
	echo far >"src/$long/$long/file"
	pod cp src box:/in/again
	pod cp box:/in/again - | tar -C dst -xf -
	assert_equal "$(cat "dst/again/$long/$long/file")" far
	run bash -c 'echo no archive | pod cp - box:/in'
	assert_status 125
	run bash -c 'tar -C src -cf - . | pod cp - box:/in/file'
	assert_status 125
	assert_output --partial "must be a directory"
	# a reader that goes away ends the command
	run timeout 20 bash -c 'pod cp box:/bin - | head -c 1000 | wc -c'
	assert_output --partial 1000
	assert_output --partial "Broken pipe"
}

@test "large and sparse files come out as they were" {
	start box
	pod exec box sh -c 'dd if=/dev/urandom of=/big bs=1M count=40 2>/dev/null; md5sum /big' >sum
	pod cp box:/big big
	assert_equal "$(md5sum <big | cut -d" " -f1)" "$(cut -d" " -f1 <sum)"
	truncate -s 3G sparse
	tar -cSf - sparse | pod cp - box:/tmp
	assert_equal "$(pod exec box stat -c %s /tmp/sparse)" 3221225472
	[ "$(pod exec box stat -c %b /tmp/sparse)" -lt 1000 ]
}

@test "a full file system: the file is named, half of it is not left" {
	start box --tmpfs /small:size=1m
	head -c 3000000 /dev/zero >big
	run --separate-stderr pod cp big box:/small/big
	assert_fault 125 big "No space left"
	assert_equal "$(pod exec box ls /small)" ""
}

@test "links inside lead around inside only" {
	start box
	mkdir outside
	echo secret >outside/secret
	pod exec box sh -c "mkdir -p /real; ln -s /real /absolute; ln -s ../../../../../../real /dotdot
		ln -s $PWD/outside /escape; ln -s $PWD/outside/secret /leak; ln -s /proc/1/root /magic"
	pod cp src/file box:/absolute/
	pod cp src/file box:/dotdot/two
	assert_equal "$(pod exec box ls /real | tr '\n' ' ')" "file two "
	run pod cp src/file box:/escape/planted
	[ "$status" -ne 0 ]
	run pod cp box:/leak dst
	[ "$status" -ne 0 ]
	run pod cp src/file box:/leak
	run pod cp box:/magic/etc dst
	[ "$status" -ne 0 ]
	assert_equal "$(ls outside)" secret
	assert_equal "$(cat outside/secret)" secret
	assert_equal "$(ls dst)" ""
}

@test "a tree that is exchanged for links while it is copied never leads outside" {
	mkdir outside
	echo secret >outside/secret
	start box
	pod exec -d box sh -c "mkdir -p /t/a /t/b; echo x >/t/a/secret; echo x >/t/b/file
		while :; do
			mv /t/a /t/c; ln -s $PWD/outside /t/a; rm /t/a; mv /t/c /t/a
			mv /t/b/file /t/d; ln -s $PWD/outside/secret /t/b/file; rm /t/b/file; mv /t/d /t/b/file
		done"
	wait_until 20 pod exec box test -d /t/b
	for round in {1..60}; do
		pod cp box:/t "dst/$round" 2>/dev/null || : # names that vanish are no fault of ours
		pod cp box:/t/a "dst/a$round" 2>/dev/null || :
		pod cp src/file box:/t/a/planted 2>/dev/null || :
		pod cp src box:/t/b 2>/dev/null || :
	done
	assert_equal "$(ls outside)" secret
	assert_equal "$(cat outside/secret)" secret
	run grep -r --exclude-dir=outside secret dst --include=secret
	refute_output --partial ":secret"
}

@test "links of a stopped container lead around inside only" {
	mkdir outside
	echo secret >outside/secret
	start box
	pod exec box sh -c "mkdir -p /real; ln -s /real /absolute
		ln -s $PWD/outside /escape; ln -s $PWD/outside/secret /leak; ln -s /proc/self/cwd /magic"
	pod stop -t 0 box
	pod cp src/file box:/absolute/
	run pod cp src/file box:/escape/planted
	[ "$status" -ne 0 ]
	run pod cp box:/leak dst
	[ "$status" -ne 0 ]
	run pod cp box:/magic/outside dst
	[ "$status" -ne 0 ]
	run pod cp src/file box:/leak
	assert_equal "$(ls outside) $(cat outside/secret)" "secret secret"
	assert_equal "$(ls dst)" ""
}

@test "nor does one of a stopped container, which others exchange" {
	mkdir outside shared
	echo outer >outside/secret
	echo inner >shared/file
	ln -s "$PWD/outside/secret" shared/link
	pod create --name box -v "$PWD/shared:/t" localhost/busybox true
	"$LIB/swapper" shared/file shared/link 3>&- &
	for _ in {1..100}; do
		rm -rf dst/t
		pod cp box:/t dst 2>/dev/null || :
		# a link comes out as one: only regular files count
		find dst/t -type f -exec cat {} + 2>/dev/null || :
	done >seen
	kill $!
	wait $! || :
	grep -q inner seen
	run grep -c outer seen
	assert_output 0
}

@test "archives from a hostile container are unpacked below the destination" {
	start box
	pod exec box sh -c 'mkdir /h; cd /h; ln -s / root; mkdir "a b" "..."; echo x >"...
/x" 2>/dev/null; : >"$(printf "new\nline")"; mkfifo pipe; echo y >"-rf"'
	pod cp box:/h dst
	[ -L dst/h/root ]
	[ -p dst/h/pipe ]
	[ -e "dst/h/-rf" ]
}

@test "no program or library of the container is run" {
	start box
	pod exec box sh -c 'mkdir -p /lib /lib64 /usr/bin /lib/x86_64-linux-gnu
		for f in /bin/tar /usr/bin/tar /bin/gzip /lib/libnss_files.so.2 /etc/nsswitch.conf; do
			printf "#!/bin/sh\necho ran >/ran\n" >$f; chmod 755 $f
		done
		echo "web:x:1234:1234::/:/bin/sh" >>/etc/passwd' || :
	pod cp src box:/tmp
	pod cp box:/tmp dst
	run pod exec box ls /ran
	[ "$status" -ne 0 ]
}

@test "export writes the root file system alone, running and stopped" {
	load_busybox
	pod run -d --name c -v data:/data localhost/busybox \
		sh -c 'echo x >/new; ln /new /again; rm /etc/group; echo v >/data/f; echo ready; exec sleep 1000'
	wait_until 10 sh -c 'pod logs c | grep -q ready'
	pod export c >running.tar
	pod stop -t 0 c
	run pod export -o stopped.tar c
	assert_success
	assert_output ""
	python3 - <<-'END'
		import tarfile
		for name in "running.tar", "stopped.tar":
		    with tarfile.open(name) as archive:
		        entries = {e.name: e for e in archive}
		    assert {"new", "again", "bin/busybox", "data", "proc", "etc/passwd"} <= set(entries), entries
		    assert "etc/group" not in entries and "data/f" not in entries, entries
		    assert not [n for n in entries if n.startswith(("proc/", "sys/", "dev/", "./", "/"))], entries
		    assert entries["etc/hosts"].size == 0 and entries["proc"].isdir()
		    assert (entries["proc"].uid, entries["proc"].mode) == (0, 0o755), entries["proc"].get_info()
		    assert {entries["new"].type, entries["again"].type} == {tarfile.REGTYPE, tarfile.LNKTYPE}
	END
	run sh -c 'pod export c | pod import -q - localhost/copy'
	assert_success
	run pod run --rm localhost/copy cat /new
	assert_output x
	run pod export nothing
	assert_status 125
}

@test "diff shows what was added, changed and deleted, and nothing else" {
	make_image two.tar --name localhost/two:latest --layer busybox --layer - <<-'END' >/dev/null
		[{"path": "d/one", "content": "1"}, {"path": "d/two", "content": "2"}, {"path": "gone/x", "content": "3"},
		 {"path": "replaced/old", "content": "4"}]
	END
	pod load -q -i two.tar
	pod create --name never localhost/two true
	run pod diff never
	assert_success
	assert_output ""
	pod run --name nothing -v data:/data localhost/two sh -c 'echo x >/data/x'
	run pod diff nothing
	assert_success
	assert_output ""
	pod run -d --name c -v data:/data localhost/two sh -c 'echo new >/d/one; rm /d/two; rm -r /gone
		rm -r /replaced; mkdir /replaced; echo n >/replaced/new; mkdir -p /a/b; echo f >/a/b/f
		touch /again; rm /again; ln -s x /link; echo ready; exec sleep 1000'
	wait_until 10 sh -c 'pod logs c | grep -q ready'
	local expected="A /a
A /a/b
A /a/b/f
C /d
C /d/one
D /d/two
D /gone
A /link
C /replaced
D /replaced/old
A /replaced/new"
	run pod diff c
	assert_output "$expected"
	pod stop -t 0 c
	run docker diff c
	assert_output "$expected"
	run pod container diff --format json c
	assert_output '{"changed":["/d","/d/one","/replaced"],"added":["/a","/a/b","/a/b/f","/link","/replaced/new"],"deleted":["/d/two","/gone","/replaced/old"]}'
	run pod diff nope
	assert_status 125
}
