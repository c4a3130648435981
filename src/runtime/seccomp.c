#include "config.h"

#include "runtime/seccomp.h"
#include "runtime/seccomp_bpf.h"
#include "util/mem.h"

static const struct sock_filter default_program[] = {
#include "seccomp_default_program.h"
};

static const char default_object[] =
#include "seccomp_default_object.h"
	;

void seccomp_program_free(struct seccomp_program *program)
{
	if (!program)
		return;
	if (!program->borrowed)
		free(program->filter);
	free(program->listener_path);
	free(program->listener_metadata);
	free(program->object);
	free(program);
}

int seccomp_default(uint64_t capabilities, struct seccomp_program **ret, struct error **err)
{
	struct seccomp_program *program = xcalloc(1, sizeof(*program));

	program->capabilities = capabilities;
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

void seccomp_write(struct json_writer *w, const struct seccomp_program *program)
{
	if (program->object)
		json_write_raw(w, program->object);
	else if (program->capabilities == SECCOMP_DEFAULT_CAPABILITIES)
		json_write_raw(w, default_object);
	else
		seccomp_default_write(w, program->capabilities);
}
