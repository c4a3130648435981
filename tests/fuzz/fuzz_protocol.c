#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the check takes arrives whole through a socket; what it refuses does not arrive at all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[PROTOCOL_MESSAGE_MAX] __attribute__((aligned(8)));
	bool good = protocol_message_check(data, size);
	int pair[2], fds[PROTOCOL_FDS_MAX];
	ssize_t n;

	if (size == 0 || size > 2 * PROTOCOL_MESSAGE_MAX ||
		socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return 0;
	if (send(pair[0], data, size, 0) == (ssize_t)size) {
		n = protocol_receive(pair[1], buf, sizeof(buf), fds, 0);
		if (good ? n != (ssize_t)size || memcmp(buf, data, size) != 0 : n >= 0)
			abort();
	}
	close(pair[0]);
	close(pair[1]);
	return 0;
}
