#include "config.h"

#include <signal.h>
#include <stdio.h>

#include "cmd/transfer/transfer.h"
#include "util/mem.h"
#include "util/str.h"

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} roles[] = {
	{"archive", transfer_archive},
	{"fetch", transfer_fetch},
	{"unpack", transfer_unpack},
};

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is a write error */
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(roles); i++)
		if (str_equal(argv[1], roles[i].name))
			return roles[i].main(argc - 1, argv + 1);
	(void)fputs("pod-transfer is a part of pod and is started by it\n", stderr);
	return 125;
}
