# Made by `pod __complete bash`; do not edit.

_pod_commands() {
	case $1 in
	'') echo 'attach container cp create doctor exec help history image images import info inspect kill load login logout logs oci pause port ps pull rename restart rm rmi run save start stats stop system tag top unpause unshare untag update version volume wait' ;;
	'container') echo 'attach cp create exec exists inspect kill list logs ls pause port prune ps rename restart rm run start stats stop top unpause update wait' ;;
	'image') echo 'exists history import inspect list load ls prune pull rm save tag untag' ;;
	'oci') echo 'create delete exec kill list run start state' ;;
	'system') echo 'df doctor info prune reset' ;;
	'volume') echo 'create exists inspect list ls prune remove rm' ;;
	esac
}

_pod_options() {
	case $1 in
	'') echo '--help --cgroup-manager --log-level --root --runroot --storage-driver --version -v' ;;
	'attach'|'container attach') echo '--help --detach-keys --latest -l --no-stdin --sig-proxy' ;;
	'container') echo '--help' ;;
	'container cp'|'cp') echo '--help --archive -a --overwrite' ;;
	'container create'|'create') echo '--help --add-host --annotation --arch --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --device --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --entrypoint --env -e --env-file --group-add --hostname -h --init --interactive -i --ipc --label -l --label-file --log-driver --log-opt --memory -m --memory-reservation --memory-swap --mount --name --network --oom-score-adj --os --pid --pidfile --pids-limit --platform --privileged --publish -p --publish-all -P --pull --quiet -q --read-only --replace --restart --rm --rootfs --security-opt --shm-size --stop-signal --stop-timeout --timeout --tls-verify --tmpfs --tty -t --ulimit --user -u --userns --uts --variant --volume -v --workdir -w' ;;
	'container exec'|'exec') echo '--help --detach -d --detach-keys --env -e --env-file --interactive -i --latest -l --privileged --tty -t --user -u --workdir -w' ;;
	'container exists') echo '--help' ;;
	'container inspect') echo '--help --format -f --latest -l' ;;
	'container kill'|'kill') echo '--help --all -a --cidfile --latest -l --signal -s' ;;
	'container list'|'container ls'|'container ps'|'ps') echo '--help --all -a --filter -f --format --last -n --latest -l --no-trunc --noheading --quiet -q --size -s --sort' ;;
	'container logs'|'logs') echo '--help --follow -f --latest -l --names --since --tail -n --timestamps -t --until' ;;
	'container pause'|'pause') echo '--help --all -a --cidfile --latest -l' ;;
	'container port'|'port') echo '--help --all -a --latest -l' ;;
	'container prune') echo '--help --filter --force -f' ;;
	'container rename'|'rename') echo '--help' ;;
	'container restart'|'restart') echo '--help --all -a --latest -l --running --time -t' ;;
	'container rm'|'rm') echo '--help --all -a --cidfile --force -f --ignore -i --latest -l --time -t --volumes -v' ;;
	'container run'|'run') echo '--help --add-host --annotation --arch --authfile --blkio-weight --blkio-weight-device --cap-add --cap-drop --cgroup-conf --cgroup-parent --cgroupns --cgroups --cidfile --cpu-period --cpu-quota --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --detach -d --detach-keys --device --device-read-bps --device-read-iops --device-write-bps --device-write-iops --dns --dns-option --dns-search --entrypoint --env -e --env-file --group-add --hostname -h --init --interactive -i --ipc --label -l --label-file --log-driver --log-opt --memory -m --memory-reservation --memory-swap --mount --name --network --oom-score-adj --os --pid --pidfile --pids-limit --platform --privileged --publish -p --publish-all -P --pull --quiet -q --read-only --replace --restart --rm --rootfs --security-opt --shm-size --sig-proxy --stop-signal --stop-timeout --timeout --tls-verify --tmpfs --tty -t --ulimit --user -u --userns --uts --variant --volume -v --workdir -w' ;;
	'container start'|'start') echo '--help --all --attach -a --detach-keys --interactive -i --latest -l --sig-proxy' ;;
	'container stats'|'stats') echo '--help --all -a --format --interval -i --latest -l --no-reset --no-stream --no-trunc' ;;
	'container stop'|'stop') echo '--help --all -a --cidfile --ignore -i --latest -l --time -t' ;;
	'container top'|'top') echo '--help --latest -l' ;;
	'container unpause'|'unpause') echo '--help --all -a --cidfile --latest -l' ;;
	'container update'|'update') echo '--help --blkio-weight --blkio-weight-device --cpu-period --cpu-quota --cpu-shares -c --cpus --cpuset-cpus --cpuset-mems --device-read-bps --device-read-iops --device-write-bps --device-write-iops --latest -l --memory -m --memory-reservation --memory-swap --pids-limit' ;;
	'container wait'|'wait') echo '--help --ignore --latest -l' ;;
	'doctor'|'system doctor') echo '--help --format --quiet -q' ;;
	'help') echo '--help' ;;
	'history'|'image history') echo '--help --format --human -H --no-trunc --quiet -q' ;;
	'image') echo '--help' ;;
	'image exists') echo '--help' ;;
	'image import'|'import') echo '--help --arch --change -c --message -m --os --quiet -q --variant' ;;
	'image inspect') echo '--help --format -f' ;;
	'image list'|'image ls'|'images') echo '--help --all -a --digests --filter -f --format --no-trunc --noheading -n --quiet -q --sort' ;;
	'image load'|'load') echo '--help --input -i --quiet -q' ;;
	'image prune') echo '--help --all -a --filter --force -f' ;;
	'image pull'|'pull') echo '--help --arch --authfile --cert-dir --creds --os --platform --policy --quiet -q --tls-verify --variant' ;;
	'image rm'|'rmi') echo '--help --all -a --force -f --ignore -i' ;;
	'image save'|'save') echo '--help --format --multi-image-archive -m --output -o --quiet -q' ;;
	'image tag'|'tag') echo '--help' ;;
	'image untag'|'untag') echo '--help' ;;
	'info'|'system info') echo '--help --format -f' ;;
	'inspect') echo '--help --format -f --latest -l --type -t' ;;
	'login') echo '--help --authfile --cert-dir --get-login --password -p --password-stdin --tls-verify --username -u --verbose -v' ;;
	'logout') echo '--help --all -a --authfile' ;;
	'oci') echo '--help --cgroup-manager --debug --log --log-format --root --rootless --systemd-cgroup --version -v' ;;
	'oci create') echo '--help --bundle -b --config -f --console-socket --no-new-keyring --no-pivot --pid-file --preserve-fds' ;;
	'oci delete') echo '--help --force -f --regex -r' ;;
	'oci exec') echo '--help --additional-gids -g --apparmor --cap -c --cgroup --console-socket --cwd --detach -d --env -e --ignore-paused --no-new-privs --pid-file --preserve-fds --process -p --process-label --tty -t --user -u' ;;
	'oci kill') echo '--help --all -a --regex -r' ;;
	'oci list') echo '--help --format -f --quiet -q' ;;
	'oci run') echo '--help --bundle -b --config -f --console-socket --detach -d --keep --no-new-keyring --no-pivot --no-subreaper --pid-file --preserve-fds' ;;
	'oci start') echo '--help' ;;
	'oci state') echo '--help' ;;
	'system') echo '--help' ;;
	'system df') echo '--help --format --verbose -v' ;;
	'system prune') echo '--help --all -a --filter --force -f --volumes' ;;
	'system reset') echo '--help --force -f' ;;
	'unshare') echo '--help' ;;
	'version') echo '--help --format -f' ;;
	'volume') echo '--help' ;;
	'volume create') echo '--help --driver -d --ignore --label -l' ;;
	'volume exists') echo '--help' ;;
	'volume inspect') echo '--help --all -a --format -f' ;;
	'volume list'|'volume ls') echo '--help --filter -f --format --noheading --quiet -q' ;;
	'volume prune') echo '--help --filter --force -f' ;;
	'volume remove'|'volume rm') echo '--help --all -a --force -f --time -t' ;;
	esac
}

_pod_value() {
	case $1 in
	'attach'|'container attach') case $2 in
		--detach-keys) echo 'none' ;;
		esac ;;
	'container create'|'create') case $2 in
		--add-host) echo 'none' ;;
		--annotation) echo 'none' ;;
		--arch) echo 'none' ;;
		--authfile) echo 'files' ;;
		--blkio-weight) echo 'none' ;;
		--blkio-weight-device) echo 'none' ;;
		--cap-add) echo 'none' ;;
		--cap-drop) echo 'none' ;;
		--cgroup-conf) echo 'none' ;;
		--cgroup-parent) echo 'none' ;;
		--cgroupns) echo 'words host private' ;;
		--cgroups) echo 'words disabled enabled no-conmon split' ;;
		--cidfile) echo 'files' ;;
		--cpu-period) echo 'none' ;;
		--cpu-quota) echo 'none' ;;
		--cpu-shares|-c) echo 'none' ;;
		--cpus) echo 'none' ;;
		--cpuset-cpus) echo 'none' ;;
		--cpuset-mems) echo 'none' ;;
		--device) echo 'none' ;;
		--device-read-bps) echo 'none' ;;
		--device-read-iops) echo 'none' ;;
		--device-write-bps) echo 'none' ;;
		--device-write-iops) echo 'none' ;;
		--dns) echo 'none' ;;
		--dns-option) echo 'none' ;;
		--dns-search) echo 'none' ;;
		--entrypoint) echo 'none' ;;
		--env|-e) echo 'none' ;;
		--env-file) echo 'files' ;;
		--group-add) echo 'none' ;;
		--hostname|-h) echo 'none' ;;
		--ipc) echo 'words host private container:' ;;
		--label|-l) echo 'none' ;;
		--label-file) echo 'files' ;;
		--log-driver) echo 'words k8s-file json-file none' ;;
		--log-opt) echo 'none' ;;
		--memory|-m) echo 'none' ;;
		--memory-reservation) echo 'none' ;;
		--memory-swap) echo 'none' ;;
		--mount) echo 'none' ;;
		--name) echo 'none' ;;
		--network) echo 'none' ;;
		--oom-score-adj) echo 'none' ;;
		--os) echo 'none' ;;
		--pid) echo 'words host private container:' ;;
		--pidfile) echo 'files' ;;
		--pids-limit) echo 'none' ;;
		--platform) echo 'none' ;;
		--publish|-p) echo 'none' ;;
		--pull) echo 'words always missing never newer' ;;
		--restart) echo 'words no on-failure on-failure: always unless-stopped' ;;
		--security-opt) echo 'none' ;;
		--shm-size) echo 'none' ;;
		--stop-signal) echo 'none' ;;
		--stop-timeout) echo 'none' ;;
		--timeout) echo 'none' ;;
		--tmpfs) echo 'none' ;;
		--ulimit) echo 'none' ;;
		--user|-u) echo 'none' ;;
		--userns) echo 'none' ;;
		--uts) echo 'words host private container:' ;;
		--variant) echo 'none' ;;
		--volume|-v) echo 'none' ;;
		--workdir|-w) echo 'none' ;;
		esac ;;
	'container exec'|'exec') case $2 in
		--detach-keys) echo 'none' ;;
		--env|-e) echo 'none' ;;
		--env-file) echo 'none' ;;
		--user|-u) echo 'none' ;;
		--workdir|-w) echo 'none' ;;
		esac ;;
	'container inspect') case $2 in
		--format|-f) echo 'none' ;;
		esac ;;
	'container kill'|'kill') case $2 in
		--cidfile) echo 'files' ;;
		--signal|-s) echo 'none' ;;
		esac ;;
	'container list'|'container ls'|'container ps'|'ps') case $2 in
		--filter|-f) echo 'none' ;;
		--format) echo 'none' ;;
		--last|-n) echo 'none' ;;
		--sort) echo 'words command created id image names runningfor size status' ;;
		esac ;;
	'container logs'|'logs') case $2 in
		--since) echo 'none' ;;
		--tail|-n) echo 'none' ;;
		--until) echo 'none' ;;
		esac ;;
	'container pause'|'pause') case $2 in
		--cidfile) echo 'files' ;;
		esac ;;
	'container prune') case $2 in
		--filter) echo 'none' ;;
		esac ;;
	'container restart'|'restart') case $2 in
		--time|-t) echo 'none' ;;
		esac ;;
	'container rm'|'rm') case $2 in
		--cidfile) echo 'files' ;;
		--time|-t) echo 'none' ;;
		esac ;;
	'container run'|'run') case $2 in
		--add-host) echo 'none' ;;
		--annotation) echo 'none' ;;
		--arch) echo 'none' ;;
		--authfile) echo 'files' ;;
		--blkio-weight) echo 'none' ;;
		--blkio-weight-device) echo 'none' ;;
		--cap-add) echo 'none' ;;
		--cap-drop) echo 'none' ;;
		--cgroup-conf) echo 'none' ;;
		--cgroup-parent) echo 'none' ;;
		--cgroupns) echo 'words host private' ;;
		--cgroups) echo 'words disabled enabled no-conmon split' ;;
		--cidfile) echo 'files' ;;
		--cpu-period) echo 'none' ;;
		--cpu-quota) echo 'none' ;;
		--cpu-shares|-c) echo 'none' ;;
		--cpus) echo 'none' ;;
		--cpuset-cpus) echo 'none' ;;
		--cpuset-mems) echo 'none' ;;
		--detach-keys) echo 'none' ;;
		--device) echo 'none' ;;
		--device-read-bps) echo 'none' ;;
		--device-read-iops) echo 'none' ;;
		--device-write-bps) echo 'none' ;;
		--device-write-iops) echo 'none' ;;
		--dns) echo 'none' ;;
		--dns-option) echo 'none' ;;
		--dns-search) echo 'none' ;;
		--entrypoint) echo 'none' ;;
		--env|-e) echo 'none' ;;
		--env-file) echo 'files' ;;
		--group-add) echo 'none' ;;
		--hostname|-h) echo 'none' ;;
		--ipc) echo 'words host private container:' ;;
		--label|-l) echo 'none' ;;
		--label-file) echo 'files' ;;
		--log-driver) echo 'words k8s-file json-file none' ;;
		--log-opt) echo 'none' ;;
		--memory|-m) echo 'none' ;;
		--memory-reservation) echo 'none' ;;
		--memory-swap) echo 'none' ;;
		--mount) echo 'none' ;;
		--name) echo 'none' ;;
		--network) echo 'none' ;;
		--oom-score-adj) echo 'none' ;;
		--os) echo 'none' ;;
		--pid) echo 'words host private container:' ;;
		--pidfile) echo 'files' ;;
		--pids-limit) echo 'none' ;;
		--platform) echo 'none' ;;
		--publish|-p) echo 'none' ;;
		--pull) echo 'words always missing never newer' ;;
		--restart) echo 'words no on-failure on-failure: always unless-stopped' ;;
		--security-opt) echo 'none' ;;
		--shm-size) echo 'none' ;;
		--stop-signal) echo 'none' ;;
		--stop-timeout) echo 'none' ;;
		--timeout) echo 'none' ;;
		--tmpfs) echo 'none' ;;
		--ulimit) echo 'none' ;;
		--user|-u) echo 'none' ;;
		--userns) echo 'none' ;;
		--uts) echo 'words host private container:' ;;
		--variant) echo 'none' ;;
		--volume|-v) echo 'none' ;;
		--workdir|-w) echo 'none' ;;
		esac ;;
	'container start'|'start') case $2 in
		--detach-keys) echo 'none' ;;
		esac ;;
	'container stats'|'stats') case $2 in
		--format) echo 'none' ;;
		--interval|-i) echo 'none' ;;
		esac ;;
	'container stop'|'stop') case $2 in
		--cidfile) echo 'files' ;;
		--time|-t) echo 'none' ;;
		esac ;;
	'container unpause'|'unpause') case $2 in
		--cidfile) echo 'files' ;;
		esac ;;
	'container update'|'update') case $2 in
		--blkio-weight) echo 'none' ;;
		--blkio-weight-device) echo 'none' ;;
		--cpu-period) echo 'none' ;;
		--cpu-quota) echo 'none' ;;
		--cpu-shares|-c) echo 'none' ;;
		--cpus) echo 'none' ;;
		--cpuset-cpus) echo 'none' ;;
		--cpuset-mems) echo 'none' ;;
		--device-read-bps) echo 'none' ;;
		--device-read-iops) echo 'none' ;;
		--device-write-bps) echo 'none' ;;
		--device-write-iops) echo 'none' ;;
		--memory|-m) echo 'none' ;;
		--memory-reservation) echo 'none' ;;
		--memory-swap) echo 'none' ;;
		--pids-limit) echo 'none' ;;
		esac ;;
	'doctor'|'system doctor') case $2 in
		--format) echo 'none' ;;
		esac ;;
	'history'|'image history') case $2 in
		--format) echo 'none' ;;
		esac ;;
	'image import'|'import') case $2 in
		--arch) echo 'none' ;;
		--change|-c) echo 'none' ;;
		--message|-m) echo 'none' ;;
		--os) echo 'none' ;;
		--variant) echo 'none' ;;
		esac ;;
	'image inspect') case $2 in
		--format|-f) echo 'none' ;;
		esac ;;
	'image list'|'image ls'|'images') case $2 in
		--filter|-f) echo 'none' ;;
		--format) echo 'none' ;;
		--sort) echo 'words created id repository size tag' ;;
		esac ;;
	'image load'|'load') case $2 in
		--input|-i) echo 'files' ;;
		esac ;;
	'image prune') case $2 in
		--filter) echo 'none' ;;
		esac ;;
	'image pull'|'pull') case $2 in
		--arch) echo 'none' ;;
		--authfile) echo 'files' ;;
		--cert-dir) echo 'directories' ;;
		--creds) echo 'none' ;;
		--os) echo 'none' ;;
		--platform) echo 'none' ;;
		--policy) echo 'words always missing never newer' ;;
		--variant) echo 'none' ;;
		esac ;;
	'image save'|'save') case $2 in
		--format) echo 'words docker-archive oci-archive oci-dir docker-dir' ;;
		--output|-o) echo 'files' ;;
		esac ;;
	'info'|'system info') case $2 in
		--format|-f) echo 'none' ;;
		esac ;;
	'inspect') case $2 in
		--format|-f) echo 'none' ;;
		--type|-t) echo 'none' ;;
		esac ;;
	'login') case $2 in
		--authfile) echo 'files' ;;
		--cert-dir) echo 'directories' ;;
		--password|-p) echo 'none' ;;
		--username|-u) echo 'none' ;;
		esac ;;
	'logout') case $2 in
		--authfile) echo 'files' ;;
		esac ;;
	'oci') case $2 in
		--cgroup-manager) echo 'words cgroupfs systemd disabled' ;;
		--log) echo 'files' ;;
		--log-format) echo 'words text json' ;;
		--root) echo 'directories' ;;
		--rootless) echo 'words auto true false' ;;
		esac ;;
	'oci create') case $2 in
		--bundle|-b) echo 'directories' ;;
		--config|-f) echo 'files' ;;
		--console-socket) echo 'files' ;;
		--pid-file) echo 'files' ;;
		--preserve-fds) echo 'none' ;;
		esac ;;
	'oci exec') case $2 in
		--additional-gids|-g) echo 'none' ;;
		--apparmor) echo 'none' ;;
		--cap|-c) echo 'none' ;;
		--cgroup) echo 'none' ;;
		--console-socket) echo 'files' ;;
		--cwd) echo 'none' ;;
		--env|-e) echo 'none' ;;
		--pid-file) echo 'files' ;;
		--preserve-fds) echo 'none' ;;
		--process|-p) echo 'files' ;;
		--process-label) echo 'none' ;;
		--user|-u) echo 'none' ;;
		esac ;;
	'oci list') case $2 in
		--format|-f) echo 'words table json' ;;
		esac ;;
	'oci run') case $2 in
		--bundle|-b) echo 'directories' ;;
		--config|-f) echo 'files' ;;
		--console-socket) echo 'files' ;;
		--pid-file) echo 'files' ;;
		--preserve-fds) echo 'none' ;;
		esac ;;
	'system df') case $2 in
		--format) echo 'none' ;;
		esac ;;
	'system prune') case $2 in
		--filter) echo 'none' ;;
		esac ;;
	'version') case $2 in
		--format|-f) echo 'none' ;;
		esac ;;
	'volume create') case $2 in
		--driver|-d) echo 'none' ;;
		--label|-l) echo 'none' ;;
		esac ;;
	'volume inspect') case $2 in
		--format|-f) echo 'none' ;;
		esac ;;
	'volume list'|'volume ls') case $2 in
		--filter|-f) echo 'none' ;;
		--format) echo 'none' ;;
		esac ;;
	'volume prune') case $2 in
		--filter) echo 'none' ;;
		esac ;;
	'volume remove'|'volume rm') case $2 in
		--time|-t) echo 'none' ;;
		esac ;;
	esac
	case $2 in
		--cgroup-manager) echo 'words cgroupfs systemd' ;;
		--log-level) echo 'words trace debug info warn warning error fatal panic' ;;
		--root) echo 'directories' ;;
		--runroot) echo 'directories' ;;
		--storage-driver) echo 'none' ;;
	esac
}

_pod_operand() {
	case $1 in
	'attach'|'container attach') echo 'running' ;;
	'container cp'|'cp') echo 'containers' ;;
	'container create'|'create') echo 'images once' ;;
	'container exec'|'exec') echo 'running once' ;;
	'container exists') echo 'containers' ;;
	'container inspect') echo 'containers' ;;
	'container kill'|'kill') echo 'running' ;;
	'container logs'|'logs') echo 'containers' ;;
	'container pause'|'pause') echo 'running' ;;
	'container port'|'port') echo 'containers' ;;
	'container rename'|'rename') echo 'containers' ;;
	'container restart'|'restart') echo 'containers' ;;
	'container rm'|'rm') echo 'containers' ;;
	'container run'|'run') echo 'images once' ;;
	'container start'|'start') echo 'containers' ;;
	'container stats'|'stats') echo 'running' ;;
	'container stop'|'stop') echo 'running' ;;
	'container top'|'top') echo 'running once' ;;
	'container unpause'|'unpause') echo 'running' ;;
	'container update'|'update') echo 'containers' ;;
	'container wait'|'wait') echo 'containers' ;;
	'history'|'image history') echo 'images' ;;
	'image exists') echo 'images' ;;
	'image import'|'import') echo 'files' ;;
	'image inspect') echo 'images' ;;
	'image list'|'image ls'|'images') echo 'images' ;;
	'image pull'|'pull') echo 'images' ;;
	'image rm'|'rmi') echo 'images' ;;
	'image save'|'save') echo 'images' ;;
	'image tag'|'tag') echo 'images' ;;
	'image untag'|'untag') echo 'images' ;;
	'inspect') echo 'containers' ;;
	'volume exists') echo 'volumes' ;;
	'volume inspect') echo 'volumes' ;;
	'volume remove'|'volume rm') echo 'volumes' ;;
	esac
}

_pod_walk() {
	local word skip='' sub
	pod_path='' pod_operands=0 pod_value=''
	for word in "$@"; do
		if [[ -n $skip ]]; then skip=''; continue; fi
		if [[ $word == -?* ]]; then
			[[ $word == *=* || $pod_operands -gt 0 && $(_pod_operand "$pod_path") == *once ]] && continue
			skip=$(_pod_value "$pod_path" "$word")
			continue
		fi
		sub=" $(_pod_commands "$pod_path") "
		if [[ $pod_operands -eq 0 && $sub == *" $word "* ]]; then
			pod_path="${pod_path:+$pod_path }$word"
		else
			pod_operands=$((pod_operands + 1))
		fi
	done
	pod_value=$skip
}

_pod_offer() {
	local kind=$1 cur=$2
	case $kind in
	files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	directories) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	words\ *) mapfile -t COMPREPLY < <(compgen -W "${kind#words }" -- "$cur") ;;
	containers | running | images | volumes)
		mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" __complete names "$kind" 2>/dev/null)" -- "$cur")
		declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur" ;;
	esac
}

_pod() {
	local pod_path pod_operands pod_value kind IFS=$' \t\n'
	local cur words cword
	COMPREPLY=()
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n := cur words cword
	else
		cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
	fi
	_pod_walk "${words[@]:1:cword-1}"
	if [[ -n $pod_value ]]; then
		_pod_offer "$pod_value" "$cur"
	elif [[ $cur == --*=* ]]; then
		_pod_offer "$(_pod_value "$pod_path" "${cur%%=*}")" "${cur#*=}"
	elif [[ $pod_operands -gt 0 && $(_pod_operand "$pod_path") == *once ]]; then
		_pod_offer files "$cur"
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_pod_options "$pod_path")" -- "$cur")
	else
		kind=$(_pod_commands "$pod_path")
		if [[ -n $kind ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$kind" -- "$cur")
		else
			kind=$(_pod_operand "$pod_path")
			_pod_offer "${kind% once}" "$cur"
		fi
	fi
}

complete -F _pod pod
