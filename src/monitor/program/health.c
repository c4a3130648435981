#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/program/state.h"

/*
 * Health checks. The check is an exec session without a client, of a plan that was made at the
 * start; its output is kept while it runs, in a mapping of its own. What came out is written to
 * `health` (container/health.h): the state, and the last probes, of which the old ones are copied
 * from the file that is replaced. Nothing of it stays in memory.
 *
 * docker's rules: the first probe after one interval, the next one an interval after the last one's
 * end; failures of a container that was never healthy do not count in its start period.
 *
 * podman's startup check comes before that: until it has passed as often as asked for it is what
 * is run, and the container is "starting"; then comes the first probe at once. When it has failed
 * too often the container is started anew.
 */

#define OUTPUT_MAX 4096u        /* bytes of a probe's output that are kept: docker's */
#define FILE_MAX   (256u << 10) /* bytes; five probes, all of them escaped */
#define TEMPORARY  ".tmp-health"

#define KILL_AGAIN_MS 100

static const char *const status_names[] = {"starting", "healthy", "unhealthy"};

static void schedule(struct monitor *m)
{
	const struct monitor_policy *h = &m->handover.policy;
	bool starting = m->health.status == HEALTH_STARTING &&
			monotonic_ms() - m->begun_ms < h->health_start_period_ms;
	uint32_t delay = h->health_interval_ms;

	if (m->health.startup)
		delay = h->startup_interval_ms;
	else if (starting && h->health_start_interval_ms < delay)
		delay = h->health_start_interval_ms;
	if (delay)
		deadline_set(m, DEADLINE_HEALTH, delay);
}

void health_begin(struct monitor *m)
{
	uint32_t flags = m->handover.policy.flags;

	deadline_clear(m, DEADLINE_HEALTH);
	m->health.stale = m->health.running;
	m->health.status = HEALTH_STARTING;
	m->health.failing_streak = 0;
	m->health.startup = (flags & POLICY_HEALTH) && (flags & POLICY_STARTUP);
	m->health.startup_passed = m->health.startup_failed = 0;
	if ((flags & POLICY_HEALTH) && !m->health.running)
		schedule(m);
}

static uint32_t probe_timeout_ms(const struct monitor *m)
{
	return m->health.startup ? m->handover.policy.startup_timeout_ms
				 : m->handover.policy.health_timeout_ms;
}

static uint64_t realtime_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void health_probe(struct monitor *m)
{
	struct health *health = &m->health;
	int plan_fd;

	if (health->running || m->ended)
		return;
	deadline_clear(m, DEADLINE_HEALTH);
	if (m->paused) {
		schedule(m);
		return;
	}
	health->running = true;
	health->timed_out = false;
	health->start_ns = realtime_ns();
	health->output_len = 0;
	health->output =
		mmap(NULL, OUTPUT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (health->output == MAP_FAILED)
		health->output = NULL; /* it is run without keeping what it says */
	plan_fd = openat(m->handover.container_dir_fd,
		health->startup ? CONTAINER_STARTUP_PLAN_FILE : CONTAINER_HEALTH_PLAN_FILE,
		O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (plan_fd < 0 || !exec_health(m, plan_fd))
		health_ended(m, -1, strerror(errno));
	else
		deadline_set(m, DEADLINE_HEALTH_TIMEOUT, probe_timeout_ms(m));
	if (plan_fd >= 0)
		(void)close(plan_fd); /* the session has it */
}

void health_output(struct monitor *m, const uint8_t *data, size_t len)
{
	struct health *health = &m->health;

	if (!health->output)
		return;
	if (len > OUTPUT_MAX - health->output_len)
		len = OUTPUT_MAX - health->output_len;
	memcpy(health->output + health->output_len, data, len);
	health->output_len += len;
}

void health_expired(struct monitor *m)
{
	m->health.timed_out = true;
	exec_health_kill(m);
	/* It may not be there yet to be killed. */
	deadline_set(m, DEADLINE_HEALTH_TIMEOUT, KILL_AGAIN_MS);
}

/* The probes in the file as it is, without the state in front; all but the last four are left out.
 */
static void copy_probes(struct monitor *m, struct text *t)
{
	int fd = openat(m->handover.container_dir_fd, CONTAINER_HEALTH_FILE,
		O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *old = t->data + t->len, *from;
	size_t room = t->capacity - t->len - 1, lines = 0, len;
	ssize_t n = fd < 0 ? 0 : read(fd, old, room);

	if (fd >= 0)
		(void)close(fd);
	len = n > 0 ? (size_t)n : 0;
	if (!len || old[len - 1] != '\n')
		return;
	from = old + len;
	while (from > old && lines < CONTAINER_HEALTH_LOG_MAX) {
		char *before = from - 1;

		while (before > old && before[-1] != '\n')
			before--;
		if (before == old || ++lines == CONTAINER_HEALTH_LOG_MAX)
			break; /* the state, or one too old */
		from = before;
	}
	len -= (size_t)(from - old);
	memmove(old, from, len);
	t->len += len;
	t->data[t->len] = '\0';
}

static void add_probe(struct monitor *m, struct text *t, int exit_code, const char *why)
{
	text_add(t, "{\"start\":");
	text_add_uint(t, m->health.start_ns);
	text_add(t, ",\"end\":");
	text_add_uint(t, realtime_ns());
	text_add(t, ",\"exitCode\":");
	if (exit_code < 0)
		text_add(t, "-1");
	else
		text_add_uint(t, (uint64_t)exit_code);
	text_add(t, ",\"output\":\"");
	if (why)
		text_add_json(t, why, strlen(why));
	else if (m->health.output)
		text_add_json(t, m->health.output, m->health.output_len);
	text_add(t, "\"}\n");
}

static void write_file(struct monitor *m, int exit_code, const char *why)
{
	int dir_fd = m->handover.container_dir_fd, fd;
	struct text t = {.capacity = FILE_MAX};

	t.data = mmap(NULL, FILE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t.data == MAP_FAILED)
		return;
	text_add(&t, "{\"version\":1,\"status\":\"");
	text_add(&t, status_names[m->health.status]);
	text_add(&t, "\",\"failingStreak\":");
	text_add_uint(&t, m->health.failing_streak);
	text_add(&t, "}\n");
	copy_probes(m, &t);
	add_probe(m, &t, exit_code, why);
	fd = openat(dir_fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* A full disk: the state stays as it was last written. */
	if (fd >= 0 && (write(fd, t.data, t.len) != (ssize_t)t.len ||
			       renameat(dir_fd, TEMPORARY, dir_fd, CONTAINER_HEALTH_FILE) < 0))
		(void)unlinkat(dir_fd, TEMPORARY, 0);
	if (fd >= 0)
		(void)close(fd);
	(void)munmap(t.data, FILE_MAX);
}

/* Of the check before the check. */
static void judge_startup(struct monitor *m, bool passed)
{
	const struct monitor_policy *h = &m->handover.policy;
	struct health *health = &m->health;

	if (!passed && health->startup_failed < UINT32_MAX)
		health->startup_failed++;
	if (!passed && h->startup_retries && health->startup_failed == h->startup_retries) {
		m->restart_forced = true;
		container_stop(m);
	}
	if (passed && ++health->startup_passed >= h->startup_success)
		health->startup = false;
}

/* True when the state is another one now. */
static bool judge(struct monitor *m, bool passed)
{
	const struct monitor_policy *h = &m->handover.policy;
	struct health *health = &m->health;
	uint8_t before = health->status;

	if (passed) {
		health->failing_streak = 0;
		health->status = HEALTH_HEALTHY;
		notify_healthy(m);
	} else if (health->status != HEALTH_STARTING ||
		   monotonic_ms() - m->begun_ms >= h->health_start_period_ms) {
		if (health->failing_streak < UINT32_MAX)
			health->failing_streak++;
		if (health->failing_streak >= h->health_retries)
			health->status = HEALTH_UNHEALTHY;
	}
	return health->status != before;
}

static void act(struct monitor *m)
{
	switch ((enum health_action)m->handover.policy.health_action) {
	case HEALTH_ACTION_NONE:
		return;
	case HEALTH_ACTION_KILL:
		(void)syscall(SYS_pidfd_send_signal, m->handover.init_pidfd, SIGKILL, NULL, 0);
		return;
	case HEALTH_ACTION_RESTART:
		m->restart_forced = true;
		container_stop(m);
		return;
	case HEALTH_ACTION_STOP:
		m->stopping = true;
		container_stop(m);
		return;
	}
}

void health_ended(struct monitor *m, int exit_code, const char *why)
{
	struct health *health = &m->health;
	char expired[64];
	struct text t = {.data = expired, .capacity = sizeof(expired)};
	bool changed, startup = health->startup;

	deadline_clear(m, DEADLINE_HEALTH_TIMEOUT);
	health->running = false;
	if (health->timed_out) {
		text_add(&t, "Health check exceeded timeout (");
		text_add_uint(&t, probe_timeout_ms(m));
		text_add(&t, "ms)");
		why = expired;
		exit_code = -1;
	}
	if (!m->ended && startup && !health->stale) {
		write_file(m, exit_code, why);
		judge_startup(m, exit_code == 0);
	} else if (!m->ended && !health->stale) {
		changed = judge(m, exit_code == 0);
		write_file(m, exit_code, why);
		if (changed)
			event_write(m, "health_status", status_names[health->status]);
		if (changed && health->status == HEALTH_UNHEALTHY)
			act(m);
	}
	if (health->output)
		(void)munmap(health->output, OUTPUT_MAX);
	health->output = NULL;
	health->stale = false;
	clients_report_health(m, exit_code);
	if (m->ended || !(m->handover.policy.flags & POLICY_HEALTH))
		return;
	if (startup && !health->startup)
		deadline_set(m, DEADLINE_HEALTH, 0);
	else
		schedule(m);
}
