#include "config.h"

#include <string.h>

#include "container/policy.h"
#include "util/mem.h"
#include "util/str.h"

static const char *const names[] = {
	[RESTART_NO] = "no",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ALWAYS] = "always",
	[RESTART_UNLESS_STOPPED] = "unless-stopped",
};

const char *restart_policy_name(enum restart_kind kind)
{
	return names[kind];
}

int restart_policy_parse(const char *text, struct restart_policy *ret, struct error **err)
{
	size_t len = text ? strcspn(text, ":") : 0;
	struct restart_policy policy = {.kind = RESTART_NO};
	uint64_t number = 0;
	bool known = len == 0;

	for (size_t i = 0; len && i < ARRAY_SIZE(names) && !known; i++)
		if (strlen(names[i]) == len && strncmp(text, names[i], len) == 0) {
			policy.kind = (enum restart_kind)i;
			known = true;
		}
	if (!known || (text && !len && text[0]))
		return error_set(err, ERR_USAGE,
			"\"%s\" is not a valid restart policy: use no, on-failure[:N], always or "
			"unless-stopped",
			text);
	if (len && text[len]) {
		if (policy.kind != RESTART_ON_FAILURE)
			return error_set(err, ERR_USAGE,
				"restart policy \"%s\": a number of retries can only be given with "
				"on-failure",
				text);
		if (str_to_uint64(text + len + 1, INT32_MAX, &number) < 0)
			return error_set(err, ERR_USAGE,
				"restart policy \"%s\": the number of retries must be 0 or more",
				text);
	}
	policy.max_retries = (uint32_t)number;
	*ret = policy;
	return 0;
}
