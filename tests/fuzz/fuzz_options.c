#include "config.h"

#include <stdint.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/commands.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The words of a command line, separated by newlines, against a table of every type. */
struct sample {
	bool flag, given;
	const char *string;
	char **strv, **list;
	int integer;
	uint32_t seconds;
	uint64_t number, bytes;
};

static const struct option_spec table[] = {
	OPTION_BOOL("flag", 'f', struct sample, flag, "a"),
	OPTION_STRING("string", 's', struct sample, string, NULL, "b",
		.given_offset = OPTION_GIVEN(struct sample, given)),
	OPTION_STRV("strv", 'v', struct sample, strv, NULL, "c"),
	OPTION_LIST("list", 'l', struct sample, list, NULL, "d"),
	OPTION_INT("integer", 'i', struct sample, integer, NULL, "e"),
	OPTION_UINT32("seconds", 'u', struct sample, seconds, NULL, "f"),
	OPTION_UINT64("number", 'n', struct sample, number, NULL, "g"),
	OPTION_SIZE("bytes", 'b', struct sample, bytes, NULL, "h"),
	OPTION_END,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct command commands[] = {
		{.name = "x", .max_operands = -1, .options = table},
		{.name = "x", .max_operands = -1, .options = table, .stop_at_operand = true},
	};

	if (size > 4096 || memchr(data, '\0', size))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		cleanup_free char *text = xstrndup((const char *)data, size);
		cleanup_free char **argv = xcalloc(size + 3, sizeof(*argv));
		cleanup_error struct error *err = NULL;
		struct global_options globals = {0};
		struct sample opts = {0};
		int argc = 0, first;
		bool help;

		argv[argc++] = text + size;
		for (char *word = text, *end; word; word = end) {
			end = strchr(word, '\n');
			if (end)
				*end++ = '\0';
			argv[argc++] = word;
		}
		if (options_take_global(
			    &commands[i], global_options, &globals, &argc, argv, &help, &err) == 0)
			(void)options_parse(&commands[i], argc, argv, &opts, &first, &err);
		strv_free(opts.strv);
		strv_free(opts.list);
	}
	return 0;
}
