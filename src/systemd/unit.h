#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/*
 * The text of a systemd unit that runs a container, in the shape of podman-generate-systemd(1).
 *
 * Two kinds: one starts a container that is there (Type=forking, the monitor's pid file), the other
 * makes a new one at each start and removes it (Type=notify). What comes from people and images is
 * escaped as systemd.syntax(7) and systemd.service(5), "Command lines", want it; what cannot be
 * said in a unit is refused.
 */

struct unit {
	char *name;         /* without ".service" */
	bool is_new;        /* a new container at each start */
	bool is_template;   /* NAME@.service; implies is_new */
	char **header;      /* lines of the comment behind the first one, without "# "; NULL none */
	char *runtime_path; /* what must be mounted; a path, for is_new with the specifier %t */
	char *restart;      /* Restart= */
	uint32_t start_limit_burst; /* 0: not said */
	bool restart_given, start_timeout_given;
	uint32_t restart_s, start_timeout_s;
	uint32_t stop_timeout_s; /* from the stop signal to SIGKILL */
	char **after, **requires, **wants;
	char **env;     /* "NAME=value" */
	char *program;  /* absolute path of pod */
	char **globals; /* options before the command, quoted by unit_quote() */
	/* is_new: what follows "run", each word quoted by unit_quote(). Else NULL. */
	char **run_words;
	char *container; /* not is_new: name or id */
	char *pid_file;  /* not is_new */
};

void unit_free(struct unit *unit);
static inline void unit_freep(struct unit **unit)
{
	unit_free(*unit);
}
#define cleanup_unit __attribute__((cleanup(unit_freep)))

/** unit_name_check() - may a unit be called so? @err: ERR_USAGE */
int unit_name_check(const char *name, struct error **err);

/** unit_restart_check() - is TEXT a value of Restart=? @err: ERR_USAGE */
int unit_restart_check(const char *text, struct error **err);

/**
 * unit_quote() - one word of a command line
 * @word: any text without line ends that systemd could not represent; hostile
 * @err: ERR_INVALID: not UTF-8, which systemd refuses
 * Returns: the word with quotes, escapes, '%' and '$' as needed, owned; NULL with @err set.
 */
char *unit_quote(const char *word, struct error **err);

/** unit_text() - the file's content. @err: ERR_INVALID; ERR_USAGE. Returns: owned, or NULL. */
char *unit_text(const struct unit *unit, struct error **err);
