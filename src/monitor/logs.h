#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * Reading a container's log: "log" in its directory and what the monitor rotated away ("log.1" is
 * the newest of those). The monitor may write and rotate meanwhile.
 */

struct logs_options {
	bool follow; /* until the container has ended; only for one that runs */
	bool timestamps;
	int64_t tail;                /* last lines to begin with; negative: all */
	uint64_t since_ns, until_ns; /* CLOCK_REALTIME; 0: no bound */
	const char *name;            /* put before every line; NULL: none */
};

/* Where the text goes. */
struct logs_sink {
	/* STREAM is 1 or 2; text as the container wrote it, line by line or in parts of lines. */
	int (*write)(void *data, int stream, const char *text, size_t len, struct error **err);
	/* Nothing more for the moment: hand on what is held. May be NULL. */
	int (*idle)(void *data, struct error **err);
	void *data;
};

/**
 * logs_read() - pass the log to SINK
 * @dir_fd: containers/<id>
 * Partial records are joined: what comes out is what went in, byte for byte (json-file: but for
 * bytes that are no UTF-8). A container without a log gives nothing.
 * @err: ERR_SYSTEM; what SINK returns
 */
int logs_read(int dir_fd, const struct logs_options *opts, const struct logs_sink *sink,
	struct error **err);
