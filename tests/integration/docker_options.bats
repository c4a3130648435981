# Options of docker that no other test gives: each must have its effect. tests/static/docker_options finds them.
load ../lib/common

setup()
{
	pod_setup
	load_busybox docker.io/library/busybox:latest
}

@test "docker's own" {
	run docker --version
	assert_output --regexp '^Docker version '
	run docker --debug ps -q
	assert_success
	run docker --log-level fatal run --rm --network none busybox echo here
	assert_output here
	run docker --log-level nonsense ps
	[ "$status" -ne 0 ]
}

@test "run: streams, names, files of options" {
	run docker run --rm --network none --attach stderr busybox sh -c 'echo out; echo err >&2'
	assert_output err
	run docker run --rm --network none --domainname example.org busybox cat /proc/sys/kernel/domainname
	assert_output example.org
	printf 'a=b\nc=d\n' >labels
	docker create --name labelled --label-file labels busybox true >/dev/null
	run docker inspect -f '{{.Config.Labels}}' labelled
	assert_output "map[a:b c:d]"
	docker create --name checked --health-cmd true --health-timeout 7s busybox true >/dev/null
	run docker inspect -f '{{.Config.Healthcheck.Timeout}}' checked
	assert_output --regexp '^(7s|7000000000)$'
	run docker run --rm --pull never --platform linux/arm64 busybox true
	assert_status 125
	run docker run --rm --pull never busybox true
	assert_success
}

@test "run: what a process may" {
	run docker run --rm --network none --group-add 2000 --group-add 3000 busybox id -G
	assert_output --partial "2000 3000"
	run docker run --rm --network none --cap-drop ALL busybox grep CapEff /proc/self/status
	assert_output $'CapEff:\t0000000000000000'
	run docker run --rm --network none --privileged busybox grep -E '^(CapEff|Seccomp):' /proc/self/status
	refute_output --partial 00000000a80425fb
	assert_output --partial $'Seccomp:\t0'
	run docker run --rm --network none --ulimit nofile=111:222 busybox sh -c 'ulimit -n; ulimit -Hn'
	assert_output $'111\n222'
	run docker run --rm --network none --sysctl kernel.shm_rmid_forced=1 busybox cat /proc/sys/kernel/shm_rmid_forced
	assert_output 1
	run docker run --rm --network none --uts host busybox hostname
	assert_output "$(hostname)"
	run docker run --rm --network none --ipc host busybox readlink /proc/self/ns/ipc
	assert_output "$(readlink /proc/self/ns/ipc)"
	run docker run --rm --network none --ipc private busybox readlink /proc/self/ns/ipc
	[ "$output" != "$(readlink /proc/self/ns/ipc)" ]
}

@test "run: what is mounted" {
	run docker run --rm --network none --device /dev/null:/dev/other busybox sh -c 'echo x >/dev/other; ls -l /dev/other'
	assert_output --partial "1,   3"
	run docker run --rm --network none --shm-size 3m busybox sh -c 'df -k /dev/shm | tail -n 1'
	assert_output --regexp ' 3072 '
	docker create --name holder -v shared:/s -v "$PWD:/here:ro" busybox true >/dev/null
	run docker run --rm --network none --volumes-from holder busybox grep -E ' /(s|here) ' /proc/self/mounts
	assert_equal "${#lines[@]}" 2
}

@test "run: limits are in the record" {
	docker create --name c --cpu-period 50000 --cpu-quota 25000 busybox true >/dev/null
	run docker inspect -f '{{.HostConfig.CpuPeriod}} {{.HostConfig.CpuQuota}}' c
	assert_output "50000 25000"
	run --separate-stderr docker create --device-read-bps /dev/null:1mb busybox true
	assert_status 1
	assert_stderr --partial "'/dev/null' is not a block device"
	disk=$(find /dev -maxdepth 1 -type b | head -n 1)
	[ -n "$disk" ] || skip "no block device here"
	docker create --name d --device-read-bps "$disk:1mb" --device-write-bps "$disk:2mb" --device-read-iops "$disk:11" \
		--device-write-iops "$disk:12" --blkio-weight-device "$disk:100" busybox true >/dev/null
	run cat "$STORE/containers/$(docker inspect -f '{{.Id}}' d)/container.json"
	for value in 1048576 2097152 11 12 100; do
		assert_output --regexp "[^0-9]${value}[^0-9]"
	done
}

@test "run --sig-proxy=false: a signal ends the client alone" {
	docker run --sig-proxy=false --name kept --network none busybox sh -c 'echo up; exec sleep 1000' >out 3>&- &
	client=$!
	wait_until 20 grep -q up out
	kill -TERM "$client"
	wait "$client" || :
	run docker inspect -f '{{.State.Running}}' kept
	assert_output true
}

@test "exec: variables from a file, all privileges, other keys to detach" {
	docker run -d --name web --network none busybox sleep 1000 >/dev/null
	echo FROM=file >vars
	run docker exec --env-file vars web sh -c 'echo $FROM'
	assert_output file
	run docker exec web grep CapEff /proc/self/status
	local plain=$output
	run docker exec --privileged web grep CapEff /proc/self/status
	[ "$output" != "$plain" ] || fail "$output"
	run on_pty 'expect #
send \x18
' docker exec -it --detach-keys ctrl-x web sh
	assert_success
}

@test "start: input, other keys to detach" {
	docker create -i --name reader --network none busybox sh -c 'read line; echo "got $line"' >/dev/null
	run sh -c 'echo text | docker start --attach --interactive reader'
	assert_output "got text"
	docker create -it --name shell --network none busybox sh >/dev/null
	run on_pty 'expect #
send \x18
' docker start -a -i --detach-keys ctrl-x shell
	run docker inspect -f '{{.State.Running}}' shell
	assert_output true
}

@test "pull: the platform that is asked for" {
	start_registry plain
	push_busybox library/many:1 --platform linux/arm64 --platform linux/amd64
	mirror_docker_io
	docker pull --platform linux/arm64 -q many:1
	run docker image inspect -f '{{.Architecture}}' many:1
	assert_output arm64
}

@test "listings and prunes: all, whole ids, filters" {
	id=$(docker create --name c --label keep=1 busybox true)
	docker volume create --driver local --label keep=1 kept >/dev/null
	run docker volume create --driver nfs x
	assert_status 1
	run docker container inspect --size -f '{{.SizeRw}}' c
	assert_output 0
	run docker volume prune --force --filter label=other
	run docker volume ls -q
	assert_output kept
	run docker system prune --force --filter label=other
	run docker ps -aq --no-trunc
	assert_output "$id"
	run docker image prune --all --force --filter label=other
	run docker images --all -q
	assert_equal "${#lines[@]}" 1
	run docker history --no-trunc --human=false --format '{{.ID}} {{.Size}}' busybox
	assert_output --regexp '^sha256:[0-9a-f]{64} [0-9]+$'
	pod export c >files.tar
	docker import --platform linux/arm64 files.tar other:1 >/dev/null
	run docker image inspect -f '{{.Os}}/{{.Architecture}}' other:1
	assert_output linux/arm64
	run docker context ls --quiet
	assert_output default
	run docker context ls --format '{{.Name}} {{.Current}}'
	assert_output "default true"
	run docker stats --all --no-stream --no-trunc --format '{{.ID}}'
	assert_success
}
