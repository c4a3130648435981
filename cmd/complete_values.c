#include "config.h"

#include <string.h>
#include <unistd.h>

#include "cmd/complete.h"
#include "cmd/docker.h"
#include "cmd/listing.h"
#include "cmd/volume_shared.h"
#include "container/index.h"
#include "runtime/capability.h"
#include "storage/image_store.h"
#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/signals.h"
#include "util/str.h"

#define ID_SHOWN 12 /* characters of an id */

extern char **environ;

/* ---- what the store knows; a store that cannot be opened has nothing ---- */

/* The store, but none is made for a --root that is still being typed. */
static bool open_store(const struct completion *c, struct store **ret)
{
	const char *root = c->ctx->root, *below = root ? str_starts_with(root, "~/") : NULL;
	cleanup_error struct error *ignored = NULL;
	const char *home = getenv("HOME");
	cleanup_free char *path = NULL, *version = NULL;
	bool opened;

	if (root) {
		/* As the shell will expand it. */
		path = below && home ? path_join(home, below) : xstrdup(root);
		version = path_join(path, "version");
		if (access(version, F_OK) < 0)
			return false;
		c->ctx->root = path;
	}
	opened = command_store(c->ctx, ret, &ignored) == 0;
	c->ctx->root = root;
	return opened;
}

enum wanted { ANY, ALIVE, PAUSED, ENDED };

static bool is_wanted(const struct container_row *row, enum wanted which)
{
	bool ended = row->state == CONTAINER_CREATED || row->state == CONTAINER_EXITED;

	switch (which) {
	case ALIVE:
		return !ended;
	case PAUSED:
		return row->state == CONTAINER_PAUSED;
	case ENDED:
		return ended;
	case ANY:
		break;
	}
	return true;
}

/* Ids only for who has begun to type one: names say more. */
static void offer_id(const struct completion *c, const char *id, const char *description)
{
	cleanup_free char *shown = NULL;

	if (!*c->current || !str_starts_with(id, c->current))
		return;
	shown = xstrndup(id, MAX(strlen(c->current), ID_SHOWN));
	complete_add(c, shown, description);
}

/* SUFFIX: stands behind every name ("" or ":"). */
static void offer_containers(const struct completion *c, enum wanted which, const char *suffix)
{
	cleanup_container_index struct container_index index = {0};
	cleanup_error struct error *ignored = NULL;
	struct store *store;

	if (!open_store(c, &store) || container_index_load(store, &index, &ignored) < 0)
		return;
	for (size_t i = 0; i < index.count; i++) {
		const struct container_row *row = &index.rows[i];
		cleanup_free char *name = xasprintf("%s%s", row->name, suffix);
		cleanup_free char *about =
			xasprintf("%s, %s", container_state_name(row->state), row->image_name);

		if (!is_wanted(row, which))
			continue;
		complete_add(c, name, about);
		if (!*suffix)
			offer_id(c, row->id, about);
	}
}

static void offer_images(const struct completion *c)
{
	cleanup_error struct error *ignored = NULL;
	struct image_ref *refs = NULL;
	struct store *store;
	size_t count;

	if (!open_store(c, &store) || image_list(store, &refs, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const char *name = refs[i].reference;
		const char *rest = name ? str_starts_with(name, "docker.io/library/") : NULL;

		if (name && !rest)
			rest = str_starts_with(name, "localhost/");
		if (rest)
			complete_add(c, rest, refs[i].image_id);
		/* The long form of what has a short one is offered to who has begun to type it. */
		if (name && (!rest || *c->current))
			complete_add(c, name, refs[i].image_id);
		offer_id(c, refs[i].image_id, name);
	}
	image_refs_free(refs, count);
}

static void offer_volumes(const struct completion *c, const char *suffix)
{
	cleanup_volume_set struct volume_set set = {0};
	cleanup_error struct error *ignored = NULL;
	struct store *store;

	if (!open_store(c, &store) || volume_set_load(store, NULL, NULL, &set, &ignored) < 0)
		return;
	for (size_t i = 0; i < set.count; i++) {
		cleanup_free char *name = xasprintf("%s%s", set.chosen[i]->name, suffix);

		complete_add(c, name, set.chosen[i]->mountpoint);
	}
}

/* ---- what is fixed ---- */

static void offer_words(const struct completion *c, const char *const *words)
{
	for (; *words; words++)
		complete_add(c, *words, NULL);
}

static void offer_signals(const struct completion *c)
{
	for (int signal = 1; signal <= 31; signal++) {
		const char *name = signal_name(signal);

		if (!name)
			continue;
		complete_add(c, name, NULL);
		if (*c->current && *c->current != 'S') /* "TERM" */
			complete_add(c, name + 3, NULL);
	}
}

static void offer_capabilities(const struct completion *c)
{
	complete_add(c, "ALL", NULL);
	for (unsigned int i = 0; i <= capability_last(); i++) {
		const char *name = capability_name(i);

		if (!name)
			continue;
		complete_add(c, name, NULL);
		if (*c->current && !str_starts_with("CAP_", c->current))
			complete_add(c, name + 4, NULL); /* "NET_ADMIN" */
	}
}

static void offer_environment(const struct completion *c)
{
	for (char **variable = environ; *variable; variable++) {
		cleanup_free char *name = xstrndup(*variable, strcspn(*variable, "="));

		complete_add(c, name, NULL);
	}
}

/* Namespaces, networks: WORDS, and "container:" with a name behind it. */
static void offer_modes(const struct completion *c, const char *const *words)
{
	static const char other[] = "container:";
	const char *name = str_starts_with(c->current, other);

	offer_words(c, words);
	if (name) {
		cleanup_free char *prefix = xasprintf("%s%s", c->prefix, other);
		struct completion inner = *c;

		inner.prefix = prefix;
		inner.current = name;
		offer_containers(&inner, ALIVE, "");
	} else {
		complete_add(c, other, "share a container's");
	}
}

/* "VOLUME:/place:options" or "./directory:/place". */
static void offer_mounts(struct completion *c)
{
	static const char *const flags[] = {"ro", "rw", "z", "Z", "U", NULL};
	const char *first = strchr(c->current, ':'),
		   *second = first ? strchr(first + 1, ':') : NULL;

	if (second) {
		cleanup_free char *prefix =
			xasprintf("%s%.*s", c->prefix, (int)(second + 1 - c->current), c->current);
		struct completion inner = *c;

		inner.prefix = prefix;
		inner.current = second + 1;
		offer_words(&inner, flags);
	} else if (!first) {
		offer_volumes(c, ":");
		c->files = "files";
	}
}

/* ---- filters ---- */

static const char *const container_keys[] = {"ancestor=", "before=", "exited=", "id=", "label=",
	"name=", "network=", "since=", "status=", "until=", "volume=", NULL};
static const char *const image_keys[] = {"before=", "containers=", "dangling=", "digest=", "id=",
	"intermediate=", "label=", "readonly=", "reference=", "since=", "until=", NULL};
static const char *const volume_keys[] = {
	"dangling=", "driver=", "label=", "name=", "scope=", "since=", "until=", NULL};
static const char *const policy_keys[] = {
	"label=", "name=", "restart-policy=", "should-start-on-boot=", NULL};
static const char *const policies[] = {"no", "always", "on-failure", "unless-stopped", NULL};
static const char *const prune_keys[] = {"label=", "label!=", "until=", NULL};
static const char *const states[] = {"created", "running", "exited", "paused", NULL};
static const char *const truths[] = {"true", "false", NULL};

static const char *const *filter_keys(const struct command *command)
{
	static const struct {
		const char *name, *about;
		const char *const *keys;
	} commands[] = {
		{"ps", NULL, container_keys},
		{"start", NULL, policy_keys},
		{"stop", NULL, policy_keys},
		{"images", NULL, image_keys},
		{"ls", "list volumes", volume_keys},
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (str_equal(command->name, commands[i].name) &&
			(!commands[i].about || str_equal(command->summary, commands[i].about)))
			return commands[i].keys;
	return prune_keys;
}

static void offer_filters(const struct completion *c)
{
	size_t key_len = strcspn(c->current, "=");
	cleanup_free char *prefix = NULL, *key = NULL;
	struct completion inner = *c;

	if (!c->current[key_len]) {
		offer_words(c, filter_keys(c->command));
		return;
	}
	key = xstrndup(c->current, key_len);
	prefix = xasprintf("%s%s=", c->prefix, key);
	inner.prefix = prefix;
	inner.current = c->current + key_len + 1;
	if (str_equal(key, "status"))
		offer_words(&inner, states);
	else if (str_equal(key, "dangling") || str_equal(key, "intermediate") ||
		 str_equal(key, "readonly") || str_equal(key, "should-start-on-boot"))
		offer_words(&inner, truths);
	else if (str_equal(key, "restart-policy"))
		offer_words(&inner, policies);
	else if (str_equal(key, "ancestor") || str_equal(key, "reference"))
		offer_images(&inner);
	else if (str_equal(key, "volume"))
		offer_volumes(&inner, "");
	else if (str_equal(key, "name") || str_equal(key, "id") || str_equal(key, "before") ||
		 str_equal(key, "since"))
		offer_containers(&inner, ANY, "");
}

/* ---- operands and values ---- */

static void offer_kind(struct completion *c, enum complete_kind kind)
{
	switch (kind) {
	case COMPLETE_CONTAINER:
		offer_containers(c, ANY, "");
		break;
	case COMPLETE_RUNNING:
		offer_containers(c, ALIVE, "");
		break;
	case COMPLETE_IMAGE:
		offer_images(c);
		break;
	case COMPLETE_VOLUME:
		offer_volumes(c, "");
		break;
	case COMPLETE_FILE:
		c->files = "files";
		break;
	case COMPLETE_DIRECTORY:
		c->files = "directories";
		break;
	case COMPLETE_NONE:
	case COMPLETE_WORDS:
		break;
	}
}

static void offer_checks(const struct completion *c)
{
	static const char *const names[] = {CHECK_KERNEL, CHECK_USERNS, CHECK_APPARMOR,
		CHECK_NAMESPACES, CHECK_SUBIDS, CHECK_NEWUIDMAP, CHECK_PROC, CHECK_SECCOMP,
		CHECK_KEYRINGS, CHECK_CGROUPS, CHECK_LIMITS, CHECK_LINGER, CHECK_PROGRAMS,
		CHECK_RUNTIME_DIR, CHECK_STORE, CHECK_SPACE, CHECK_OVERLAY, CHECK_FUSE,
		CHECK_SLIRP4NETNS, CHECK_TUN, CHECK_LOW_PORTS, CHECK_PING, CHECK_DNS,
		CHECK_REGISTRIES, NULL};

	offer_words(c, names);
}

static void offer_command_path(const struct completion *c)
{
	const struct command *group = &command_root;

	for (char *const *word = c->taken; word && *word && group; word++) {
		const struct command_entry *entry =
			group->subcommands ? command_find(group, *word) : NULL;

		group = entry ? entry->command : NULL;
	}
	for (const struct command_entry *e = group ? group->subcommands : NULL; e && e->name; e++)
		if (e->command && !e->hidden)
			complete_add(c, e->name, e->command->summary);
}

void complete_operand(struct completion *c)
{
	const char *name = c->command->name;

	if (str_equal(name, "cp")) {
		offer_containers(c, ANY, ":");
		c->files = "files";
	} else if (str_equal(name, "start")) {
		offer_containers(c, ENDED, "");
	} else if (str_equal(name, "unpause")) {
		offer_containers(c, PAUSED, "");
	} else if (str_equal(name, "help")) {
		offer_command_path(c);
	} else if (str_equal(name, "doctor")) {
		offer_checks(c);
	} else if (str_equal(name, "inspect") && c->command->complete == COMPLETE_CONTAINER) {
		offer_containers(c, ANY, "");
		offer_images(c);
		offer_volumes(c, "");
	} else {
		offer_kind(c, c->command->complete);
	}
}

static void offer_networks(const struct completion *c)
{
	static const char *const modes[] = {"slirp4netns", "host", "none", "private", NULL};
	static const char *const docker_modes[] = {"bridge", "host", "none", NULL};

	offer_modes(c, docker_called() ? docker_modes : modes);
}

static void offer_namespaces(const struct completion *c)
{
	static const char *const modes[] = {"host", "private", NULL};

	offer_modes(c, modes);
}

static void offer_devices(struct completion *c)
{
	if (*c->current)
		c->files = "files";
	else
		complete_add(c, "/dev/", NULL);
}

static void offer_all_containers(const struct completion *c)
{
	offer_containers(c, ANY, "");
}

void complete_value(struct completion *c, const struct option_spec *spec)
{
	/* An option's name means the same in every command that has it. */
	static const struct {
		const char *name;
		void (*offer)(const struct completion *c);
		void (*offer_changing)(struct completion *c);
	} by_name[] = {
		{"cap-add", .offer = offer_capabilities},
		{"cap-drop", .offer = offer_capabilities},
		{"device", .offer_changing = offer_devices},
		{"env", .offer = offer_environment},
		{"filter", .offer = offer_filters},
		{"ipc", .offer = offer_namespaces},
		{"net", .offer = offer_networks},
		{"network", .offer = offer_networks},
		{"pid", .offer = offer_namespaces},
		{"signal", .offer = offer_signals},
		{"stop-signal", .offer = offer_signals},
		{"volume", .offer_changing = offer_mounts},
		{"volumes-from", .offer = offer_all_containers},
	};
	static const struct {
		const char *name;
		const char *words[12];
	} fixed[] = {
		{"arch", {"amd64", "arm64", "arm", "386", "ppc64le", "riscv64", "s390x"}},
		{"condition", {"created", "running", "paused", "exited", "stopped", "healthy",
				      "unhealthy"}},
		{"format", {"json", "table"}},
		{"log-opt", {"max-size=", "max-file="}},
		{"mount", {"type=bind,source=", "type=volume,source=", "type=tmpfs,destination="}},
		{"os", {"linux"}},
		{"platform", {"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386"}},
		{"restart-policy", {"no", "always", "on-failure", "on-success", "on-abnormal",
					   "on-watchdog", "on-abort"}},
		{"security-opt", {"no-new-privileges", "seccomp=", "seccomp=unconfined",
					 "mask=", "unmask=", "unmask=ALL", "systempaths=unconfined",
					 "label=disable", "proc-opts="}},
		{"storage-driver", {"auto", "overlay", "fuse-overlayfs", "vfs"}},
		{"type", {"all", "container", "image", "volume"}},
		{"ulimit", {"core=", "cpu=", "data=", "fsize=", "memlock=", "nofile=", "nproc=",
				   "stack="}},
		{"userns", {"host"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(by_name); i++) {
		if (!str_equal(spec->name, by_name[i].name))
			continue;
		if (by_name[i].offer)
			by_name[i].offer(c);
		else
			by_name[i].offer_changing(c);
		return;
	}
	if (spec->words) {
		offer_words(c, spec->words);
		return;
	}
	offer_kind(c, spec->complete);
	for (size_t i = 0; i < ARRAY_SIZE(fixed) && spec->complete == COMPLETE_NONE; i++)
		if (str_equal(spec->name, fixed[i].name))
			offer_words(c, fixed[i].words);
}
