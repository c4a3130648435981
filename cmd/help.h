#pragma once

#include "cmd/command.h"
#include "util/strbuf.h"

/* What --help, the manual pages and the completions share. */

/** help_option_usage() - "-t, --time SECONDS", without a short name as wide in its place. */
void help_option_usage(const struct option_spec *spec, struct strbuf *out);

/** help_value_name() - what --help calls the option's value; NULL for flags. */
const char *help_value_name(const struct option_spec *spec);

/** help_sorted_options() - the visible rows of TABLE by name; the array is owned by the caller. */
const struct option_spec **help_sorted_options(const struct option_spec *table, size_t *ret_count);
