#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootless/idmap.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"
#include "util/strbuf.h"

#define ID_FILE_MAX (4u << 20) /* bytes of /etc/passwd, /etc/subuid ...: far above any real one */
#define ID_MAX      (UINT32_MAX - 1) /* (uid_t)-1 is "no change" */

void id_maps_clear(struct id_maps *maps)
{
	free(maps->uids);
	free(maps->gids);
	*maps = (struct id_maps){0};
}

char *id_ranges_text(const struct id_range *ranges, size_t count)
{
	struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < count; i++)
		strbuf_addf(&out, "%u %u %u\n", ranges[i].container_id, ranges[i].host_id,
			ranges[i].count);
	return strbuf_detach(&out);
}

void id_ranges_from_text(const char *text, struct id_range **ret, size_t *ret_count)
{
	struct id_range *ranges = NULL;
	size_t count = 0, capacity = 0;
	unsigned int inside, outside, length;
	int used;

	for (; sscanf(text, "%u %u %u%n", &inside, &outside, &length, &used) == 3; text += used) {
		array_grow(ranges, count, capacity);
		ranges[count++] = (struct id_range){inside, outside, length};
	}
	*ret = ranges;
	*ret_count = count;
}

int id_ranges_read(const char *path, struct id_range **ret, size_t *ret_count, struct error **err)
{
	cleanup_free char *text = NULL;

	if (read_file_limited(AT_FDCWD, path, 65536, &text, NULL, err) < 0)
		return -1;
	id_ranges_from_text(text, ret, ret_count);
	return 0;
}

void id_ranges_compose(const struct id_range *inner, size_t inner_count,
	const struct id_range *outer, size_t outer_count, struct id_range **ret, size_t *ret_count)
{
	struct id_range *ranges = NULL;
	size_t count = 0, capacity = 0;

	for (size_t i = 0; i < inner_count; i++) {
		for (size_t o = 0; o < outer_count; o++) {
			uint64_t begin = MAX(inner[i].host_id, outer[o].container_id);
			uint64_t end = MIN((uint64_t)inner[i].host_id + inner[i].count,
				(uint64_t)outer[o].container_id + outer[o].count);

			if (begin >= end)
				continue;
			array_grow(ranges, count, capacity);
			ranges[count++] = (struct id_range){
				.container_id = (uint32_t)(inner[i].container_id +
							   (begin - inner[i].host_id)),
				.host_id = (uint32_t)(outer[o].host_id +
						      (begin - outer[o].container_id)),
				.count = (uint32_t)(end - begin),
			};
		}
	}
	*ret = ranges;
	*ret_count = count;
}

uint32_t id_ranges_total(const struct id_range *ranges, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += ranges[i].count;
	return (uint32_t)MIN(total, (uint64_t)UINT32_MAX);
}

void id_ranges_clip(
	struct id_range *ranges, size_t *count, const struct id_range *own, size_t own_count)
{
	uint64_t next = *count ? ranges[0].container_id : 0;
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		uint64_t first = ranges[i].host_id, end = first + ranges[i].count, length = 0;

		/* The first piece that is there: a range with holes is nothing anybody has. */
		for (size_t j = 0; j < own_count && !length; j++) {
			uint64_t low = MAX(first, (uint64_t)own[j].container_id);
			uint64_t high = MIN(end, (uint64_t)own[j].container_id + own[j].count);

			if (low >= high)
				continue;
			first = low;
			length = high - low;
		}
		if (!length)
			continue;
		ranges[kept++] =
			(struct id_range){(uint32_t)next, (uint32_t)first, (uint32_t)length};
		next += length;
	}
	*count = kept;
}

bool id_map_is_single(const char *path)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free struct id_range *ranges = NULL;
	size_t count;

	return id_ranges_read(path, &ranges, &count, &ignored) == 0 &&
	       id_ranges_total(ranges, count) <= 1;
}

/* FNV-1a, 64 bits: names sockets of one user's own directory; nothing trusts it. */
static uint64_t hash_add(uint64_t hash, const struct id_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const uint32_t words[] = {
			ranges[i].container_id, ranges[i].host_id, ranges[i].count};
		const unsigned char *bytes = (const unsigned char *)words;

		for (size_t j = 0; j < sizeof(words); j++)
			hash = (hash ^ bytes[j]) * 0x100000001b3u;
	}
	return (hash ^ 0xff) * 0x100000001b3u; /* between the two maps */
}

void id_maps_hash(const struct id_maps *maps, char out[17])
{
	uint64_t hash = 0xcbf29ce484222325u;

	hash = hash_add(hash, maps->uids, maps->uid_count);
	hash = hash_add(hash, maps->gids, maps->gid_count);
	snprintf(out, 17, "%016llx", (unsigned long long)hash);
}

uint32_t id_to_host(const struct id_range *ranges, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (id >= ranges[i].container_id && id - ranges[i].container_id < ranges[i].count)
			return ranges[i].host_id + (id - ranges[i].container_id);
	return UINT32_MAX;
}

/* The next line of *P, NUL-terminated in place; NULL at the end. */
static char *next_line(char **p)
{
	char *line = *p, *end;

	if (!*line)
		return NULL;
	end = strchr(line, '\n');
	if (end) {
		*end = '\0';
		*p = end + 1;
	} else {
		*p = line + strlen(line);
	}
	return line;
}

char *id_user_name_parse(char *passwd, uid_t uid)
{
	char *line;

	while ((line = next_line(&passwd))) {
		char *name = strsep(&line, ":"), *number;
		uint64_t value;

		(void)strsep(&line, ":"); /* password */
		number = strsep(&line, ":");
		if (*name && number && line && str_to_uint64(number, ID_MAX, &value) == 0 &&
			value == uid)
			return xstrdup(name);
	}
	return NULL;
}

/* The account's name from /etc/passwd, else from getent(1), which asks the name services for us
 * (this process stays free of them). NULL: the account has no name. */
char *id_user_name(uid_t uid, bool *ret_local)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL;
	char *name = NULL, number[16];
	int status;

	if (read_file_limited(AT_FDCWD, "/etc/passwd", ID_FILE_MAX, &text, NULL, &ignored) == 0)
		name = id_user_name_parse(text, uid);
	*ret_local = name != NULL;
	if (!name) {
		const char *const argv[] = {"getent", "passwd", number, NULL};
		cleanup_error struct error *no_getent = NULL;
		cleanup_free char *output = NULL;

		snprintf(number, sizeof(number), "%u", (unsigned int)uid);
		/* A failure leaves the number, by which subuid(5) may also name the account. */
		if (spawn_capture(argv, NULL, 65536, &output, &status, &no_getent) == 0 &&
			status == 0)
			name = id_user_name_parse(output, uid);
	}
	return name;
}

int id_ranges_parse(
	char *text, const char *name, uid_t uid, struct id_range **ret, size_t *ret_count)
{
	cleanup_free struct id_range *ranges = NULL;
	size_t count = 0, capacity = 0;
	char *line;

	while ((line = next_line(&text))) {
		char *owner = strsep(&line, ":"), *start = strsep(&line, ":"), *length = line;
		uint64_t first, n, owner_id;

		if (!start || !length)
			continue; /* newuidmap skips malformed lines, too */
		if (!str_equal(owner, name) &&
			(str_to_uint64(owner, ID_MAX, &owner_id) < 0 || owner_id != uid))
			continue;
		length[strcspn(length, " \t\r")] = '\0';
		if (str_to_uint64(start, ID_MAX, &first) < 0 ||
			str_to_uint64(length, ID_MAX, &n) < 0 || n == 0 || first + n - 1 > ID_MAX)
			continue;
		array_grow(ranges, count, capacity);
		ranges[count++] = (struct id_range){
			.host_id = (uint32_t)first,
			.count = (uint32_t)n,
		};
		if (count == ID_RANGES_MAX - 1)
			break;
	}
	*ret = steal_ptr(&ranges);
	*ret_count = count;
	return 0;
}

/* Does nsswitch.conf name a source of subordinate ids other than the files? */
bool id_ranges_elsewhere(void)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL;
	char *p, *line;

	if (read_file_limited(AT_FDCWD, "/etc/nsswitch.conf", ID_FILE_MAX, &text, NULL, &ignored) <
		0)
		return false;
	for (p = text; (line = next_line(&p));) {
		const char *rest;

		line += strspn(line, " \t");
		rest = str_starts_with(line, "subid");
		if (!rest)
			continue;
		rest += strspn(rest, " \t");
		if (*rest++ != ':')
			continue;
		rest += strspn(rest, " \t");
		return *rest && strncmp(rest, "files", 5) != 0;
	}
	return false;
}

/* The first id behind every range in the subuid(5) file PATH, at least NEXT. */
static uint64_t behind_ranges(const char *path, uint64_t next)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL;
	char *p, *line;

	if (read_file_limited(AT_FDCWD, path, ID_FILE_MAX, &text, NULL, &ignored) < 0)
		return next;
	for (p = text; (line = next_line(&p));) {
		uint64_t first, count;
		char *start;

		(void)strsep(&line, ":");
		start = strsep(&line, ":");
		if (start && line && str_to_uint64(start, ID_MAX, &first) == 0 &&
			str_to_uint64(line, ID_MAX, &count) == 0)
			next = MAX(next, first + count);
	}
	return next;
}

char *id_ranges_remedy(const char *name, bool local)
{
	uint64_t first = behind_ranges("/etc/subgid", behind_ranges("/etc/subuid", 100000));
	unsigned long long last = first + 65535;

	if (!local) /* usermod does not know the accounts of a directory service */
		return xasprintf("echo %s:%llu:65536 | sudo tee -a /etc/subuid /etc/subgid", name,
			(unsigned long long)first);
	return xasprintf("sudo usermod --add-subuids %llu-%llu --add-subgids %llu-%llu %s",
		(unsigned long long)first, last, (unsigned long long)first, last, name);
}

/* "0: user 100000 65536" lines of getsubids(1) as subuid(5) lines. */
static char *getsubids(const char *name, bool groups)
{
	const char *const argv[] = {"getsubids", groups ? "-g" : name, groups ? name : NULL, NULL};
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *output = NULL;
	struct strbuf out = STRBUF_INIT;
	char *p, *line;
	int status;

	/* A failure is the same as no range: the caller's message names the remedy. */
	if (spawn_capture(argv, NULL, ID_FILE_MAX, &output, &status, &ignored) < 0 || status != 0)
		return xstrdup("");
	for (p = output; (line = next_line(&p));) {
		unsigned int index, first, count;
		char owner[256];

		if (sscanf(line, "%u: %255s %u %u", &index, owner, &first, &count) == 4)
			strbuf_addf(&out, "%s:%u:%u\n", owner, first, count);
	}
	return strbuf_detach(&out);
}

static int subordinate_ranges(const char *path, const char *name, uid_t uid, bool local,
	bool elsewhere, bool groups, struct id_range **ret, size_t *ret_count, struct error **err)
{
	cleanup_free struct id_range *subordinate = NULL;
	cleanup_error struct error *why = NULL;
	cleanup_free char *text = NULL;
	struct id_range *ranges;
	uint64_t next = 1;
	size_t count, n = 0;

	if (elsewhere)
		text = getsubids(name, groups);
	else if (read_file_limited(AT_FDCWD, path, ID_FILE_MAX, &text, NULL, &why) < 0 &&
		 why->kind != ERR_NOT_FOUND)
		return error_move(err, &why);
	if (id_ranges_parse(text ? text : (char[]){""}, name, uid, &subordinate, &count) < 0)
		return -1;
	if (!count) {
		cleanup_free char *remedy = id_ranges_remedy(name, local);

		return error_set(err, ERR_NOT_FOUND,
			"no subordinate %s ids for '%s' in '%s'; add them with: "
			"%s" CHECK_SEE(CHECK_SUBIDS),
			groups ? "group" : "user", name, path, remedy);
	}
	ranges = xcalloc(count + 1, sizeof(*ranges));
	ranges[n++] = (struct id_range){0, groups ? getgid() : uid, 1};
	for (size_t i = 0; i < count; i++) {
		uint32_t length = subordinate[i].count;

		if (next + length - 1 > ID_MAX)
			length = (uint32_t)(ID_MAX - next + 1);
		if (!length)
			break;
		ranges[n++] = (struct id_range){(uint32_t)next, subordinate[i].host_id, length};
		next += length;
	}
	*ret = ranges;
	*ret_count = n;
	return 0;
}

int id_maps_default(struct id_maps *ret, struct error **err)
{
	struct id_maps maps = {0};
	uid_t uid = getuid();
	bool local, elsewhere = id_ranges_elsewhere();
	cleanup_free char *name = id_user_name(uid, &local);

	if (!name)
		name = xasprintf("%u", (unsigned int)uid);
	if (subordinate_ranges("/etc/subuid", name, uid, local, elsewhere, false, &maps.uids,
		    &maps.uid_count, err) < 0 ||
		subordinate_ranges("/etc/subgid", name, uid, local, elsewhere, true, &maps.gids,
			&maps.gid_count, err) < 0) {
		id_maps_clear(&maps);
		return -1;
	}
	*ret = maps;
	return 0;
}
