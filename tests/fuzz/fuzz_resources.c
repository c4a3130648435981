#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/devices.h"
#include "cgroup/resources.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken names only files of the group itself, makes a device filter, and reads back from
 * its own text as it was. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_cgroup_resources struct cgroup_resources *once = NULL, *twice = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_free char *text = NULL, *again = NULL;
	cleanup_free struct bpf_insn *code = NULL;
	size_t length = 0;

	if (cgroup_resources_parse_text((const char *)data, size, "input", &once, &err) < 0)
		return 0;
	for (size_t i = 0; i < once->unified_count; i++)
		if (strchr(once->unified[i].name, '/') || once->unified[i].name[0] == '.')
			abort();
	for (size_t i = 0; i < once->hugepage_count; i++)
		if (strchr(once->hugepages[i].page_size, '/'))
			abort();
	code = cgroup_devices_program(once->devices, once->device_count, &length);
	if (length < 2 || code[length - 1].code != (BPF_JMP | BPF_EXIT))
		abort();
	text = cgroup_resources_text(once);
	if (cgroup_resources_parse_text(text, strlen(text), "again", &twice, &err) < 0)
		abort();
	again = cgroup_resources_text(twice);
	if (strcmp(text, again) != 0)
		abort();
	return 0;
}
