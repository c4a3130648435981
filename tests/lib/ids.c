/*
 * ids TEST - what a program sees that changes its ids, or owners of files, in a container. Static,
 * so that it runs in any image. Prints what failed; the status is the number of failures.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("line %d: %s (%s)\n", __LINE__, #condition, strerror(errno));       \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static int uids_are(uid_t r, uid_t e, uid_t s)
{
	uid_t a, b, c;

	return getresuid(&a, &b, &c) == 0 && a == r && b == e && c == s && getuid() == r &&
	       geteuid() == e;
}

static int gids_are(gid_t r, gid_t e, gid_t s)
{
	gid_t a, b, c;

	return getresgid(&a, &b, &c) == 0 && a == r && b == e && c == s && getgid() == r &&
	       getegid() == e;
}

static int refused(int result)
{
	return result < 0 && errno == EPERM;
}

static void *look(void *data)
{
	*(int *)data = uids_are(33, 33, 33);
	return NULL;
}

static int child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int is_33(void)
{
	return !(uids_are(33, 33, 33) && gids_are(44, 44, 44));
}

static void test_ids(void)
{
	gid_t groups[] = {5, 6, 7}, got[8];

	CHECK(uids_are(0, 0, 0));
	/* as apt gives up root, with its own checks */
	CHECK(setgroups(3, groups) == 0);
	CHECK(getgroups(0, NULL) == 3);
	CHECK(getgroups(8, got) == 3 && got[0] == 5 && got[2] == 7);
	CHECK(getgroups(2, got) < 0 && errno == EINVAL);
	/* there and back */
	CHECK(seteuid(1) == 0 && uids_are(0, 1, 0));
	CHECK(refused(setuid(2)));
	CHECK(setuid(0) == 0 && uids_are(0, 0, 0));
	CHECK(setfsuid(9) == 0 && setfsuid(0) == 9);
	CHECK(setreuid(3, 4) == 0 && uids_are(3, 4, 4));
	CHECK(refused(seteuid(0)));
	CHECK(setreuid(4, 3) == 0 && uids_are(4, 3, 3));
	CHECK(!child(is_33)); /* it has 4, 3, 3, too */
}

static void test_drop(char *self)
{
	gid_t group = 44;
	pthread_t thread;
	int ok = 0;

	CHECK(setgroups(1, &group) == 0);
	CHECK(setresgid(44, 44, 44) == 0 && gids_are(44, 44, 44));
	CHECK(setresuid(33, 33, 33) == 0 && uids_are(33, 33, 33));
	CHECK(refused(setuid(0)) && refused(seteuid(0)) && refused(setgid(0)));
	CHECK(refused(setgroups(0, NULL)));
	CHECK(setuid(33) == 0);
	CHECK(child(is_33));
	CHECK(pthread_create(&thread, NULL, look, &ok) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(ok);
	CHECK(refused(chown("/tmp", 33, 44)));
	CHECK(refused(mknod("/tmp/node", S_IFCHR | 0600, makedev(1, 3))));
	if (!failures) {
		fflush(stdout);
		execl(self, self, "after-exec", NULL);
		CHECK(0);
	}
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	(void)sig;
	caught = 1;
}

/* chown in all its forms; FILE is on a file system that keeps records. */
static void test_owners(void)
{
	int dir, fd;
	struct stat st;

	CHECK(mkdir("/tmp/d", 0755) == 0 && chdir("/tmp/d") == 0);
	fd = open("f", O_RDWR | O_CREAT, 04755);
	CHECK(fd >= 0 && fchmod(fd, 04755) == 0);
	CHECK(chown("f", 33, 44) == 0);
	/* as the kernel does it */
	CHECK(stat("f", &st) == 0 && (st.st_mode & S_ISUID) == 0);
	CHECK(fchown(fd, 1, 2) == 0);
	CHECK(lchown("/tmp/d/f", 3, (gid_t)-1) == 0);
	dir = open(".", O_RDONLY | O_DIRECTORY);
	CHECK(fchownat(dir, "f", 5, 6, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK(fchownat(fd, "", 7, 8, AT_EMPTY_PATH) == 0);
	CHECK(fchownat(dir, "../d/./f", 172761424, 4000000000u, 0) == 0);
	CHECK(symlink("f", "l") == 0 && lchown("l", 9, 9) == 0 && chown("l", 10, 11) == 0);
	CHECK(symlink("nowhere", "dangling") == 0);
	CHECK(chown("dangling", 1, 1) < 0 && errno == ENOENT);
	CHECK(lchown("dangling", 1, 1) == 0);
	CHECK(chown("no", 1, 1) < 0 && errno == ENOENT);
	CHECK(chown("f/x", 1, 1) < 0 && errno == ENOTDIR);
	CHECK(fchown(99, 1, 1) < 0 && errno == EBADF);
	CHECK(fchownat(dir, "f", 1, 1, 0x4000) < 0 && errno == EINVAL);
	CHECK(syscall(SYS_chown, (char *)16, 1, 1) < 0 && errno == EFAULT);
	CHECK(chown("/proc/self/fd/1", 1, 1) == 0);
	CHECK(mknod("node", S_IFBLK | 0640, makedev(7, 0)) == 0);
	CHECK(mknod("node", S_IFBLK | 0640, makedev(7, 0)) < 0 && errno == EEXIST);
	CHECK(mknod("pipe", S_IFIFO | 0600, 0) == 0 && stat("pipe", &st) == 0 &&
		S_ISFIFO(st.st_mode));
	CHECK(mkdir("root", 0755) == 0 && mkdir("root/in", 0755) == 0);
	CHECK(symlink("/in", "root/abs") == 0);
	if (fork() == 0) {
		/* a root of its own: where links and ".." lead is decided there */
		CHECK(chroot("root") == 0 && chdir("/") == 0);
		CHECK(chown("/abs", 12, 12) == 0);
		CHECK(chown("../../../tmp/d/f", 13, 13) < 0 && errno == ENOENT);
		_exit(failures != 0);
	} else {
		int status;

		CHECK(wait(&status) > 0 && status == 0);
	}
}

/* Many processes ask at once, are interrupted and killed meanwhile. */
static void test_storm(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct rlimit limit = {12345, RLIM_INFINITY};
	int status;

	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			const struct timespec soon = {0, 200000};

			ualarm(5000, 5000);
			for (int j = 0; j < 200; j++)
				if (setresuid(0, (uid_t)(i + j) % 50, 0) < 0 ||
					geteuid() != (uid_t)(i + j) % 50 || setuid(0) < 0)
					_exit(1);
			ualarm(0, 0);
			(void)nanosleep(&soon, NULL);
			_exit(0);
		}
		if (i % 10 == 9)
			(void)kill(pid, SIGKILL);
	}
	while (wait(&status) > 0)
		CHECK(status == 0 || WTERMSIG(status) == SIGKILL);
	/* More sets of ids than are kept: refused, nothing worse. */
	for (uid_t uid = 1000; uid < 3000; uid++)
		if (setresuid(0, uid, 0) < 0) {
			CHECK(errno == EAGAIN);
			break;
		} else {
			CHECK(uid < 2999 && seteuid(0) == 0);
		}
	/* Who breaks the record deceives itself only. */
	CHECK(setrlimit(RLIMIT_LOCKS, &limit) == 0 && uids_are(0, 0, 0));
}

int main(int argc, char **argv)
{
	const char *test = argc > 1 ? argv[1] : "";

	if (strcmp(test, "ids") == 0)
		test_ids();
	else if (strcmp(test, "drop") == 0)
		test_drop(argv[0]);
	else if (strcmp(test, "after-exec") == 0)
		CHECK(is_33() == 0);
	else if (strcmp(test, "owners") == 0)
		test_owners();
	else if (strcmp(test, "storm") == 0)
		test_storm();
	else
		return 100;
	return failures;
}
