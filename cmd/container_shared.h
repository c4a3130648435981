#pragma once

#include "container/index.h"
#include "util/filter.h"

/* What the commands over many containers share. */

/** container_row_matches() - for filters_match(): keys label, until; DATA is a const uint64_t *
 * with the time now. A malformed time matches nothing: check it first with
 * container_filters_check(). */
bool container_row_matches(const struct filter *filter, const void *row, void *data);

extern const char *const container_prune_keys[];

/** container_filters_check() - the values of "until". @err: ERR_INVALID */
int container_filters_check(const struct filter_list *filters, uint64_t now_ns, struct error **err);

struct command;
/**
 * container_prune_stopped() - remove every container that does not run and passes FILTERS
 * @ret_ids: those removed; owned, NULL none
 * @ret_status: what command_report() made of failures; 0 none
 */
int container_prune_stopped(struct store *store, const struct command *command,
	const struct filter_list *filters, char ***ret_ids, int *ret_status, struct error **err);
