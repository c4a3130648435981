#include "config.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/init.h"
#include "runtime/process_user.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define LINE_MAX_BYTES 4096

/*
 * The container's /etc/passwd and /etc/group get a line for the process's user where they have
 * none, as podman's do: programs look up the name and home of who they run as. It is done in the
 * root alone, before anything is mounted on it, so no file of the user's is written to. A root
 * without such a file, or with one that cannot be written, stays as it is.
 */

/* The regular file PATH of the root, to be read and appended to; -1. */
static int open_file(int root_fd, const char *path)
{
	cleanup_close int fd =
		open_in_root(root_fd, path, O_RDWR | O_APPEND | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	/* The root is anybody's: no FIFO, no device. */
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink == 0)
		return -1;
	return steal_fd(&fd);
}

static void append_line(int fd, const char *line)
{
	cleanup_free char *text = NULL;
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';

	if (strchr(line, '\n') || strlen(line) > LINE_MAX_BYTES)
		return;
	if (end > 0 && pread(fd, &last, 1, end - 1) != 1)
		return;
	text = xasprintf("%s%s\n", last == '\n' ? "" : "\n", line);
	(void)!write(fd, text, strlen(text)); /* a full disk: it goes without */
}

/* TEXT with "$NAME" replaced by VALUE of each pair; owned. */
static char *expand(const char *text, const char *const pairs[][2], size_t count)
{
	struct strbuf out = STRBUF_INIT;

	while (*text) {
		size_t best = count;

		for (size_t i = 0; i < count && *text == '$'; i++)
			if (str_starts_with(text + 1, pairs[i][0]) &&
				(best == count || strlen(pairs[i][0]) > strlen(pairs[best][0])))
				best = i;
		if (best < count) {
			strbuf_addstr(&out, pairs[best][1]);
			text += 1 + strlen(pairs[best][0]);
		} else {
			strbuf_addch(&out, *text++);
		}
	}
	return strbuf_detach(&out);
}

static void add_user(int root_fd, const struct runtime_accounts *accounts, const char *home,
	const struct process_user *user)
{
	cleanup_free char *uid = xasprintf("%u", user->uid), *gid = xasprintf("%u", user->gid);
	const char *const pairs[][2] = {{"USERNAME", uid}, {"UID", uid}, {"GID", gid},
		{"NAME", "container user"}, {"HOME", home}};
	cleanup_close int fd = open_file(root_fd, "etc/passwd");
	cleanup_free char *line = NULL;

	if (fd < 0)
		return;
	line = expand(accounts->passwd_entry ? accounts->passwd_entry
					     : "$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/sh",
		pairs, ARRAY_SIZE(pairs));
	append_line(fd, line);
}

static void add_group(
	int root_fd, const struct runtime_accounts *accounts, const struct process_user *user)
{
	cleanup_free char *uid = xasprintf("%u", user->uid), *gid = xasprintf("%u", user->gid);
	const char *const pairs[][2] = {{"GROUPNAME", gid}, {"GID", gid}, {"USERLIST", uid}};
	cleanup_close int fd = open_file(root_fd, "etc/group");
	cleanup_free char *line = NULL;

	if (fd < 0 || process_group_is_known(root_fd, user->gid))
		return;
	line = expand(accounts->group_entry ? accounts->group_entry : "$GROUPNAME:x:$GID:$USERLIST",
		pairs, ARRAY_SIZE(pairs));
	append_line(fd, line);
}

/* LINE is of the host's passwd; its name counts. */
static void add_host_user(int root_fd, const char *line)
{
	cleanup_free char *name = xstrndup(line, strcspn(line, ":"));
	struct process_user user;
	cleanup_close int fd = -1;

	if (process_user_look_up(root_fd, name, &user) == 0)
		return;
	fd = open_file(root_fd, "etc/passwd");
	if (fd >= 0)
		append_line(fd, line);
}

void init_add_accounts(struct init_context *context)
{
	const struct runtime_accounts *accounts = context->opts->accounts;
	const char *text = context->spec->process.user, *cwd = context->spec->process.cwd;
	struct process_user user;
	uint32_t number;

	if (!accounts)
		return;
	for (char *const *line = accounts->host_users; line && *line; line++)
		add_host_user(context->root_fd, *line);
	/* A name is in the files, or it is an error later; nobody is without root. */
	if (!text || process_id_parse(text, strcspn(text, ":"), &number) != 1 || number == 0 ||
		process_user_look_up(context->root_fd, text, &user) != 0)
		return;
	if (!user.known)
		add_user(context->root_fd, accounts, cwd && *cwd ? cwd : "/", &user);
	if (strchr(text, ':'))
		add_group(context->root_fd, accounts, &user);
}
