#pragma once

/*
 * Where the journal takes messages: datagrams of "FIELD=value\n" each, or for values that hold a
 * newline "FIELD\n", 64 bits of length (little-endian), value, "\n" (systemd's "native journal
 * protocol"). Compiled into the monitor program too: no heap, no util/.
 */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
/* In a container's directory: the fields that all of its messages have, as they are sent. The
 * monitor reads them when there is output, so that they cost no memory between two messages. */
#define CONTAINER_JOURNAL_FILE "journal-fields"
#define JOURNAL_FIELDS_MAX     8192 /* bytes */

/** journal_connect() - a datagram socket, connected, close-on-exec; -1 with errno. */
int journal_connect(void);
