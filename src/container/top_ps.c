#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container/top.h"
#include "rootless/spawn.h"
#include "rootless/userns.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/* `docker top`: the host's ps(1) is run and its lines that are about processes of the container are
 * kept. */

#define OUTPUT_MAX_BYTES (64u << 20)

/* Neither the width of our terminal nor PS_FORMAT and its like are for it. */
static char **ps_environment(void)
{
	static const char *const names[] = {"PATH", "TZ"};
	char **env = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value)
			strv_append_take(&env, xasprintf("%s=%s", names[i], value));
	}
	strv_append(&env, "LC_ALL=C.UTF-8");
	return env;
}

static int read_back(int fd, char **ret, struct error **err)
{
	size_t len;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "read the output of ps");
	return read_fd_limited(fd, OUTPUT_MAX_BYTES, ret, &len, err);
}

/* Returns ps's wait status, or -1. */
static int run_ps(int userns_fd, char *const *args, const char *pids, char **ret_out,
	char **ret_errors, struct error **err)
{
	cleanup_close int out_fd = memfd_create("ps", MFD_CLOEXEC);
	cleanup_close int errors_fd = memfd_create("ps", MFD_CLOEXEC);
	cleanup_strv char **argv = NULL, **env = ps_environment();
	cleanup_free char *out = NULL, *errors = NULL;
	struct spawn_fd fds[] = {{out_fd, STDOUT_FILENO}, {errors_fd, STDERR_FILENO}};
	struct spawn_options opts = {.fds = fds, .fd_count = ARRAY_SIZE(fds)};
	pid_t pid;
	int status;

	if (out_fd < 0 || errors_fd < 0)
		return error_errno(err, errno, "make a memory file");
	strv_append(&argv, "ps");
	for (; *args; args++)
		strv_append(&argv, *args);
	if (pids)
		strv_append_take(&argv, xasprintf("-q%s", pids));
	opts.argv = (const char *const *)argv;
	opts.envp = (const char *const *)env;
	if (userns_spawn(userns_fd, &opts, &pid, err) < 0)
		return error_wrap(err, "start ps (Debian package procps)");
	status = spawn_wait(pid, err);
	if (status < 0 || read_back(out_fd, &out, err) < 0 ||
		read_back(errors_fd, &errors, err) < 0)
		return -1;
	*ret_out = steal_ptr(&out);
	*ret_errors = steal_ptr(&errors);
	return status;
}

/* Words of LINE, at most MAX; the last one is the rest of the line. */
static char **split_line(char *line, size_t max)
{
	char **words = NULL;

	for (size_t i = 0; i < max; i++) {
		size_t len;

		line += strspn(line, " \t");
		if (!*line)
			break;
		len = i + 1 == max ? strlen(line) : strcspn(line, " \t");
		strv_append_take(&words, xstrndup(line, len));
		line += len;
	}
	return words;
}

/* What a process calls itself must not reach a terminal as a command. */
static void make_visible(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static int parse_output(char *text, char *const *pids, struct top *ret, struct error **err)
{
	cleanup_strv char **headings = NULL, **cells = NULL;
	size_t columns, pid_column = 0, rows = 0;
	char *save = NULL;
	char *line = strtok_r(text, "\n", &save);

	headings = split_line(line ? line : text, SIZE_MAX);
	columns = strv_length(headings);
	while (pid_column < columns && strcmp(headings[pid_column], "PID") != 0)
		pid_column++;
	if (pid_column == columns)
		return error_set(err, ERR_INVALID, "Couldn't find PID field in ps output");
	while ((line = strtok_r(NULL, "\n", &save))) {
		cleanup_strv char **words = NULL;

		make_visible(line);
		words = split_line(line, columns);
		if (strv_length(words) != columns || !strv_contains(pids, words[pid_column]))
			continue;
		for (size_t i = 0; i < columns; i++)
			strv_append(&cells, words[i]);
		rows++;
	}
	*ret = (struct top){.columns = columns,
		.row_count = rows,
		.headings = steal_ptr(&headings),
		.cells = steal_ptr(&cells)};
	return 0;
}

/* Where ps takes no names for its columns that hide which one is the pid: "-o pid=X". */
static bool renames_pid(char *const *args)
{
	for (; *args; args++)
		if (strstr(*args, "pid=") || strstr(*args, "PID="))
			return true;
	return false;
}

int container_top_ps(struct store *store, struct container *container, char *const *args,
	struct top *ret, struct error **err)
{
	char *const hpid[] = {(char *)"hpid", NULL}, *const full[] = {(char *)"-ef", NULL};
	cleanup_free char *list = NULL, *out = NULL, *errors = NULL;
	cleanup_close int userns_fd = -1;
	struct top pids;
	int status;

	if (!args || !*args)
		args = full;
	if (renames_pid(args))
		return error_set(err, ERR_INVALID, "the column PID of ps keeps its name here");
	if (container_top(store, container, hpid, &pids, err) < 0)
		return -1;
	list = str_join(pids.cells, ",");
	if (store->rootless)
		userns_fd = userns_get(store->runtime_fd, err);
	status = store->rootless && userns_fd < 0
			 ? -1
			 : run_ps(userns_fd, args, list, &out, &errors, err);
	/* some options do not go together with -q */
	if (status > 0) {
		free(steal_ptr(&out));
		free(steal_ptr(&errors));
		status = run_ps(userns_fd, args, NULL, &out, &errors, err);
	}
	if (status > 0) {
		errors[strcspn(errors, "\n")] = '\0';
		make_visible(errors);
		error_set(err, ERR_INVALID, "%s", *errors ? errors : "ps failed");
		status = -1;
	}
	if (status == 0)
		status = parse_output(out, pids.cells, ret, err);
	top_clear(&pids);
	return status;
}
