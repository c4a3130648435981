/*
 * swapper A B - exchange two names for as long as the parent lives: one moment A is the directory,
 * the next it is the symbolic link that was B. What looks a path up twice meets both. What is not
 * there yet is waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	pid_t parent = getppid();

	if (argc != 3)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return 1;
	for (;;)
		if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) < 0 &&
			errno != ENOENT) {
			perror("swapper");
			return 1;
		}
}
