#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "util/fs.h"
#include "util/log.h"
#include "util/strbuf.h"

static enum log_level current_level = LOG_LEVEL_WARNING;

void log_set_level(enum log_level level)
{
	current_level = level;
}

enum log_level log_get_level(void)
{
	return current_level;
}

static void log_line(const char *prefix, const char *fmt, va_list ap)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	int saved = errno;

	strbuf_addstr(&line, prefix);
	strbuf_vaddf(&line, fmt, ap);
	strbuf_addch(&line, '\n');
	(void)write_all(STDERR_FILENO, line.data, line.len); /* there is nowhere else to say it */
	errno = saved;
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (current_level < LOG_LEVEL_DEBUG)
		return;
	va_start(ap, fmt);
	log_line("Debug: ", fmt, ap);
	va_end(ap);
}

void log_warning(const char *fmt, ...)
{
	va_list ap;

	if (current_level < LOG_LEVEL_WARNING)
		return;
	va_start(ap, fmt);
	log_line("Warning: ", fmt, ap);
	va_end(ap);
}
