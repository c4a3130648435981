#pragma once

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/error.h"

/** signal_parse() - "TERM", "SIGTERM", "term", "15", "RTMIN+3", "RTMAX-1"; 1 to 64.
 * @err: ERR_INVALID "invalid signal: x" */
int signal_parse(const char *text, int *ret, struct error **err);
/** signal_name() - "SIGTERM"; real-time signals "SIGRTMIN+3". Static storage; NULL when SIGNAL is
 * none. */
const char *signal_name(int signal);

/*
 * C libraries leave out of sigfillset(3) and refuse in signal(2) what they keep for their threads:
 * 32 and 33, musl also 34, which is other programs' SIGRTMIN. We have no threads. Both are
 * async-signal-safe.
 */

/** signals_fill() - all that the kernel has. */
static inline void signals_fill(sigset_t *ret)
{
	memset(ret, 0xff, sizeof(*ret));
}

/** signals_reset() - the default action for all of them. */
static inline void signals_reset(void)
{
	const uint64_t action[4] = {0}; /* the kernel's struct sigaction: SIG_DFL, no flags */

	for (int number = 1; number <= 64; number++) /* SIGKILL and SIGSTOP refuse: fine */
		(void)syscall(SYS_rt_sigaction, number, action, NULL, sizeof(uint64_t));
}
