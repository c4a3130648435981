#pragma once

/* Diagnostics outside the result: debug is off by default, warnings are for survived faults. The
 * only mutable file-level state of the project is the level here. */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** log_warning() - one line "Warning: ..." on stderr. */
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
