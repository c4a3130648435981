# Two hundred commands at once on one store neither fail nor deadlock.
load ../lib/common

# at_once N COMMAND... - N copies at the same time, "{}" being the number; fails when one fails
at_once()
{
	local count=$1

	shift
	seq "$count" | xargs -P "$count" -I '{}' sh -c '
		out=$(timeout 150 "$@" 2>&1) || { echo "$* : status $?: $out"; exit 1; }' sh "$@"
}

@test "200 commands of all kinds at once" {
	load_busybox
	pod run -d --name base --network none localhost/busybox sleep 1000
	run at_once 200 "$LIB/one-of-many" '{}'
	assert_success
	assert_output ""
	run pod ps -aq --filter name=many
	assert_output ""
	run pod inspect --format '{{.State.Running}}' base
	assert_output true
}

@test "the same name 50 times at once: one wins" {
	load_busybox
	run at_once 50 sh -c 'pod create --name same localhost/busybox true >/dev/null 2>&1 || [ $? -eq 125 ]'
	assert_success
	run pod ps -aq
	assert_equal "${#lines[@]}" 1
}

@test "50 removals of one container at once" {
	load_busybox
	pod run -d --name one --network none localhost/busybox sleep 1000
	run at_once 50 sh -c 'pod rm -f -t 0 one >/dev/null 2>&1 || :'
	assert_success
	run pod ps -aq
	assert_output ""
}

@test "20 pulls of one image at once" {
	start_registry plain
	push_busybox one:latest
	run at_once 20 pod pull -q --tls-verify=false "$REGISTRY/one:latest"
	assert_success
	run pod images -q
	assert_equal "${#lines[@]}" 1
}
