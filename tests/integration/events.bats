# pod events: what is recorded, how it is printed, filtered and followed.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
}

# statuses OPTION... - "type status name" of what was recorded; without the steps whose moment is not that of any command
statuses()
{
	pod events --stream=false --format '{{.Type}} {{.Status}} {{.Name}}' "$@" | grep -vE '^container (init|cleanup) '
}

@test "the life of a container" {
	pod run --name one --network none --label k=v localhost/busybox sh -c 'exit 3' || :
	pod start one
	pod wait one
	pod rename one two
	pod rm two
	run statuses --filter type=container
	assert_output "container create one
container attach one
container start one
container died one
container start one
container died one
container rename two
container remove two"
	run pod events --stream=false --filter event=died --format json
	run python3 - "${lines[0]}" <<'END'
import json, sys
event = json.loads(sys.argv[1])
assert event["Status"] == "died" and event["ContainerExitCode"] == 3 and event["Name"] == "one", event
assert event["Image"] == "localhost/busybox:latest" and event["Attributes"] == {"k": "v"}, event
assert len(event["ID"]) == 64 and event["Type"] == "container" and event["Time"].startswith("20"), event
END
	assert_success
	run pod events --stream=false --filter event=create
	assert_output --regexp '^20[0-9-]+ [0-9:.]+ [+-][0-9]{4} [A-Z]+ container create [0-9a-f]{64} \(image=localhost/busybox:latest, name=one, k=v\)$'
	run pod events --stream=false --filter event=create --no-trunc=false
	assert_output --regexp ' container create [0-9a-f]{12} \('
}

@test "--rm, exec, kill, stop, restart, health" {
	pod run -d --rm --name gone --network none localhost/busybox sleep 1000
	pod exec gone true
	pod kill gone
	wait_until 10 sh -c '! pod container exists gone'
	pod run -d --name web --network none --stop-timeout 0 --health-cmd true --health-interval disable \
		localhost/busybox sleep 1000
	pod healthcheck run web
	pod restart web
	pod stop web
	run statuses --filter container=gone
	assert_output "container create gone
container start gone
container exec gone
container exec_died gone
container kill gone
container died gone
container remove gone"
	run statuses --filter container=web
	assert_output "container create web
container start web
container health_status web
container died web
container stop web
container start web
container restart web
container died web
container stop web"
	run pod events --stream=false --filter event=health_status
	assert_output --partial "name=web, health_status=healthy"
}

@test "podman's steps: made, and cleared away" {
	pod run -d --name one --network none localhost/busybox true
	pod wait one
	pod rm one # waits for the last step of the run
	pod run --rm --name two --network none localhost/busybox true
	run pod events --stream=false --filter type=container --format '{{.Status}} {{.Name}}'
	assert_output "create one
init one
start one
died one
cleanup one
remove one
create two
init two
attach two
start two
died two
remove two"
	run docker events --since 1h --until 0s --filter container=one --format '{{.Action}}'
	assert_output "create
start
die
destroy"
}

@test "a restart policy's runs" {
	pod run -d --name again --network none --restart on-failure:1 localhost/busybox false
	wait_until 20 sh -c '[ "$(pod inspect --format "{{.RestartCount}} {{.State.Status}}" again)" = "1 exited" ]'
	run statuses --filter container=again
	assert_output "container create again
container start again
container died again
container start again
container died again"
}

@test "images and volumes" {
	pod tag localhost/busybox localhost/other
	pod rmi localhost/other
	pod volume create v
	pod volume rm v
	run statuses --filter type=image
	assert_output "image loadfromarchive localhost/busybox:latest
image tag localhost/other:latest
image untag localhost/other:latest"
	run statuses --filter type=volume
	assert_output "volume create v
volume remove v"
	run pod events --stream=false --filter volume=v --filter event=create
	assert_output --regexp ' volume create v$'
}

@test "filters by label, image, id, docker's words; times" {
	pod run --name one --network none --label color=red localhost/busybox true
	pod run --name two --network none localhost/busybox true
	run statuses --filter label=color=red --filter event=start
	assert_output "container start one"
	run statuses --filter event=die
	assert_output "container died one
container died two"
	id=$(pod inspect --format '{{.Id}}' two)
	run statuses --filter "container=${id:0:12}" --filter event=create
	assert_output "container create two"
	run statuses --filter image=localhost/busybox:latest --filter event=start --filter container=two
	assert_output "container start two"
	run statuses --since 1h --until 30m
	assert_output ""
	run --separate-stderr pod events --filter nosuch=x --stream=false
	assert_status 125
	run --separate-stderr pod events --since never --stream=false
	assert_fault 125 never
}

@test "as docker: its words, lines and JSON" {
	ln -s "$(command -v pod)" "$BATS_TEST_TMPDIR/docker"
	pod run --name d --network none localhost/busybox sh -c 'exit 4' || :
	run "$BATS_TEST_TMPDIR/docker" events --since 1h --until 0s --filter event=die
	assert_output --regexp '^20[0-9T:.-]+(Z|[+-][0-9:]+) container die [0-9a-f]{64} \(exitCode=4, image=busybox, name=d\)$'
	pod exec d true || :
	pod volume create v >/dev/null
	docker tag busybox own:1
	docker rmi own:1 >/dev/null
	id=$(docker images -q --no-trunc)
	run docker events --since 1h --until 0s --filter type=volume
	assert_output --regexp '^20[0-9T:-]+\.[0-9]{9}(Z|[+-][0-9:]+) volume create v \(driver=local\)$'
	run docker events --since 1h --until 0s --filter type=image --filter event=tag --filter image=own
	assert_output --partial " image tag $id (name=own:1)"
	run docker events --since 1h --until 0s --filter event=untag --format '{{.Actor.ID}} {{.Actor.Attributes.name}}'
	assert_output "$id $id"
	run "$BATS_TEST_TMPDIR/docker" events --since 1h --until 0s --filter event=die --format json
	run python3 - "$output" <<'END'
import json, sys
event = json.loads(sys.argv[1])
assert event["Action"] == event["status"] == "die" and event["scope"] == "local", event
assert event["Actor"]["Attributes"] == {"exitCode": "4", "image": "busybox", "name": "d"}, event
assert event["from"] == "busybox" and event["timeNano"] // 10**9 == event["time"], event
END
	assert_success
}

@test "of a --rm container the removal is the last event, whoever ends it" {
	local command

	for command in "stop" "rm -f" "restart"; do
		pod run -d --rm --name gone --network none --stop-timeout 0 localhost/busybox sleep 1000
		# shellcheck disable=SC2086 # a command and its option
		pod $command gone || : # there is nothing left to start again
		wait_until 10 sh -c '! pod container exists gone'
		run statuses --filter container=gone
		assert_output "container create gone
container start gone
container died gone
container stop gone
container remove gone"
		rm "$STORE/events"
	done
}

@test "as docker: stop and restart record their signals, rm --force kills" {
	local events='{{.Action}}{{if .Actor.Attributes.signal}} {{.Actor.Attributes.signal}}{{end}}'

	pod run -d --name d --network none --stop-timeout 1 localhost/busybox sleep 1000 >/dev/null
	docker restart -t 0 d
	docker stop d # init has no handler for TERM
	docker start d
	docker rm -f d
	run docker events --since 1h --until 0s --filter container=d --format "$events"
	assert_output "create
start
kill 9
die
stop
start
restart
kill 15
kill 9
die
stop
start
kill 9
die
destroy"
}

@test "as docker: an exec is two events, the end of a --rm container has no exit code" {
	pod run -d --rm --name d --network none localhost/busybox sleep 1000 >/dev/null
	pod exec d sh -c 'exit 3' || :
	pod kill d
	wait_until 10 sh -c '! pod container exists d'
	run docker events --since 1h --until 0s --filter container=d --format '{{.Action}} {{.Actor.Attributes}}'
	assert_output "create map[image:busybox name:d]
start map[image:busybox name:d]
exec_create: sh -c exit 3 map[image:busybox name:d]
exec_start: sh -c exit 3 map[image:busybox name:d]
exec_die map[exitCode:3 image:busybox name:d]
kill map[image:busybox name:d signal:9]
die map[exitCode:137 image:busybox name:d]
destroy map[image:busybox name:d]"
	run docker events --since 1h --until 0s --filter event=exec_create --format '{{.Action}}'
	assert_output "exec_create: sh -c exit 3"
	run docker events --since 1h --until 0s --filter image=busybox --filter event=die --format '{{.Action}}'
	assert_output die
}

@test "followed: from now on, until a time or an interrupt, over a rotation" {
	local follower

	pod events --format '{{.Status}} {{.Name}}' --filter type=volume >out 3>&- &
	follower=$!
	wait_until 10 sh -c 'pod volume create >/dev/null; test -s out'
	# Longer than a file may be: the next event goes to a new one.
	python3 -c '
import os
with open(os.environ["STORE"] + "/events", "ab") as f:
    for _ in range(1100):
        f.write(b"{\"time\":1,\"type\":\"noise\",\"action\":\"none\",\"name\":\"%s\"}\n" % (b"x" * 1000))'
	pod volume create before
	pod volume create after
	wait_until 10 grep -q '^create after$' out
	grep -q '^create before$' out
	test -e "$STORE/events.1"
	[ "$(stat -c %s "$STORE/events")" -lt 1000000 ]
	kill "$follower"
	wait "$follower" || :
	run pod events --until 1s
	assert_success
}

@test "a damaged line is passed over; no event keeps a command from its work" {
	printf 'nonsense\n{"time":1}\n{"time":2,"type":"container"' >>"$STORE/events"
	pod volume create v
	pod volume rm v
	run statuses --filter type=volume
	assert_output "volume remove v"
	rm "$STORE/events"
	mkdir "$STORE/events"
	run pod run --rm --network none localhost/busybox echo works
	assert_success
	assert_output works
	rmdir "$STORE/events"
}
