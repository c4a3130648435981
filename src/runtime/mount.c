#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "runtime/mount.h"
#include "util/mem.h"
#include "util/str.h"

#define FSCONFIG_STRING_MAX 256 /* with the NUL */

static const struct {
	const char *word;
	uint64_t set, clear;
} flag_words[] = {
	{"ro", MOUNT_ATTR_RDONLY, 0},
	{"rw", 0, MOUNT_ATTR_RDONLY},
	{"nosuid", MOUNT_ATTR_NOSUID, 0},
	{"suid", 0, MOUNT_ATTR_NOSUID},
	{"nodev", MOUNT_ATTR_NODEV, 0},
	{"dev", 0, MOUNT_ATTR_NODEV},
	{"noexec", MOUNT_ATTR_NOEXEC, 0},
	{"exec", 0, MOUNT_ATTR_NOEXEC},
	{"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
	{"diratime", 0, MOUNT_ATTR_NODIRATIME},
	{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
	{"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
	{"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
	{"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
	{"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
	/* The kernel's default is relatime; to "un-set" one of them leads there. */
	{"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
	{"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
	{"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
};

static const struct {
	const char *word;
	uint64_t propagation;
} propagation_words[] = {
	{"private", MS_PRIVATE},
	{"slave", MS_SLAVE},
	{"shared", MS_SHARED},
	{"unbindable", MS_UNBINDABLE},
};

/* What else mount_options_parse() knows, and what every file system takes as its own. */
static const char *const other_words[] = {"bind", "copy-symlink", "dirsync", "idmap", "lazytime",
	"mand", "notmpcopyup", "rbind", "remount", "ridmap", "sync", "tmpcopyup", NULL};

/* What is so anyway. */
static const char *const default_words[] = {
	"async", "defaults", "loud", "noiversion", "nolazytime", "nomand", NULL};

char **mount_option_words(void)
{
	char **words = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(flag_words); i++) {
		strv_append(&words, flag_words[i].word);
		strv_append_take(&words, xasprintf("r%s", flag_words[i].word));
	}
	for (size_t i = 0; i < ARRAY_SIZE(propagation_words); i++) {
		strv_append(&words, propagation_words[i].word);
		strv_append_take(&words, xasprintf("r%s", propagation_words[i].word));
	}
	for (const char *const *word = other_words; *word; word++)
		strv_append(&words, *word);
	for (const char *const *word = default_words; *word; word++)
		strv_append(&words, *word);
	return words;
}

static bool flag_word(const char *word, uint64_t *set, uint64_t *clear)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_words); i++) {
		if (strcmp(word, flag_words[i].word) != 0)
			continue;
		*set = (*set & ~flag_words[i].clear) | flag_words[i].set;
		*clear = (*clear & ~flag_words[i].set) | flag_words[i].clear;
		return true;
	}
	return false;
}

static bool propagation_word(const char *word, uint64_t *propagation)
{
	for (size_t i = 0; i < ARRAY_SIZE(propagation_words); i++) {
		if (strcmp(word, propagation_words[i].word) != 0)
			continue;
		*propagation = propagation_words[i].propagation;
		return true;
	}
	return false;
}

void mount_options_clear(struct mount_options *opts)
{
	strv_free(opts->data);
	*opts = (struct mount_options){0};
}

static bool is_default(const char *word)
{
	for (const char *const *other = default_words; *other; other++)
		if (strcmp(word, *other) == 0)
			return true;
	return false;
}

int mount_options_parse(char *const *words, struct mount_options *ret, struct error **err)
{
	struct mount_options opts = {0};

	for (; words && *words; words++) {
		const char *word = *words;

		if (!*word || is_default(word))
			continue;
		if (strcmp(word, "bind") == 0) {
			opts.bind = true;
		} else if (strcmp(word, "rbind") == 0) {
			opts.bind = opts.recursive = true;
		} else if (strcmp(word, "tmpcopyup") == 0) {
			opts.copy_up = true;
		} else if (strcmp(word, "notmpcopyup") == 0) {
			opts.copy_up = false;
		} else if (strcmp(word, "idmap") == 0 || strcmp(word, "ridmap") == 0) {
			continue; /* done by the caller: idmap.c */
		} else if (strcmp(word, "copy-symlink") == 0) {
			opts.copy_symlink = true;
		} else if (strcmp(word, "remount") == 0) {
			opts.remount = true;
		} else if (strcmp(word, "silent") == 0 || strcmp(word, "iversion") == 0 ||
			   str_starts_with(word, "idmap=") || str_starts_with(word, "ridmap=")) {
			mount_options_clear(&opts);
			return error_set(
				err, ERR_UNSUPPORTED, "mount option '%s' is not supported", word);
		} else if (flag_word(word, &opts.attr_set, &opts.attr_clear) ||
			   propagation_word(word, &opts.propagation) ||
			   (word[0] == 'r' &&
				   flag_word(word + 1, &opts.rec_set, &opts.rec_clear)) ||
			   (word[0] == 'r' && propagation_word(word + 1, &opts.rec_propagation))) {
			continue;
		} else {
			if (str_starts_with(word, "mode="))
				opts.has_mode = true;
			strv_append(&opts.data, word);
		}
	}
	*ret = opts;
	return 0;
}

/* Do all strings fit into what fsconfig takes? A lowerdir= with some layers does not. */
static bool data_fits(char *const *data)
{
	for (; data && *data; data++)
		if (strlen(*data) >= FSCONFIG_STRING_MAX + strcspn(*data, "="))
			return false;
	return true;
}

/* By mount(2), somewhere, and then taken from there: what PLACE_FD names is covered for a moment.
 * Only in a mount namespace of our own. */
static int mount_by_path(
	const char *type, const char *source, const struct mount_options *opts, struct error **err)
{
	cleanup_free char *data = str_join(opts->data, ",");
	struct mount_options flags = *opts;
	cleanup_close int fd = -1;

	if (strlen(data) >= 4095)
		return error_set(err, ERR_UNSUPPORTED,
			"mount '%s': options of %zu bytes are more than mount(2) takes", type,
			strlen(data));
	if (mount(source ? source : type, "/proc", type, 0, data) < 0)
		return error_errno(err, errno, "mount '%s'", type);
	fd = open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || umount2("/proc", MNT_DETACH) < 0)
		return error_errno(err, errno, "mount '%s'", type);
	flags.attr_clear = flags.rec_clear = 0;
	if (mount_apply(fd, &flags) < 0)
		return error_errno(err, errno, "mount '%s': set its options", type);
	return steal_fd(&fd);
}

/* What the kernel says about a file system context, beyond errno; "" when nothing. */
static void context_message(int fs_fd, char *out, size_t size)
{
	ssize_t n = read(fs_fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	if (n > 2 && out[1] == ' ')
		memmove(out, out + 2, (size_t)n - 1); /* "e text" */
	out[strcspn(out, "\n")] = '\0';
}

static int context_fail(int fs_fd, const char *type, const char *what, struct error **err)
{
	int why = errno;
	char text[256];

	context_message(fs_fd, text, sizeof(text));
	return error_errno(err, why, "mount '%s': %s%s%s", type, what, *text ? ": " : "", text);
}

int mount_new(
	const char *type, const char *source, const struct mount_options *opts, struct error **err)
{
	cleanup_close int fs_fd = -1;
	int fd;

	if (!data_fits(opts->data))
		return mount_by_path(type, source, opts, err);
	fs_fd = fsopen(type, FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return error_errno(err, errno, "mount '%s'", type);
	if (source && fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return context_fail(fs_fd, type, source, err);
	for (char *const *data = opts->data; data && *data; data++) {
		size_t len = strcspn(*data, "=");
		cleanup_free char *key = xstrndup(*data, len);
		int result;

		if ((*data)[len])
			result = fsconfig(fs_fd, FSCONFIG_SET_STRING, key, *data + len + 1, 0);
		else
			result = fsconfig(fs_fd, FSCONFIG_SET_FLAG, key, NULL, 0);
		if (result < 0)
			return context_fail(fs_fd, type, *data, err);
	}
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return context_fail(fs_fd, type, "create", err);
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC,
		(unsigned int)((opts->attr_set | opts->rec_set) & ~MOUNT_ATTR_NOSYMFOLLOW));
	if (fd < 0)
		return context_fail(fs_fd, type, "mount", err);
	return fd;
}

int mount_clone(int dir_fd, const char *path, bool recursive)
{
	return open_tree(dir_fd, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT |
			(*path ? 0u : (unsigned int)AT_EMPTY_PATH) |
			(recursive ? (unsigned int)AT_RECURSIVE : 0u));
}

static int set_attributes(
	int fd, uint64_t set, uint64_t clear, uint64_t propagation, unsigned int recursive)
{
	struct mount_attr attr = {
		.attr_set = set,
		.attr_clr = clear,
		.propagation = propagation,
	};
	int result;

	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	result =
		mount_setattr(fd, "", (unsigned int)AT_EMPTY_PATH | recursive, &attr, sizeof(attr));
	if (result == 0 || errno != EPERM || recursive || !(clear & ~MOUNT_ATTR__ATIME))
		return result;
	/* Words like "rw" are mostly said without need: what is locked stays. */
	attr.attr_clr &= MOUNT_ATTR__ATIME;
	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	return mount_setattr(fd, "", (unsigned int)AT_EMPTY_PATH, &attr, sizeof(attr));
}

int mount_apply(int fd, const struct mount_options *opts)
{
	if (set_attributes(fd, opts->attr_set, opts->attr_clear, opts->propagation, 0) < 0)
		return -1;
	return set_attributes(
		fd, opts->rec_set, opts->rec_clear, opts->rec_propagation, AT_RECURSIVE);
}

int mount_attach(int fd, int target_fd)
{
	return move_mount(fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}
