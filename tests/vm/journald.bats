# --log-driver journald with a real journal.
load ../lib/vm

# written NAME COUNT - wait until so many of its messages are in the journal
written()
{
	local count

	for _ in $(seq 200); do
		count=$(sudo journalctl --quiet --no-pager --output cat "CONTAINER_NAME=$1" | wc -l)
		[ "$count" -lt "$2" ] || return 0
		sleep 0.1
	done
	fail "only $count messages of $1"
}

@test "what a container writes is in the journal with its fields, and logs reads it" {
	load_busybox
	run pod run --name web --network none --log-driver journald --log-opt 'tag=t-{{.Name}}' localhost/busybox sh -c '
		echo out; echo err >&2; printf "\377\001\n"; head -c 9000 /dev/zero | tr "\0" x; echo; printf end'
	assert_success
	written web 6
	run sudo journalctl --no-pager --output json-pretty CONTAINER_NAME=web PRIORITY=3
	assert_output --partial "\"CONTAINER_ID_FULL\" : \"$(pod inspect --format '{{.Id}}' web)\""
	assert_output --partial '"CONTAINER_TAG" : "t-web"'
	assert_output --partial '"SYSLOG_IDENTIFIER" : "t-web"'
	assert_output --partial '"IMAGE_NAME" : "localhost/busybox:latest"'
	assert_output --partial '"_COMM" : "pod-monitor"'
	assert_output --partial '"MESSAGE" : "err"'
	assert_equal "$(pod logs web 2>/dev/null | md5sum)" "$(
		{
			printf 'out\n\377\001\n'
			head -c 9000 /dev/zero | tr '\0' x
			printf '\nend'
		} | md5sum)"
	run --separate-stderr pod logs web
	assert_equal "$stderr" err
	run pod logs --tail 1 web
	# of two streams either may have been read last
	assert_output --regexp '^(end|err)$'
	run pod logs --since 2100-01-01T00:00:00Z web
	assert_output ""
}

@test "logs --follow of a container in the journal ends with it" {
	load_busybox
	pod run -d -i --name followed --network none --log-driver journald localhost/busybox \
		sh -c 'echo one; echo two; read x; echo $x' >/dev/null
	written followed 2
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	pod logs --follow --tail 1 followed >"$BATS_TEST_TMPDIR/fifo" &
	exec 4<"$BATS_TEST_TMPDIR/fifo"
	read -r line <&4
	assert_equal "$line" two
	echo three | pod attach followed >/dev/null
	run timeout 60 cat <&4
	exec 4<&-
	assert_output three
}

@test "a journal that is started again goes on with the same container" {
	load_busybox
	pod run -d -i --name lasting --network none --log-driver journald localhost/busybox \
		sh -c 'read x; echo $x' >/dev/null
	timeout 20 sudo systemctl restart systemd-journald || fail "restart: $?"
	echo after | timeout 20 pod attach lasting >/dev/null || fail "attach: $?"
	written lasting 1
	run pod logs lasting
	assert_output after
}
