#pragma once

#include "util/error.h"

/**
 * fetch_sandbox_enter() - give up what the network side does not need
 * @cert_dir: --cert-dir, stays readable; NULL none
 *
 * Afterwards the process has no capability and can gain none, starts no program, writes no file but
 * those it is handed open, and reads only what name resolution, TLS and certs.d need (landlock,
 * where the kernel has it): a fault in TLS or HTTP code does not open the user's home. It keeps the
 * network. Called after configuration and credentials were read (helpers need to be started),
 * before the first byte from outside.
 */
int fetch_sandbox_enter(const char *cert_dir, struct error **err);
