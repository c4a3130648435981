# shellcheck shell=bash
# What every .bats file loads:   load ../lib/common
#
# Each test gets a home, a runtime directory and with them a store of its own, below
# $BATS_TEST_TMPDIR; `pod` on PATH is the one under test. teardown ends everything and fails the test
# when something is left behind. doc/testing.md describes the helpers with examples.

bats_require_minimum_version 1.5.0

LIB=$POD_TEST_STAGE/tests/lib
export LIB

setup()
{
	pod_setup
}

teardown()
{
	pod_teardown
}

# --- the environment of a test -------------------------------------------------------------------

# pod_setup - fresh home, runtime directory and store; no configuration of the host's user is seen
pod_setup()
{
	export HOME=$BATS_TEST_TMPDIR/home
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	export XDG_CONFIG_HOME=$HOME/.config
	STORE=$HOME/.local/share/pod
	export STORE
	unset XDG_DATA_HOME XDG_CACHE_HOME REGISTRY_AUTH_FILE DOCKER_CONFIG POD_ROOT POD_RUNROOT
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY
	mkdir -p "$HOME" "$XDG_CONFIG_HOME/containers"
	mkdir -p "$XDG_RUNTIME_DIR"
	chmod 0700 "$XDG_RUNTIME_DIR"
	cd "$HOME" || return 1
}

# pod_teardown - remove every container, stop the servers, and look for what is left behind
pod_teardown()
{
	local status=0

	if [ -n "$(find "$STORE/containers" -mindepth 1 -maxdepth 1 ! -name names -print -quit 2>/dev/null)" ]; then
		timeout 60 pod rm --all --force --time 0 >"$BATS_TEST_TMPDIR/teardown" 2>&1 || {
			echo "teardown: 'pod rm --all --force' failed:"
			cat "$BATS_TEST_TMPDIR/teardown"
			status=1
		}
	fi
	stop_servers
	python3 "$LIB/leftover.py" "$STORE" "$XDG_RUNTIME_DIR" || status=1
	"$LIB/remove-tree" "$HOME" || :
	return "$status"
}

# skip_without PROPERTY - skip the test unless the host has the property; tests/lib/probe lists them.
# Only properties of the kernel or host can be asked for: a missing program is an install step.
skip_without()
{
	local reason

	reason=$("$LIB/probe" "$1") || skip "$reason"
}

# --- assertions: after `run [--separate-stderr] command` -------------------------------------------

fail()
{
	printf '%s\n' "$*" >&2
	return 1
}

show_result()
{
	echo "status: ${status-}"
	printf 'output:\n%s\n' "${output-}"
	[ -z "${stderr-}" ] || printf 'stderr:\n%s\n' "$stderr"
} >&2

# assert_status N - of the last `run`
assert_status()
{
	# shellcheck disable=SC2154 # set by run
	[ "$status" -eq "$1" ] && return
	echo "expected status $1" >&2
	show_result
	return 1
}

assert_success()
{
	assert_status 0
}

# assert_output TEXT | --partial TEXT | --regexp ERE
assert_output()
{
	assert_text output "${output-}" "$@"
}

# assert_stderr TEXT | --partial TEXT | --regexp ERE   (run --separate-stderr)
assert_stderr()
{
	assert_text stderr "${stderr-}" "$@"
}

# refute_output --partial TEXT | --regexp ERE
refute_output()
{
	if (assert_text output "${output-}" "$@") 2>/dev/null; then
		echo "output must not match: $*" >&2
		show_result
		return 1
	fi
}

# assert_equal ACTUAL EXPECTED
assert_equal()
{
	[ "$1" = "$2" ] && return
	printf 'expected: %s\nactual:   %s\n' "$2" "$1" >&2
	return 1
}

assert_text()
{
	local what=$1 text=$2

	shift 2
	case $1 in
	--partial) [[ $text == *"$2"* ]] && return ;;
	--regexp) [[ $text =~ $2 ]] && return ;;
	*) [ "$text" = "$1" ] && return ;;
	esac
	echo "$what does not match: $*" >&2
	show_result
	return 1
}

# assert_fault STATUS WORD... - the engine failed as it should: the status, and exactly one line on
# stderr that starts with "Error: " and has every WORD in it. After `run --separate-stderr`.
assert_fault()
{
	local expected=$1 word

	shift
	assert_status "$expected" || return 1
	# shellcheck disable=SC2154 # set by run
	if [ "${#stderr_lines[@]}" -ne 1 ] || [[ ${stderr_lines[0]} != "Error: "* ]]; then
		echo "expected one line 'Error: ...' on stderr" >&2
		show_result
		return 1
	fi
	for word in "$@"; do
		if [[ $stderr != *"$word"* ]]; then
			echo "the error does not say '$word'" >&2
			show_result
			return 1
		fi
	done
}

# --- waiting ---------------------------------------------------------------------------------------

# wait_until SECONDS COMMAND [ARG...] - for states that no event announces; fails when never true
wait_until()
{
	local deadline=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "never true: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# is_monitor PID - true once the process has become the container's monitor; `pod run -d` may return just before
is_monitor()
{
	grep -qx pod-monitor "/proc/$1/comm"
}

# monitor_pid NAME - of the container's monitor
monitor_pid()
{
	local pid

	pid=$(pod inspect --format '{{.State.ConmonPid}}' "$1")
	wait_until 20 is_monitor "$pid" && echo "$pid"
}

# --- images ----------------------------------------------------------------------------------------

# make_image OUT [mkimage.py options] - an image made here; the default is a busybox image
make_image()
{
	python3 "$LIB/mkimage.py" "$@"
}

# load_busybox [NAME] - the busybox image in this test's store (localhost/busybox by default).
# The archive is made once a file.
load_busybox()
{
	local name=${1:-localhost/busybox:latest}
	local archive=$BATS_FILE_TMPDIR/${name//[\/:]/_}.tar

	[ -e "$archive" ] ||
		make_image "$archive" --format docker-archive --name "$name" || return 1
	pod load -q -i "$archive" >/dev/null
}

# --- registry --------------------------------------------------------------------------------------

# start_registry [plain|tls|basic|token]... - Debian's docker-registry on a free loopback port, with
# its data in a directory of its own. Sets
#   REGISTRY      127.0.0.1:PORT
#   REGISTRY_URL  http(s)://127.0.0.1:PORT
#   REGISTRY_DIR  its directory: data/, log, ca.crt (tls)
# tls: a private CA; basic: user "user", password "secret"; token: a token service of the tests' own
# with the same account. Stopped by teardown (of the file when started in setup_file).
start_registry()
{
	local answer

	REGISTRY_DIR=$(mktemp -d "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/registry.XXXX")
	"$LIB/registry.py" "$REGISTRY_DIR" "$@" >"$REGISTRY_DIR/ready" 2>"$REGISTRY_DIR/log" \
		</dev/null 3>&- &
	echo $! >>"${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/servers"
	if ! wait_until 20 grep -q . "$REGISTRY_DIR/ready"; then
		cat "$REGISTRY_DIR/log" >&2
		return 1
	fi
	read -r answer <"$REGISTRY_DIR/ready"
	REGISTRY_URL=$answer
	REGISTRY=${answer#*://}
	export REGISTRY REGISTRY_URL REGISTRY_DIR
}

# start_server COMMAND... - any other server: its first line on stdout, set as SERVER, says it is ready
start_server()
{
	local ready

	ready=$(mktemp "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/server.XXXX")
	"$@" >"$ready" 2>"$ready.log" </dev/null 3>&- &
	SERVER_PID=$!
	echo $SERVER_PID >>"${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/servers"
	if ! wait_until 20 grep -q . "$ready"; then
		cat "$ready.log" >&2
		return 1
	fi
	read -r SERVER <"$ready"
	export SERVER SERVER_PID
}

# stop_servers - what start_registry and start_server started; teardown calls it
stop_servers()
{
	local list=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/servers pid

	[ -e "$list" ] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || continue
		wait "$pid" 2>/dev/null || :
	done <"$list"
	rm -f "$list"
}

# push_image LAYOUT REPOSITORY:TAG - an OCI layout (make_image --format oci) into $REGISTRY
push_image()
{
	local ca=()

	[ ! -e "$REGISTRY_DIR/ca.crt" ] || ca=(--ca "$REGISTRY_DIR/ca.crt")
	python3 "$LIB/push.py" "${ca[@]}" --user user:secret "$1" "$REGISTRY_URL" "$2"
}

# push_busybox REPOSITORY:TAG [mkimage options] - a busybox image made and pushed
push_busybox()
{
	local where=$1 layout

	shift
	layout=$(mktemp -d "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/layout.XXXX")
	make_image "$layout/oci" --format oci "$@" && push_image "$layout/oci" "$where"
}

# registries_conf - registries.conf of this test's user, from standard input
registries_conf()
{
	mkdir -p "$XDG_CONFIG_HOME/containers"
	cat >"$XDG_CONFIG_HOME/containers/registries.conf"
}

# mirror_docker_io - docker.io is answered by $REGISTRY, plain HTTP unless it has a ca.crt
mirror_docker_io()
{
	local insecure=true

	if [ -e "$REGISTRY_DIR/ca.crt" ]; then
		insecure=false
		mkdir -p "$XDG_CONFIG_HOME/containers/certs.d/$REGISTRY"
		cp "$REGISTRY_DIR/ca.crt" "$XDG_CONFIG_HOME/containers/certs.d/$REGISTRY/ca.crt"
	fi
	registries_conf <<-END
		[[registry]]
		prefix = "docker.io"
		location = "docker.io"
		[[registry.mirror]]
		location = "$REGISTRY"
		insecure = $insecure
	END
}

# --- terminal --------------------------------------------------------------------------------------

# on_pty [--size ROWSxCOLUMNS] SCRIPT COMMAND [ARG...] - COMMAND on a pseudo-terminal of its own,
# driven by SCRIPT (tests/lib/terminal.py says how); the transcript is printed, the status is COMMAND's
on_pty()
{
	python3 "$LIB/terminal.py" "$@"
}
