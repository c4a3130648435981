#pragma once

#include <linux/seccomp.h>
#include <stdint.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

/* The runtime specification's words for seccomp, to read and to write. (seccomp_words.c) */

struct seccomp_word {
	const char *word; /* NULL ends a table */
	uint32_t number;
};

extern const struct seccomp_word seccomp_actions[]; /* SECCOMP_RET_* */
extern const struct seccomp_word seccomp_flags[];   /* SECCOMP_FILTER_FLAG_* */
extern const char *const seccomp_compare_words[];   /* enum seccomp_compare; ends in NULL */
extern const char *const seccomp_architectures[];   /* ends in NULL */

/** seccomp_action_word() - the word for an action without its data. */
const char *seccomp_action_word(uint32_t action);
