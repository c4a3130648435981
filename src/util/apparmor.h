#pragma once

#include <stdbool.h>

/** apparmor_is_enabled() - whether this host's kernel applies AppArmor profiles. */
bool apparmor_is_enabled(void);
