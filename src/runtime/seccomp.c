#include "config.h"

#include "runtime/seccomp.h"
#include "runtime/seccomp_bpf.h"
#include "util/mem.h"

static const struct sock_filter default_program[] = {
#include "seccomp_default_program.h"
};

void seccomp_program_free(struct seccomp_program *program)
{
	if (!program)
		return;
	if (!program->borrowed)
		free(program->filter);
	free(program);
}

int seccomp_default(uint64_t capabilities, struct seccomp_program **ret, struct error **err)
{
	struct seccomp_program *program = xcalloc(1, sizeof(*program));

	if (capabilities == SECCOMP_DEFAULT_CAPABILITIES) {
		/* Never written to: "borrowed" keeps it from being freed, too. */
		program->filter = (struct sock_filter *)(uintptr_t)default_program;
		program->count = ARRAY_SIZE(default_program);
		program->borrowed = true;
	} else if (seccomp_default_compile(capabilities, &program->filter, &program->count, err) <
		   0) {
		free(program);
		return -1;
	}
	*ret = program;
	return 0;
}
