#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "monitor/program/state.h"

/*
 * Restarts. The monitor cannot start a container: at the end of a run that is to be followed by
 * another it waits, with the container's lock held and nothing else, and then executes `pod
 * __restart` in its own process. That goes the way of every start (src/container/start.c) and ends
 * as this program again: same pid, same lock, never free in between. Killed on the way, the lock is
 * free, and `exit` tells how the last run ended.
 */

#define LOOK_MS 1000 /* for a request to stop that came without a signal */

bool stop_is_requested(const struct monitor *m)
{
	return faccessat(m->handover.container_dir_fd, CONTAINER_STOP_FILE, F_OK,
		       AT_SYMLINK_NOFOLLOW) == 0;
}

bool restart_wanted(const struct monitor *m)
{
	const struct monitor_policy *policy = &m->handover.policy;

	if (m->restart_forced)
		return !stop_is_requested(m);
	if (policy->restart == MONITOR_RESTART_NO || m->stopping)
		return false;
	if (policy->restart == MONITOR_RESTART_ON_FAILURE &&
		(m->exit_code == 0 ||
			(policy->restart_max && m->handover.restart_count >= policy->restart_max)))
		return false;
	return !stop_is_requested(m);
}

void container_stop(struct monitor *m)
{
	const struct monitor_handover *h = &m->handover;

	if (h->stop_timeout_s) {
		(void)syscall(SYS_pidfd_send_signal, h->init_pidfd, (int)h->stop_signal, NULL, 0);
		deadline_set(m, DEADLINE_STOP, (uint64_t)h->stop_timeout_s * 1000);
	} else {
		(void)syscall(SYS_pidfd_send_signal, h->init_pidfd, SIGKILL, NULL, 0);
	}
}

/* docker's: 100 ms, doubled up to a minute, anew after a run that lasted. */
static uint32_t backoff(const struct monitor *m)
{
	uint32_t last = m->handover.restart_backoff_ms;

	if (!last || monotonic_ms() - m->begun_ms >= RESTART_SETTLED_MS)
		return RESTART_BACKOFF_MS;
	return last >= RESTART_BACKOFF_MAX_MS / 2 ? RESTART_BACKOFF_MAX_MS : 2 * last;
}

bool restart_wait(struct monitor *m)
{
	uint64_t end;

	m->handover.restart_backoff_ms = backoff(m);
	end = monotonic_ms() + m->handover.restart_backoff_ms;
	for (;;) {
		struct pollfd wait = {.fd = m->signal_fd, .events = POLLIN};
		uint64_t now = monotonic_ms();
		struct signalfd_siginfo info;

		if (stop_is_requested(m))
			return false;
		if (now >= end)
			return true;
		(void)poll(&wait, 1, end - now < LOOK_MS ? (int)(end - now) : LOOK_MS);
		while (read(m->signal_fd, &info, sizeof(info)) > 0)
			; /* only wakes us */
	}
}

/* The next NUL-terminated string of the file; NULL behind its end. */
static char *next_word(char **at, char *end)
{
	char *word = *at, *nul = word < end ? memchr(word, '\0', (size_t)(end - word)) : NULL;

	if (!nul)
		return NULL;
	*at = nul + 1;
	return word;
}

struct numbers {
	char text[3][24];
};

static char *number(struct numbers *n, int which, uint64_t value)
{
	struct text t = {.data = n->text[which], .capacity = sizeof(n->text[which])};

	text_add_uint(&t, value);
	return n->text[which];
}

void restart_exec(struct monitor *m)
{
	const struct monitor_handover *h = &m->handover;
	char *words[RESTART_WORDS_MAX + 8], *at, *end, *word;
	size_t count = 0, envp = 0, argc = 0;
	int fd = openat(
		h->container_dir_fd, CONTAINER_RESTART_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct numbers numbers = {0};
	sigset_t none;
	ssize_t len;

	at = mmap(
		NULL, RESTART_FILE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || at == MAP_FAILED || (len = read(fd, at, RESTART_FILE_MAX)) <= 0)
		return;
	end = at + len;
	word = next_word(&at, end);
	for (const char *digit = word; digit && *digit >= '0' && *digit <= '9'; digit++)
		argc = argc * 10 + (size_t)(*digit - '0');
	while (count < RESTART_WORDS_MAX + 3 && (word = next_word(&at, end))) {
		words[count++] = word;
		if (count != argc)
			continue;
		words[count++] = number(&numbers, 0, (uint64_t)h->lock_fd);
		words[count++] = number(&numbers, 1, h->restart_count + 1);
		words[count++] = number(&numbers, 2, h->restart_backoff_ms);
		words[count++] = NULL;
		envp = count;
	}
	if (!envp)
		return;
	words[count] = NULL;
	/* Everything but the lock and the service's sockets; a request to stop that comes now is
	 * found in its file. */
	monitor_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (fcntl(h->lock_fd, F_SETFD, 0) < 0)
		return;
	for (uint32_t i = 0; i < h->listen_fds; i++)
		(void)fcntl(MONITOR_LISTEN_FD + (int)i, F_SETFD, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(words[0], words, words + envp);
}
