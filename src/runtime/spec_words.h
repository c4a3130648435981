#pragma once

#include "runtime/spec.h"

/* Words of the runtime specification and the kernel's numbers for them, to read and to write. */

struct spec_word {
	const char *word; /* NULL ends a table */
	int number;
};

extern const struct spec_word spec_scheduler_policies[];
extern const struct spec_word spec_scheduler_flags[];
extern const struct spec_word spec_memory_modes[];
extern const struct spec_word spec_memory_flags[];
extern const struct spec_word spec_personalities[];
extern const struct spec_word spec_propagations[]; /* enum rootfs_propagation */
extern const char *const spec_namespaces[NAMESPACE_COUNT];
extern const char *const spec_capability_sets[CAPABILITY_SET_COUNT];

/** spec_word_number() - the number of WORD, -1 when the table does not have it. */
int spec_word_number(const struct spec_word *table, const char *word);
/** spec_number_word() - the first word for NUMBER, NULL when there is none. */
const char *spec_number_word(const struct spec_word *table, int number);

/* What pod knows beyond the specification, an object at the top of config.json. Not annotations:
 * engines let those come from people who may not choose a container's user. */
#define SPEC_OWN_MEMBER "run.pod"
