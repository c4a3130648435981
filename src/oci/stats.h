#pragma once

#include <stdint.h>

#include "oci/record.h"

/** oci_pause() - freeze (or thaw) all processes. @err: ERR_UNSUPPORTED without a group */
int oci_pause(const struct oci_root *root, const char *id, bool paused, struct error **err);

struct cgroup_resources;
/** oci_update() - change limits of a container that has not ended. */
int oci_update(const struct oci_root *root, const char *id, struct cgroup_resources *resources,
	struct error **err);

/** oci_update_rdt() - change the shares of a container with linux.intelRdt; NULL: as it is.
 * @err: ERR_INVALID without that member, ERR_UNSUPPORTED without resctrl */
int oci_update_rdt(const struct oci_root *root, const char *id, const char *l3_cache_schema,
	const char *mem_bw_schema, struct error **err);

struct cgroup;
struct cgroup_stats;
/** oci_event_text() - one line of `events`: TYPE and, unless STATS is NULL, the members that runc
 * writes as far as cgroup v2 has them; those of UINT64_MAX are left out. Lines of
 * files are GROUP's; NULL: none. Owned. */
char *oci_event_text(const char *type, const char *id, const struct cgroup *group,
	const struct cgroup_stats *stats);

struct oci_events_options {
	const char *id;
	uint64_t interval_ms; /* between statistics */
	bool once;            /* statistics now, and no more */
};
/**
 * oci_events() - statistics and memory shortages, one JSON object a line, until the container ends
 * @print: gets each line; not NULL
 */
int oci_events(const struct oci_root *root, const struct oci_events_options *opts,
	int (*print)(void *data, const char *line, struct error **err), void *data,
	struct error **err);
