#!/usr/bin/env bats
# After the power failed while power.bats ran. $POD_VM_MARKS: what was so before, "KIND:NAME" each.

load ../lib/vm

teardown()
{
	: # the tests look at the same store
}

# marked KIND - the names of what was reported as done
marked()
{
	for mark in $POD_VM_MARKS; do
		case $mark in "$1":*) echo "${mark#*:}" ;; esac
	done
}

was_marked()
{
	[[ " $POD_VM_MARKS " == *" $1 "* ]]
}

containers()
{
	pod ps -aq --no-trunc
}

@test "everything can be listed, without a word of complaint" {
	for command in "ps -a" "images -a" "volume ls" "system df" "info"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr pod $command
		assert_success
		assert_stderr ""
	done
	run pod ps -q
	assert_output ""
}

@test "images that were reported are there; every image that is there is whole" {
	run pod images --format '{{.Repository}}'
	for name in $(marked image); do
		[ "$name" = localhost/one ] || assert_output --partial "$name"
	done
	for name in $(pod images --format '{{.Repository}}' | grep -v '<none>'); do
		case $name in
		*/busybox) run pod run --rm --network none "$name" true ;;
		*) run pod run --rm --network none "$name" ;;
		esac
		assert_success
		run pod save -q -o "$BATS_TEST_TMPDIR/out.tar" "$name"
		assert_success
		rm "$BATS_TEST_TMPDIR/out.tar"
	done
}

@test "containers that were reported are there, and every container that is there can be started" {
	run pod ps -a --format '{{.Names}} {{.State}}' --sort names
	for name in $(marked created); do
		# Renamed since, but perhaps not for the disk.
		[[ $output == *"$name "* ]] || [[ $output == *"n-${name#c-} "* ]] || fail "$name is not there"
	done
	for name in $(marked ran); do
		case $name in
		# Removed afterwards.
		e-*) was_marked "created:n-${name#e-}" || assert_output --regexp "$name (exited|created)" ;;
		r-one) ;;
		# That it was started may be lost, not the container.
		*) assert_output --regexp "$name (exited|created)" ;;
		esac
	done
	assert_output --partial "before exited"
	for id in $(containers); do
		run --separate-stderr pod start "$id"
		assert_success
		assert_stderr ""
		run pod inspect --format '{{.State.Status}}' "$id"
		assert_output --regexp "running|exited"
	done
	pod stop -a -t 0
	run pod run --rm --network none -v kept:/data localhost/busybox cat /data/file
	assert_output volume
}

@test "volumes that were reported are there, with what was synced in them" {
	run pod volume ls -q
	for name in $(marked volume); do assert_output --partial "$name"; done
	for name in $(marked filled); do
		run pod run --rm --network none -v "$name:/v" localhost/busybox cat /v/name
		assert_output "${name#v-}"
	done
}

@test "the store can be written to: what was lost is loaded again, and all of it can be removed" {
	load_busybox localhost/after
	run pod run --rm --network none localhost/after echo here
	assert_output here
	for id in $(containers); do
		run --separate-stderr pod rm -f -t 0 "$id"
		assert_success
		assert_stderr ""
	done
	run --separate-stderr pod rmi -a -f
	assert_success
	run --separate-stderr pod volume prune -f
	assert_success
	run ls "$STORE/layers"
	assert_output ""
	vm_teardown
}
