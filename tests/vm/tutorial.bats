#!/usr/bin/env bats
# doc/tutorial.md, all of it: also what needs systemd.

load ../lib/vm

@test "the tutorial, with systemd" {
	load_busybox docker.io/library/busybox:latest
	# the guest has no curl
	mkdir bin
	cat >bin/curl <<-'END'
		#!/bin/sh
		for url; do :; done
		for try in 1 2 3 4 5 6 7 8 9; do
		        busybox wget -qO- "$(echo "$url" | sed s/localhost/127.0.0.1/)" && exit
		        sleep 1
		done
		exit 1
	END
	chmod 755 bin/curl
	PATH=$PWD/bin:$PATH
	cd
	run python3 "$LIB/tutorial.py" --systemd "$LIB/../../doc/tutorial.md"
	[ "$status" -eq 0 ] || { journalctl --user -n 40 --no-pager; cat ~/.config/systemd/user/*.service; }
	assert_success
	[ "${output%% *}" -gt 55 ] || fail "only $output"
}
