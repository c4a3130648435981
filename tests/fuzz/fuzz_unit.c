#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "systemd/unit.h"
#include "tests/lib/systemd_words.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A unit whose every part is chosen by somebody else. What systemd reads in it is what was meant;
 * no part makes a line that is another setting. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_strv char **words = NULL, **quoted = NULL, **read = NULL, **envs = NULL,
			  **afters = NULL;
	cleanup_free char *text = NULL, *line = NULL, *pid_file = NULL, *name = NULL;
	cleanup_error struct error *err = NULL;
	char restart[] = "no", program[] = "/usr/bin/pod", runtime[] = "%t/pod";
	struct unit unit = {.restart = restart, .program = program, .runtime_path = runtime};
	size_t lines = 0, settings = 0;

	while (size && strv_length(words) < 8) {
		size_t len = strnlen((const char *)data, size);

		strv_append_take(&words, xstrndup((const char *)data, len));
		len += len < size;
		data += len;
		size -= len;
	}
	if (strv_length(words) < 4)
		return 0;
	strv_append(&envs, words[0]);
	strv_append(&afters, words[1]);
	pid_file = xasprintf("/%s", words[2]);
	name = xstrdup(words[3]);
	unit.name = name;
	unit.env = envs;
	unit.after = afters;
	unit.pid_file = pid_file;
	unit.container = words[0];
	unit.is_new = words[3][0] & 1;
	for (char **word = words; *word; word++) {
		char *one = unit_quote(*word, &err);

		if (!one)
			return 0;
		strv_append_take(&quoted, one);
	}
	unit.run_words = unit.is_new ? quoted : NULL;
	text = unit_text(&unit, &err);
	if (!text)
		return 0;
	line = systemd_value(text, "ExecStart");
	read = line ? systemd_words(line, true) : NULL;
	if (!read)
		abort();
	if (unit.is_new) {
		if (strv_length(read) != strv_length(words) + 2)
			abort();
		for (size_t i = 0; words[i]; i++)
			if (strcmp(words[i], read[i + 2]) != 0)
				abort();
	} else if (strcmp(read[strv_length(read) - 1], words[0]) != 0) {
		abort();
	}
	/* As many settings as there are without anything from outside. */
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n', lines++)
		settings += *p >= 'A' && *p <= 'Z';
	if (settings != (unit.is_new ? 17 : 16))
		abort();
	return 0;
}
