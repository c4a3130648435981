#pragma once

#include <stddef.h>

#include "network/network.h"

/** port_mappings_text() - docker's -p syntax of each mapping; owned, NULL for none. */
char **port_mappings_text(const struct port_mapping *ports, size_t count);
