/*
 * What json-c's and libseccomp's archives refer to when they were compiled against the GNU C
 * library with _FORTIFY_SOURCE, as distributions do, for a pod that is linked with musl: the
 * checking variants of the Linux Standard Base (Core 5.0, "Interfaces for libc"). The flag, which
 * asks for checks of %n, is nothing to musl. All else that they call is the same in both libraries;
 * configure tries.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __GLIBC__

int __snprintf_chk(char *s, size_t max, int flag, size_t size, const char *format, ...);
int __vsnprintf_chk(char *s, size_t max, int flag, size_t size, const char *format, va_list ap);
int __vasprintf_chk(char **ret, int flag, const char *format, va_list ap);
int __fprintf_chk(FILE *file, int flag, const char *format, ...);
char *__strcat_chk(char *to, const char *from, size_t size);

int __vsnprintf_chk(char *s, size_t max, int flag, size_t size, const char *format, va_list ap)
{
	(void)flag;
	if (size < max)
		abort();
	return vsnprintf(s, max, format, ap);
}

int __snprintf_chk(char *s, size_t max, int flag, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = __vsnprintf_chk(s, max, flag, size, format, ap);
	va_end(ap);
	return n;
}

int __vasprintf_chk(char **ret, int flag, const char *format, va_list ap)
{
	(void)flag;
	return vasprintf(ret, format, ap);
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vfprintf(file, format, ap);
	va_end(ap);
	return n;
}

char *__strcat_chk(char *to, const char *from, size_t size)
{
	if (strlen(to) + strlen(from) >= size)
		abort();
	return strcat(to, from);
}

#endif
