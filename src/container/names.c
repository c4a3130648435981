#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "container/container.h"
#include "container/names.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/str.h"

#define LOCK_NAME "names.lock"

static const char *const adjectives[] = {"agile", "amber", "ample", "azure", "brave", "brisk",
	"calm", "clear", "clever", "cosy", "crisp", "deft", "eager", "early", "fair", "fleet",
	"fond", "frank", "fresh", "gentle", "glad", "golden", "grand", "happy", "hardy", "humble",
	"jolly", "keen", "kind", "lively", "lucid", "lucky", "mellow", "merry", "mild", "modest",
	"neat", "nimble", "noble", "open", "patient", "plain", "polite", "prime", "proud", "quick",
	"quiet", "rapid", "ready", "robust", "rosy", "serene", "sharp", "silent", "sleek", "smart",
	"solid", "steady", "sunny", "swift", "tidy", "vivid", "warm", "wise"};

static const char *const nouns[] = {"acorn", "alder", "anchor", "aspen", "badger", "barley",
	"beacon", "beaver", "birch", "breeze", "brook", "canyon", "cedar", "clover", "cobalt",
	"comet", "coral", "crane", "creek", "dolphin", "dune", "eagle", "ember", "falcon", "fern",
	"finch", "fjord", "garnet", "glacier", "harbor", "hazel", "heron", "island", "ivy",
	"juniper", "kestrel", "lagoon", "lantern", "larch", "lynx", "maple", "marten", "meadow",
	"meteor", "nectar", "orchid", "osprey", "otter", "pebble", "pepper", "petrel", "pine",
	"quartz", "raven", "reef", "robin", "saffron", "sparrow", "spruce", "thistle", "tulip",
	"walnut", "willow", "wren"};

int names_lookup(int names_fd, const char *name, char out[65])
{
	ssize_t n = readlinkat(names_fd, name, out, 65);

	if (n != 64)
		return -1;
	out[64] = '\0';
	return hex_is_valid(out, 64) ? 0 : -1;
}

char *names_find(int names_fd, const char *id)
{
	cleanup_dir DIR *dir = dir_open_at(names_fd, ".");
	struct dirent *entry;
	char found[65];

	while (dir && (entry = dir_next(dir)))
		if (names_lookup(names_fd, entry->d_name, found) == 0 && strcmp(found, id) == 0)
			return xstrdup(entry->d_name);
	return NULL;
}

/* Does the id behind a name have a record, or is it being created? */
static bool owner_is_alive(struct store *store, const char *id)
{
	cleanup_close int dir_fd = -1;

	if (faccessat(store->containers_fd, id, F_OK, 0) == 0)
		return true;
	dir_fd = openat(store->tmp_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0 && lock_is_held(dir_fd, "lock") != 0)
		return true;
	/* It may have been renamed into place between the two looks. */
	return faccessat(store->containers_fd, id, F_OK, 0) == 0;
}

static int in_use(const char *name, const char *owner, struct error **err)
{
	error_set(err, ERR_CONFLICT,
		"the container name \"%s\" is already in use by %s. You have to remove that "
		"container to be able to reuse that name: that name is already in use",
		name, owner);
	return error_docker(err,
		"Error response from daemon: Conflict. The container name \"/%s\" is already in "
		"use by container \"%s\". You have to remove (or rename) that container to be able "
		"to reuse that name",
		name, owner);
}

/* Is NAME one that ID, which has a record, was called before a rename that was killed? */
static bool is_former_name(struct store *store, const char *name, const char *id)
{
	cleanup_container struct container *container = NULL;
	cleanup_error struct error *ignored = NULL;

	return faccessat(store->containers_fd, id, F_OK, 0) == 0 &&
	       container_load(store, id, &container, &ignored) == 0 &&
	       strcmp(container->config->name, name) != 0;
}

int names_lock(struct store *store, struct error **err)
{
	return lock_open(store->data_fd, LOCK_NAME, LOCK_EXCLUSIVE, LOCK_WAIT, err);
}

static int claim(
	struct store *store, const char *name, const char *id, bool locked, struct error **err)
{
	cleanup_close int lock_fd = -1;
	char owner[65];

	for (int attempt = 0; attempt < 100; attempt++) {
		if (symlinkat(id, store->names_fd, name) == 0)
			return 0;
		if (errno != EEXIST)
			return error_errno(err, errno, "take the name '%s'", name);
		if (names_lookup(store->names_fd, name, owner) == 0 &&
			owner_is_alive(store, owner) && !is_former_name(store, name, owner))
			return in_use(name, owner, err);
		/* Left by a command that was killed. Look again with everybody else kept out. */
		if (!locked && lock_fd < 0) {
			lock_fd = names_lock(store, err);
			if (lock_fd < 0)
				return -1;
			continue;
		}
		if (unlinkat(store->names_fd, name, 0) < 0 && errno != ENOENT)
			return error_errno(err, errno, "free the name '%s'", name);
	}
	return error_set(err, ERR_CONFLICT, "the container name \"%s\" changes all the time", name);
}

int names_claim(struct store *store, const char *name, const char *id, struct error **err)
{
	return claim(store, name, id, false, err);
}

int names_claim_locked(struct store *store, const char *name, const char *id, struct error **err)
{
	return claim(store, name, id, true, err);
}

void names_sweep(struct store *store)
{
	cleanup_dir DIR *dir = dir_open_at(store->names_fd, ".");
	cleanup_error struct error *ignored = NULL; /* the next sweep takes what is left */
	cleanup_close int lock_fd = -1;
	struct dirent *entry;
	char owner[65];

	lock_fd = lock_open(store->data_fd, LOCK_NAME, LOCK_EXCLUSIVE, LOCK_TRY, &ignored);
	if (!dir || lock_fd < 0)
		return;
	while ((entry = dir_next(dir)))
		if (names_lookup(store->names_fd, entry->d_name, owner) == 0 &&
			!owner_is_alive(store, owner))
			(void)unlinkat(store->names_fd, entry->d_name, 0);
}

int names_claim_random(struct store *store, const char *id, char **ret_name, struct error **err)
{
	for (int attempt = 0; attempt < 20; attempt++) {
		cleanup_error struct error *one = NULL;
		cleanup_free char *name = NULL;
		unsigned char dice[4];

		if (getrandom(dice, sizeof(dice), 0) != sizeof(dice))
			return error_errno(err, errno, "get random bytes");
		name = xasprintf("%s_%s", adjectives[dice[0] % ARRAY_SIZE(adjectives)],
			nouns[dice[1] % ARRAY_SIZE(nouns)]);
		if (attempt >= 5) { /* crowded: a number makes it unique */
			char *numbered = xasprintf("%s%u", name, dice[2] * 256u + dice[3]);

			free(name);
			name = numbered;
		}
		if (names_claim(store, name, id, &one) == 0) {
			free(*ret_name);
			*ret_name = steal_ptr(&name);
			return 0;
		}
		if (one->kind != ERR_CONFLICT)
			return error_move(err, &one);
	}
	return error_set(err, ERR_CONFLICT, "no free container name found");
}

void names_release_locked(struct store *store, const char *name, const char *id)
{
	char owner[65];

	if (names_lookup(store->names_fd, name, owner) == 0 && strcmp(owner, id) == 0)
		(void)unlinkat(store->names_fd, name, 0); /* a dangling name is taken over */
}

void names_release(struct store *store, const char *name, const char *id)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_close int lock_fd = names_lock(store, &ignored);

	/* Where the record has gone, somebody may take the name over between two looks at it. */
	if (lock_fd >= 0)
		names_release_locked(store, name, id);
}
