# Health checks: run by the monitor, by hand, and what follows from them.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
}

# checked NAME OPTION... - a container whose check passes while /ok is there
checked()
{
	local name=$1

	shift
	pod run -d --name "$name" --network none --stop-timeout 1 --health-cmd 'echo looked; test -e /ok' "$@" \
		localhost/busybox sh -c 'touch /ok; exec sleep 1000'
	wait_until 10 pod exec "$name" test -e /ok
}

health()
{
	pod inspect --format '{{.State.Health.Status}}' "$1"
}

health_is()
{
	[ "$(health "$1")" = "$2" ]
}

state_is()
{
	[ "$(pod inspect --format '{{.State.Status}}' "$1")" = "$2" ]
}

@test "starting, healthy, unhealthy, healthy again: by the clock" {
	checked web --health-interval 200ms --health-retries 2
	wait_until 20 health_is web healthy
	run pod ps --format '{{.Names}} {{.Status}}'
	assert_output --regexp '^web Up .* \(healthy\)$'
	pod exec web rm /ok
	wait_until 20 health_is web unhealthy
	run pod ps --format '{{.Status}}' --filter health=unhealthy
	assert_output --regexp '\(unhealthy\)$'
	run pod inspect --format '{{len .State.Health.Log}} {{(index .State.Health.Log 0).Output}}' web
	assert_output --partial looked
	run pod ps -q --filter health=healthy
	assert_output ""
	pod exec web touch /ok
	wait_until 20 health_is web healthy
	run pod inspect --format '{{.State.Health.FailingStreak}}' web
	assert_output 0
}

@test "healthcheck run: by hand, and what it prints and returns" {
	checked hand --health-interval disable --health-retries 2
	run pod ps --format '{{.Status}}'
	assert_output --partial "(health: starting)"
	run pod healthcheck run hand
	assert_success
	assert_output ""
	health_is hand healthy
	pod exec hand rm /ok
	run pod healthcheck run hand
	assert_status 1
	assert_output unhealthy
	health_is hand healthy
	run pod healthcheck run hand
	assert_status 1
	health_is hand unhealthy
	run pod inspect --format '{{json .State.Health.Log}}' hand
	run python3 -c '
import json, sys
log = json.loads(sys.argv[1])
assert [entry["ExitCode"] for entry in log] == [0, 1, 1], log
assert all(entry["Output"] == "looked\n" and entry["Start"] < entry["End"] for entry in log), log' "$output"
	assert_success
	for _ in 1 2 3 4 5; do
		pod healthcheck run hand || :
	done
	run pod inspect --format '{{len .State.Health.Log}} {{.State.Health.FailingStreak}}' hand
	assert_output "5 7"
	pod stop hand
	run --separate-stderr pod healthcheck run hand
	assert_fault 125 "is not running"
	# A new run knows nothing of the last one.
	pod start hand
	health_is hand starting
	pod run -d --name none --network none localhost/busybox sleep 1000
	run --separate-stderr pod healthcheck run none
	assert_fault 125 "no defined healthcheck"
	run pod ps --filter health=none --format '{{.Names}}'
	assert_output none
}

@test "a check that takes too long has failed; one that cannot be run, too" {
	pod run -d --name slow --network none --health-cmd 'echo before; sleep 1000' --health-interval disable \
		--health-timeout 200ms --health-retries 1 localhost/busybox sleep 1000
	run pod healthcheck run slow
	assert_status 1
	health_is slow unhealthy
	run pod inspect --format '{{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' slow
	assert_output --partial "-1 Health check exceeded timeout"
	pod run -d --name nothing --network none --health-cmd '["/nosuch"]' --health-interval disable \
		--health-retries 1 localhost/busybox sleep 1000
	run pod healthcheck run nothing
	assert_status 1
	run pod inspect --format '{{(index .State.Health.Log 0).Output}}' nothing
	assert_output --partial /nosuch
}

@test "failures in the start period do not count" {
	pod run -d --name begin --network none --health-cmd false --health-interval disable --health-retries 1 \
		--health-start-period 1h localhost/busybox sleep 1000
	for _ in 1 2; do
		run pod healthcheck run begin
		assert_status 1
	done
	health_is begin starting
	run pod inspect --format '{{.State.Health.FailingStreak}} {{.Config.Healthcheck.StartPeriod}}' begin
	assert_output "0 3600000000000"
}

@test "a check whose time is over before its process is there is ended all the same" {
	pod run -d --name short --network none --health-cmd 'sleep 1000' --health-timeout 1ms --health-interval 100ms \
		--health-retries 1 localhost/busybox sleep 1000
	wait_until 20 health_is short unhealthy
	run pod inspect --format '{{(index .State.Health.Log 0).Output}}' short
	assert_output "Health check exceeded timeout (1ms)"
}

@test "on-failure: kill, stop, restart" {
	for action in kill stop; do
		checked "$action" --health-on-failure "$action" --health-interval disable --health-retries 1
		pod exec "$action" rm /ok
		run pod healthcheck run "$action"
		assert_status 1
		wait_until 20 state_is "$action" exited
	done
	checked restart --health-on-failure restart --health-interval disable --health-retries 1
	pod exec restart rm /ok
	run pod healthcheck run restart
	assert_status 1
	wait_until 20 sh -c '[ "$(pod inspect --format "{{.RestartCount}} {{.State.Status}}" restart)" = "1 running" ]'
	health_is restart starting
	# the file is there again; a check before that would start the container once more
	wait_until 10 pod exec restart test -e /ok
	pod healthcheck run restart
	run pod inspect --format '{{.Config.HealthcheckOnFailureAction}}' restart
	assert_output restart
}

@test "the image's check, and options over it" {
	make_image "$BATS_TEST_TMPDIR/checked.tar" --schema docker --name localhost/checked --layer busybox \
		--config '{"config": {"Healthcheck": {"Test": ["CMD", "/bin/true"], "Interval": 7000000000, "Retries": 9}}}'
	pod load -q -i "$BATS_TEST_TMPDIR/checked.tar"
	pod create --name image localhost/checked sleep 1000
	run pod inspect --format '{{json .Config.Healthcheck}}' image
	assert_output '{"Test":["CMD","/bin/true"],"Interval":7000000000,"Timeout":30000000000,"Retries":9}'
	pod create --name over --health-retries 2 --health-cmd 'exit 0' localhost/checked sleep 1000
	run pod inspect --format '{{json .Config.Healthcheck}}' over
	assert_output '{"Test":["CMD-SHELL","exit 0"],"Interval":7000000000,"Timeout":30000000000,"Retries":2}'
	pod run -d --name off --network none --no-healthcheck localhost/checked sleep 1000
	run --separate-stderr pod healthcheck run off
	assert_status 125
	run pod ps --format '{{.Status}}'
	refute_output --partial health
}

@test "options that make no sense are refused by name" {
	run --separate-stderr pod run --no-healthcheck --health-cmd true localhost/busybox true
	assert_fault 125 --no-healthcheck --health-cmd
	run --separate-stderr pod run --health-cmd true --health-interval 5 localhost/busybox true
	assert_fault 125 --health-interval
	run --separate-stderr pod run --health-cmd true --health-retries 0 localhost/busybox true
	assert_fault 125 --health-retries
	run --separate-stderr pod run --health-on-failure kill localhost/busybox true
	assert_fault 125 on-failure
	run --separate-stderr pod run --health-cmd '[]' localhost/busybox true
	assert_fault 125 --health-cmd
	run pod ps -aq
	assert_output ""
}

@test "a check does not hold up the container's end" {
	pod run -d --name ends --network none --health-cmd 'sleep 1000' --health-interval 100ms \
		localhost/busybox sh -c 'while ! pidof sleep; do usleep 10000; done; exit 9'
	run pod wait ends
	assert_output 9
}

@test "wait --condition: healthy, unhealthy, running, exited" {
	pod create --name later --network none localhost/busybox sh -c 'exit 6'
	run pod wait --condition created later
	assert_output -1
	checked web --health-interval 200ms --health-retries 1
	run timeout 30 pod wait --condition healthy web
	assert_success
	assert_output -1
	pod exec web rm /ok
	run timeout 30 pod wait --condition unhealthy --condition stopped web
	assert_output -1
	run pod wait --condition running,paused web
	assert_output -1
	pod wait --condition exited later >code 3>&- &
	pod start later
	wait $!
	assert_equal "$(cat code)" 6
	run --separate-stderr pod wait --condition asleep web
	assert_fault 125 asleep
	run --separate-stderr pod wait --interval x web
	assert_fault 125 --interval
}

# failing_streak NAME N - at least
streak_is()
{
	[ "$(pod inspect --format '{{.State.Health.FailingStreak}}' "$1")" -ge "$2" ]
}

@test "update: a running container gets a check, another one, and none" {
	pod run -d --name web --network none --stop-timeout 0 localhost/busybox sh -c 'touch /ok; exec sleep 1000'
	run --separate-stderr pod update --health-interval 1s web
	assert_fault 125 web --health-cmd
	run pod update --health-cmd 'test -e /ok' --health-interval 50ms web
	assert_output web
	wait_until 20 health_is web healthy
	run pod update --health-cmd '["false"]' --health-retries 2 web
	assert_success
	wait_until 20 health_is web unhealthy
	run pod inspect --format '{{json .Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Retries}}' web
	assert_output '["CMD","false"] 50000000 2'
	# Recorded: the next run has it, too.
	pod restart -t 0 web
	wait_until 20 health_is web unhealthy
	pod update --no-healthcheck web
	health_is web ""
	run --separate-stderr pod healthcheck run web
	assert_fault 125 "no defined healthcheck"
	pod update --health-cmd true --health-interval disable web
	health_is web starting
	run pod healthcheck run web
	assert_success
	health_is web healthy
}

@test "update: --health-on-failure=restart of a running container restarts it" {
	checked web --health-interval 50ms --health-retries 1
	wait_until 20 health_is web healthy
	pod update --health-on-failure restart web
	pod exec web rm /ok
	wait_until 30 eval '[ "$(pod inspect --format "{{.RestartCount}}" web)" -ge 1 ]'
	pod rm -f -t 0 web
}

@test "a startup check: starting until it has passed so often, then the health check" {
	pod run -d --name slow --network none --stop-timeout 0 --health-cmd 'echo health' --health-interval 1h \
		--health-startup-cmd 'echo startup; test -e /up' --health-startup-interval 50ms \
		--health-startup-success 2 localhost/busybox sleep 1000
	wait_until 20 eval 'pod inspect --format "{{json .State.Health.Log}}" slow | grep -q startup'
	health_is slow starting
	run pod inspect --format '{{json .Config.StartupHealthCheck}}' slow
	assert_output '{"Test":["CMD-SHELL","echo startup; test -e /up"],"Interval":50000000,"Timeout":30000000000,"Successes":2}'
	pod exec slow touch /up
	wait_until 20 health_is slow healthy
	run pod inspect --format '{{range .State.Health.Log}}{{.ExitCode}}:{{.Output}}{{end}}' slow
	assert_output --regexp '0:startup.0:startup.0:health'
}

@test "a startup check that fails too often: started again" {
	pod run -d --name bad --network none --stop-timeout 0 --health-cmd true --health-startup-cmd false \
		--health-startup-interval 50ms --health-startup-retries 2 localhost/busybox sleep 1000
	wait_until 30 eval '[ "$(pod inspect --format "{{.RestartCount}}" bad)" -ge 1 ]'
	pod stop -t 0 bad
	state_is bad exited
	run --separate-stderr pod run --rm --health-cmd true --health-startup-cmd false \
		--health-startup-retries 2 localhost/busybox true
	assert_fault 125 --rm --health-startup-retries
	run --separate-stderr pod run --health-startup-cmd false localhost/busybox true
	assert_fault 125 startup --health-cmd
}
