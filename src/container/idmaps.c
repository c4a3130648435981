#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "container/container.h"
#include "container/idmaps.h"
#include "container/parse_env.h"
#include "container/parse_mount.h"
#include "rootless/userns.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/str.h"

#define AUTO_LOCK         "auto-userns" /* in the store */
#define AUTO_SIZE_DEFAULT 1024          /* podman's */
#define RECORD_MAPS_MAX   ID_RANGES_MAX

/* One kind of ids, users or groups, while it is decided what the container gets. */
struct side {
	const char *option;          /* "--uidmap" */
	const char *file;            /* "/etc/subuid" */
	const struct id_range *base; /* container_id: what the base calls its ids */
	size_t base_count;
	uint32_t own;            /* the caller's id on the host */
	struct id_range *ranges; /* chosen; owned */
	size_t count, capacity;
};

static void side_add(struct side *side, uint32_t container_id, uint32_t base_id, uint64_t count)
{
	if (!count)
		return;
	array_grow(side->ranges, side->count, side->capacity);
	side->ranges[side->count++] =
		(struct id_range){container_id, base_id, (uint32_t)MIN(count, UINT32_MAX)};
}

/* How many ids there are beside the user's own. */
static uint32_t subordinate_total(const struct side *side)
{
	uint32_t total = id_ranges_total(side->base, side->base_count);

	return total ? total - 1 : 0;
}

bool idmaps_is_nested(const struct container_config *config)
{
	return config->uid_map != NULL;
}

/* -------- the record's words -------- */

/* "C:B:N" */
static int range_parse(const char *text, struct id_range *ret)
{
	cleanup_strv char **parts = str_split(text, ':');
	uint64_t numbers[3];

	if (strv_length(parts) != 3)
		return -1;
	for (size_t i = 0; i < 3; i++)
		if (str_to_uint64(parts[i], UINT32_MAX - 1, &numbers[i]) < 0)
			return -1;
	if (!numbers[2] || numbers[0] + numbers[2] > UINT32_MAX ||
		numbers[1] + numbers[2] > UINT32_MAX)
		return -1;
	*ret = (struct id_range){(uint32_t)numbers[0], (uint32_t)numbers[1], (uint32_t)numbers[2]};
	return 0;
}

static int ranges_read(char *const *texts, const char *member, struct id_range **ret,
	size_t *ret_count, struct error **err)
{
	size_t count = strv_length((char **)texts);
	cleanup_free struct id_range *ranges = xcalloc(count + 1, sizeof(*ranges));

	if (!count || count > RECORD_MAPS_MAX)
		return error_set(
			err, ERR_INVALID, "container.json: %s: has %zu lines", member, count);
	for (size_t i = 0; i < count; i++)
		if (range_parse(texts[i], &ranges[i]) < 0)
			return error_set(err, ERR_INVALID,
				"container.json: %s: '%.80s' is no id map", member, texts[i]);
	*ret = steal_ptr(&ranges);
	*ret_count = count;
	return 0;
}

int idmaps_read(const struct container_config *config, struct id_maps *ret, struct error **err)
{
	struct id_maps maps = {0};

	if (ranges_read(config->uid_map, "uidMap", &maps.uids, &maps.uid_count, err) < 0 ||
		ranges_read(config->gid_map, "gidMap", &maps.gids, &maps.gid_count, err) < 0) {
		id_maps_clear(&maps);
		return -1;
	}
	*ret = maps;
	return 0;
}

int idmaps_shift(struct store *store, const struct container_config *config,
	struct overlay *overlay, int base_fd, struct error **err)
{
	struct id_maps maps;
	int result;

	if (!idmaps_is_nested(config))
		return 0;
	if (idmaps_read(config, &maps, err) < 0)
		return -1;
	result = overlay_shift(store, overlay, &maps, base_fd, err);
	id_maps_clear(&maps);
	return result;
}

void idmaps_to_host(const struct id_maps *maps, const struct id_maps *base, struct id_maps *ret)
{
	static const struct id_range all = {0, 0, UINT32_MAX};

	id_ranges_compose(maps->uids, maps->uid_count, base ? base->uids : &all,
		base ? base->uid_count : 1, &ret->uids, &ret->uid_count);
	id_ranges_compose(maps->gids, maps->gid_count, base ? base->gids : &all,
		base ? base->gid_count : 1, &ret->gids, &ret->gid_count);
}

int idmaps_nest(const struct container_config *config, int base_fd, struct error **err)
{
	struct id_maps maps;
	int fd;

	if (!idmaps_is_nested(config) || idmaps_read(config, &maps, err) < 0)
		return -1;
	fd = userns_nest(base_fd, &maps, err);
	id_maps_clear(&maps);
	return fd;
}

/* -------- modes -------- */

/* The caller's id stays, or becomes KEPT; the subordinate ones fill the rest, in their order. */
static void keep_id(struct side *side, uint32_t kept)
{
	uint32_t total = subordinate_total(side);

	side_add(side, 0, 1, MIN(kept, total));
	side_add(side, kept, 0, 1);
	if (total > kept)
		side_add(side, kept + 1, kept + 1, total - kept);
}

/* "uid=N,gid=N" */
static int keep_id_parse(const char *options, uint32_t *uid, uint32_t *gid, struct error **err)
{
	cleanup_strv char **words = str_split(options, ',');

	for (char **word = words; *options && *word; word++) {
		const char *value;
		uint64_t number;
		bool is_uid = (value = str_starts_with(*word, "uid=")) != NULL;

		if (!is_uid && !(value = str_starts_with(*word, "gid=")))
			return error_set(err, ERR_USAGE,
				"invalid option \"%s\" of --userns=keep-id: uid= and gid= are "
				"known",
				*word);
		if (str_to_uint64(value, INT32_MAX, &number) < 0)
			return error_set(err, ERR_USAGE,
				"invalid option \"%s\" of --userns=keep-id: must be a number",
				*word);
		*(is_uid ? uid : gid) = (uint32_t)number;
	}
	return 0;
}

static void nomap(struct side *side)
{
	side_add(side, 0, 1, subordinate_total(side));
}

/* -------- auto -------- */

/* "size=N"; 0: not given */
static int auto_parse(const char *options, uint32_t *ret_size, struct error **err)
{
	cleanup_strv char **words = str_split(options, ',');

	for (char **word = words; *options && *word; word++) {
		const char *value = str_starts_with(*word, "size=");
		uint64_t number;

		if (!value)
			return error_set(err, ERR_USAGE,
				"invalid option \"%s\" of --userns=auto: size= is known", *word);
		if (str_to_uint64(value, UINT32_MAX - 1, &number) < 0 || !number)
			return error_set(err, ERR_USAGE,
				"invalid option \"%s\" of --userns=auto: must be a number of ids",
				*word);
		*ret_size = (uint32_t)number;
	}
	return 0;
}

/* Room for the numbers that --user has. */
static uint32_t auto_size(const struct container_config *config)
{
	cleanup_strv char **parts = str_split(config->user ? config->user : "", ':');
	uint32_t size = AUTO_SIZE_DEFAULT;
	uint64_t number;

	for (char **part = parts; *part; part++)
		if (str_to_uint64(*part, INT32_MAX, &number) == 0)
			size = MAX(size, (uint32_t)number + 1);
	return size;
}

/* Does a container that has its ids by itself have one of the COUNT from BASE_ID on? *RET_NEXT: the
 * first after it. */
static bool auto_is_taken(struct container *const *containers, size_t container_count,
	uint32_t base_id, uint32_t count, uint32_t *ret_next)
{
	for (size_t i = 0; i < container_count; i++) {
		const struct container_config *config = containers[i]->config;
		char *const *lists[] = {config->uid_map, config->gid_map};

		if (!str_starts_with(config->userns_mode ? config->userns_mode : "", "auto"))
			continue;
		for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
			for (char *const *text = lists[l]; text && *text; text++) {
				struct id_range range;

				if (range_parse(*text, &range) < 0 ||
					range.host_id >= (uint64_t)base_id + count ||
					base_id >= (uint64_t)range.host_id + range.count)
					continue;
				*ret_next = range.host_id + range.count;
				return true;
			}
	}
	return false;
}

/* For real root: podman's account for it; the ids of the base are the host's. */
static int auto_roots_range(const struct side *side, struct id_range *ret, struct error **err)
{
	cleanup_free struct id_range *ranges = NULL;
	cleanup_free char *text = NULL;
	size_t count = 0;

	if (read_file_limited(AT_FDCWD, side->file, 1u << 20, &text, NULL, err) < 0)
		return error_wrap(err, "--userns=auto");
	(void)id_ranges_parse(text, "containers", (uid_t)-1, &ranges, &count);
	if (!count)
		return error_set(err, ERR_UNSUPPORTED,
			"--userns=auto: '%s' has no range for the account 'containers', whose ids "
			"containers of root get; add one: echo containers:2147483647:2147483647 >> "
			"%s",
			side->file, side->file);
	*ret = ranges[0];
	return 0;
}

static int auto_choose(struct store *store, struct side sides[2],
	const struct container_config *config, uint32_t size, int *ret_lock_fd, struct error **err)
{
	cleanup_close int lock_fd = -1;
	struct id_range range = {.host_id = 1, .count = 0}, groups;
	struct container **containers = NULL;
	size_t count = 0;
	uint64_t at;
	uint32_t next;

	if (!size)
		size = auto_size(config);
	if (store->rootless) {
		range.count = MIN(subordinate_total(&sides[0]), subordinate_total(&sides[1]));
	} else {
		if (auto_roots_range(&sides[0], &range, err) < 0 ||
			auto_roots_range(&sides[1], &groups, err) < 0)
			return -1;
		if (groups.host_id != range.host_id)
			return error_set(err, ERR_UNSUPPORTED,
				"--userns=auto: the account 'containers' has ranges that begin at "
				"different ids in '/etc/subuid' and '/etc/subgid'; give it the "
				"same");
		range.count = MIN(range.count, groups.count);
	}
	lock_fd = lock_open(store->data_fd, AUTO_LOCK, LOCK_EXCLUSIVE, LOCK_WAIT, err);
	if (lock_fd < 0 || container_list(store, &containers, &count, err) < 0)
		return -1;
	for (at = range.host_id; auto_is_taken(containers, count, (uint32_t)at, size, &next);)
		at = next;
	container_list_free(containers, count);
	if (at + size > (uint64_t)range.host_id + range.count)
		return error_set(err, ERR_UNSUPPORTED,
			"--userns=auto: there are no %u ids that no other container has (of %u); "
			"remove containers that have them, ask for fewer with "
			"--userns=auto:size=, or give the account more" CHECK_SEE(CHECK_SUBIDS),
			size, range.count);
	for (int i = 0; i < 2; i++)
		side_add(&sides[i], 0, (uint32_t)at, size);
	*ret_lock_fd = steal_fd(&lock_fd);
	return 0;
}

/* -------- --uidmap, --subuidname -------- */

static int side_parse(struct side *side, char *const *texts, struct error **err)
{
	for (; *texts; texts++) {
		struct id_range range;

		if (range_parse(*texts, &range) < 0)
			return error_set(err, ERR_USAGE,
				"invalid argument \"%s\" for \"%s\" flag: must be "
				"CONTAINER-ID:ID:COUNT, where ID 0 is you and 1.. are your "
				"subordinate ids",
				*texts, side->option);
		side_add(side, range.container_id, range.host_id, range.count);
	}
	return 0;
}

/* NAME's ranges, in the words of the base. */
static int side_of_account(struct side *side, const char *name, struct error **err)
{
	cleanup_free struct id_range *ranges = NULL;
	cleanup_free char *text = NULL;
	size_t count = 0;
	uint32_t at = 0;

	if (read_file_limited(AT_FDCWD, side->file, 1u << 20, &text, NULL, err) < 0)
		return -1;
	(void)id_ranges_parse(text, name, (uid_t)-1, &ranges, &count);
	if (!count)
		return error_set(
			err, ERR_NOT_FOUND, "'%s' has no range for '%s'", side->file, name);
	for (size_t i = 0; i < count; i++)
		for (size_t b = 0; b < side->base_count; b++) {
			const struct id_range *base = &side->base[b];
			uint64_t begin = MAX(ranges[i].host_id, base->host_id);
			uint64_t end = MIN((uint64_t)ranges[i].host_id + ranges[i].count,
				(uint64_t)base->host_id + base->count);

			if (begin >= end)
				continue;
			side_add(side, at, (uint32_t)(base->container_id + (begin - base->host_id)),
				end - begin);
			at += (uint32_t)(end - begin);
		}
	if (!at)
		return error_set(err, ERR_UNSUPPORTED,
			"the ids of '%s' in '%s' are not yours to use", name, side->file);
	return 0;
}

static bool overlap(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
	return a < (uint64_t)b + b_count && b < (uint64_t)a + a_count;
}

/* What the kernel would say without words; and each range in one of the base's. */
static int side_check(struct side *side, struct error **err)
{
	cleanup_free struct id_range *same = xcalloc(side->base_count + 1, sizeof(*same));
	struct id_range *split = NULL;
	size_t count = 0;

	for (size_t i = 0; i < side->count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct id_range *a = &side->ranges[i], *b = &side->ranges[j];

			if (overlap(a->container_id, a->count, b->container_id, b->count) ||
				overlap(a->host_id, a->count, b->host_id, b->count))
				return error_set(err, ERR_USAGE,
					"%s: '%u:%u:%u' and '%u:%u:%u' overlap", side->option,
					b->container_id, b->host_id, b->count, a->container_id,
					a->host_id, a->count);
		}
	for (size_t i = 0; i < side->base_count; i++)
		same[i] = (struct id_range){side->base[i].container_id, side->base[i].container_id,
			side->base[i].count};
	id_ranges_compose(side->ranges, side->count, same, side->base_count, &split, &count);
	if (id_ranges_total(split, count) != id_ranges_total(side->ranges, side->count)) {
		free(split);
		return error_set(err, ERR_UNSUPPORTED,
			"%s: the container would get more ids than there are: %u, you and those in "
			"'%s'; map fewer, or have more added there" CHECK_SEE(CHECK_SUBIDS),
			side->option, id_ranges_total(side->base, side->base_count), side->file);
	}
	free(side->ranges);
	side->ranges = split;
	side->count = count;
	if (count > RECORD_MAPS_MAX)
		return error_set(err, ERR_USAGE, "%s: the kernel takes %d ranges at most",
			side->option, RECORD_MAPS_MAX);
	return 0;
}

static void side_write(const struct side *side, char ***ret)
{
	for (size_t i = 0; i < side->count; i++)
		strv_append_take(ret, xasprintf("%u:%u:%u", side->ranges[i].container_id,
					      side->ranges[i].host_id, side->ranges[i].count));
}

/* -------- together -------- */

/* The base namespace's maps; for real root the host's ids are what they are. */
static int base_maps(struct store *store, struct id_maps *ret, struct error **err)
{
	cleanup_free char *why = NULL;
	enum userns_rung rung;

	if (!store->rootless) {
		if (id_ranges_read("/proc/self/uid_map", &ret->uids, &ret->uid_count, err) < 0 ||
			id_ranges_read("/proc/self/gid_map", &ret->gids, &ret->gid_count, err) < 0)
			return -1;
		for (size_t i = 0; i < ret->uid_count; i++)
			ret->uids[i].host_id = ret->uids[i].container_id;
		for (size_t i = 0; i < ret->gid_count; i++)
			ret->gids[i].host_id = ret->gids[i].container_id;
		return 0;
	}
	if (userns_choose(ret, &rung, &why, err) < 0)
		return -1;
	if (rung == USERNS_SINGLE_ID)
		return error_set(err, ERR_UNSUPPORTED,
			"containers have one id here, there are no others to map: %s",
			why ? why : "give the account subordinate ids" CHECK_SEE(CHECK_SUBIDS));
	return 0;
}

static int choose_mode(struct store *store, const char *mode, struct side sides[2],
	struct container_config *config, int *ret_lock_fd, struct error **err)
{
	const char *colon = strchr(mode, ':'), *options = colon ? colon + 1 : "";
	cleanup_free char *word = colon ? xstrndup(mode, (size_t)(colon - mode)) : xstrdup(mode);
	uint32_t uid = sides[0].own, gid = sides[1].own, size = 0;

	if (str_equal(word, "auto"))
		return auto_parse(options, &size, err) < 0
			       ? -1
			       : auto_choose(store, sides, config, size, ret_lock_fd, err);
	if (!store->rootless)
		return error_set(err, ERR_UNSUPPORTED,
			"%s is only supported in rootless mode: real root is every id already; use "
			"--userns=auto or --uidmap",
			word);
	if (str_equal(word, "nomap")) {
		if (colon)
			return error_set(err, ERR_USAGE, "--userns=nomap takes no options");
		nomap(&sides[0]);
		nomap(&sides[1]);
		return 0;
	}
	if (keep_id_parse(options, &uid, &gid, err) < 0)
		return -1;
	keep_id(&sides[0], uid);
	keep_id(&sides[1], gid);
	return 0;
}

static int choose_maps(struct store *store, const struct idmaps_request *request,
	struct side sides[2], struct error **err)
{
	if (request->subuid_name || request->subgid_name) {
		const char *user =
			request->subuid_name ? request->subuid_name : request->subgid_name;
		const char *group =
			request->subgid_name ? request->subgid_name : request->subuid_name;

		(void)store;
		if (request->uid_maps || request->gid_maps)
			return error_set(err, ERR_USAGE,
				"--subuidname and --subgidname exclude --uidmap and --gidmap");
		if (side_of_account(&sides[0], user, err) < 0)
			return error_wrap(err, "--subuidname");
		return side_of_account(&sides[1], group, err) < 0 ? error_wrap(err, "--subgidname")
								  : 0;
	}
	/* One of them alone counts for both. */
	if (side_parse(&sides[0], request->uid_maps ? request->uid_maps : request->gid_maps, err) <
		0)
		return -1;
	return side_parse(
		&sides[1], request->gid_maps ? request->gid_maps : request->uid_maps, err);
}

static bool is_mode(const char *mode, const char *word)
{
	const char *rest = str_starts_with(mode, word);

	return rest && (*rest == '\0' || *rest == ':');
}

int idmaps_choose(struct store *store, const struct idmaps_request *request,
	struct container_config *config, int *ret_lock_fd, struct error **err)
{
	bool has_maps = request->uid_maps || request->gid_maps || request->subuid_name ||
			request->subgid_name;
	const char *mode = request->userns ? request->userns : "";
	struct id_maps base = {0};
	int result;

	*ret_lock_fd = -1;
	if (has_maps && *mode && !str_equal(mode, "private"))
		return error_set(err, ERR_USAGE,
			"--userns and --uidmap/--gidmap/--subuidname/--subgidname are mutually "
			"exclusive");
	if (str_equal(mode, "private") && !has_maps)
		return error_set(err, ERR_USAGE,
			"--userns=private: must provide at least one UID or GID mapping to "
			"configure a user namespace (--uidmap)");
	if (!has_maps && !is_mode(mode, "keep-id") && !is_mode(mode, "nomap") &&
		!is_mode(mode, "auto")) {
		if (*mode && !str_equal(mode, "host"))
			return error_set(err, ERR_USAGE,
				"invalid argument \"%s\" for \"--userns\" flag: use host, "
				"keep-id[:uid=UID,gid=GID], nomap or auto[:size=SIZE]",
				mode);
		config->userns_mode = xstrdup_null(request->userns);
		return 0;
	}
	if (base_maps(store, &base, err) < 0) {
		id_maps_clear(&base);
		return has_maps ? error_wrap(err, "--uidmap")
				: error_wrap(err, "--userns=%s", mode);
	}
	{
		struct side sides[2] = {
			{.option = "--uidmap",
				.file = "/etc/subuid",
				.base = base.uids,
				.base_count = base.uid_count,
				.own = geteuid()},
			{.option = "--gidmap",
				.file = "/etc/subgid",
				.base = base.gids,
				.base_count = base.gid_count,
				.own = getegid()},
		};

		result = has_maps ? choose_maps(store, request, sides, err)
				  : choose_mode(store, mode, sides, config, ret_lock_fd, err);
		for (int i = 0; i < 2 && result == 0; i++)
			result = side_check(&sides[i], err);
		if (result == 0) {
			config->userns_mode = xstrdup(has_maps ? "private" : mode);
			side_write(&sides[0], &config->uid_map);
			side_write(&sides[1], &config->gid_map);
		}
		free(sides[0].ranges);
		free(sides[1].ranges);
	}
	id_maps_clear(&base);
	return result;
}

/* What the container calls id 0 of the base: the user. */
static bool id_of_user(char *const *map, uint32_t *ret)
{
	for (; map && *map; map++) {
		struct id_range range;

		if (range_parse(*map, &range) == 0 && range.host_id == 0) {
			*ret = range.container_id;
			return true;
		}
	}
	return false;
}

bool idmaps_kept_id(const struct container_config *config, uint32_t *ret_uid, uint32_t *ret_gid)
{
	return is_mode(config->userns_mode ? config->userns_mode : "", "keep-id") &&
	       id_of_user(config->uid_map, ret_uid) && id_of_user(config->gid_map, ret_gid);
}

/* Is the directory, or one above it, something that the user mounts? */
static bool is_mounted(const struct container_config *config, const char *path)
{
	for (char **text = config->mounts; text && *text; text++) {
		cleanup_container_mount struct container_mount mount = {0};
		cleanup_error struct error *ignored = NULL; /* was checked before */
		const char *rest;

		if (parse_mount(*text, &mount, &ignored) < 0)
			continue;
		rest = str_starts_with(path, mount.destination);
		if (rest && (*rest == '\0' || *rest == '/'))
			return true;
	}
	return false;
}

/* The user as it is in there: its own name, and its home where that is mounted. As podman. */
static void add_own_account(struct container_config *config, uint32_t uid, uint32_t gid)
{
	const char *dir = config->working_dir && *config->working_dir ? config->working_dir : "/";
	cleanup_free char *name = NULL;
	cleanup_strv char **lines = NULL, **fields = NULL;
	cleanup_error struct error *ignored = NULL; /* a user without an entry has none there */
	bool local;

	name = id_user_name(geteuid(), &local);
	if (!name || parse_host_user(&lines, name, &ignored) < 0)
		return;
	fields = str_split(lines[0], ':');
	strv_append_take(&config->host_users,
		xasprintf("%s:*:%u:%u:%s:%s:/bin/sh", name, uid, gid, fields[4],
			is_mounted(config, fields[5]) ? fields[5] : dir));
}

void idmaps_default_user(struct container_config *config)
{
	uint32_t uid, gid;

	if (!idmaps_kept_id(config, &uid, &gid))
		return;
	if (!config->no_passwd && !config->passwd_entry)
		add_own_account(config, uid, gid);
	/* Whoever it is, it may use what the user's group may. */
	strv_append_take(&config->groups, xasprintf("%u", gid));
	if (config->user && *config->user)
		return;
	free(config->user);
	config->user = xasprintf("%u:%u", uid, gid);
}
