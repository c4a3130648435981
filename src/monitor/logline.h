#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/strbuf.h"

/*
 * The log's records, read back: k8s-file and json-file (src/monitor/logformat.h), told apart by
 * their first byte. Another program may have written them; what cannot be read is skipped, never
 * trusted.
 */

#define LOG_LINE_MAX (1u << 20) /* bytes of one record; longer ones are cut */

struct log_record {
	uint64_t time_ns;
	int stream;       /* 1 stdout, 2 stderr */
	const char *text; /* borrowed from LINE or SCRATCH; may hold any byte */
	size_t len;
	bool newline; /* a newline follows the text */
};

/**
 * log_record_parse() - one record
 * @line, @len: without the newline that ends it
 * @scratch:    holds the decoded text of a json-file record
 * Returns: false when it is none.
 */
bool log_record_parse(const char *line, size_t len, struct strbuf *scratch, struct log_record *ret);

/** log_record_ends_line() - the same question, whether a newline follows, asked of the record
 * alone. */
bool log_record_ends_line(const char *line, size_t len);
