# What a careless parent leaves to pod: masks, limits, signals, directories, variables. Homes, runtime directories
# and closed streams are in ci.bats.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
}

RUN="pod run --rm --network none localhost/busybox"

@test "a umask of 077: users of the container reach its places and files" {
	skip_without tun
	mkdir -m 755 source
	run bash -c 'umask 077; pod run --rm -v v:/a/b/volume -v "$PWD/source:/c/d/bind" -w /e/f --tmpfs /g/h --user 1000 \
		localhost/busybox sh -c "umask; stat -c %a /a /a/b /c /c/d /e /g /etc/hosts /etc/resolv.conf /etc/hostname; \
			cat /etc/hosts >/dev/null && cd /a/b/volume && cd /c/d/bind && cd /e/f && cd /g/h && echo reached"'
	assert_success
	assert_output "0022
755
755
755
755
755
755
644
644
644
reached"
}

@test "a umask of 777: pod reaches its own files, others do not reach what it writes" {
	run bash -c 'umask 777; pod run --name c --cidfile id --network none localhost/busybox sh -c "umask; touch /x; stat -c %a /x" &&
		pod save -q -o saved localhost/busybox && pod export -o exported c && pod volume create v && pod rm c >/dev/null && stat -c %a id saved exported'
	assert_success
	assert_output "0022
644
v
600
600
600"
}

@test "few descriptors: it runs with 64, and says what is missing with 10" {
	skip_without tun
	run bash -c 'ulimit -n 64; pod run --rm -p 127.0.0.1::80 localhost/busybox sh -c "ulimit -n"'
	assert_success
	assert_output 64
	for number in 10 16 20 24; do
		run --separate-stderr bash -c "ulimit -n $number; exec $RUN true"
		[ "$status" -eq 0 ] || assert_fault 125 "ulimit -n"
	done
	run --separate-stderr bash -c "ulimit -n 10; exec $RUN true"
	assert_fault 125 "ulimit -n"
}

@test "no more processes" {
	run --separate-stderr bash -c "ulimit -u 1; exec $RUN true"
	assert_fault 125 "ulimit -u"
}

@test "little memory, little stack" {
	run bash -c "ulimit -v 50000; exec $RUN echo works"
	assert_output works
	run bash -c "ulimit -s 64; exec $RUN echo works"
	assert_output works
}

@test "a limit of file sizes is an error, not a silent end" {
	# the error goes to a pipe: no file can take it
	run bash -c "(ulimit -f 0; exec $RUN true) 2>&1 | cat; exit \${PIPESTATUS[0]}"
	assert_status 125
	assert_output --regexp '^Error: [^
]* raise the limit of file sizes: ulimit -f$'
	run pod ps -aq
	assert_output ""
}

@test "signals that are ignored or blocked" {
	run python3 - <<'END'
import os, signal
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.execvp("pod", ["pod", "run", "--rm", "--network", "none", "localhost/busybox", "sh", "-c",
    "grep -E 'Sig(Blk|Ign)' /proc/self/status; exit 3"])
END
	assert_status 3
	# 32 is the C library's own
	assert_output --regexp $'^SigBlk:\t0000000000000000\nSigIgn:\t00000000[08]0000000$'
}

@test "a directory that is gone, or may not be read" {
	mkdir gone shut
	run bash -c "cd gone && rmdir ../gone && exec $RUN echo works"
	assert_output works
	run bash -c "cd shut && chmod 0 ../shut && exec $RUN echo works"
	assert_output works
	chmod 700 shut
}

@test "no environment, an odd locale, an odd TMPDIR" {
	run env -i HOME="$HOME" "$(command -v pod)" run --rm --network none localhost/busybox sh -c 'echo "$HOME"'
	assert_success
	assert_output --regexp '(^|
)/root$'
	run env -i HOME="$HOME" PATH= XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" "$(command -v pod)" run --rm --network none localhost/busybox echo works
	assert_output --partial works
	run env LC_ALL=xx_YY.broken LANG=tr_TR.UTF-8 LANGUAGE=de $RUN echo WORKS
	assert_success
	assert_output WORKS
	for dir in /nonexistent relative/path /proc ""; do
		run env TMPDIR="$dir" $RUN echo works
		assert_output works
	done
	pod save -q -o image.tar localhost/busybox
	run env TMPDIR=/nonexistent pod load -q -i image.tar
	assert_success
}

@test "XDG_RUNTIME_DIR is a file, another's, too long, relative" {
	local long

	long=$HOME/$(printf '%0200d' 1)
	mkdir "$long"
	: >file
	for dir in "$HOME/file" /proc /run relative "$long"; do
		run --separate-stderr env XDG_RUNTIME_DIR="$dir" $RUN echo works
		assert_success
		assert_output works
	done
}

# without_reader COMMAND... - its output goes to a pipe that nobody reads
without_reader()
{
	python3 -c 'import os, signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
ours, theirs = os.pipe()
os.dup2(theirs, 1)
os.close(theirs)
os.close(ours)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

@test "a reader that has gone: quietly, with SIGPIPE's status" {
	run --separate-stderr bash -c "$RUN seq 100000 | head -n 1; exit \${PIPESTATUS[0]}"
	assert_status 141
	assert_output 1
	for words in "ps -a" images info "run --help" "inspect localhost/busybox"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr without_reader pod $words
		assert_status 141
		assert_equal "$stderr" ""
	done
}

@test "descriptors of the caller stay outside" {
	run bash -c 'exec 7</etc/passwd 8</ 100</dev/null; '"$RUN ls /proc/self/fd"
	assert_success
	assert_output "0
1
2
3"
}
