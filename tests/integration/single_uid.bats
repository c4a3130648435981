# No subordinate ids at all: one id, for which others are recorded and answered for.
load ../lib/common

# one COMMAND... - as on a host that has no newuidmap
one()
{
	"$LIB/without" newuidmap "$@"
}

setup()
{
	pod_setup
	one pod load -q -i "$(archive)" >/dev/null
}

teardown()
{
	# what is removed belongs to the namespace that made it
	one pod rm --all --force --time 0 >/dev/null 2>&1 || :
	pod_teardown
}

# archive - a busybox image with files of other owners
archive()
{
	local out=$BATS_FILE_TMPDIR/owners.tar

	[ -e "$out" ] || make_image "$out" --name localhost/busybox --layer busybox --layer - >/dev/null <<-'JSON'
		[{"path": "srv", "type": "dir", "mode": "2775", "uid": 33, "gid": 44},
		 {"path": "srv/file", "content": "x", "mode": "4755", "uid": 172761424, "gid": 4000000000},
		 {"path": "srv/link", "type": "symlink", "target": "file", "uid": 7, "gid": 7},
		 {"path": "srv/pipe", "type": "fifo", "uid": 7, "gid": 7}]
	JSON
	echo "$out"
}

run_one()
{
	run --separate-stderr one pod run --rm --network none "$@"
}

@test "a container runs as root with a single id, and one line says why" {
	run_one localhost/busybox sh -c 'id -u; id -g; cat /proc/self/uid_map'
	assert_success
	assert_equal "${lines[0]} ${lines[1]}" "0 0"
	assert_equal "$(echo ${lines[2]})" "0 $(id -u) 1"
	assert_equal "${#stderr_lines[@]}" 1
	assert_stderr --regexp "^Warning: all users of the container are one to the host.*newuidmap.*apt-get install uidmap"
}

@test "an image with other owners is unpacked, with a record of them, and saved as it came" {
	local layer

	run_one localhost/busybox stat -c '%a %F %n' /srv /srv/file /srv/link /srv/pipe
	assert_output "2775 directory /srv
4755 regular file /srv/file
777 symbolic link /srv/link
644 fifo /srv/pipe"
	layer=$(dirname "$(dirname "$(echo "$STORE"/layers/*/diff/srv/file)")")
	run getfattr --absolute-names --only-values -n user.pod.owner "$layer/srv"
	assert_output 33:44
	run getfattr --absolute-names --only-values -n user.pod.owner "$layer/srv/file"
	assert_output 172761424:4000000000
	one pod save -q -o "$HOME/saved.tar" localhost/busybox
	mkdir "$HOME/layers"
	tar -xf "$HOME/saved.tar" -C "$HOME/layers"
	run sh -c 'for l in "$1"/*/layer.tar "$1"/*.tar; do [ -f "$l" ] && tar --numeric-owner -tvf "$l" srv/file 2>/dev/null; done | head -n 1' sh "$HOME/layers"
	assert_output --partial "172761424/4000000000"
}

@test "an archive cannot bring records of its own" {
	make_image "$BATS_TEST_TMPDIR/forged.tar" --name localhost/forged --layer busybox --layer - >/dev/null <<-'JSON'
		[{"path": "forged", "content": "x", "xattrs": {"user.pod.owner": "33:33", "user.mine": "1"}}]
	JSON
	one pod load -q -i "$BATS_TEST_TMPDIR/forged.tar"
	run getfattr --absolute-names -d -m - "$(echo "$STORE"/layers/*/diff/forged)"
	assert_output --partial user.mine
	refute_output --partial user.pod.owner
}

@test "ids change by the kernel's rules, over fork, exec and threads" {
	run_one -v "$LIB/ids:/ids:ro" localhost/busybox /ids ids
	assert_success
	run_one -v "$LIB/ids:/ids:ro" localhost/busybox /ids drop
	assert_success
}

@test "chown and mknod in all their forms" {
	run_one -v "$LIB/ids:/ids:ro" localhost/busybox /ids owners
	assert_success
}

@test "many ask at once, are interrupted and killed" {
	run_one -v "$LIB/ids:/ids:ro" localhost/busybox /ids storm
	assert_success
}

@test "what chown asked for is recorded where the container keeps its files" {
	local upper

	one pod run --name kept --network none localhost/busybox sh -c '
		echo x >/data; chown user:extra /data; mkdir /dir; chown 5 /dir; chown 0:0 /srv
		mknod /dev-node c 5 1; chmod 4755 /data' 2>/dev/null
	upper=$(echo "$STORE"/containers/*/upper)
	run getfattr --absolute-names --only-values -n user.pod.owner "$upper/data"
	assert_output 1000:2000
	run stat -c %a "$upper/data"
	assert_output 4755
	run getfattr --absolute-names --only-values -n user.pod.owner "$upper/dir"
	assert_output 5:0
	run getfattr --absolute-names --only-values -n user.pod.owner "$upper/dev-node"
	assert_output 0:0:char-5-1
	run getfattr --absolute-names -n user.pod.owner "$upper/srv"
	[ "$status" -ne 0 ] || fail "a file that was given to root has a record: $output"
}

@test "cp and export give recorded owners back, cp to an image's USER makes records" {
	one pod run --name kept --network none localhost/busybox sh -c '
		mkdir /made; echo x >/made/data; chown 33:44 /made/data; chown 5:6 /made' 2>/dev/null
	one pod cp kept:/made - >"$HOME/cp.tar"
	run tar --numeric-owner -tvf "$HOME/cp.tar"
	assert_output --regexp ' 5/6 .* made/'
	assert_output --regexp ' 33/44 .* made/data'
	one pod export -o "$HOME/export.tar" kept
	run tar --numeric-owner -tvf "$HOME/export.tar" made/data srv/file
	assert_output --regexp ' 33/44 .* made/data'
	assert_output --regexp ' 172761424/4000000000 .* srv/file'
	make_image "$BATS_TEST_TMPDIR/user.tar" --name localhost/user --user user >/dev/null
	one pod load -q -i "$BATS_TEST_TMPDIR/user.tar"
	one pod create --name app --network none localhost/user true >/dev/null
	mkdir -p tree/below && echo x >tree/below/file && ln -s file tree/below/link
	run --separate-stderr one pod cp tree app:/tree
	assert_success
	one pod cp app:/tree - >"$HOME/back.tar"
	run tar --numeric-owner -tvf "$HOME/back.tar" tree/below/file
	assert_output --regexp ' 1000/1000 '
}

@test "an image's USER, --user, --group-add and exec have the ids they ask for" {
	make_image "$BATS_TEST_TMPDIR/user.tar" --name localhost/user --user user >/dev/null
	one pod load -q -i "$BATS_TEST_TMPDIR/user.tar"
	run_one localhost/user sh -c 'id -u; id -g; id -G; grep CapEff /proc/self/status; chown 1 /etc 2>&1'
	assert_status 1
	assert_equal "${lines[0]} ${lines[1]}" "1000 1000"
	[[ ${lines[2]} == *2000* ]] || fail "groups: ${lines[2]}"
	[[ ${lines[3]} == *0000000000000000 ]] || fail "${lines[3]}"
	[[ ${lines[4]} == *"not permitted"* ]] || fail "${lines[4]}"
	run_one --user 1234:99 --group-add 77 localhost/busybox sh -c 'echo $(id -u) $(id -g) $(id -G)'
	assert_output --regexp '^1234 99 .*77'
	one pod run -d --name web --network none localhost/busybox sleep 1000 2>/dev/null
	run one pod exec --user user web id -u
	assert_output 1000
	run one pod exec web sh -c 'id -u; touch /x; chown 33:33 /x && su user -c "id -u"'
	assert_output "0
1000"
	run one pod exec -t web id -u
	assert_output --partial 0
	one pod restart -t 0 web >/dev/null 2>&1
	run one pod exec --user user web id -u
	assert_output 1000
}

@test "privileged, without a seccomp profile, with no_new_privs, with --init: it is answered all the same" {
	local options

	for options in --privileged "--security-opt seccomp=unconfined" "--security-opt no-new-privileges" --init; do
		# shellcheck disable=SC2086 # an option and its value
		run_one $options localhost/busybox sh -c 'touch /x && chown 33 /x && su user -c "id -u"'
		assert_success
		assert_output 1000
	done
}

@test "nobody answers where there are more ids" {
	skip_without subuid
	load_busybox
	run pod run --rm --network none localhost/busybox sh -c 'grep -c . /proc/1/status; grep Seccomp_filters /proc/self/status; grep locks /proc/self/limits'
	assert_success
	assert_output --regexp "Seccomp_filters:[[:space:]]*1"
	assert_output --regexp "locks +unlimited"
	run pod run --rm --network none localhost/busybox chown 4000000000 /tmp
	assert_status 1
	pod run -d --name many --network none localhost/busybox sleep 1000 >/dev/null
	run pgrep -u "$(id -u)" -P "$(monitor_pid many)" -l
	refute_output --partial pod-ids
}

@test "the process that answers ends with the container, and the container without it" {
	local monitor ids

	one pod run -d --name web --network none localhost/busybox sh -c 'trap exit TERM; while :; do sleep 0.1; id -u >/tmp/id || echo refused >>/tmp/refused; done' 2>/dev/null
	monitor=$(monitor_pid web)
	ids=$(pgrep -P "$monitor" pod-ids)
	[ -n "$ids" ]
	kill -9 "$ids"
	wait_until 20 one pod exec web sh -c 'exit 0' || : # its own listener has nobody: whatever it says, it says it
	run one pod stop -t 1 web
	assert_success
	run kill -0 "$ids"
	[ "$status" -ne 0 ]
}

@test "paths of the container lead nowhere else" {
	mkdir "$HOME/bait"
	echo x >"$HOME/bait/file"
	run_one localhost/busybox sh -c "
		chown 33 '$HOME/bait/file'; chown 33 '../../../../../../$HOME/bait/file'
		ln -s '$HOME/bait' /tmp/link; chown 33 /tmp/link/file
		cd /proc/self/root 2>/dev/null && chown 33 '..$HOME/bait/file'
		mknod /tmp/link/node c 1 3; mknod '/proc/1/root/$HOME/bait/node' c 1 3"
	[ "$(ls "$HOME/bait")" = file ] || fail "made outside: $(ls "$HOME/bait")"
	run getfattr -n user.pod.owner "$HOME/bait/file"
	[ "$status" -ne 0 ] || fail "recorded outside"
}

@test "an account that gets subordinate ids gets the owners, too" {
	skip_without subuid
	one pod run --name kept --network none localhost/busybox sh -c '
		cp /bin/busybox /data; chown user:extra /data; chmod 6755 /data; mkdir -m 2770 /dir; chown 5:6 /dir; mknod /n c 5 1' 2>/dev/null
	run pod run --rm --network none localhost/busybox stat -c '%u:%g %a %n' /srv /srv/file /etc
	assert_success
	# no namespace has an id like that of /srv/file
	assert_output "33:44 2775 /srv
0:0 4755 /srv/file
0:0 755 /etc"
	pod start kept
	pod wait kept >/dev/null
	run pod run --rm --network none --pid host -v "$(echo "$STORE"/containers/*/upper):/upper:ro" localhost/busybox \
		stat -c '%u:%g %a %n' /upper/data /upper/dir
	assert_output "1000:2000 6755 /upper/data
5:6 2770 /upper/dir"
	[ ! -e "$STORE/squashed" ] || fail "to be restored again"
	run getfattr --absolute-names -n user.pod.owner "$(echo "$STORE"/layers/*/diff/srv/file)"
	assert_success
	pod rm kept >/dev/null
}

# dpkg_image - localhost/dpkg: busybox with the host's dpkg and what it needs
dpkg_image()
{
	local out=$BATS_FILE_TMPDIR/dpkg.tar root=$BATS_FILE_TMPDIR/dpkg-root program library

	if [ ! -e "$out" ]; then
		mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/lib64" "$root/lib/x86_64-linux-gnu" \
			"$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/alternatives" \
			"$root/var/log" "$root/etc/dpkg" "$root/usr/share/dpkg"
		: >"$root/var/lib/dpkg/status"
		: >"$root/var/lib/dpkg/available"
		cp /usr/share/dpkg/*table "$root/usr/share/dpkg/"
		for program in dpkg dpkg-deb dpkg-split dpkg-query dpkg-statoverride dpkg-trigger tar; do
			cp "$(command -v "$program")" "$root/usr/bin/"
			for library in $(ldd "$(command -v "$program")" | grep -o '/[^ ]*'); do
				cp -L "$library" "$root/$(dirname "${library#/usr}")/" 2>/dev/null ||
					cp -L "$library" "$root/lib/x86_64-linux-gnu/"
			done
		done
		make_image "$out" --name localhost/dpkg --layer busybox --layer "$root" >/dev/null
	fi
	one pod load -q -i "$out" >/dev/null
}

@test "a Debian package with other owners, set-id files and a maintainer script that makes a user" {
	local deb=$BATS_TEST_TMPDIR/deb

	dpkg_image
	mkdir -p "$deb/DEBIAN" "$deb/var/lib/thing" "$deb/usr/bin" "$deb/usr/share/thing"
	printf 'Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: thing\n' \
		>"$deb/DEBIAN/control"
	cat >"$deb/DEBIAN/postinst" <<-'SH'
		#!/bin/sh
		set -e
		echo thing:x:105: >>/etc/group
		echo thing:x:104:105::/var/lib/thing:/bin/sh >>/etc/passwd
		chown thing:thing /var/lib/thing
		chmod 2770 /var/lib/thing
		dpkg-statoverride --update --add thing thing 4755 /usr/bin/thing
		su -s /bin/sh thing -c 'test "$(id -un)" = thing'
	SH
	chmod 755 "$deb/DEBIAN/postinst"
	echo '#!/bin/sh' >"$deb/usr/bin/thing"
	# fakeroot is not needed: names and numbers for all of it
	(cd "$deb" && tar --owner=games:5 --group=mail:8 -cf - ./usr ./var) >"$BATS_TEST_TMPDIR/data.tar"
	(cd "$deb/DEBIAN" && tar --owner=root:0 --group=root:0 -czf "$BATS_TEST_TMPDIR/control.tar.gz" .)
	gzip -f "$BATS_TEST_TMPDIR/data.tar"
	echo 2.0 >"$BATS_TEST_TMPDIR/debian-binary"
	(cd "$BATS_TEST_TMPDIR" && ar rc thing.deb debian-binary control.tar.gz data.tar.gz)
	one pod run --name made --network none -v "$BATS_TEST_TMPDIR/thing.deb:/thing.deb:ro" localhost/dpkg sh -c '
		export PATH=/usr/bin:/usr/sbin:/bin:/sbin
		for p in ldconfig start-stop-daemon; do [ -e /usr/sbin/$p ] || ln -s /bin/true /usr/sbin/$p; done
		/usr/bin/dpkg -i /thing.deb && /usr/bin/dpkg --audit && /usr/bin/dpkg-query -W -f "\${Status}\n" thing && stat -c %a /usr/bin/thing /var/lib/thing' \
		>"$BATS_TEST_TMPDIR/out" 2>&1 || { cat "$BATS_TEST_TMPDIR/out"; false; }
	run tail -n 3 "$BATS_TEST_TMPDIR/out"
	assert_output "install ok installed
4755
2770"
	run getfattr --absolute-names --only-values -n user.pod.owner "$(echo "$STORE"/containers/*/upper/var/lib/thing)"
	assert_output 104:105
	run getfattr --absolute-names --only-values -n user.pod.owner "$(echo "$STORE"/containers/*/upper/usr/share/thing)"
	assert_output 5:8
}
