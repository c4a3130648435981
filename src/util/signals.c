#include "config.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"
#include "util/signals.h"
#include "util/str.h"

/* The numbers that reach programs in containers: the C library keeps 32 and 33 for itself, musl 34
 * too; docker and podman count from 34. */
#define RTMIN_NUMBER 34
#define RTMAX_NUMBER 64

static const struct {
	const char *name;
	int number;
} signals[] = {
	/* the canonical name of a number stands first */
	{"SIGHUP", SIGHUP},
	{"SIGINT", SIGINT},
	{"SIGQUIT", SIGQUIT},
	{"SIGILL", SIGILL},
	{"SIGTRAP", SIGTRAP},
	{"SIGABRT", SIGABRT},
	{"SIGIOT", SIGIOT},
	{"SIGBUS", SIGBUS},
	{"SIGFPE", SIGFPE},
	{"SIGKILL", SIGKILL},
	{"SIGUSR1", SIGUSR1},
	{"SIGSEGV", SIGSEGV},
	{"SIGUSR2", SIGUSR2},
	{"SIGPIPE", SIGPIPE},
	{"SIGALRM", SIGALRM},
	{"SIGTERM", SIGTERM},
	{"SIGSTKFLT", SIGSTKFLT},
	{"SIGCHLD", SIGCHLD},
	{"SIGCLD", SIGCHLD},
	{"SIGCONT", SIGCONT},
	{"SIGSTOP", SIGSTOP},
	{"SIGTSTP", SIGTSTP},
	{"SIGTTIN", SIGTTIN},
	{"SIGTTOU", SIGTTOU},
	{"SIGURG", SIGURG},
	{"SIGXCPU", SIGXCPU},
	{"SIGXFSZ", SIGXFSZ},
	{"SIGVTALRM", SIGVTALRM},
	{"SIGPROF", SIGPROF},
	{"SIGWINCH", SIGWINCH},
	{"SIGIO", SIGIO},
	{"SIGPOLL", SIGIO},
	{"SIGPWR", SIGPWR},
	{"SIGSYS", SIGSYS},
	{"SIGUNUSED", SIGSYS},
};

static const char *const rt_names[] = {"SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+2", "SIGRTMIN+3",
	"SIGRTMIN+4", "SIGRTMIN+5", "SIGRTMIN+6", "SIGRTMIN+7", "SIGRTMIN+8", "SIGRTMIN+9",
	"SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14", "SIGRTMIN+15",
	"SIGRTMAX-14", "SIGRTMAX-13", "SIGRTMAX-12", "SIGRTMAX-11", "SIGRTMAX-10", "SIGRTMAX-9",
	"SIGRTMAX-8", "SIGRTMAX-7", "SIGRTMAX-6", "SIGRTMAX-5", "SIGRTMAX-4", "SIGRTMAX-3",
	"SIGRTMAX-2", "SIGRTMAX-1", "SIGRTMAX"};

/* "RTMIN", "RTMIN+n", "RTMAX", "RTMAX-n". */
static bool real_time_parse(const char *name, int *ret)
{
	bool max = strncasecmp(name, "RTMAX", 5) == 0;
	uint64_t n = 0;

	if (!max && strncasecmp(name, "RTMIN", 5) != 0)
		return false;
	name += 5;
	if (*name && (*name != (max ? '-' : '+') ||
			     str_to_uint64(name + 1, RTMAX_NUMBER - RTMIN_NUMBER, &n) < 0))
		return false;
	*ret = max ? RTMAX_NUMBER - (int)n : RTMIN_NUMBER + (int)n;
	return true;
}

int signal_parse(const char *text, int *ret, struct error **err)
{
	const char *name = text;
	uint64_t number;

	if (str_to_uint64(text, RTMAX_NUMBER, &number) == 0 && number > 0) {
		*ret = (int)number;
		return 0;
	}
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (strcasecmp(signals[i].name + 3, name) == 0) {
			*ret = signals[i].number;
			return 0;
		}
	if (real_time_parse(name, ret))
		return 0;
	return error_set(err, ERR_INVALID, "invalid signal: %s", text);
}

const char *signal_name(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i].number == number)
			return signals[i].name;
	if (number >= RTMIN_NUMBER && number <= RTMAX_NUMBER)
		return rt_names[number - RTMIN_NUMBER];
	return NULL;
}
