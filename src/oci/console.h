#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/** oci_console_send() - hand the terminal MASTER_FD to who listens on socket PATH
 * (--console-socket: one message with the descriptor, its payload the terminal's name). */
int oci_console_send(const char *path, int master_fd, struct error **err);

/* `run` and `exec` in the foreground: our terminal (or plain stdin and stdout) and the container's
 * are one. */
struct oci_relay;
struct oci_relay *oci_relay_begin(int master_fd);
/** oci_relay_poll() - fill in what to wait for; at most 3. Returns how many. */
size_t oci_relay_poll(struct oci_relay *relay, struct pollfd *fds);
/** oci_relay_step() - copy what there is. FDS as filled, with answers. */
void oci_relay_step(struct oci_relay *relay, const struct pollfd *fds);
/** oci_relay_resize() - our terminal's size and mode again. */
void oci_relay_resize(struct oci_relay *relay);
/** oci_relay_end() - the rest of the output, then our terminal as it was. NULL is fine. */
void oci_relay_end(struct oci_relay *relay);
