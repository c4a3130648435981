#include "config.h"

#include <stdio.h>

#include "runtime/seccomp_bpf.h"

/* Run at build time: prints the default profile's program for the default capabilities. */
int main(void)
{
	struct error *err = NULL;
	struct sock_filter *insns;
	size_t count;

	if (seccomp_default_compile(SECCOMP_DEFAULT_CAPABILITIES, &insns, &count, &err) < 0) {
		fprintf(stderr, "%s\n", err->message);
		return 1;
	}
	for (size_t i = 0; i < count; i++)
		printf("{0x%04x, %u, %u, 0x%08x},\n", insns[i].code, insns[i].jt, insns[i].jf,
			insns[i].k);
	return 0;
}
