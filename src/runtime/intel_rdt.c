#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/intel_rdt.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define MOUNTINFO_MAX (4u << 20)
#define SCHEMATA_MAX  65536

int intel_rdt_root(struct error **err)
{
	cleanup_close int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	cleanup_strv char **lines = NULL;
	cleanup_free char *text = NULL;
	size_t len;

	if (fd < 0)
		return error_errno(err, errno, "open '/proc/self/mountinfo'");
	if (read_fd_limited(fd, MOUNTINFO_MAX, &text, &len, err) < 0)
		return -1;
	lines = str_split(text, '\n');
	for (char **line = lines; *line; line++) {
		cleanup_strv char **fields = NULL;
		const char *type = strstr(*line, " - ");
		int root_fd;

		if (!type || !str_starts_with(type, " - resctrl "))
			continue;
		fields = str_split(*line, ' ');
		if (strv_length(fields) < 5)
			continue;
		root_fd = open(fields[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return root_fd < 0 ? error_errno(err, errno, "open '%s'", fields[4]) : root_fd;
	}
	return error_set(err, ERR_UNSUPPORTED,
		"this host has no resctrl file system; mount it where the processor has Intel RDT: "
		"sudo mount -t resctrl resctrl /sys/fs/resctrl");
}

/* What is to be written to "schemata", one line each; owned, NULL: nothing. */
static char **wanted_lines(const struct runtime_intel_rdt *rdt)
{
	char **lines = NULL;

	if (rdt->l3_cache_schema) {
		cleanup_strv char **parts = str_split(rdt->l3_cache_schema, '\n');

		/* Bandwidth has a member of its own. */
		for (char **part = parts; *part; part++)
			if (**part && !str_starts_with(*part, "MB:"))
				strv_append(&lines, *part);
	}
	if (rdt->mem_bw_schema)
		strv_append(&lines, rdt->mem_bw_schema);
	for (char **line = rdt->schemata; line && *line; line++)
		strv_append(&lines, *line);
	return lines;
}

static int write_file(int dir_fd, const char *name, const char *text, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);

	/* One write: what the kernel refuses it refuses as a whole. */
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return error_errno(err, errno, "write '%s' of resctrl", name);
	return 0;
}

/* Has the class that is there already the line that is wanted? The kernel pads names. */
static int compare_schemata(int dir_fd, char *const *wanted, struct error **err)
{
	cleanup_close int fd = openat(dir_fd, "schemata", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_free char *text = NULL;
	cleanup_strv char **lines = NULL;
	size_t len;

	if (fd < 0)
		return error_errno(err, errno, "open 'schemata' of resctrl");
	if (read_fd_limited(fd, SCHEMATA_MAX, &text, &len, err) < 0)
		return -1;
	lines = str_split(text, '\n');
	for (; *wanted; wanted++) {
		bool found = false;

		for (char **line = lines; *line && !found; line++)
			found = strcmp(*line + strspn(*line, " "), *wanted) == 0;
		if (!found)
			return error_set(err, ERR_CONFLICT,
				"the class of service is there already, without '%s'", *wanted);
	}
	return 0;
}

static int write_schemata(int dir_fd, char *const *wanted, struct error **err)
{
	cleanup_free char *joined = str_join(wanted, "\n");
	cleanup_free char *text = xasprintf("%s\n", joined);

	return write_file(dir_fd, "schemata", text, err);
}

static int add_task(int dir_fd, pid_t pid, struct error **err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	return write_file(dir_fd, "tasks", text, err);
}

/* The group that the kernel counts cache and bandwidth of. */
static int add_monitoring(int dir_fd, const char *id, pid_t pid, struct error **err)
{
	cleanup_close int groups_fd =
		openat(dir_fd, "mon_groups", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int fd = -1;

	if (groups_fd < 0)
		return error_errno(err, errno, "monitoring of resctrl");
	if (mkdirat(groups_fd, id, 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "make monitoring group '%s' of resctrl", id);
	fd = openat(groups_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "open monitoring group '%s' of resctrl", id);
	return add_task(fd, pid, err);
}

static int apply(int root_fd, const struct runtime_intel_rdt *rdt, const char *id, pid_t pid,
	struct error **err)
{
	const char *name = rdt->clos_id ? rdt->clos_id : id;
	cleanup_strv char **wanted = wanted_lines(rdt);
	cleanup_close int dir_fd = -1;
	bool made = mkdirat(root_fd, name, 0755) == 0;

	if (!made && errno != EEXIST)
		return error_errno(err, errno, "make class of service '%s'", name);
	if (made && rdt->clos_id && !wanted) {
		(void)unlinkat(root_fd, name, AT_REMOVEDIR);
		return error_set(err, ERR_NOT_FOUND,
			"there is no class of service '%s', and no schema to make it", name);
	}
	dir_fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return error_errno(err, errno, "open class of service '%s'", name);
	if (wanted && !made && rdt->clos_id && !rdt->schemata) {
		if (compare_schemata(dir_fd, wanted, err) < 0)
			return -1;
	} else if (wanted && write_schemata(dir_fd, wanted, err) < 0) {
		return -1;
	}
	if (add_task(dir_fd, pid, err) < 0)
		return -1;
	return rdt->enable_monitoring ? add_monitoring(dir_fd, id, pid, err) : 0;
}

int intel_rdt_apply(int root_fd, const struct runtime_intel_rdt *rdt, const char *id, pid_t pid,
	struct error **err)
{
	if (apply(root_fd, rdt, id, pid, err) == 0)
		return 0;
	intel_rdt_remove(root_fd, rdt, id);
	return -1;
}

int intel_rdt_update(
	int root_fd, const struct runtime_intel_rdt *rdt, const char *id, struct error **err)
{
	const char *name = rdt->clos_id ? rdt->clos_id : id;
	cleanup_strv char **wanted = wanted_lines(rdt);
	cleanup_close int dir_fd =
		openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir_fd < 0 && errno == ENOENT)
		return error_set(err, ERR_NOT_FOUND, "there is no class of service '%s'", name);
	if (dir_fd < 0)
		return error_errno(err, errno, "open class of service '%s'", name);
	return wanted ? write_schemata(dir_fd, wanted, err) : 0;
}

void intel_rdt_remove(int root_fd, const struct runtime_intel_rdt *rdt, const char *id)
{
	cleanup_close int dir_fd = -1, groups_fd = -1;

	/* Directories of a kernel file system: what is in them goes along. */
	if (!rdt->clos_id) {
		(void)unlinkat(root_fd, id, AT_REMOVEDIR);
		return;
	}
	dir_fd = openat(root_fd, rdt->clos_id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	groups_fd = dir_fd < 0 ? -1
			       : openat(dir_fd, "mon_groups",
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (groups_fd >= 0)
		(void)unlinkat(groups_fd, id, AT_REMOVEDIR);
}
