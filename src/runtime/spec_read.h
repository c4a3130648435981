#pragma once

#include "runtime/spec.h"
#include "util/json.h"

/* The parts of runtime_spec_read(), one file each. All take places in the document and complete the
 * struct that they are given; errors carry the member's path. */

#define SPEC_LIST_MAX 4096 /* elements of one array */
#define SPEC_ENV_MAX  65536

/** spec_unsupported() - as json_error(), ERR_UNSUPPORTED. Returns -1. */
int spec_unsupported(const struct json *v, struct error **err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** spec_refuse() - ERR_UNSUPPORTED when OBJ has one of NAMES (which end in NULL); TEXT says why. */
int spec_refuse(
	const struct json *obj, const char *const *names, const char *text, struct error **err);

/** spec_opt_object() - the optional object KEY of OBJ: 1 and *ret, 0 when absent, -1 when it is of
 * another kind. */
int spec_opt_object(const struct json *obj, const char *key, struct json *ret, struct error **err);

/** spec_opt_array() - the optional array KEY of OBJ and its count; as above. */
int spec_opt_array(const struct json *obj, const char *key, size_t max, struct json *ret,
	size_t *ret_count, struct error **err);

/** spec_require_dup() - a copy of the required string KEY into *ret; ABSOLUTE: it must be a path
 * that starts with '/'. */
int spec_require_dup(
	const struct json *obj, const char *key, bool absolute, char **ret, struct error **err);

/** spec_pairs() - the optional map of strings KEY as "name=value" strings. */
int spec_pairs(const struct json *obj, const char *key, char ***ret, struct error **err);

/** spec_id_ranges() - an optional array of containerID, hostID, size. */
int spec_id_ranges(const struct json *obj, const char *key, struct runtime_id_range **ret,
	size_t *ret_count, struct error **err);

/** spec_check_list() - is TEXT a list as in cpusets, "0-3,7", of numbers below LIMIT? */
bool spec_check_list(const char *text, unsigned int limit);

/* spec_read_process.c */
int spec_read_process(
	const struct json *object, struct runtime_process *process, struct error **err);

/* spec_read_linux.c; the process is there already */
int spec_read_linux(const struct json *object, struct runtime_spec *spec, struct error **err);
