/*
 * hostile STOP_FILE [stop] - from inside a container, try to get at every process that appears.
 *
 * Runs as the container's root without CAP_SYS_PTRACE; what is started beside it by exec -u 1000 is
 * closed to it by the kernel's rules once it runs. A process that has joined the container's pid
 * namespace on the way there still has id 0, and must be out of reach: any success is a hole.
 * With "stop" what is started has our own ids and rights, so that it is open to us once it runs
 * /bin/busybox; each process is stopped as soon as it is seen, and must be closed as long as it is
 * anything else. Until STOP_FILE is there. Prints "seen N" (with "stop": "caught N", those that
 * were closed) and a line for each success; ends with 1 when there was one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PID_LIMIT 4194304

static unsigned char known[PID_LIMIT], counted[PID_LIMIT];
static int holes;
static long seen, caught;

static void hole(int pid, const char *what)
{
	printf("got %s of process %d\n", what, pid);
	holes++;
}

static void attack(int pid)
{
	char path[64], target[256];
	struct iovec local = {target, sizeof(target)}, remote = {(void *)0x1000, sizeof(target)};
	int fd;

	/* EFAULT: we may, there is just nothing at that address. */
	if (process_vm_writev(pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT)
		hole(pid, "memory (process_vm_writev)");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		hole(pid, "memory (/proc/PID/mem)");
		close(fd);
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (readlink(path, target, sizeof(target)) >= 0)
		hole(pid, "exe");
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, i);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0 || readlink(path, target, sizeof(target)) >= 0) {
			hole(pid, "descriptors");
			if (fd >= 0)
				close(fd);
		}
	}
}

/* Hold it where it is, and look whether its program can be told; now and then, to let it go on. */
static void stop_and_look(int pid)
{
	static unsigned char rounds[PID_LIMIT];
	char path[64], target[256];
	ssize_t n;

	if (rounds[pid]++ % 16 || kill(pid, SIGSTOP) < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n >= 0) {
		target[n] = '\0';
		if (strcmp(target, "/bin/busybox") != 0) {
			hole(pid, target);
			attack(pid);
		}
		known[pid] = 1;
	} else if (errno == EACCES || errno == EPERM) {
		caught++; /* the kernel's answer is the same for everything else of it */
	}
	kill(pid, SIGCONT);
}

/* The last number given to a process of this pid namespace: the end of /proc/loadavg. */
static int last_pid(void)
{
	char text[128], *end;
	int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	end = strrchr(text, ' ');
	return end ? atoi(end) : 0;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	bool stop = argc == 3 && strcmp(argv[2], "stop") == 0;
	int last = 1;

	if ((argc != 2 && !stop) || !proc)
		return 2;
	while ((entry = readdir(proc))) {
		int pid = atoi(entry->d_name);

		if (pid > 0 && pid < PID_LIMIT) {
			known[pid] = 1;
			last = pid > last ? pid : last;
		}
	}
	closedir(proc);
	puts("watching");
	fflush(stdout);
	for (long round = 0;; round++) {
		if (round % 256 == 0 && access(argv[1], F_OK) == 0)
			break;
		if (last_pid() > last)
			last = last_pid();
		for (int pid = last > 8 ? last - 8 : 1; pid <= last + 1 && pid < PID_LIMIT; pid++) {
			if (known[pid] || (kill(pid, 0) < 0 && errno == ESRCH))
				continue;
			if (!counted[pid]) {
				counted[pid] = 1;
				seen++;
			}
			if (stop)
				stop_and_look(pid);
			else
				attack(pid);
			if (holes > 20)
				break;
		}
		if (holes > 20)
			break;
	}
	printf(stop ? "caught %ld\n" : "seen %ld\n", stop ? caught : seen);
	fflush(stdout);
	return holes != 0;
}
