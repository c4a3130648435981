#pragma once

#include "storage/image_store.h"
#include "util/error.h"
#include "util/json.h"

/*
 * --change: Dockerfile instructions that edit an image's config: CMD ENTRYPOINT ENV EXPOSE LABEL
 * STOPSIGNAL USER VOLUME WORKDIR, as "INSTRUCTION VALUE" or, as podman allows, "INSTRUCTION=VALUE".
 */

/** change_apply() - one instruction to CONFIG. @err: ERR_INVALID, naming the change */
int change_apply(struct image_config *config, const char *change, struct error **err);

/**
 * image_config_compose() - text of an OCI image config; owned, deterministic
 * @created: RFC 3339
 * @created_by, @comment: of the one history entry per layer; comment NULL none
 */
char *image_config_compose(const struct image_config *config, const char *created,
	const char *created_by, const char *comment, size_t *ret_len);
