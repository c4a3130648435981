#pragma once

#include "cmd/command.h"
#include "container/container.h"
#include "util/filter.h"

/* Which containers a command is about: operands, --latest, --all, and ids read from --cidfile. */
struct container_selection {
	bool all, latest;
	bool ignore_missing; /* --ignore: what does not exist is passed over */
	bool damaged;        /* those with a damaged record, too: container_find_any() */
	char *const *cid_files;
};

struct container_targets {
	struct container **items;
	char **names; /* as the user said them, for printing */
	size_t count, capacity;
};
void container_targets_clear(struct container_targets *targets);
#define cleanup_targets __attribute__((cleanup(container_targets_clear)))

/**
 * container_select() - look up what ARGV[0..argc) and OPTS name
 * @report: called for each that cannot be found, unless ignore_missing; its return value goes into
 *          *status
 * @err: ERR_USAGE when nothing or too much was named
 */
int container_select(struct store *store, const struct command *command,
	const struct container_selection *opts, int argc, char **argv,
	struct container_targets *ret, int *status, struct error **err);

/** container_filters_parse() - --filter of start and stop. @err: ERR_USAGE */
int container_filters_parse(char *const *args, struct filter_list *ret, struct error **err);
/** container_filter_matches() - for filters_match(); ROW: a struct container */
bool container_filter_matches(const struct filter *filter, const void *row, void *data);
