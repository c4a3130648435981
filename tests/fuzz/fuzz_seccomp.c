#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/seccomp.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every jump of a program that is made stays inside of it, and its last instruction returns. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_seccomp struct seccomp_program *program = NULL;
	cleanup_error struct error *err = NULL;

	if (seccomp_from_json((const char *)data, size, "profile", 0x800405fb, &program, &err) < 0)
		return 0;
	for (size_t i = 0; i < program->count; i++) {
		const struct sock_filter *insn = &program->filter[i];
		size_t farthest = i;

		if (insn->code == (BPF_JMP | BPF_JA))
			farthest = i + 1 + insn->k;
		else if (BPF_CLASS(insn->code) == BPF_JMP)
			farthest = i + 1 + MAX(insn->jt, insn->jf);
		else if (BPF_CLASS(insn->code) != BPF_RET)
			farthest = i + 1;
		if (farthest >= program->count)
			abort();
	}
	return 0;
}
