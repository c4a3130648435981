#pragma once

#include <stdbool.h>
#include <stdint.h>

/** oci_features_text() - what this runtime implements (runtime-spec features.md), whatever the host
 * has; JSON, owned. */
char *oci_features_text(void);

/** oci_default_spec_text() - a config.json to begin with: a shell on a terminal in namespaces of
 * its own. ROOTLESS: in a user namespace too, which maps root to the caller. JSON, owned. */
char *oci_default_spec_text(bool rootless);
