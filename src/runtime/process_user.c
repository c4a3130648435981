#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/process_user.h"

#define USER_LINE_MAX   8192
#define USER_NUMBER_MAX 0x7fffffffu /* as podman: ids are at most 2^31 - 1 */
#define GROUPS_MAX      256

/* The lines of a file, without ever holding more than one. */
struct lines {
	int fd;
	size_t budget; /* bytes that may still be read */
	size_t start, end;
	bool skipping; /* the rest of a line that did not fit */
	char buf[USER_LINE_MAX];
};

static int lines_open(struct lines *lines, int root_fd, const char *path)
{
	struct open_how how = {
		/* O_NONBLOCK: a FIFO must not hang us */
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	struct stat st;

	lines->budget = PROCESS_USER_FILE_MAX;
	lines->start = lines->end = 0;
	lines->skipping = false;
	lines->fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	if (lines->fd < 0)
		return -1;
	if (fstat(lines->fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	(void)close(lines->fd);
	return -1;
}

/* The next whole line, NUL-terminated, valid until the next call; NULL at the end. */
static char *lines_next(struct lines *lines)
{
	for (;;) {
		char *line = lines->buf + lines->start;
		char *newline = memchr(line, '\n', lines->end - lines->start);
		size_t room;
		ssize_t n;

		if (newline) {
			bool skip = lines->skipping;

			*newline = '\0';
			lines->start = (size_t)(newline - lines->buf) + 1;
			lines->skipping = false;
			if (skip)
				continue;
			return line;
		}
		memmove(lines->buf, line, lines->end - lines->start);
		lines->end -= lines->start;
		lines->start = 0;
		if (lines->end == sizeof(lines->buf) - 1) {
			lines->skipping = true;
			lines->end = 0;
		}
		room = sizeof(lines->buf) - 1 - lines->end;
		if (room > lines->budget)
			room = lines->budget;
		do
			n = room ? read(lines->fd, lines->buf + lines->end, room) : 0;
		while (n < 0 && errno == EINTR);
		if (n <= 0) {
			/* The last line may lack its newline. */
			if (lines->end == 0 || lines->skipping)
				return NULL;
			lines->buf[lines->end] = '\0';
			lines->end = 0;
			return lines->buf;
		}
		lines->end += (size_t)n;
		lines->budget -= (size_t)n;
	}
}

/* Cut *P at the next ':' and step behind it; NULL when the line has no more fields. */
static char *field(char **p)
{
	char *start = *p, *colon;

	if (!start)
		return NULL;
	colon = strchr(start, ':');
	if (colon) {
		*colon = '\0';
		*p = colon + 1;
	} else {
		*p = NULL;
	}
	return start;
}

int process_id_parse(const char *text, size_t len, uint32_t *ret)
{
	uint64_t value = 0;

	if (!len)
		return 0;
	for (size_t i = 0; i < len; i++) {
		/* "-1" is a number, too, and never a user's name */
		if (i == 0 && text[0] == '-' && len > 1)
			continue;
		if (text[i] < '0' || text[i] > '9')
			return 0;
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value > USER_NUMBER_MAX)
			value = (uint64_t)USER_NUMBER_MAX + 1;
	}
	if (text[0] == '-' || value > USER_NUMBER_MAX)
		return -1;
	*ret = (uint32_t)value;
	return 1;
}

static bool name_is(const char *name, const char *wanted, size_t len)
{
	return strncmp(name, wanted, len) == 0 && name[len] == '\0';
}

/* Does the comma-separated LIST have NAME? */
static bool list_has(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (list && *list) {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, name, n) == 0)
			return true;
		list += n;
		list += *list == ',';
	}
	return false;
}

/* The group TEXT of LEN bytes, by name or number; as process_group_look_up(). */
static int group_find(int root_fd, const char *text, size_t len, uint32_t *ret_gid)
{
	uint32_t number = 0;
	int is_number = process_id_parse(text, len, &number);
	struct lines lines;
	char *line;

	if (is_number < 0)
		return ERANGE;
	/* A number stands for itself whether /etc/group has it or not. */
	if (is_number) {
		*ret_gid = number;
		return 0;
	}
	if (lines_open(&lines, root_fd, "etc/group") < 0)
		return ENOENT;
	while ((line = lines_next(&lines))) {
		char *name = field(&line), *gid;

		(void)field(&line); /* password */
		gid = field(&line);
		if (!gid || !name_is(name, text, len) ||
			process_id_parse(gid, strlen(gid), ret_gid) != 1)
			continue;
		(void)close(lines.fd);
		return 0;
	}
	(void)close(lines.fd);
	return ENOENT;
}

bool process_group_is_known(int root_fd, uint32_t gid)
{
	struct lines lines;
	bool found = false;
	char *line;

	if (lines_open(&lines, root_fd, "etc/group") < 0)
		return false;
	while (!found && (line = lines_next(&lines))) {
		uint32_t number;
		char *text;

		(void)field(&line); /* name */
		(void)field(&line);
		text = field(&line);
		found = text && process_id_parse(text, strlen(text), &number) == 1 && number == gid;
	}
	(void)close(lines.fd);
	return found;
}

static void groups_of(int root_fd, const char *user, struct process_user *ret)
{
	struct lines lines;
	char *line;

	if (lines_open(&lines, root_fd, "etc/group") < 0)
		return;
	while (ret->group_count < GROUPS_MAX && (line = lines_next(&lines))) {
		char *gid;
		uint32_t number;

		(void)field(&line); /* name */
		(void)field(&line);
		gid = field(&line);
		if (gid && line && list_has(line, user) &&
			process_id_parse(gid, strlen(gid), &number) == 1)
			ret->groups[ret->group_count++] = number;
	}
	(void)close(lines.fd);
}

int process_group_look_up(int root_fd, const char *text, uint32_t *ret_gid)
{
	return *text ? group_find(root_fd, text, strlen(text), ret_gid) : EINVAL;
}

int process_user_look_up(int root_fd, const char *text, struct process_user *ret)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	const char *group = colon && colon[1] ? colon + 1 : NULL;
	uint32_t number = 0;
	int is_number = len ? process_id_parse(text, len, &number) : 1;
	char matched[256] = "";
	struct lines lines;
	bool found = false;
	char *line;

	ret->uid = ret->gid = 0;
	ret->group_count = 0;
	strcpy(ret->home, "/");
	if (is_number < 0)
		return ERANGE;
	if (lines_open(&lines, root_fd, "etc/passwd") == 0) {
		while (!found && (line = lines_next(&lines))) {
			char *name = field(&line), *uid, *gid, *home;
			uint32_t uid_number, gid_number;

			(void)field(&line); /* password */
			uid = field(&line);
			gid = field(&line);
			(void)field(&line); /* comment */
			home = field(&line);
			if (!gid || process_id_parse(uid, strlen(uid), &uid_number) != 1 ||
				process_id_parse(gid, strlen(gid), &gid_number) != 1 ||
				(is_number ? uid_number != number : !name_is(name, text, len)))
				continue;
			found = true;
			ret->uid = uid_number;
			ret->gid = gid_number;
			if (strlen(name) < sizeof(matched))
				strcpy(matched, name);
			if (home && home[0] && strlen(home) < sizeof(ret->home))
				strcpy(ret->home, home);
		}
		(void)close(lines.fd);
	}
	ret->known = found;
	if (!found && !is_number)
		return ENOENT;
	if (!found)
		ret->uid = number;
	if (group)
		return group_find(root_fd, group, strlen(group), &ret->gid);
	if (*matched)
		groups_of(root_fd, matched, ret);
	return 0;
}
