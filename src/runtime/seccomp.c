#include "config.h"

#include "runtime/seccomp.h"
#include "util/mem.h"

void seccomp_program_free(struct seccomp_program *program)
{
	if (!program)
		return;
	if (!program->borrowed)
		free(program->filter);
	free(program);
}
