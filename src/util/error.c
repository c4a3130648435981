#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/mem.h"

/* Names of files, images and archives' members in it are others': they must not steer the terminal
 * (C0 but tab and newline, DEL, and C1 as UTF-8). */
static void defuse(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

static int error_vset(
	struct error **err, enum error_kind kind, int errnum, const char *fmt, va_list ap)
{
	int saved = errno;
	struct error *e;
	char *text = NULL;

	assert(err && !*err);
	e = xcalloc(1, sizeof(*e));
	e->kind = kind;
	e->errnum = errnum;
	text = xvasprintf(fmt, ap);
	if (errnum) {
		e->message = xasprintf("%s: %s", text, strerror(errnum));
		free(text);
	} else {
		e->message = text;
	}
	defuse(e->message);
	*err = e;
	errno = saved;
	return -1;
}

int error_set(struct error **err, enum error_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_vset(err, kind, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int error_errno(struct error **err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_vset(err, ERR_SYSTEM, errnum, fmt, ap);
	va_end(ap);
	return -1;
}

int error_fork(struct error **err, int errnum, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	error_errno(err, errnum, "%s", text);
	if (errnum == EAGAIN) {
		char *whole = xasprintf("%s; the limit of processes is reached: raise it with "
					"ulimit -u, or pids.max of the control group",
			(*err)->message);

		free((*err)->message);
		(*err)->message = whole;
	}
	return -1;
}

int error_wrap(struct error **err, const char *fmt, ...)
{
	int saved = errno;
	char *context, *whole;
	va_list ap;

	assert(err && *err);
	va_start(ap, fmt);
	context = xvasprintf(fmt, ap);
	va_end(ap);
	whole = xasprintf("%s: %s", context, (*err)->message);
	free(context);
	free((*err)->message);
	(*err)->message = whole;
	errno = saved;
	return -1;
}

int error_docker(struct error **err, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	assert(err && *err);
	free((*err)->docker);
	va_start(ap, fmt);
	(*err)->docker = xvasprintf(fmt, ap);
	va_end(ap);
	errno = saved;
	return -1;
}

#define SEPARATOR '\x1e' /* between message and docker's words */

char *error_text(const struct error *err)
{
	if (!err->docker)
		return xstrdup(err->message);
	return xasprintf("%s%c%s", err->message, SEPARATOR, err->docker);
}

int error_from_text(struct error **err, enum error_kind kind, const char *text)
{
	const char *docker = strchr(text, SEPARATOR);

	error_set(err, kind, "%.*s", (int)(docker ? docker - text : (long)strlen(text)), text);
	return docker ? error_docker(err, "%s", docker + 1) : -1;
}

void error_free(struct error *err)
{
	if (!err)
		return;
	free(err->message);
	free(err->docker);
	free(err);
}

int error_move(struct error **to, struct error **from)
{
	assert(to && !*to && from && *from);
	*to = *from;
	*from = NULL;
	return -1;
}
