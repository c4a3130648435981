/*
 * measure ROUNDS - time commands against each other, interleaved.
 *
 * Standard input: one case a line, fields separated by tabs: NAME, MODE, then the argument vector.
 * MODE "whole": from spawn to the end of the process. "tail": from the last byte it writes to
 * standard output to its end (what is late after the work is done). "setup": run before the next
 * case of every round, not timed. "memory": its peak resident memory in KiB in place of a time.
 * Every round runs each case once, in order, after two rounds that do not count.
 *
 * Standard output: NAME, median, 10th percentile, 90th percentile, in microseconds, tab separated.
 * A command that fails ends the run with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASES_MAX  64
#define WORDS_MAX  256
#define ROUNDS_MAX 10000
#define WARM_UP    2

struct bench_case {
	char *name, *mode;
	char *argv[WORDS_MAX];
	double *samples_us;
};

extern char **environ;

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static double run(const struct bench_case *c)
{
	int tail = strcmp(c->mode, "tail") == 0;
	int fds[2] = {-1, -1}, status, result;
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	double begin, end;
	char buf[4096];
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (tail) {
		if (pipe2(fds, O_CLOEXEC) < 0) {
			perror("pipe");
			exit(1);
		}
		posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	} else {
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	}
	begin = now_us();
	result = posix_spawnp(&pid, c->argv[0], &actions, NULL, c->argv, environ);
	if (result != 0) {
		fprintf(stderr, "%s: %s: %s\n", c->name, c->argv[0], strerror(result));
		exit(1);
	}
	if (tail) {
		ssize_t n;

		close(fds[1]);
		while ((n = read(fds[0], buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
			begin = now_us();
	}
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		continue;
	end = now_us();
	if (tail)
		close(fds[0]);
	posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "%s: ended with %s %d:", c->name,
			WIFEXITED(status) ? "status" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		for (char *const *word = c->argv; *word; word++)
			fprintf(stderr, " %s", *word);
		fputc('\n', stderr);
		exit(1);
	}
	if (strcmp(c->mode, "memory") == 0)
		return (double)usage.ru_maxrss;
	return end - begin;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct bench_case cases[CASES_MAX];
	size_t count = 0, size = 0;
	char *line = NULL;
	long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: measure ROUNDS <CASES\n");
		return 1;
	}
	while (getline(&line, &size, stdin) > 0) {
		struct bench_case *c = &cases[count];
		char *save = NULL, *copy = strdup(line);
		size_t words = 0;

		copy[strcspn(copy, "\n")] = '\0';
		if (!*copy)
			continue;
		if (count == CASES_MAX) {
			fprintf(stderr, "measure: too many cases\n");
			return 1;
		}
		c->name = strtok_r(copy, "\t", &save);
		c->mode = strtok_r(NULL, "\t", &save);
		for (char *word; (word = strtok_r(NULL, "\t", &save)) && words < WORDS_MAX - 1;)
			c->argv[words++] = word;
		if (!c->mode || words == 0) {
			fprintf(stderr, "measure: not a case: %s", line);
			return 1;
		}
		c->samples_us = calloc((size_t)rounds, sizeof(double));
		count++;
	}
	for (long round = -WARM_UP; round < rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			double us = run(&cases[i]);

			if (round >= 0)
				cases[i].samples_us[round] = us;
		}
	}
	for (size_t i = 0; i < count; i++) {
		double *s = cases[i].samples_us;

		if (strcmp(cases[i].mode, "setup") == 0)
			continue;
		qsort(s, (size_t)rounds, sizeof(double), compare);
		printf("%s\t%.0f\t%.0f\t%.0f\n", cases[i].name, s[rounds / 2], s[rounds / 10],
			s[rounds - 1 - rounds / 10]);
	}
	free(line);
	return 0;
}
