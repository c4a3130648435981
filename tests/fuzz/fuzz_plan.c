#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/process.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const char *block, uint32_t array, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t offset;

		memcpy(&offset, block + array + i * sizeof(offset), sizeof(offset));
		(void)strlen(block + offset);
	}
}

/* A plan that passes the check can be walked without leaving it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *block = xmalloc(size + 1);
	struct process_plan plan;

	memcpy(block, data, size);
	if (size >= 12) {
		/* else nearly nothing gets past the first line */
		const uint32_t head[3] = {PROCESS_PLAN_MAGIC, 2, (uint32_t)size};

		memcpy(block, head, sizeof(head));
	}
	if (!process_plan_check(block, size))
		return 0;
	memcpy(&plan, block, sizeof(plan));
	touch(block, plan.args, plan.arg_count);
	touch(block, plan.env, plan.env_count);
	touch(block, plan.group_names, plan.group_name_count);
	if (plan.user)
		(void)strlen(block + plan.user);
	(void)strlen(block + plan.cwd);
	return 0;
}
