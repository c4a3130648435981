#!/usr/bin/env bats
# pod doctor on a Debian with systemd: what the session gives, and what is missing without it.

load ../lib/vm

state_of()
{
	pod doctor --format '{{.State}} {{.Found}}' "$@"
}

@test "all is well in a session" {
	run pod doctor
	assert_success
	assert_output --partial "Containers can run."
	refute_output --regexp '(^|
)failed'
	assert_output --regexp 'ok +linger +on for'
	assert_output --regexp 'ok +overlay +the kernel mounts it'
	run state_of cgroups
	assert_output --regexp '^(ok|note) v2, made by systemd'
	# nothing stays of the group that was made
	run systemctl --user --all --no-legend list-units 'pod-doctor-*'
	refute_output --partial running
}

@test "an account without a session gets no group; without lingering there is a note" {
	sudo useradd --create-home plain
	run sudo -u plain env -i HOME=/home/plain "PATH=$PATH" sh -c "cd; pod doctor \
		--format '{{.Name}} {{.State}} {{.Remedy}}' cgroups linger"
	sudo userdel --remove plain
	assert_success
	assert_output --regexp '^cgroups warning sudo loginctl enable-linger [0-9]+'
	assert_output --partial 'linger note sudo loginctl enable-linger plain'
}

@test "the sysctl of Debian's own kernel" {
	sudo sysctl -q kernel.unprivileged_userns_clone=0
	run state_of user-namespaces
	sudo sysctl -q kernel.unprivileged_userns_clone=1
	assert_status 1
	assert_output --regexp '^failed .*kernel.unprivileged_userns_clone=0'
}
