# The program called as docker: docker's words in, docker's words out. doc/docker.md is the list.
load ../lib/common

# refused WHAT - the last run ended with 125 and one line that names it
refused()
{
	assert_status 125
	assert_stderr --partial "'docker $1' is not available in this version"
	assert_equal "${#stderr_lines[@]}" 1
}

# --- the list -----------------------------------------------------------------------------------------

@test "every command and option that docker has is taken, or refused by name" {
	run "$LIB/docker_matrix.py"
	assert_success
	assert_output --regexp '^[0-9]{3,} tried$'
}

@test "what docker does not have is no command of docker" {
	run docker unshare
	assert_status 1
	assert_output "docker: 'unshare' is not a docker command.
See 'docker --help'"
	run docker "" ps
	assert_status 1
	assert_output --partial "'' is not a docker command"
	run docker container exists x
	assert_status 1
	assert_output --partial "is not a docker command"
	run docker container ls -Z
	assert_status 125
	assert_output "unknown shorthand flag: 'Z' in -Z
See 'docker container ls --help'."
	run docker run --nothing busybox
	assert_status 125
	assert_output "unknown flag: --nothing
See 'docker run --help'."
	run docker ps -n
	assert_status 125
	assert_output "flag needs an argument: 'n' in -n
See 'docker ps --help'."
	run docker ps -n x
	assert_status 125
	assert_output --partial 'invalid argument "x" for "-n, --last" flag'
}

@test "operands are counted in docker's words" {
	run docker ps extra
	assert_status 1
	assert_output "\"docker ps\" accepts no arguments.
See 'docker ps --help'.

Usage:  docker ps [OPTIONS]

List containers"
	run docker rm
	assert_status 1
	assert_output --partial '"docker rm" requires at least 1 argument.'
	run docker tag a
	assert_status 1
	assert_output --partial '"docker tag" requires exactly 2 arguments.'
	run docker images a b
	assert_status 1
	assert_output --partial '"docker images" requires at most 1 argument.'
	run docker run
	assert_status 1
	assert_output --partial 'Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]'
}

@test "help: groups, and docker alone, show it and succeed" {
	local words

	for words in "" --help help container "container --help" "help run" "run --help"; do
		# shellcheck disable=SC2086
		run docker $words
		assert_success
		assert_output --partial "Usage:  docker"
	done
	run docker --help
	assert_output --regexp $'\n  ps +List containers\n'
	refute_output --partial unshare
	run docker help run
	assert_output --partial " -d, --detach"
	refute_output --partial rootfs
}

@test "another host, another context and TLS are refused" {
	run --separate-stderr docker -H tcp://1.2.3.4:2375 ps
	assert_status 125
	assert_stderr --partial "docker host 'tcp://1.2.3.4:2375' is not available"
	DOCKER_HOST=ssh://x run --separate-stderr docker ps
	assert_status 125
	assert_stderr --partial "ssh://x"
	DOCKER_HOST=ssh://x run docker -H unix:///var/run/docker.sock ps
	assert_success
	DOCKER_HOST=unix:///var/run/docker.sock run docker ps
	assert_success
	run docker --context nope ps
	assert_status 1
	assert_output 'unable to resolve docker endpoint: context "nope" does not exist'
	run docker -c default ps
	assert_success
	run --separate-stderr docker --tlsverify ps
	refused --tlsverify
}

@test "the one context there is" {
	run docker context ls
	assert_success
	assert_equal "${lines[0]}" "NAME        DESCRIPTION                               DOCKER ENDPOINT               KUBERNETES ENDPOINT   ORCHESTRATOR"
	[[ ${lines[1]} == "default *   Current DOCKER_HOST based configuration   unix:///var/run/docker.sock  "* ]]
	DOCKER_HOST=unix:///x run docker context inspect -f '{{.Name}} {{.Endpoints.docker.Host}}'
	assert_output "default unix:///x"
	run docker context show
	assert_output default
	run docker context use default
	assert_success
	run --separate-stderr docker context use nope
	assert_status 1
	assert_stderr 'context "nope" does not exist'
	run --separate-stderr docker context create x
	refused "context create"
}

@test "what is refused says what to do, in docker's own words" {
	run --separate-stderr docker build -t x .
	refused build
	assert_stderr --partial "'docker load -i image.tar'"
	run --separate-stderr docker compose up -d
	refused compose
	assert_stderr --partial "'docker run'"
	run --separate-stderr docker buildx version
	refused buildx
	run --separate-stderr docker commit x
	refused commit
	assert_stderr --partial "'docker export CONTAINER | docker import - NAME'"
	[[ $stderr != *"pod "* ]] || fail "$stderr"
}

# --- output -------------------------------------------------------------------------------------------

@test "version and info" {
	run docker --version
	assert_success
	assert_output --regexp '^Docker version [0-9]+\.[0-9]+\.[0-9]+, build '
	run docker version --format '{{.Server.Version}} {{.Client.ApiVersion}} {{.Server.Os}}'
	assert_success
	assert_output --regexp '^[0-9]+\.[0-9]+\.[0-9]+ [0-9.]+ linux$'
	run docker version
	assert_output --regexp $'^Client:.*\n Version: .*\nServer:.*\n Engine:\n  Version: '
	run docker info -f '{{.ServerVersion}} {{.OSType}} {{.Swarm.LocalNodeState}} {{.Containers}} {{.DockerRootDir}}'
	assert_success
	assert_output --regexp "^[0-9.]+ linux inactive 0 $STORE\$"
	run docker info -f '{{json .SecurityOptions}}'
	assert_output --partial name=rootless
	run docker system info
	assert_output --regexp $'Server:\n Containers: 0\n  Running: 0\n'
}

@test "ps: columns, quoted commands, the newest first" {
	local first second

	load_busybox docker.io/library/busybox:latest
	first=$(docker create --name first busybox echo a 'b "c"')
	second=$(docker run -d --name second --label a=b --label c=d -v data:/data -p 127.0.0.1::80 busybox sleep 1000)
	run docker ps -a
	assert_success
	assert_output --regexp '^CONTAINER ID   IMAGE     COMMAND            +CREATED  +STATUS  +PORTS  +NAMES
'
	assert_equal "${#lines[@]}" 3
	[[ ${lines[1]} == "${second:0:12}   busybox   \"sleep 1000\" "*" second" ]]
	[[ ${lines[2]} == "${first:0:12}   busybox   \"echo a b \\\"c\\\"\" "*" Created "*" first" ]]
	run docker ps -aq --no-trunc
	assert_output "$second
$first"
	run docker ps
	assert_equal "${#lines[@]}" 2
	run docker ps --format '{{.Names}} {{.Labels}} {{.Label "a"}} {{.Mounts}} {{.LocalVolumes}} {{.State}}'
	assert_output "second a=b,c=d b data 1 running"
	run docker ps --filter network=bridge --format '{{.Networks}}'
	assert_output bridge
	run docker ps --format '{{json .}}'
	python3 - "$output" <<-'END'
		import json, sys
		row = json.loads(sys.argv[1])
		assert sorted(row) == list(row), row
		assert set(row) == {"Command", "CreatedAt", "ID", "Image", "Labels", "LocalVolumes", "Mounts",
			"Names", "Networks", "Ports", "RunningFor", "Size", "State", "Status"}, row
		assert all(isinstance(v, str) for v in row.values()), row
		assert row["Command"] == '"sleep 1000"' and row["Names"] == "second", row
	END
	run docker ps -a --filter name=first --format 'table {{.ID}}\t{{.Names}}'
	assert_output "CONTAINER ID   NAMES
${first:0:12}   first"
	run docker ps -s --format '{{.Size}}' -f name=second
	assert_output --regexp '^[0-9.]+k?B \(virtual [0-9.]+MB\)$'
	run docker container ls -l -q
	assert_output "${second:0:12}"
}

@test "ps names an image as it was typed, by its id when the name is another's" {
	local id

	load_busybox docker.io/library/busybox:latest
	id=$(docker images -q --no-trunc)
	docker create --name a busybox true >/dev/null
	docker create --name b busybox:latest true >/dev/null
	docker create --name c docker.io/library/busybox true >/dev/null
	docker create --name d "${id:7:10}" true >/dev/null
	docker create --name e "$id" true >/dev/null
	run docker ps -a --format '{{.Names}} {{.Image}}'
	assert_output "e ${id:7:12}
d ${id:7:12}
c busybox
b busybox:latest
a busybox"
	run docker inspect -f '{{.Config.Image}}' a b c d
	assert_output "busybox
busybox:latest
docker.io/library/busybox
${id:7:10}"
	run docker ps -a --no-trunc --filter name=c --format '{{.Image}}'
	assert_output docker.io/library/busybox
	make_image other.tar --name docker.io/library/busybox:latest --env X=1
	docker load -qi other.tar >/dev/null
	run docker ps -a --filter name=b --format '{{.Image}}'
	assert_output "${id:7:12}"
	run docker ps -a --no-trunc --filter name=b --format '{{.Image}}'
	assert_output "$id"
	run pod ps -a --filter name=b --format '{{.Image}}'
	assert_output docker.io/library/busybox:latest
}

@test "top has the columns of ps, and takes its options" {
	local pid

	load_busybox docker.io/library/busybox:latest
	docker run -d --name web busybox sh -c 'sleep 1000 & exec sleep 2000' >/dev/null
	pid=$(docker inspect -f '{{.State.Pid}}' web)
	# the first program of the command is there before the second has taken its place
	wait_until 20 sh -c '[ "$(docker top web -o pid,args | grep -c "sleep [12]000")" = 2 ]'
	run docker top web
	assert_success
	assert_equal "${lines[0]}" "UID                 PID                 PPID                C                   STIME               TTY                 TIME                CMD"
	assert_equal "${#lines[@]}" 3
	assert_output --regexp "
root +$pid +[0-9]+ +[0-9]+ +[^ ]+ +\? +[0-9:]+ +sleep 2000(
|$)"
	run docker container top web -o pid,comm
	assert_equal "${lines[0]}" "PID                 COMMAND"
	assert_output --partial "$pid"
	run docker top web aux
	assert_equal "${lines[0]%% *}" USER
	assert_equal "${#lines[@]}" 3
	run --separate-stderr docker top web -o comm
	assert_status 1
	assert_stderr "Error response from daemon: Couldn't find PID field in ps output"
	run --separate-stderr docker top web --nonsense
	assert_status 1
	assert_stderr "Error response from daemon: error: unknown gnu long option"
	docker stop -t 0 web >/dev/null
	run --separate-stderr docker top web
	assert_status 1
	assert_stderr --regexp '^Error response from daemon: Container [0-9a-f]{64} is not running$'
}

@test "top runs nothing of the container, and shows no control characters" {
	load_busybox docker.io/library/busybox:latest
	docker run -d --name web busybox sh -c "$(printf 'sleep 1000 # \033[2J\nwait')" >/dev/null
	docker exec web sh -c 'rm -f /bin/ps; printf "#!/bin/sh\necho ran >/ran\n" >/bin/ps; chmod 755 /bin/ps'
	run docker top web
	assert_success
	refute_output --partial $'\033'
	run docker exec web ls /ran
	assert_status 1
}

@test "a long command ends in an ellipsis" {
	load_busybox docker.io/library/busybox:latest
	docker create busybox sh -c 'echo a very long command' >/dev/null
	run docker ps -a --format '{{.Command}}'
	assert_output '"sh -c echo a very l…"'
	run docker ps -a --no-trunc --format '{{.Command}}'
	assert_output --partial 'a very long command"'
}

@test "images, history, tag, rmi" {
	local id

	load_busybox docker.io/library/busybox:latest
	run docker images
	assert_equal "${lines[0]%% CREATED*}" "REPOSITORY   TAG       IMAGE ID      "
	[[ ${lines[1]} == "busybox      latest    "* ]]
	id=$(docker images -q --no-trunc)
	[[ $id == sha256:* ]]
	run docker tag busybox own/thing:1
	assert_success
	assert_output ""
	run docker image ls --format '{{.Repository}}:{{.Tag}}' own/thing
	assert_output own/thing:1
	run docker history -q busybox
	assert_output --partial "${id:7:12}"
	run docker history busybox
	assert_output --regexp '^IMAGE          CREATED +CREATED BY +SIZE +COMMENT
'
	run docker image rmi own/thing:1
	assert_output "Untagged: own/thing:1"
	run docker rmi busybox
	assert_output --regexp "Untagged: busybox:latest"$'\n'"Deleted: $id"
}

@test "rmi --force takes the name from an image in use and leaves the container" {
	load_busybox docker.io/library/busybox:latest
	docker create --name c busybox true >/dev/null
	run docker rmi busybox
	assert_status 1
	assert_output --regexp '^Error response from daemon: conflict: unable to remove .* is using its referenced image'
	run docker rmi -f busybox
	assert_success
	assert_output "Untagged: busybox:latest"
	run docker start -a c
	assert_success
}

@test "inspect has docker's shape" {
	local id image

	load_busybox docker.io/library/busybox:latest
	id=$(docker run -d --name web -p 127.0.0.1::80 -v data:/data --entrypoint sleep busybox 1000)
	image=$(docker inspect -f '{{.Id}}' busybox)
	[[ $image == sha256:* ]]
	run docker inspect -f '{{.Name}} {{.Image}} {{.Config.Image}} {{.State.Running}} {{.HostConfig.RestartPolicy.Name}} {{.Config.Entrypoint}} {{.Id}}' web
	assert_output "/web $image busybox true no [sleep] $id"
	run docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}} {{(index (index .NetworkSettings.Ports "80/tcp") 0).HostIp}}' web
	assert_output "10.0.2.100 127.0.0.1"
	run docker inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}' web
	assert_output "volume data /data true"
	run docker image inspect -f '{{.RepoTags}} {{.Config.Cmd}} {{.Config.Entrypoint}}' busybox
	assert_output "[busybox:latest] [sh] []"
	run docker volume inspect data -f '{{.Name}} {{.Driver}} {{.Scope}}'
	assert_output "data local local"
	run docker inspect web
	assert_equal "${lines[1]}" "    {"
	run --separate-stderr docker inspect nope
	assert_status 1
	assert_output "[]"
	assert_stderr "Error: No such object: nope"
}

@test "inspect: member by member as docker's API has them" {
	load_busybox docker.io/library/busybox:latest
	mkdir src
	docker volume create data >/dev/null
	docker create --name web -v data:/d:ro -v "$PWD/src:/s" --tmpfs /t:size=1m --ulimit nofile=100:200 --cap-add NET_ADMIN \
		--add-host a:1.2.3.4 busybox sleep 1000 >/dev/null
	docker create --name plain --init busybox true >/dev/null
	docker inspect web plain >containers.json
	docker image inspect busybox >image.json
	docker volume inspect data >volume.json
	run python3 - "$PWD/src" <<'END'
import json, sys
web, plain = json.load(open("containers.json"))
image, volume = json.load(open("image.json"))[0], json.load(open("volume.json"))[0]
def same(what, members, wanted):
    assert set(members) == set(wanted.split()), (what, set(members) ^ set(wanted.split()))
same("container", web, """Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver
    Platform MountLabel ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver Mounts Config NetworkSettings""")
same("state", web["State"], "Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt")
host = """Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver VolumesFrom CapAdd CapDrop
    CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode Privileged PublishAllPorts
    ReadonlyRootfs SecurityOpt UTSMode UsernsMode ShmSize Runtime ConsoleSize Isolation CpuShares Memory NanoCpus CgroupParent
    BlkioWeight BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps CpuPeriod CpuQuota
    CpuRealtimePeriod CpuRealtimeRuntime CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests KernelMemory
    MemoryReservation MemorySwap MemorySwappiness OomKillDisable PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps
    IOMaximumBandwidth MaskedPaths ReadonlyPaths"""
same("host", web["HostConfig"], host + " Tmpfs")
same("host", plain["HostConfig"], host + " Init")
config = """Hostname Domainname User AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce Env Cmd Image Volumes WorkingDir
    Entrypoint OnBuild Labels"""
same("config", plain["Config"], config + " StopSignal StopTimeout")
same("config of the image", image["Config"], config)
settings = """EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen IPAddress IPPrefixLen IPv6Gateway MacAddress"""
same("network", web["NetworkSettings"], settings + """ Bridge SandboxID HairpinMode LinkLocalIPv6Address LinkLocalIPv6PrefixLen
    Ports SandboxKey SecondaryIPAddresses SecondaryIPv6Addresses Networks""")
same("networks", web["NetworkSettings"]["Networks"], "bridge")
same("endpoint", web["NetworkSettings"]["Networks"]["bridge"], settings + " IPAMConfig Links Aliases NetworkID DriverOpts")
same("image", image, """Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Config Architecture Os Size VirtualSize
    GraphDriver RootFS Metadata""")
same("volume", volume, "CreatedAt Driver Labels Mountpoint Name Options Scope")
h = web["HostConfig"]
assert h["Binds"] == ["data:/d:ro", sys.argv[1] + ":/s"] and h["Tmpfs"] == {"/t": "size=1m"}, h
assert h["Ulimits"] == [{"Name": "nofile", "Hard": 200, "Soft": 100}] and h["NetworkMode"] == "default", h
assert h["ExtraHosts"] == ["a:1.2.3.4"] and h["CapDrop"] is None and h["SecurityOpt"] is None, h
assert plain["HostConfig"]["Init"] is True and plain["HostConfig"]["Binds"] is None
same("mount", web["Mounts"][0], "Type Name Source Destination Driver Mode RW Propagation")
assert [m["Propagation"] for m in web["Mounts"]] == ["", "rprivate"], web["Mounts"]
assert web["GraphDriver"]["Name"] == web["Driver"] == image["GraphDriver"]["Name"]
assert web["Driver"] in ("overlay2", "fuse-overlayfs", "vfs")
END
	assert_success
	run docker inspect -f '{{json .HostConfig.CapDrop}} {{json .Config.Entrypoint}}' plain
	assert_output "null null"
	run docker inspect -f '{{.HostConfig.CapDrop}} {{.Config.Entrypoint}}' plain
	assert_output "[] []"
}

@test "errors that scripts match, and exit codes" {
	local id

	load_busybox docker.io/library/busybox:latest
	id=$(docker create --name c busybox sleep 1000)
	for words in "logs nope" "stop nope" "rm nope" "start nope" "exec nope true" "container inspect nope"; do
		# shellcheck disable=SC2086
		run --separate-stderr docker $words
		assert_status 1
		assert_stderr "Error response from daemon: No such container: nope"
	done
	run --separate-stderr docker rmi nope
	assert_status 1
	assert_stderr "Error response from daemon: No such image: nope:latest"
	run --separate-stderr docker volume rm nope
	assert_status 1
	assert_stderr "Error response from daemon: get nope: no such volume"
	run --separate-stderr docker exec c true
	assert_status 1
	assert_stderr "Error response from daemon: Container $id is not running"
	run --separate-stderr docker kill c
	assert_status 1
	assert_stderr --partial "Cannot kill container"
	run --separate-stderr docker run --name c busybox true
	assert_status 125
	assert_equal "${stderr_lines[0]}" "docker: Error response from daemon: Conflict. The container name \"/c\" is already in use by container \"$id\". You have to remove (or rename) that container to be able to reuse that name."
	assert_equal "${stderr_lines[1]}" "See 'docker run --help'."
	run -127 --separate-stderr docker run --rm busybox nothing
	assert_status 127
	assert_stderr --partial 'exec: "nothing": executable file not found in $PATH'
	run --separate-stderr docker run --rm busybox /etc
	assert_status 126
	docker start c >/dev/null
	run --separate-stderr docker rm c
	assert_status 1
	assert_stderr "Error response from daemon: You cannot remove a running container $id. Stop the container before attempting removal or force remove"
	run -127 --separate-stderr docker exec c nothing
	assert_status 127
	assert_stderr --partial 'exec: "nothing": executable file not found in $PATH'
	run docker rm -f c
	assert_success
	assert_output c
	run docker run --rm busybox sh -c 'exit 7'
	assert_status 7
}

@test "options of docker that are spelled as others of pod" {
	load_busybox docker.io/library/busybox:latest
	docker run --name c busybox printf 'a\nb\nc\n' >/dev/null
	run docker logs -n 1 c
	assert_output c
	run docker logs --details --tail 2 c
	assert_output "b
c"
	run docker run --rm --dns-opt ndots:3 --net none --disable-content-trust busybox true
	assert_success
	run --separate-stderr docker run --rm --disable-content-trust=false busybox true
	refused "run --disable-content-trust=false"
	run docker run -itd --name d busybox sh
	assert_success
	run docker stop -t 0 d
	assert_output d
}

@test "load and prune say what docker says" {
	make_image image.tar --name docker.io/library/busybox:latest
	run docker load -i image.tar
	assert_success
	assert_output "Loaded image: busybox:latest"
	docker run --name c busybox true
	id=$(docker ps -aq --no-trunc)
	docker volume create unused >/dev/null
	run docker volume ls
	assert_output "DRIVER    VOLUME NAME
local     unused"
	run docker container prune <<<n
	assert_output "WARNING! This will remove all stopped containers.
Are you sure you want to continue? [y/N] "
	run docker container prune -f
	assert_output --regexp "^Deleted Containers:
$id

Total reclaimed space: [0-9.]+k?B$"
	run docker volume prune -f
	assert_output --regexp "^Deleted Volumes:
unused

Total reclaimed space: "
	run docker image prune -af
	assert_output --regexp "^Deleted Images:
untagged: busybox:latest
deleted: sha256:[0-9a-f]{64}

Total reclaimed space: [0-9.]+MB$"
	run docker system df
	assert_equal "${lines[0]}" "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE"
	assert_equal "${lines[4]}" "Build Cache     0         0         0B        0B"
	run docker system prune -f
	assert_output "Total reclaimed space: 0B"
}

@test "pull, and run of an image that is not there" {
	start_registry plain
	push_busybox library/busybox:latest
	mirror_docker_io
	run --separate-stderr docker pull busybox
	assert_success
	assert_equal "$stderr" ""
	assert_equal "${lines[0]}" "Using default tag: latest"
	assert_equal "${lines[1]}" "latest: Pulling from library/busybox"
	assert_output --regexp '[0-9a-f]{12}: Pull complete'
	assert_output --regexp $'\nDigest: sha256:[0-9a-f]{64}\nStatus: Downloaded newer image for busybox:latest\ndocker.io/library/busybox:latest$'
	run docker pull busybox:latest
	assert_output --partial "Status: Image is up to date for busybox:latest"
	refute_output --partial "Using default tag"
	run docker pull -q busybox
	assert_output docker.io/library/busybox:latest
	docker rmi busybox
	run --separate-stderr docker run --rm busybox echo hello
	assert_success
	assert_output hello
	assert_equal "${stderr_lines[0]}" "Unable to find image 'busybox:latest' locally"
	assert_equal "${stderr_lines[1]}" "latest: Pulling from library/busybox"
	assert_stderr --partial "Status: Downloaded newer image for busybox:latest"
	run --separate-stderr docker run --rm --pull never busybox:other true
	assert_status 125
	assert_equal "${stderr_lines[0]}" "docker: Error response from daemon: No such image: busybox:other."
}

@test "login keeps credentials where docker keeps them" {
	start_registry basic
	registries_conf <<-END
		[[registry]]
		location = "$REGISTRY"
		insecure = true
	END
	run --separate-stderr docker login -u user --password-stdin "$REGISTRY" <<<secret
	assert_success
	assert_output "Login Succeeded"
	assert_stderr --partial "stored unencrypted in $HOME/.docker/config.json"
	grep -q "$REGISTRY" "$HOME/.docker/config.json"
	run docker --config "$HOME/other" login -u user -p secret "$REGISTRY"
	assert_success
	[ -s "$HOME/other/config.json" ]
	run docker logout "$REGISTRY"
	assert_success
	assert_output "Removing login credentials for $REGISTRY"
	run docker logout "$REGISTRY"
	assert_success
	assert_output "Not logged in to $REGISTRY"
}

@test "login with the credential helper of config.json, which keeps the rest of the file" {
	start_registry basic
	registries_conf <<-END
		[[registry]]
		location = "$REGISTRY"
		insecure = true
	END
	push_busybox team/app:1
	mkdir bin .docker
	cat >bin/docker-credential-kept <<-'END'
		#!/bin/sh
		echo "$1" >>"$HOME/asked"
		case $1 in
		store) cat >"$HOME/kept" ;;
		get) cat >/dev/null; cat "$HOME/kept" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
		erase) cat >/dev/null; rm -f "$HOME/kept" ;;
		esac
	END
	chmod +x bin/docker-credential-kept
	export PATH=$HOME/bin:$PATH
	echo '{"credsStore": "kept", "currentContext": "default", "plugins": {"x": {"y": "z"}}}' >.docker/config.json
	run --separate-stderr docker pull -q "$REGISTRY/team/app:1"
	assert_status 1
	run docker login -u user --password-stdin "$REGISTRY" <<<secret
	assert_success
	assert_output --partial "Login Succeeded"
	refute_output --partial unencrypted
	grep -q secret kept
	run cat .docker/config.json
	assert_output --partial '"plugins"'
	refute_output --partial secret
	refute_output --partial dXNlcjpzZWNyZXQ=
	run docker pull -q "$REGISTRY/team/app:1"
	assert_success
	run docker logout "$REGISTRY"
	assert_success
	[ ! -e kept ]
}

@test "quirks: sources of -v are made, rm --force says what is not there, sizes" {
	load_busybox docker.io/library/busybox:latest
	run docker run --rm -v "$PWD/made/dir:/x" busybox ls /x
	assert_success
	[ -d made/dir ]
	run --separate-stderr docker run --rm --mount "type=bind,source=$PWD/not,destination=/x" busybox true
	assert_status 125
	assert_stderr --partial "bind source path does not exist: $PWD/not"
	run --separate-stderr pod run --rm -v "$PWD/not:/x" busybox true
	assert_status 125
	[ ! -e not ]
	docker create --name c busybox true >/dev/null
	run --separate-stderr docker rm -f c nope
	assert_success
	assert_output c
	assert_stderr "Error response from daemon: No such container: nope"
	docker run --name d -P --expose 80 busybox sh -c 'printf 12345 >/file'
	run docker inspect -s -f '{{.SizeRw}} {{.HostConfig.LogConfig.Type}}' d
	assert_output "5 json-file"
	run docker logs d
	assert_success
	docker start d >/dev/null
	run docker port d 99
	assert_status 1
	docker run -d --name e --expose 99/udp --expose 81 -p 127.0.0.1::80-82 busybox sleep 1000 >/dev/null
	run docker ps --filter name=e --format '{{.Ports}}'
	assert_output --regexp '^127\.0\.0\.1:[0-9]+-[0-9]+->80-82/tcp, 99/udp$'
	docker stop -t 0 e >/dev/null
	run docker ps -a --filter name=e --format '{{.Ports}}'
	assert_output ""
	run docker run --rm --network bridge busybox true
	assert_success
}
