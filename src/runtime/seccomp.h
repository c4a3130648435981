#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/json.h"

/*
 * Seccomp filters. The default profile is docker's and podman's (src/runtime/seccomp_default.def);
 * compiled for the default capabilities when pod is built, for any other set when it is needed.
 */

struct seccomp_program {
	struct sock_filter *filter;
	size_t count;   /* instructions, at most BPF_MAXINSNS */
	bool borrowed;  /* FILTER is part of the program's text */
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* for seccomp(2) */
	bool notifies;  /* some call is answered by who holds the listener (SCMP_ACT_NOTIFY) */
	/* Where the listener goes: a stream socket and what is told with it. NULL: none */
	char *listener_path, *listener_metadata;
	/* The OCI object: as text; NULL: the default profile for CAPABILITIES. */
	char *object;
	uint64_t capabilities;
};

void seccomp_program_free(struct seccomp_program *program);
static inline void seccomp_program_freep(struct seccomp_program **program)
{
	seccomp_program_free(*program);
}
#define cleanup_seccomp __attribute__((cleanup(seccomp_program_freep)))

/**
 * seccomp_default() - the default profile for a container that is given CAPABILITIES
 * @capabilities: the bounding set, bit N is capability N: some system calls are allowed only to
 *                those who hold the capability they need
 */
int seccomp_default(uint64_t capabilities, struct seccomp_program **ret, struct error **err);

/**
 * seccomp_from_json() - compile a profile in docker's or the OCI's format
 * @text, @len:   docker's profile JSON ("archMap",
 * "syscalls"[].names/action/args/includes/excludes) or the runtime specification's linux.seccomp
 * object; untrusted
 * @capabilities: as above, for "includes" and "excludes"
 * @name:         of the profile, for errors; borrowed
 * @err:          ERR_INVALID (member path in the message), ERR_UNSUPPORTED
 *
 * System calls that this host's libseccomp does not know are skipped, as every engine does.
 */
int seccomp_from_json(const char *text, size_t len, const char *name, uint64_t capabilities,
	struct seccomp_program **ret, struct error **err);
/** seccomp_from_value() - the same for a place in a document. */
int seccomp_from_value(const struct json *root, uint64_t capabilities, struct seccomp_program **ret,
	struct error **err);

/** seccomp_write() - the runtime specification's linux.seccomp object of PROGRAM. */
void seccomp_write(struct json_writer *w, const struct seccomp_program *program);
