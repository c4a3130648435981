#!/usr/bin/env bats
# as root
# AppArmor of Debian's own kernel: profiles of `pod oci` and of --security-opt, by root and rootless.
# podman takes them as root only; the kernel lets anybody change to a profile from "unconfined", and so does pod.

load ../lib/vm
load ../lib/oci

setup_file()
{
	apparmor_parser --replace --skip-cache <<-'RULES'
		profile pod-test flags=(attach_disconnected, mediate_deleted) {
		  file,
		  capability,
		  network,
		  signal,
		  ptrace,
		  deny /tmp/closed w,
		}
		profile pod-other flags=(attach_disconnected, mediate_deleted) {
		  file,
		  signal,
		  ptrace,
		  deny /tmp/open w,
		}
	RULES
	# One root for all: real root's, and the user's, whose it is.
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	make_bundle "$BATS_FILE_TMPDIR/bundle"
	config "$BATS_FILE_TMPDIR/bundle" 'c["root"]["readonly"] = False; c["process"]["apparmorProfile"] = "pod-test"'
	chown -R tester: "$BATS_FILE_TMPDIR/bundle/rootfs"
	chmod 777 "$BATS_FILE_TMPDIR/bundle/rootfs/tmp"
}

setup()
{
	vm_setup
	B=$BATS_FILE_TMPDIR/bundle
	R=$B/rootfs
	rm -f "$R"/tmp/*
	# What the kernel says, and which of two files can be written.
	# shellcheck disable=SC2016 # the container's shell expands it
	LOOK='cat /proc/self/attr/current; for f in open closed; do (: >/tmp/$f) 2>/dev/null && echo $f; done; true'
}

teardown()
{
	local status=0

	pod oci delete --force --regex . || status=1
	as_tester pod rm --all --force --time 0 || status=1
	vm_teardown || status=1
	return "$status"
}

as_tester()
{
	setpriv --reuid tester --regid tester --init-groups env HOME=/home/tester XDG_RUNTIME_DIR=/run/user/1000 \
		XDG_CONFIG_HOME=/home/tester/.config sh -c 'cd && exec "$@"' sh "$@"
}

@test "doctor sees it" {
	run as_tester pod doctor --format '{{.State}} {{.Found}}' apparmor
	assert_output "ok enabled, does not restrict user namespaces"
}

@test "pod oci: a profile, with no_new_privs and without" {
	config_args "$B" sh -c "$LOOK; grep NoNewPrivs /proc/self/status"
	for value in 0 1; do
		config "$B" "c['process']['noNewPrivileges'] = bool($value)"
		run pod oci run --bundle "$B" one
		assert_success
		assert_output $'pod-test (enforce)\nopen\nNoNewPrivs:\t'"$value"
	done
}

@test "pod oci exec: the container's profile, or another" {
	config_args "$B" sleep 1000
	pod oci run --detach --bundle "$B" one </dev/null >/dev/null 2>&1
	run pod oci exec one sh -c "$LOOK"
	assert_output $'pod-test (enforce)\nopen'
	run pod oci exec --apparmor pod-other one sh -c "$LOOK"
	assert_output $'pod-other (enforce)\nclosed'
	run pod oci exec --apparmor pod-other --no-new-privs --user 1000 one cat /proc/self/attr/current
	assert_output 'pod-other (enforce)'
	run pod oci exec --apparmor unconfined one sh -c "$LOOK"
	assert_output $'unconfined\nopen\nclosed'
	run --separate-stderr pod oci exec --apparmor nosuch one true
	assert_fault 1 "AppArmor profile 'nosuch'" "not loaded" "apparmor_parser --replace"
	run cat "/proc/$(oci_pid one)/attr/current"
	assert_output 'pod-test (enforce)'
}

@test "a profile that is not loaded" {
	sed 's/"pod-test"/"nosuch"/' "$B/config.json" >config.json
	ln -s "$R" rootfs
	run --separate-stderr pod oci run one
	assert_fault 1 "AppArmor profile 'nosuch'" "not loaded" "apparmor_parser --replace"
	run --separate-stderr pod run --rm --network none --security-opt apparmor=nosuch --rootfs "$R" true
	assert_fault 126 "AppArmor profile 'nosuch'" "not loaded" "apparmor_parser --replace"
	run --separate-stderr as_tester pod run --rm --network none --security-opt apparmor=nosuch --rootfs "$R" true
	assert_fault 126 "AppArmor profile 'nosuch'" "not loaded" "apparmor_parser --replace"
}

# engine [as_tester] - run, exec and inspect
engine()
{
	for option in "--security-opt no-new-privileges" "--privileged --init"; do
		# shellcheck disable=SC2086 # words
		run "$@" pod run --rm --network none --security-opt apparmor=pod-test $option --rootfs "$R" sh -c "$LOOK"
		assert_success
		assert_output $'pod-test (enforce)\nopen'
	done
	run "$@" pod run --rm --network none --security-opt apparmor=unconfined --rootfs "$R" cat /proc/self/attr/current
	assert_output unconfined
	"$@" pod run --detach --name one --network none --security-opt apparmor:pod-test --rootfs "$R" sleep 1000
	run "$@" pod exec one sh -c "$LOOK"
	assert_output $'pod-test (enforce)\nopen'
	run "$@" pod inspect --format '{{.AppArmorProfile}} {{.HostConfig.SecurityOpt}}' one
	assert_output 'pod-test [apparmor:pod-test]'
	run "$@" pod top one label
	assert_output --partial 'pod-test (enforce)'
	"$@" pod restart --time 0 one
	run "$@" pod exec --user 1000 one cat /proc/self/attr/current
	assert_output 'pod-test (enforce)'
	"$@" pod rm --force --time 0 one
}

@test "pod run as root" {
	engine
}

@test "pod run rootless" {
	engine as_tester
}
