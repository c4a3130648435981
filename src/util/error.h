#pragma once

#include <stdarg.h>

/*
 * The one error model: a function that can fail takes struct error **err last and returns -1 (or
 * NULL) with *err set. The kind is for deciding, the message for people.
 */

enum error_kind {
	ERR_SYSTEM,          /* a system call failed; errnum tells which way */
	ERR_USAGE,           /* the command line is wrong */
	ERR_INVALID,         /* outside input is malformed or forbidden */
	ERR_NOT_FOUND,       /* the named object does not exist */
	ERR_CONFLICT,        /* the object's state or another object forbids it */
	ERR_DIGEST,          /* content does not have the digest it was asked by */
	ERR_REMOTE,          /* a registry or another peer refused or failed */
	ERR_UNSUPPORTED,     /* this host or this version cannot do it */
	ERR_CANNOT_INVOKE,   /* the contained command exists but cannot be run: exit 126 */
	ERR_NO_SUCH_COMMAND, /* the contained command does not exist: exit 127 */
	ERR_KIND_COUNT,
};

struct error {
	enum error_kind kind;
	int errnum; /* errno value behind ERR_SYSTEM, else 0 */
	char *message;
	char *docker; /* the whole line as docker words it; NULL: no words of its own */
};

/**
 * error_set() - make an error of KIND with a formatted message
 * @err: not NULL, *err NULL on entry (asserted)
 *
 * Returns: -1, so that "return error_set(...)" reads well. errno is preserved.
 */
int error_set(struct error **err, enum error_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** error_errno() - make an ERR_SYSTEM error; ": strerror(errnum)" is appended. Returns -1. */
int error_errno(struct error **err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** error_wrap() - put formatted context and ": " in front of an existing error. Returns -1. */
int error_wrap(struct error **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** error_fork() - error_errno() for a process that could not be made; with the remedy where the
 * limit of their number is the reason. */
int error_fork(struct error **err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * error_docker() - add to an existing error what docker prints in its place, for scripts match on
 * it
 *
 * The whole line: "Error response from daemon: No such container: x". Context that callers wrap
 * around the message does not change it; a second call replaces it. Returns -1.
 */
int error_docker(struct error **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** error_text() - the message and docker's words for it as one text, for another process's
 * error_from_text(). Owned. */
char *error_text(const struct error *err);
/** error_from_text() - make an error of KIND from error_text()'s text, which may have been cut.
 * Returns -1. */
int error_from_text(struct error **err, enum error_kind kind, const char *text);

/** error_free() - free; NULL is fine. */
void error_free(struct error *err);

/** error_move() - hand FROM over to *TO (which must be NULL). Returns -1. */
int error_move(struct error **to, struct error **from);

static inline void error_freep(struct error **err)
{
	error_free(*err);
}
#define cleanup_error __attribute__((cleanup(error_freep)))
