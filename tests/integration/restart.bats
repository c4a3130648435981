# --restart: the monitor starts the container again; --timeout ends it.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
}

restarts()
{
	pod inspect --format '{{.RestartCount}}' "$1"
}

# has_restarted NAME N - at least so often
has_restarted()
{
	[ "$(restarts "$1")" -ge "$2" ]
}

state_is()
{
	[ "$(pod inspect --format '{{.State.Status}}' "$1")" = "$2" ]
}

@test "always: runs again whatever the status, until it is stopped" {
	pod run -d --name again --network none --restart always localhost/busybox true
	wait_until 30 has_restarted again 2
	run pod stop again
	assert_success
	run pod ps -a --format '{{.Names}} {{.State}}'
	assert_output "again exited"
	local count
	count=$(restarts again)
	run pod inspect --format '{{.State.Restarting}} {{.HostConfig.RestartPolicy.Name}}' again
	assert_output "false always"
	# By hand it starts over.
	pod start again
	wait_until 30 has_restarted again 1
	[ "$(restarts again)" -le "$((count + 3))" ]
	pod rm -f -t 0 again
}

@test "on-failure:N: as often as that, and only after a failure" {
	pod run -d --name bad --network none --restart on-failure:2 localhost/busybox sh -c 'echo run; exit 7'
	wait_until 30 state_is bad exited
	run pod inspect --format '{{.RestartCount}} {{.State.ExitCode}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' bad
	assert_output "2 7 2"
	run pod logs bad
	assert_output "run
run
run"
	pod run -d --name good --network none --restart on-failure localhost/busybox true
	run pod wait good
	assert_output 0
	run pod inspect --format '{{.RestartCount}} {{.State.Status}}' good
	assert_output "0 exited"
}

@test "shown while it waits for the next run; stop, rm and rm -f do not wait for that" {
	pod run -d --name slow --network none --restart always localhost/busybox sh -c 'exit 3'
	# The fifth pause is 1.6 s.
	wait_until 60 has_restarted slow 4
	wait_until 30 state_is slow restarting
	run pod ps --format '{{.Names}} {{.State}} {{.Status}}'
	assert_output --regexp "^slow restarting Restarting \(3\) .* ago$"
	run --separate-stderr pod exec slow true
	assert_status 125
	assert_stderr --partial "is restarting"
	run --separate-stderr pod rm slow
	assert_status 2
	run pod stop slow
	assert_success
	state_is slow exited
	run pod inspect --format '{{.State.ExitCode}}' slow
	assert_output 3
	run pod rm slow
	assert_success
}

@test "kill with a signal that ends it: no restart; with another one: restart" {
	pod run -d --name k --network none --restart always localhost/busybox sleep 1000
	pod kill -s KILL k
	wait_until 10 state_is k exited
	run pod inspect --format '{{.RestartCount}} {{.State.ExitCode}}' k
	assert_output "0 137"
	pod start k
	pod exec k sh -c 'kill -9 -1' || true
	run pod inspect --format '{{.State.Pid}}' k
	kill -9 "$output"
	wait_until 30 has_restarted k 1
	wait_until 10 state_is k running
	pod rm -f -t 0 k
}

@test "a foreground run ends with the first run, the container goes on" {
	run pod run --name fg --network none --restart always localhost/busybox sh -c 'echo hello; exit 5'
	assert_status 5
	assert_output hello
	wait_until 30 has_restarted fg 1
	run pod restart -t 0 fg
	assert_success
	pod rm -f -t 0 fg
}

@test "with a network and published ports each run has them" {
	pod run -d --name net -p 127.0.0.1::7000 --restart always localhost/busybox \
		sh -c 'echo "run $$" | nc -l -p 7000 >/dev/null; exit 1'
	local port
	port=$(pod port net 7000)
	for _ in 1 2; do
		wait_until 30 python3 "$LIB/ask.py" tcp "${port%:*}" "${port##*:}" hello
	done
	wait_until 30 has_restarted net 1
	pod rm -f -t 0 net
}

@test "what cannot go together, and what is no policy" {
	run --separate-stderr pod run --rm --restart always localhost/busybox true
	assert_fault 125 --rm --restart
	run --separate-stderr pod run --restart sometimes localhost/busybox true
	assert_status 125
	assert_stderr --partial sometimes
	run --separate-stderr pod run --restart on-failure:x localhost/busybox true
	assert_fault 125 on-failure:x
	run pod run --rm --network none --restart no localhost/busybox true
	assert_success
	run pod ps -aq
	assert_output ""
}

@test "kill -9 of the monitor while it waits, and of what it starts anew: the truth remains" {
	pod run -d --name victim --network none --restart always localhost/busybox sh -c 'exit 4'
	wait_until 60 has_restarted victim 3
	wait_until 30 state_is victim restarting
	kill -9 "$(pod inspect --format '{{.State.ConmonPid}}' victim)"
	wait_until 10 state_is victim exited
	run pod inspect --format '{{.State.ExitCode}}' victim
	assert_output 4
	pod start victim
	wait_until 30 has_restarted victim 1
	pod rm -f -t 0 victim
}

@test "--timeout: killed when its time is over" {
	run pod run --name limited --network none --timeout 1 localhost/busybox sleep 1000
	assert_status 255
	run pod inspect --format '{{.Config.Timeout}} {{.State.ExitCode}}' limited
	assert_output "1 255"
}

@test "after a reboot: start --filter restart-policy=" {
	pod create --name always --network none --restart always localhost/busybox sleep 1000
	pod create --name once --network none localhost/busybox sleep 1000
	run pod start --all --filter restart-policy=always
	assert_success
	assert_output --regexp '^[0-9a-f]+$'
	state_is always running
	state_is once created
	# What runs, or waits to run again, is no error.
	run pod start always
	assert_success
}

@test "should-start-on-boot: always, and what nobody had stopped; stopping by it changes nothing" {
	load_busybox
	for name in always unless-stopped; do
		pod run -d --name "$name" --restart "$name" --network none localhost/busybox \
			sh -c 'trap "exit 0" TERM; sleep 1000 & wait'
	done
	pod run -d --name stopped --restart unless-stopped --network none localhost/busybox sleep 1000
	pod run -d --name no --network none localhost/busybox sleep 1000
	pod stop --time 0 stopped
	run pod stop --filter should-start-on-boot=true
	assert_success
	assert_equal "${#lines[@]}" 2
	run pod ps --format '{{.Names}}'
	assert_output no
	run pod start --filter should-start-on-boot=true
	assert_success
	run pod ps --format '{{.Names}}' --sort names
	assert_output "always
no
unless-stopped"
	run --separate-stderr pod start --filter should-start-on-boot=maybe
	assert_fault 125 should-start-on-boot=maybe "true or false"
}

@test "a --rm container that ended with the host is removed by the first command afterwards" {
	load_busybox
	pod run -d --rm --name gone --network none -v /data localhost/busybox sleep 1000
	pod run -d --name stays --network none localhost/busybox sleep 1000
	pod create --rm --name waits --network none localhost/busybox sleep 1000
	for name in gone stays; do
		kill -9 "$(pod inspect --format '{{.State.ConmonPid}}' "$name")"
		wait_until 10 sh -c "pod inspect --format '{{.State.Status}}' $name | grep -qx exited"
	done
	# Only what ran in another boot.
	rm -rf "${XDG_RUNTIME_DIR:?}/pod"
	run pod ps -a --format '{{.Names}}' --sort names
	assert_output "gone
stays
waits"
	sed -i 's/"bootId":"[^"]*"/"bootId":"00000000-0000-0000-0000-000000000000"/' "$STORE"/containers/*/run.json
	rm -rf "${XDG_RUNTIME_DIR:?}/pod"
	run pod ps -a --format '{{.Names}}' --sort names
	assert_output "stays
waits"
	# A record that never reached the disk is no container.
	pod create --name lost --network none localhost/busybox true
	pod create --name empty --network none localhost/busybox true
	for name in lost empty; do
		record=$STORE/containers/$(pod inspect --format '{{.Id}}' "$name")/container.json
		[ "$name" = lost ] || : >"$record.new"
		[ "$name" = empty ] || head -c 3000 /dev/zero >"$record.new"
		mv "$record.new" "$record"
	done
	rm -rf "${XDG_RUNTIME_DIR:?}/pod"
	run --separate-stderr pod ps -a --format '{{.Names}}' --sort names
	assert_output "stays
waits"
	assert_stderr ""
	run pod create --name lost --network none localhost/busybox true
	assert_success
	run pod volume ls -q
	assert_output ""
}

@test "a restart that fails says why in inspect" {
	pod run -d --name gone --network none --restart always localhost/busybox sh -c 'sleep 0.5; exit 3'
	# The program that would start it is not there any more.
	printf '1\0/nosuch/pod\0' >"$STORE/containers/$(pod inspect --format '{{.Id}}' gone)/restart"
	wait_until 20 state_is gone exited
	run pod inspect --format '{{.State.ExitCode}} {{.State.Error}}' gone
	assert_output --regexp '^3 .*No such file'
	mkdir "$HOME/source"
	pod run -d --name broken --network none --restart always -v "$HOME/source:/x" localhost/busybox \
		sh -c 'until [ -e /x/go ]; do usleep 10000; done; exit 4'
	touch "$HOME/source/go"
	mv "$HOME/source" "$HOME/elsewhere"
	wait_until 20 state_is broken exited
	run pod inspect --format '{{.State.ExitCode}} {{.State.Error}}' broken
	assert_output --regexp '^4 .*source'
}

@test "update --restart: from now on, running or not, and taken back" {
	pod run -d --name u --network none localhost/busybox sleep 1000
	run pod update --restart always u
	assert_output u
	run pod inspect --format '{{.HostConfig.RestartPolicy.Name}}' u
	assert_output always
	kill -9 "$(pod inspect --format '{{.State.Pid}}' u)"
	wait_until 30 has_restarted u 1
	wait_until 10 state_is u running
	pod rename u v
	run pod update --restart on-failure:5 --health-cmd true v
	assert_output v
	run pod inspect --format '{{.Name}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' v
	assert_output "v on-failure 5"
	pod update --restart no v
	kill -9 "$(pod inspect --format '{{.State.Pid}}' v)"
	wait_until 30 state_is v exited
	# Stopped once without a policy: that counts for nothing later.
	pod start v
	pod stop -t 0 v
	pod update --restart always v
	pod start v
	kill -9 "$(pod inspect --format '{{.State.Pid}}' v)"
	wait_until 30 has_restarted v 1
	pod stop -t 0 v
	state_is v exited
}

@test "update --restart: as docker; what cannot be" {
	pod run -d --rm --name gone --network none localhost/busybox sleep 1000
	run --separate-stderr pod update --restart always gone
	assert_fault 125 gone --rm --restart
	run --separate-stderr docker update --restart always gone
	assert_status 1
	assert_stderr --partial "Restart policy cannot be updated because AutoRemove is enabled for the container"
	run --separate-stderr pod update --restart sometimes gone
	assert_status 125
	assert_stderr --partial sometimes
	run --separate-stderr pod update gone
	assert_fault 125 "nothing to update"
	pod rm -f -t 0 gone
	pod create --name d localhost/busybox true
	run docker update --restart unless-stopped d
	assert_output d
	run pod inspect --format '{{.HostConfig.RestartPolicy.Name}}' d
	assert_output unless-stopped
}
