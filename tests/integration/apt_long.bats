# A whole Debian in a container with one id: minutes, and packages from a mirror.
load ../lib/common

teardown()
{
	# what is removed belongs to the namespace that made it
	"$LIB/without" newuidmap pod rm --all --force --time 0 >/dev/null 2>&1 || :
	pod_teardown
}

@test "apt installs Debian packages with a single id, in its own sandbox" {
	# root of its namespace is another id, which may not come to our directory
	TMPDIR=/var/tmp mmdebstrap --mode=unshare --variant=minbase --format=tar \
		--aptopt='Acquire::Check-Valid-Until "false"' bookworm - >"$BATS_TEST_TMPDIR/debian.tar" 2>"$BATS_TEST_TMPDIR/log" || {
		cat "$BATS_TEST_TMPDIR/log"
		false
	}
	"$LIB/without" newuidmap pod import -q "$BATS_TEST_TMPDIR/debian.tar" localhost/debian
	run "$LIB/without" newuidmap pod run --rm --network host -v /etc/apt/apt.conf.d:/etc/apt/apt.conf.d:ro -e DEBIAN_FRONTEND=noninteractive localhost/debian sh -c '
		set -e
		apt-get update
		apt-get install -y --no-install-recommends cron dbus man-db openssh-server sudo nginx-light
		dpkg --audit
		su -s /bin/sh www-data -c "id -un"
		echo finished'
	assert_success
	assert_output --regexp "www-data
finished\$"
	refute_output --partial "unsandboxed"
}
