#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/json.h"

/*
 * From rules to a classic BPF program: for each architecture a binary search over ranges of system
 * call numbers with the same answer, then the rules with arguments in order. About a third of the
 * instructions that libseccomp makes of the same profile, and a third of its loading time.
 *
 * x32 numbers on x86-64 are answered with ENOSYS, as a kernel that has x32 turned off does
 * (Debian's), unless the profile lists that architecture. A foreign one ends the process.
 */

enum seccomp_compare {
	SECCOMP_EQ,
	SECCOMP_NE,
	SECCOMP_LT,
	SECCOMP_LE,
	SECCOMP_GE,
	SECCOMP_GT,
	SECCOMP_MASKED_EQ, /* (argument & value) == value_two */
};

struct seccomp_arg {
	unsigned int index; /* 0..5 */
	enum seccomp_compare compare;
	uint64_t value, value_two;
};

struct seccomp_rule {
	const char *name; /* of the system call; unknown names are skipped. Borrowed */
	uint32_t action;  /* SECCOMP_RET_* with its data */
	unsigned int arg_count;
	const struct seccomp_arg *args; /* borrowed; all must hold */
};

struct seccomp_profile {
	uint32_t default_action;
	bool with_x86; /* on x86-64: also 32-bit programs. On arm64: also 32-bit ARM */
	bool with_x32; /* on x86-64: the rules hold for x32 calls, too */
	const struct seccomp_rule *rules;
	size_t rule_count;
};

/**
 * seccomp_compile() - make the program
 * Several rules for one call: those with arguments are tried in order, then the first without.
 * @ret: instructions, owned; at most BPF_MAXINSNS
 * @err: ERR_INVALID (too large)
 */
int seccomp_compile(const struct seccomp_profile *profile, struct sock_filter **ret,
	size_t *ret_count, struct error **err);

/**
 * seccomp_profile_write() - the runtime specification's object of PROFILE (seccomp_text.c)
 * @flags, @listener_path, @listener_metadata: as in struct seccomp_program
 */
void seccomp_profile_write(struct json_writer *w, const struct seccomp_profile *profile,
	uint32_t flags, const char *listener_path, const char *listener_metadata);

/** seccomp_default_write() - the object of the default profile. (seccomp_profile.c) */
void seccomp_default_write(struct json_writer *w, uint64_t capabilities);

/** seccomp_default_compile() - the default profile for a set of capabilities (seccomp.h).
 * (seccomp_profile.c) */
int seccomp_default_compile(
	uint64_t capabilities, struct sock_filter **ret, size_t *ret_count, struct error **err);

/* The 11 capabilities that podman gives by default: the filter for them is compiled in. */
#define SECCOMP_DEFAULT_CAPABILITIES UINT64_C(0x800405fb)
