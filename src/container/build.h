#pragma once

#include "container/container_config.h"
#include "container/health.h"
#include "storage/image_store.h"
#include "util/error.h"

/* From the options of run and create, and the image, to the record: docker's rules of what wins. */

struct container_request {
	/* What the record will hold; options that the user gave are filled in. Taken. */
	struct container_config *config;
	char *const *command;  /* operands behind the image; NULL or empty: the image's */
	bool entrypoint_given; /* config->entrypoint overrides the image's, also with nothing */
	char *const *env, *const *env_files;
	char *const *env_merge; /* --env-merge */ /* -e, --env-file, as given */
	bool read_only_tmpfs;                     /* --read-only-tmpfs */
	bool env_host, http_proxy, unset_env_all; /* --env-host, --http-proxy, --unsetenv-all */
	char *const *unset_env; /* --unsetenv: names of defaults and the image's */
	char *const *volumes, *const *mounts, *const *tmpfs;
	char *const *mounts_from;   /* mounts of other containers' records: --volumes-from */
	bool make_sources;          /* docker: a --volume's source that is not there is made */
	const char *image_volumes;  /* "anonymous" (NULL), "tmpfs", "ignore" */
	char *const *exposed_ports; /* --expose */
	bool publish_all;           /* -P */
	struct health_request health;
};

/**
 * container_config_build() - complete REQUEST's config from IMAGE (NULL with --rootfs)
 * Options are checked here once, so that nothing is made when one is wrong. Volumes that have no
 * name get one and are noted in anonymous_volumes; nothing is created on disk.
 * @err: ERR_INVALID, ERR_USAGE, ERR_UNSUPPORTED: naming option and value
 */
int container_config_build(
	struct container_request *request, const struct image *image, struct error **err);
