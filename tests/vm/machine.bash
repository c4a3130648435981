# shellcheck shell=bash
# Shared by build and exec: where the guest is and how its machine is started. Not a program.

qemu=${POD_VM_QEMU:-qemu-system-x86_64}
memory_mib=${POD_VM_MEMORY:-1024}
cpus=${POD_VM_CPUS:-2}
accel=${POD_VM_ACCEL:-tcg,thread=multi}
suite=${POD_VM_SUITE:-bookworm}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${POD_VM_CACHE:-build/vm}
with=()   # packages beside the usual ones

say()
{
	echo "vm: $*" >&2
}

# die WORDS - the machine's own fault, as opposed to the command's
die()
{
	say "$@"
	exit 125
}

# locate - set $guest, the directory of the guest that has the packages in $with
locate()
{
	local name=$suite

	[ ${#with[@]} -eq 0 ] || name+=$(printf '%s\n' "${with[@]}" | sort -u | sed 's/^/+/' | tr -d '\n')
	mkdir -p "$cache"
	guest=$(cd "$cache" && pwd)/$name
}

# recipe - what the disk is made from
recipe()
{
	{
		echo "$suite ${with[*]}"
		cat "$here/build" "$here"/guest/*
	} | sha256sum | cut -c1-16
}

# snapshot_key - what a snapshot of the memory depends on
snapshot_key()
{
	{
		cat "$guest/recipe"
		"$qemu" --version | head -n 1
		declare -f start_machine
		echo "$memory_mib $cpus $accel"
	} | sha256sum | cut -c1-16
}

# make_files DIR - what the machine's devices are connected to
make_files()
{
	mkfifo "$1/out" "$1/err" "$1/monitor.in" "$1/monitor.out"
	: >"$1/status"
	truncate -s 4G "$1/job"
}

# start_machine DIR OPTION... - the machine, with its files in DIR; becomes qemu
start_machine()
{
	local files=$1

	shift
	exec "$qemu" -nodefaults -no-user-config -display none -no-reboot \
		-machine pc,usb=off,vmport=off,hpet=off,memory-backend=ram \
		-accel "$accel" -cpu max -smp "$cpus" -m "$memory_mib" \
		-kernel "$guest/vmlinuz" -initrd "$guest/initrd" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr no5lvl audit=0 \
random.trust_cpu=on cryptomgr.notests tsc=reliable root=/dev/vda net.ifnames=0" \
		-chardev "file,id=console,path=$files/console" -serial chardev:console \
		-device virtio-blk-pci,drive=root \
		-drive "if=none,id=job,format=raw,read-only=on,file=$files/job" -device virtio-blk-pci,drive=job \
		-netdev user,id=net,net=192.168.76.0/24,restrict=on -device virtio-net-pci,netdev=net,romfile= \
		-device virtio-serial-pci \
		-chardev "file,id=out,path=$files/out" -device virtserialport,chardev=out,name=out \
		-chardev "file,id=err,path=$files/err" -device virtserialport,chardev=err,name=err \
		-chardev "file,id=status,path=$files/status" -device virtserialport,chardev=status,name=status \
		-chardev "pipe,id=monitor,path=$files/monitor" -mon chardev=monitor,mode=readline \
		"$@"
}
