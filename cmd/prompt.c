#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "cmd/prompt.h"

int prompt_confirm(struct command_context *ctx, bool *ret_yes, struct error **err)
{
	char c, first = '\0';
	ssize_t n;

	command_print(ctx, "Are you sure you want to continue? [y/N] ");
	if (command_flush(ctx, err) < 0)
		return -1;
	/* Byte by byte: what follows the line is not ours. */
	while ((n = read(STDIN_FILENO, &c, 1)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "read the answer");
		if (c == '\n')
			break;
		if (!first && c != ' ' && c != '\t')
			first = c;
	}
	*ret_yes = first == 'y' || first == 'Y';
	return 0;
}
