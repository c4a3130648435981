#include "config.h"

#include <limits.h>
#include <signal.h>

#include "monitor/program/state.h"

uint64_t monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

void deadline_set(struct monitor *m, enum deadline which, uint64_t in_ms)
{
	m->deadlines[which] = monotonic_ms() + in_ms;
}

int deadline_next(const struct monitor *m)
{
	uint64_t first = 0, now;

	for (int i = 0; i < DEADLINE_COUNT; i++)
		if (m->deadlines[i] && (!first || m->deadlines[i] < first))
			first = m->deadlines[i];
	if (!first)
		return -1;
	now = monotonic_ms();
	if (first <= now)
		return 0;
	return first - now < INT_MAX ? (int)(first - now) : INT_MAX;
}

static void run(struct monitor *m, enum deadline which)
{
	switch (which) {
	case DEADLINE_TIMEOUT:
		m->timed_out = true;
		(void)syscall(SYS_pidfd_send_signal, m->handover.init_pidfd, SIGKILL, NULL, 0);
		break;
	case DEADLINE_STOP:
		(void)syscall(SYS_pidfd_send_signal, m->handover.init_pidfd, SIGKILL, NULL, 0);
		break;
	case DEADLINE_HEALTH:
		health_probe(m);
		break;
	case DEADLINE_HEALTH_TIMEOUT:
		health_expired(m);
		break;
	case DEADLINE_COUNT:
		break;
	}
}

void deadlines_run(struct monitor *m)
{
	uint64_t now = deadline_next(m) == 0 ? monotonic_ms() : 0;

	for (int i = 0; now && i < DEADLINE_COUNT; i++)
		if (m->deadlines[i] && m->deadlines[i] <= now) {
			m->deadlines[i] = 0;
			run(m, (enum deadline)i);
		}
}
