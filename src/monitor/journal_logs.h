#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "monitor/logline.h"
#include "monitor/logs.h"
#include "util/error.h"
#include "util/strbuf.h"

/**
 * journal_record_parse() - one line of `journalctl --output=json` (systemd.journal-fields(7))
 * @scratch:    holds the text: MESSAGE is a string, or an array of bytes where it is no printable
 *              UTF-8
 * @ret_cursor: its place in the journal; owned, NULL when it has none. May be NULL.
 * Stream 1 is PRIORITY 6, stream 2 is PRIORITY 3. Any user of the host can write to the journal:
 * nothing in the line is trusted.
 * Returns: false when it is none of a container's.
 */
bool journal_record_parse(const char *line, size_t len, struct strbuf *scratch,
	struct log_record *ret, char **ret_cursor);

/**
 * journal_logs_read() - as logs_read(), of the container ID whose log driver is journald
 * Runs journalctl. @err: ERR_NOT_FOUND it is not installed; ERR_SYSTEM its last words
 */
int journal_logs_read(int dir_fd, const char *id, const struct logs_options *opts,
	const struct logs_sink *sink, struct error **err);
