# Registries: names, TLS, credentials, mirrors, redirects, broken connections. Faults of content are in
# bad_input.bats.
load ../lib/common

server_logs()
{
	find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'server.*.log' | sort
}

# double [fault...] - the misbehaving registry, as $SERVER, with x:latest; its requests are in $LOG
double()
{
	local before

	LAYOUT=$BATS_TEST_TMPDIR/oci
	[ -e "$LAYOUT" ] || make_image "$LAYOUT" --format oci >/dev/null
	before=$(server_logs)
	start_server python3 "$LIB/registry_double.py" "$LAYOUT" x:latest "$@"
	LOG=$(server_logs | comm -13 <(echo "$before") -)
}

pull()
{
	run --separate-stderr pod pull -q "$@"
}

trust_ca()
{
	mkdir -p "$XDG_CONFIG_HOME/containers/certs.d/${1:-$REGISTRY}"
	cp "$REGISTRY_DIR/ca.crt" "$XDG_CONFIG_HOME/containers/certs.d/${1:-$REGISTRY}/"
}

auth_of()
{
	printf '%s' "$1" | base64 -w0
}

# --- TLS and names -----------------------------------------------------------------------------------

@test "HTTPS with a CA from certs.d, by tag and by digest" {
	start_registry tls
	local digest

	digest=$(push_busybox a/b/c:v1 | tail -n 1)
	trust_ca
	pull "$REGISTRY/a/b/c:v1"
	assert_success
	pull "docker://$REGISTRY/a/b/c@$digest"
	assert_success
	run pod images --format '{{.Repository}}:{{.Tag}}'
	assert_output --partial "$REGISTRY/a/b/c:v1"
}

@test "HTTPS: --cert-dir, --tls-verify=false, and neither" {
	start_registry tls
	push_busybox x:latest
	pull "$REGISTRY/x"
	assert_fault 125 "$REGISTRY/x" x509 certs.d
	mkdir "$HOME/certs"
	cp "$REGISTRY_DIR/ca.crt" "$HOME/certs/"
	pull --cert-dir "$HOME/certs" "$REGISTRY/x"
	assert_success
	pod rmi "$REGISTRY/x"
	pull --tls-verify=false "$REGISTRY/x"
	assert_success
}

@test "a certificate of another name is refused" {
	start_registry tls
	push_busybox x:latest
	trust_ca "127.0.0.2:${REGISTRY##*:}"
	double "tls=$REGISTRY_DIR"
	trust_ca "ip6-localhost:${SERVER##*:}"
	trust_ca "$SERVER"
	pull "$SERVER/x"
	assert_success
	getent hosts ip6-localhost >/dev/null || return 0
	pull "ip6-localhost:${SERVER##*:}/x"
	assert_status 125
}

@test "an index: this machine's platform, or the one asked for" {
	start_registry plain
	push_busybox multi:latest --platform linux/arm64/v8 --platform linux/amd64
	pull --tls-verify=false --platform linux/arm64 "$REGISTRY/multi"
	assert_success
	run pod image inspect --format '{{.Architecture}}' "$REGISTRY/multi"
	assert_output arm64
	pull --tls-verify=false --platform linux/s390x "$REGISTRY/multi"
	assert_fault 125 "$REGISTRY/multi" s390x
}

@test "docker's schema 2 and zstd layers" {
	start_registry plain
	push_busybox docker:latest --schema docker
	push_busybox zstd:latest --compress zstd
	pull --tls-verify=false "$REGISTRY/docker"
	assert_success
	pull --tls-verify=false "$REGISTRY/zstd"
	assert_success
}

# --- registries.conf ---------------------------------------------------------------------------------

@test "mirrors are tried in order, then the registry" {
	start_registry plain
	push_busybox mirrored/x:latest
	push_busybox x:latest
	registries_conf <<-END
		[[registry]]
		prefix = "example.invalid/ns"
		location = "$REGISTRY"
		insecure = true
		[[registry.mirror]]
		location = "127.0.0.1:1/dead"
		insecure = true
		[[registry.mirror]]
		location = "$REGISTRY/mirrored"
		insecure = true
	END
	pull example.invalid/ns/x
	assert_success
	run pod images --format '{{.Repository}}'
	assert_output example.invalid/ns/x
	run grep -c '/v2/mirrored/x/manifests/latest' "$REGISTRY_DIR/log"
	[ "$output" -ge 1 ]
	run grep '/v2/x/blobs' "$REGISTRY_DIR/log"
	refute_output --partial '"GET /v2/x/blobs'
	pull example.invalid/ns/y
	assert_fault 125 example.invalid unknown mirrors 127.0.0.1:1/dead
}

@test "a blocked registry is not asked" {
	double
	registries_conf <<-END
		[[registry]]
		location = "$SERVER"
		insecure = true
		blocked = true
	END
	pull "$SERVER/x"
	assert_fault 125 "$SERVER" blocked registries.conf
	[ ! -s "$LOG" ]
}

@test "plain HTTP is spoken where it is configured, not elsewhere" {
	double
	pull "$SERVER/x"
	assert_fault 125 "$SERVER/x" insecure
	[ ! -s "$LOG" ]
	registries_conf <<-END
		[[registry]]
		location = "$SERVER"
		insecure = true
	END
	pull --tls-verify=true "$SERVER/x"
	assert_status 125
	[ ! -s "$LOG" ]
	pull "$SERVER/x"
	assert_success
}

@test "unqualified-search-registries are tried in order" {
	start_registry plain
	push_busybox found:latest
	registries_conf <<-END
		unqualified-search-registries = ["127.0.0.1:1", "$REGISTRY"]
		[[registry]]
		location = "127.0.0.1:1"
		insecure = true
		[[registry]]
		location = "$REGISTRY"
		insecure = true
	END
	pull found
	assert_success
	run pod images --format '{{.Repository}}:{{.Tag}}'
	assert_output "$REGISTRY/found:latest"
	# Here already under that name: nothing is asked.
	stop_servers
	run pod run --rm --network none found true
	assert_success
}

@test "a faulty registries.conf is named with its line" {
	registries_conf <<-END
		[[registry]]
		location = "https://x"
	END
	pull example.invalid/x
	assert_fault 125 registries.conf "line 1"
}

# --- credentials -------------------------------------------------------------------------------------

@test "login, pull, logout with Basic" {
	start_registry tls basic
	push_busybox private:latest
	trust_ca
	run --separate-stderr pod login -u user -p wrong "$REGISTRY"
	assert_fault 125 "$REGISTRY" "invalid username/password"
	run pod login --get-login "$REGISTRY"
	assert_status 125
	run pod login --username user --password-stdin "$REGISTRY" <<<secret
	assert_success
	assert_output "Login Succeeded!"
	run stat -c %a "$XDG_RUNTIME_DIR/containers/auth.json"
	assert_output 600
	run pod login --get-login "$REGISTRY"
	assert_output user
	pull "$REGISTRY/private"
	assert_success
	run pod logout "$REGISTRY"
	assert_output "Removed login credentials for $REGISTRY"
	run --separate-stderr pod logout "$REGISTRY"
	assert_fault 125 "not logged into $REGISTRY"
	pull "$REGISTRY/private"
	assert_fault 125 "unauthorized" "pod login"
}

@test "login on a terminal does not show the password" {
	start_registry basic
	run on_pty 'expect Username:
	line user
	expect Password:
	line secret
	expect Succeeded' pod login --tls-verify=false "$REGISTRY"
	assert_success
	refute_output --partial secret
	run pod login --get-login "$REGISTRY"
	assert_output user
}

@test "login without an answer fails" {
	run --separate-stderr pod login 127.0.0.1:1 </dev/null
	assert_status 125
	run --separate-stderr pod login -p x --password-stdin 127.0.0.1:1 </dev/null
	assert_fault 125 --password-stdin
	run --separate-stderr pod login --password-stdin 127.0.0.1:1 </dev/null
	assert_fault 125 --username
}

@test "a token service: anonymous, with credentials, with wrong ones" {
	start_registry token
	push_busybox public/x:latest
	push_busybox private/x:latest
	pull --tls-verify=false "$REGISTRY/public/x"
	assert_success
	pull --tls-verify=false "$REGISTRY/private/x"
	assert_fault 125 "$REGISTRY/private/x"
	pull --tls-verify=false --creds user:wrong "$REGISTRY/private/x"
	assert_fault 125 "invalid username/password"
	pull --tls-verify=false --creds user:secret "$REGISTRY/private/x"
	assert_success
	run pod login --tls-verify=false -u user -p secret "$REGISTRY"
	assert_success
}

@test "a token that has expired is replaced" {
	double token-uses=1 cut=100000
	pull --tls-verify=false "$SERVER/x"
	assert_success
	run grep -c ' 401$' "$LOG"
	assert_output 4
	run grep -c 'GET /token' "$LOG"
	assert_output 4
}

@test "an identity token takes the place of a password" {
	start_registry token
	push_busybox public/x:latest
	mkdir -p "$XDG_RUNTIME_DIR/containers"
	printf '{"auths":{"%s":{"identitytoken":"canary"}}}' "$REGISTRY" >"$XDG_RUNTIME_DIR/containers/auth.json"
	pull --tls-verify=false "$REGISTRY/public/x"
	assert_success
	run grep 'POST /token' "$REGISTRY_DIR/log"
	assert_success
	refute_output --partial canary
}

@test "credentials come from docker's config.json, a helper, and by path" {
	start_registry basic
	push_busybox one/x:latest
	push_busybox two/x:latest
	mkdir -p "$HOME/.docker" "$HOME/bin"
	printf '{"auths":{"%s/one":{"auth":"%s"},"%s":{"auth":"%s"}}}' "$REGISTRY" "$(auth_of user:secret)" \
		"$REGISTRY" "$(auth_of user:wrong)" >"$HOME/.docker/config.json"
	pull --tls-verify=false "$REGISTRY/one/x"
	assert_success
	pull --tls-verify=false "$REGISTRY/two/x"
	assert_fault 125 "$REGISTRY/two/x"
	printf '{"credHelpers":{"%s":"tests"}}' "$REGISTRY" >"$HOME/.docker/config.json"
	pull --tls-verify=false "$REGISTRY/two/x"
	assert_fault 125 docker-credential-tests
	cat >"$HOME/bin/docker-credential-tests" <<-'END'
		#!/bin/sh
		echo '{"Username":"user","Secret":"secret"}'
	END
	chmod +x "$HOME/bin/docker-credential-tests"
	PATH=$HOME/bin:$PATH pull --tls-verify=false "$REGISTRY/two/x"
	assert_success
}

@test "credentials do not follow a redirect to another host" {
	double
	local other=$SERVER other_log=$LOG

	double basic "redirect=http://localhost:${other##*:}"
	pull --tls-verify=false --creds user:secret "$SERVER/x"
	assert_success
	run cat "$LOG"
	assert_output --partial "blobs"
	assert_output --partial "authorization 307"
	run cat "$other_log"
	assert_output --partial "blobs"
	refute_output --partial authorization
}

@test "a redirect from HTTPS to HTTP is not followed" {
	start_registry tls
	double
	local other=$SERVER other_log=$LOG

	double "tls=$REGISTRY_DIR" "redirect=http://localhost:${other##*:}"
	trust_ca "$SERVER"
	pull "$SERVER/x"
	assert_fault 125 redirect "http://localhost"
	[ ! -s "$other_log" ]
}

@test "credentials are not sent to a token service on plain HTTP elsewhere" {
	double
	local other=$SERVER other_log=$LOG

	double "bearer=http://localhost:${other##*:}/token"
	pull --tls-verify=false --creds user:secret "$SERVER/x"
	assert_fault 125 "not encrypted"
	[ ! -s "$other_log" ]
}

# --- connections that break ---------------------------------------------------------------------------

@test "a connection that stalls is given up and resumed" {
	double stall=100000
	POD_STALL_TIMEOUT=1 pull --tls-verify=false "$SERVER/x"
	assert_success
	run grep -c 'bytes=[1-9]' "$LOG"
	assert_output 1
}

@test "a server that ignores Range: what is there is kept" {
	double cut=100000 no-range
	run python3 "$LIB/fetch.py" --tls-verify false "$SERVER/x" "$HOME/parts"
	assert_success
	assert_output --partial "done "
	run grep -c 'bytes=[1-9]' "$LOG"
	assert_output 1
}

@test "an answer to another range than asked for is refused" {
	double cut=100000 wrong-range
	run python3 "$LIB/fetch.py" --tls-verify false "$SERVER/x" "$HOME/parts"
	assert_status 1
	assert_output --partial "another range"
}

part_is_longer_than()
{
	[ -n "$(find "$HOME/parts" -name '*.part' -size "+$1")" ]
}

@test "a fetch goes on where a killed one stopped" {
	double slow=400000
	python3 "$LIB/fetch.py" --tls-verify false "$SERVER/x" "$HOME/parts" >"$HOME/first" &
	local pid=$!

	wait_until 20 part_is_longer_than 100k
	kill -9 "$pid"
	wait "$pid" || :
	double
	run python3 "$LIB/fetch.py" --tls-verify false "$SERVER/x" "$HOME/parts"
	assert_success
	assert_output --partial "done "
	run grep -c 'bytes=[1-9]' "$LOG"
	assert_output 1
}

@test "the fetcher keeps no rights while it talks to the network" {
	double slow=100000
	python3 "$LIB/fetch.py" --tls-verify false "$SERVER/x" "$HOME/parts" >"$HOME/first" &
	local pid=$! fetcher

	wait_until 20 part_is_longer_than 0
	fetcher=$(pgrep -P "$pid")
	run grep -E '^(NoNewPrivs|Seccomp|CapEff|CapPrm):' "/proc/$fetcher/status"
	assert_output --regexp 'CapPrm:[[:space:]]*0+'
	assert_output --regexp 'CapEff:[[:space:]]*0+'
	assert_output --regexp 'NoNewPrivs:[[:space:]]*1'
	assert_output --regexp 'Seccomp:[[:space:]]*2'
	kill -9 "$pid"
	wait "$pid" || :
}
