#pragma once

#include <stdint.h>

#include "util/error.h"

/* What --restart says: whether a container that ended is started again. */

enum restart_kind {
	RESTART_NO,
	RESTART_ON_FAILURE,
	RESTART_ALWAYS,
	RESTART_UNLESS_STOPPED, /* as always, but for what happens after a reboot */
};

struct restart_policy {
	enum restart_kind kind;
	uint32_t max_retries; /* on-failure: 0 without limit */
};

/** restart_policy_parse() - "no", "on-failure[:N]", "always", "unless-stopped"; NULL and "" are
 * "no". @err: ERR_USAGE */
int restart_policy_parse(const char *text, struct restart_policy *ret, struct error **err);

const char *restart_policy_name(enum restart_kind kind);
