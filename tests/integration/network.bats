# Networks: slirp4netns, none, host, container:NAME; published ports; name files.
load ../lib/common

setup()
{
	pod_setup
	load_busybox
	# The image has no python: the host's is lent to it.
	PYTHON=(-v "$LIB:/tests:ro" -v /usr:/usr:ro)
	for dir in /lib /lib64; do
		[ ! -e "$dir" ] || PYTHON+=(-v "$(readlink -f "$dir"):$dir:ro")
	done
}

# serve NAME [pod run options] -- tcp|udp PORT... - a container that answers, ready when this returns
serve()
{
	local name=$1 options=() kind

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	kind=$2
	shift 2
	pod run -d --name "$name" "${PYTHON[@]}" "${options[@]}" localhost/busybox \
		/usr/bin/python3 /tests/echo.py "$kind" "${@/#/0.0.0.0:}" >/dev/null || return 1
	wait_until 20 answers "$name"
}

answers()
{
	[ -n "$(pod logs "$1")" ]
}

ask()
{
	run python3 "$LIB/ask.py" "$@"
}

free_port()
{
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

host_address()
{
	python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("192.0.2.1", 9)); print(s.getsockname()[0])' 2>/dev/null
}

@test "slirp4netns: address, route, device" {
	skip_without tun
	run pod run --rm localhost/busybox sh -c 'ip -4 addr show tap0; ip route; cat /sys/class/net/tap0/mtu'
	assert_success
	assert_output --partial 10.0.2.100/24
	assert_output --partial "default via 10.0.2.2"
	assert_output --partial 65520
	run pod run --rm --network slirp4netns:mtu=1400,enable_ipv6=false localhost/busybox \
		sh -c 'cat /sys/class/net/tap0/mtu'
	assert_output 1400
}

@test "the host's loopback is closed by default, open when asked" {
	skip_without tun
	start_server python3 "$LIB/echo.py" tcp 127.0.0.1:0
	run pod run --rm localhost/busybox sh -c "echo hello | nc -w 5 10.0.2.2 $SERVER"
	[ "$status" -ne 0 ]
	refute_output --partial hello
	run pod run --rm --network slirp4netns:allow_host_loopback=true localhost/busybox \
		sh -c "echo hello | nc -w 5 10.0.2.2 $SERVER"
	assert_success
	assert_output --partial hello
}

@test "outbound TCP reaches an address of the host" {
	skip_without tun
	address=$(host_address) || :
	[ -n "$address" ] || skip "the host has no route but loopback"
	start_server python3 "$LIB/echo.py" tcp "$address:0"
	run pod run --rm localhost/busybox sh -c "echo hello | nc -w 5 $address $SERVER"
	assert_success
	assert_output --partial hello
}

@test "none: loopback only" {
	run pod run --rm --network none localhost/busybox sh -c 'ls /sys/class/net; ip -4 addr show lo'
	assert_success
	[ "${lines[0]}" = lo ]
	assert_output --partial 127.0.0.1/8
	refute_output --partial tap0
}

@test "host: the host's own network" {
	run pod run --rm --network host localhost/busybox readlink /proc/self/ns/net
	assert_success
	assert_output "$(readlink /proc/self/ns/net)"
}

@test "container:NAME: one network for two" {
	skip_without tun
	serve first -- tcp 7000
	run pod run --rm --network container:first localhost/busybox \
		sh -c 'echo hello | nc -w 5 127.0.0.1 7000'
	assert_success
	assert_output --partial "7000 127.0.0.1 hello"
	# names and servers come with the network
	run pod run --rm --network container:first localhost/busybox cat /etc/hosts /etc/resolv.conf
	assert_output --partial " first"
	assert_output --partial "nameserver 10.0.2.3"
	run --separate-stderr pod run --rm --network container:nobody localhost/busybox true
	assert_fault 125 nobody
}

@test "what is not there is refused in one line" {
	for network in bridge mynet pasta slirp4netns:foo=1 container:; do
		run --separate-stderr pod run --rm --network "$network" localhost/busybox true
		assert_fault 125 network
	done
	for port in 0:80 80:http 8000-8002:80-81 1.2.3:80:80 80/icmp 80/sctp; do
		run --separate-stderr pod run --rm -p "$port" localhost/busybox true
		assert_fault 125 "$port"
	done
	run --separate-stderr pod run --rm --network none -p 80 localhost/busybox echo here
	assert_success
	assert_output here
	assert_stderr --partial "Port mappings have been discarded"
	run pod ps -aq
	assert_output ""
}

@test "published TCP ports: fixed, chosen, ranges, host addresses" {
	skip_without tun
	fixed=$(free_port)
	serve web -p "$fixed:7000" -p 127.0.0.1::7001 -p 7002 -p 127.0.0.1::7003-7005 \
		-- tcp 7000 7001 7002 7003 7005
	run pod port web
	assert_success
	assert_equal "${#lines[@]}" 6
	assert_output --partial "7000/tcp -> 0.0.0.0:$fixed"
	assert_output --partial "7001/tcp -> 127.0.0.1:"
	for inside in 7000 7001 7002 7003 7005; do
		outside=$(pod port web "$inside")
		ask tcp 127.0.0.1 "${outside##*:}" hello
		assert_success
		assert_output "$inside 10.0.2.2 hello"
	done
	run pod port web 7000/tcp
	assert_output "0.0.0.0:$fixed"
	run --separate-stderr pod port web 9
	assert_fault 125 9
	run pod ps --format '{{.Ports}}'
	assert_output --partial "0.0.0.0:$fixed->7000/tcp"
	run pod port --all
	assert_equal "${lines[0]}" "$(pod ps -q --no-trunc)"
	# what was published is free again afterwards
	pod rm -f -t 0 web
	wait_until 20 pod run --rm -p "$fixed:7000" localhost/busybox true
}

@test "a range of host ports for one: the first that is free, at each start" {
	local first one two

	skip_without tun
	start_server python3 "$LIB/echo.py" tcp 127.0.0.1:0
	# Others take ports, too: any range will do whose first port is taken.
	first=$SERVER
	serve one -p "127.0.0.1:$first-$((first + 40)):7000" -- tcp 7000
	serve two -p "127.0.0.1:$first-$((first + 40)):7000" -- tcp 7000
	one=$(pod port one 7000) two=$(pod port two 7000)
	one=${one##*:} two=${two##*:}
	[ "$one" -gt "$first" ] && [ "$one" -le "$((first + 40))" ] && [ "$two" -gt "$one" ] || fail "$one $two"
	ask tcp 127.0.0.1 "$two" hello
	assert_output "7000 10.0.2.2 hello"
	run pod inspect --format '{{(index (index .HostConfig.PortBindings "7000/tcp") 0).HostPort}} {{(index (index .NetworkSettings.Ports "7000/tcp") 0).HostPort}}' two
	assert_output "$first-$((first + 40)) $two"
	pod stop -t 0 one two >/dev/null
	pod start two >/dev/null
	run pod port two 7000
	[ "${output##*:}" -lt "$two" ] || fail "$output is not before $two"
	run --separate-stderr pod run --rm -p "127.0.0.1:$first-$first:80" localhost/busybox true
	assert_fault 125 "127.0.0.1:$first" "address already in use"
	# every one up to that of "two" was taken when it started
	two=$(pod port two 7000) two=${two##*:}
	run --separate-stderr pod run --rm -p "127.0.0.1:$first-$two:80" localhost/busybox true
	assert_fault 125 "no port from $first to $two is free"
}

@test "one port of the container published twice" {
	skip_without tun
	serve web -p 127.0.0.1::7000 -p 127.0.0.1::7000 -- tcp 7000
	run pod port web 7000
	assert_equal "${#lines[@]}" 2
	run pod inspect --format '{{len (index .NetworkSettings.Ports "7000/tcp")}}' web
	assert_output 2
}

@test "published UDP ports answer on loopback and on the host's address" {
	skip_without tun
	serve dns -p 7000/udp -p 127.0.0.1::7001-7002/udp -- udp 7000 7001 7002
	for inside in 7000 7001 7002; do
		outside=$(pod port dns "$inside/udp")
		ask udp 127.0.0.1 "${outside##*:}" hello
		assert_success
		assert_output "$inside 10.0.2.100 hello"
	done
	address=$(host_address) || :
	if [ -n "$address" ]; then
		outside=$(pod port dns 7000/udp)
		ask udp "$address" "${outside##*:}" hello
		assert_success
		# the true source, never loopback
		assert_output "7000 $address hello"
	fi
}

@test "a port in use is named, and nothing is left" {
	skip_without tun
	start_server python3 "$LIB/echo.py" tcp 127.0.0.1:0
	run --separate-stderr pod run -d -p "127.0.0.1:$SERVER:80" localhost/busybox sleep 100
	assert_fault 125 "127.0.0.1:$SERVER" "address already in use"
	run --separate-stderr pod run --rm -p "$SERVER:80" localhost/busybox true
	assert_fault 125 "$SERVER" "address already in use"
	run --separate-stderr pod run --rm -p 7000-7005:1-6 -p 7005:9 localhost/busybox true
	assert_fault 125 7005
	pod rm -a -f -t 0
	run ls "$XDG_RUNTIME_DIR/pod"
	assert_output ""
}

@test "a port below the unprivileged ones is refused with the remedy" {
	skip_without tun
	[ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 79 ] ||
		skip "every port is open to all accounts here"
	[ "$(id -u)" -ne 0 ] || skip "root may use every port"
	run --separate-stderr pod run --rm -p 79:80 localhost/busybox true
	assert_fault 125 79 ip_unprivileged_port_start
}

@test "ports are kept over a restart" {
	skip_without tun
	serve web -p 127.0.0.1::7000 -- tcp 7000
	before=$(pod port web 7000)
	pod restart -t 0 web
	assert_equal "$(pod port web 7000)" "$before"
}

@test "names: /etc/hosts and /etc/resolv.conf" {
	skip_without tun
	run pod run --rm --name web --hostname box --add-host db:192.0.2.7 --add-host 'a;b:::1' \
		localhost/busybox cat /etc/hosts
	assert_success
	assert_output --regexp $'192.0.2.7\tdb\n'
	assert_output --regexp $'::1\ta b\n'
	assert_output --regexp $'10.0.2.100\tbox web'
	run pod run --rm localhost/busybox cat /etc/resolv.conf
	assert_success
	assert_output --partial "nameserver 10.0.2.3"
	refute_output --partial "nameserver 127."
	run pod run --rm --dns 192.0.2.53 --dns-search example.org --dns-option ndots:3 \
		localhost/busybox cat /etc/resolv.conf
	assert_output $'search example.org\nnameserver 192.0.2.53\noptions ndots:3'
	run --separate-stderr pod run --rm --add-host db:nonsense localhost/busybox true
	assert_fault 125 db:nonsense
}

@test "the container lives on without its slirp4netns" {
	skip_without tun
	serve web -p 127.0.0.1::7000/udp -- udp 7000
	pid=$(pgrep -u "$(id -u)" -f "slirp4netns.*$(pod ps -q --no-trunc | cut -c1-12).slirp")
	kill -9 "$pid"
	run pod exec web echo here
	assert_success
	assert_output here
	run pod ps --format '{{.Names}} {{.State}}'
	assert_output "web running"
	run pod stop -t 0 web
	assert_success
}

# hidden PATH... -- COMMAND... - COMMAND where each PATH is an empty directory or file
hidden()
{
	local script='' path

	while [ "$1" != -- ]; do
		path=$1
		shift
		if [ -d "$path" ]; then
			script+="mount -t tmpfs tmpfs '$path' && "
		else
			script+="mount --bind /dev/null '$path' && "
		fi
	done
	shift
	pod unshare sh -c "$script"'exec "$@"' hidden "$@"
}

@test "no /dev/net/tun, no slirp4netns: one line with the remedy, nothing left" {
	skip_without subuid
	run --separate-stderr hidden /dev/net -- pod run --rm --network slirp4netns localhost/busybox true
	assert_fault 125 /dev/net/tun "does not exist" "modprobe tun" "--network none"
	helper=$(command -v slirp4netns)
	run --separate-stderr hidden "$(readlink -f "$helper")" -- pod run --rm localhost/busybox true
	assert_fault 125 slirp4netns "not installed" "--network none"
	run hidden /dev/net -- pod run --rm --network none localhost/busybox echo here
	assert_success
	assert_output here
	run pod ps -aq
	assert_output ""
}
