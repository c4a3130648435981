#pragma once

#include "container/container.h"
#include "util/json.h"

/** container_inspect() - podman's (and docker's) JSON object of one container, appended to W;
 * nothing is read but the record and its state. @err: ERR_INVALID (a damaged record); W is then
 * unusable */
int container_inspect(struct store *store, const struct container *container, struct json_writer *w,
	struct error **err);
