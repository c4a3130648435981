load ../lib/common

@test "version and --version name the program and its version" {
	run pod --version
	assert_success
	assert_output --regexp '^pod version [0-9]+\.[0-9]+'
	run pod version --format '{{.Client.Version}}'
	assert_success
	assert_output --regexp '^[0-9]+\.[0-9]+'
}

@test "an unknown command is one line and 125" {
	run --separate-stderr pod no-such-command
	assert_status 125
	assert_stderr --partial no-such-command
}
