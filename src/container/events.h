#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/store.h"
#include "util/error.h"

/*
 * What happens to containers, images and volumes: one JSON object a line in <store>/events, and in
 * <store>/events.1 what was written before that grew too long. Whoever changes something appends
 * its line with one write; monitors do it by themselves (src/monitor/program/events.c). It is for
 * people and tools that look on: nothing in pod relies on it, and what cannot be written is lost.
 *
 *   {"time": ns, "type": "container", "action": "died", "id": "...", "name": "...", "image": "...",
 *    "labels": ["k=v"], "exitCode": 0, "detail": "..."}
 *
 * Types and actions are podman's words: container create init start attach exec exec_died pause
 * unpause update stop kill restart oom died cleanup rename remove health_status; image pull tag
 * untag remove loadfromarchive import save; volume create remove.
 */

#define EVENTS_FILE     "events"
#define EVENTS_OLD_FILE "events.1"
#define EVENTS_MAX      (1u << 20)   /* bytes of a file; there are two */
#define EVENTS_LINE_MAX (256u << 10) /* bytes; what is longer is passed over */

struct event {
	uint64_t time_ns; /* CLOCK_REALTIME; 0 when recorded: now */
	char *type, *action;
	char *id, *name, *image; /* NULL: none */
	char **labels;
	char *detail; /* health_status: the status; kill: the signal; exec: the command; NULL */
	int exit_code;
	bool has_exit_code;
};

/** event_record() - append EVENT (borrowed). */
void event_record(struct store *store, const struct event *event);

struct container;
/** event_container() - the same, about CONTAINER. DETAIL may be NULL. */
void event_container(struct store *store, const struct container *container, const char *action,
	const char *detail);
/** event_exec_died() - a command that was run in CONTAINER has ended. */
void event_exec_died(
	struct store *store, const struct container *container, const char *command, int exit_code);
/** event_image() - the same, about an image; ID may be NULL where only the name is known. */
void event_image(struct store *store, const char *action, const char *id, const char *name);
/** event_volume() - the same, about a volume. */
void event_volume(struct store *store, const char *action, const char *name);

void event_clear(struct event *event);
#define cleanup_event __attribute__((cleanup(event_clear)))
/** event_parse() - one line, without its newline. @err: ERR_INVALID */
int event_parse(const char *line, size_t len, struct event *ret, struct error **err);

struct events_options {
	uint64_t since_ns, until_ns; /* CLOCK_REALTIME; 0: no bound */
	bool stream;                 /* go on with what comes, to until_ns or for ever */
};

/**
 * events_read() - pass the events on, in the order they were written
 * @take: called for each; @idle: nothing more for the moment
 * @err: ERR_SYSTEM; what the two return
 */
int events_read(struct store *store, const struct events_options *opts,
	int (*take)(const struct event *event, void *data, struct error **err),
	int (*idle)(void *data, struct error **err), void *data, struct error **err);
