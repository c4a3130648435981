# pod top, pod unshare.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
}

# start NAME [pod run options] - a container with two processes
start()
{
	pod run -d --network none --name "$1" "${@:2}" localhost/busybox \
		sh -c 'sleep 1000 & exec sleep 2000' >/dev/null
	wait_until 20 has_two "$1"
}

has_two()
{
	[ "$(pod top "$1" pid | wc -l)" -eq 3 ]
}

@test "default columns" {
	start box
	run pod top box
	assert_success
	[[ ${lines[0]} =~ ^USER\ +PID\ +PPID\ +%CPU\ +ELAPSED\ +TTY\ +TIME\ +COMMAND$ ]]
	[[ ${lines[1]} =~ ^root\ +1\ +0\ +0\.[0-9]+\ .*\ \?\ .*sleep\ 2000$ ]]
	[[ ${lines[2]} =~ ^root\ +[2-9][0-9]*\ +1\ .*sleep\ 1000$ ]]
	assert_equal "${#lines[@]}" 3
	run pod top --latest pid
	assert_success
	assert_equal "${lines[1]}" 1
}

@test "descriptors" {
	start box --user 1000
	run pod top box user,uid
	assert_status 125
	run pod top box huser hpid,pid capeff,seccomp state args
	assert_success
	[[ ${lines[0]} =~ ^HUSER\ +HPID\ +PID\ +EFFECTIVE\ CAPS\ +SECCOMP\ +STATE\ +COMMAND$ ]]
	[[ ${lines[1]} =~ ^[0-9]+\ +[0-9]+\ +1\ +none\ +filter\ +[SR]\ +sleep\ 2000$ ]]
	hpid=$(pod top box hpid | sed -n 2p)
	assert_equal "$(tr '\0' ' ' <"/proc/$hpid/cmdline")" "sleep 2000 "
	run pod top box %p %C %a
	assert_success
	[[ ${lines[0]} =~ ^PID\ +%CPU\ +COMMAND$ ]]
	for name in args capamb capbnd capeff capinh capprm comm etime group groups hgroup hgroups hpid \
		huser label nice pcpu pgid pid ppid rgroup rss ruser seccomp state stime time tty user vsz; do
		run pod top box "$name"
		assert_success
		assert_equal "${#lines[@]}" 3
	done
}

@test "--pid host: the container's processes, nobody else's" {
	start box --pid host
	run pod top box hpid,args
	assert_success
	assert_equal "${#lines[@]}" 3
	assert_output --partial "sleep 2000"
	assert_output --partial "sleep 1000"
}

@test "what is refused" {
	pod create --network none --name box localhost/busybox true >/dev/null
	run --separate-stderr pod top box
	assert_fault 125 box "running"
	run --separate-stderr pod top nobody
	assert_fault 125 nobody
	pod rm box
	start box
	run --separate-stderr pod top box nonsense
	assert_fault 125 nonsense
	run --separate-stderr pod top box -ef
	assert_fault 125 -ef
}

@test "names come from the container's passwd, whatever that is" {
	start box --user 1234 --passwd=false
	pod exec --user 0 box sh -c 'echo "web:x:1234:1234::/:/bin/sh" >>/etc/passwd'
	assert_equal "$(pod top box user | sed -n 2p)" web
	pod exec --user 0 box sh -c 'rm /etc/passwd; mkfifo /etc/passwd'
	assert_equal "$(timeout 20 pod top box user | sed -n 2p)" 1234
	pod exec --user 0 box sh -c "rm /etc/passwd; ln -s /etc/shadow-of-host /etc/passwd"
	assert_equal "$(pod top box user | sed -n 2p)" 1234
	pod exec --user 0 box sh -c 'rm /etc/passwd; printf "e\033[31m:x:1234:1234::/:\n" >/etc/passwd'
	run pod top box user
	refute_output --partial $'\033'
}

@test "a process cannot put control characters on the terminal" {
	pod run -d --network none --name box localhost/busybox sh -c \
		"$(printf 'sleep 1000 # \033[2J\nwait')" >/dev/null
	run pod top box args
	assert_success
	refute_output --partial $'\033'
}

@test "nothing of the container is run" {
	start box
	pod exec box sh -c 'for f in ps nsenter top; do rm -f /bin/$f; printf "#!/bin/sh\necho ran >/ran\n" >/bin/$f
		chmod 755 /bin/$f; done'
	pod top box >/dev/null
	run pod exec box ls /ran
	[ "$status" -ne 0 ]
}

@test "unshare: root of the user namespace, exit codes" {
	run pod unshare id -u
	assert_success
	assert_output 0
	run pod unshare sh -c 'echo "$CONTAINERS_GRAPHROOT"; exit 7'
	assert_status 7
	assert_output "$STORE"
	run -127 pod unshare no-such-command
	run pod unshare /etc
	assert_status 126
	# mounts made in there are seen by nobody else
	mkdir here
	pod unshare mount -t tmpfs tmpfs here
	run grep " $PWD/here " /proc/self/mounts
	assert_status 1
}
