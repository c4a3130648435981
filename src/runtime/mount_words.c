#include "config.h"

#include <string.h>

#include "runtime/mount.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/str.h"

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

/* Flags of mount(2) that fsconfig and fsmount have no place for. */
static const struct {
	const char *word;
	unsigned long set, clear;
} mount_words[] = {
	{"iversion", MS_I_VERSION, 0},
	{"noiversion", 0, MS_I_VERSION},
	{"silent", MS_SILENT, 0},
	{"loud", 0, MS_SILENT},
};

/* What else mount_options_parse() knows, and what every file system takes as its own. */
static const char *const other_words[] = {"bind", "copy-symlink", "dirsync", "idmap", "lazytime",
	"mand", "notmpcopyup", "rbind", "remount", "ridmap", "sync", "tmpcopyup", NULL};

/* What is so anyway. */
static const char *const default_words[] = {"async", "defaults", "nolazytime", "nomand", NULL};

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
	for (size_t i = 0; i < ARRAY_SIZE(mount_words); i++)
		strv_append(&words, mount_words[i].word);
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

static bool mount_word(const char *word, unsigned long *flags)
{
	for (size_t i = 0; i < ARRAY_SIZE(mount_words); i++) {
		if (strcmp(word, mount_words[i].word) != 0)
			continue;
		*flags = (*flags & ~mount_words[i].clear) | mount_words[i].set;
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
		} else if (str_starts_with(word, "idmap=") || str_starts_with(word, "ridmap=")) {
			mount_options_clear(&opts);
			return error_set(
				err, ERR_UNSUPPORTED, "mount option '%s' is not supported", word);
		} else if (mount_word(word, &opts.mount_flags) ||
			   flag_word(word, &opts.attr_set, &opts.attr_clear) ||
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
