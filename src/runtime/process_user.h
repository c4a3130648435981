#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Users and groups by the container's own /etc/passwd and /etc/group, which are hostile: they are
 * read from "/" as regular files only, at most PROCESS_USER_FILE_MAX bytes, lines longer than the
 * buffer are skipped. Part of the process stage (process.h): no heap, both C libraries.
 */

#define PROCESS_USER_FILE_MAX (1u << 20)
#define PROCESS_HOME_MAX      1024

struct process_user {
	uint32_t uid, gid;
	uint32_t groups[256]; /* supplementary, PROCESS_GROUPS_MAX; more are left out */
	size_t group_count;
	bool known;                  /* passwd has it */
	char home[PROCESS_HOME_MAX]; /* "/" when passwd has none */
};

/**
 * process_user_look_up() - "user", "uid", "user:group" or "uid:gid", as podman reads it
 * @root_fd: directory whose etc/passwd and etc/group count; links are resolved inside of it
 * @text:    a number that passwd does not have is taken as it is (group 0); "" is uid 0
 *
 * Groups that list the user are supplementary, unless a group is named. Numbers are decimal without
 * sign, at most 2147483647.
 *
 * Returns: 0, or an errno: ENOENT no such user or group, ERANGE number out of range, EINVAL
 * neither.
 */
int process_user_look_up(int root_fd, const char *text, struct process_user *ret);

/** process_group_is_known() - has ROOT_FD's etc/group a group with this number? */
bool process_group_is_known(int root_fd, uint32_t gid);

/** process_group_look_up() - a group's number by name or number. As above. */
int process_group_look_up(int root_fd, const char *text, uint32_t *ret_gid);

/** process_id_parse() - strict decimal id: 1 and *ret, 0 when TEXT is no number, -1 out of range.
 */
int process_id_parse(const char *text, size_t len, uint32_t *ret);
