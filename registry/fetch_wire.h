#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/fetch_protocol.h"
#include "util/error.h"

/* Sending and receiving the messages of registry/fetch_protocol.h; both sides use it. */

/* One received message; owned. */
struct fetch_packet {
	struct fetch_message head;
	char *text; /* head.text_len bytes and a NUL */
	int fds[FETCH_FDS_MAX];
	size_t fd_count;
};
void fetch_packet_clear(struct fetch_packet *packet);
#define cleanup_fetch_packet __attribute__((cleanup(fetch_packet_clear)))

/**
 * fetch_send() - one message; version and text_len are filled in
 * @text:  NULL none
 * @wait:  wait for room in the socket's buffer
 * Returns: 1 sent, 0 no room (only without WAIT), -1: ERR_SYSTEM (EPIPE: the peer is gone),
 * ERR_INVALID (TEXT longer than FETCH_TEXT_MAX).
 */
int fetch_send(int socket_fd, const struct fetch_message *head, const char *text, const int *fds,
	size_t fd_count, bool wait, struct error **err);

/**
 * fetch_receive() - one message
 * Returns: 1 with *ret set, 0: end of file (the peer is gone), 2: nothing there now (only without
 * WAIT), -1: ERR_SYSTEM, ERR_INVALID (malformed, other version).
 */
int fetch_receive(int socket_fd, bool wait, struct fetch_packet *ret, struct error **err);
#define FETCH_RECEIVE_NOTHING 2
