#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/manifest.h"
#include "storage/image_store.h"
#include "storage/store.h"
#include "util/error.h"
#include "util/json.h"

/*
 * Images as users name them: resolve, pull, tag, remove, prune, list, inspect, import, load, save.
 * Joins registry/ (names, network) and storage/ (blobs, layers, tags). Everything that uses layers
 * between looking an image up and recording that use holds image_lock() shared; garbage collection
 * holds it exclusively.
 */

/** image_lock() - the shared side: garbage collection waits until the descriptor is closed.
 * Returns: the descriptor that holds the lock, or -1. */
int image_lock(struct store *store, struct error **err);

/**
 * image_resolve() - the image a user means by NAME
 * @name: "alpine" (docker.io/library/alpine:latest, then localhost/alpine:latest, then that of
 * the unqualified-search-registries), "name@sha256:...", an id, "sha256:<id>", a unique id prefix
 * @ret:  refs[0] is the reference that matched; by id: all of the image's
 * @err:  ERR_NOT_FOUND "NAME: image not known", ERR_CONFLICT (ambiguous prefix), ERR_INVALID
 * Start path: for a reference two small files are read.
 */
int image_resolve(struct store *store, const char *name, struct image **ret, struct error **err);

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER, PULL_NEWER };
/** pull_policy_parse() - "always", "missing", "never", "newer". @err: ERR_USAGE */
int pull_policy_parse(const char *text, enum pull_policy *ret, struct error **err);

enum pull_layer_state {
	PULL_LAYER_WAITING,
	PULL_LAYER_EXISTS, /* was there before */
	PULL_LAYER_ACTIVE, /* downloading and unpacking */
	PULL_LAYER_DONE,
};

struct pull_layer {
	const char *digest;   /* of the blob */
	uint64_t size_bytes;  /* compressed */
	uint64_t valid_bytes; /* received so far */
	enum pull_layer_state state;
};

/* What a pull tells while it runs; any member may be NULL. Called from the conductor's loop. */
struct pull_events {
	void *data;
	void (*trying)(void *data, const char *reference);
	/* The layers changed: also called when a state or a number of bytes did, at most 20 times a
	 * second for the latter. */
	void (*layers)(void *data, const struct pull_layer *layers, size_t count);
	void (*config)(void *data, const char *digest); /* all layers are there, writing the rest */
};

struct pull_options {
	enum pull_policy policy;
	const char *os, *architecture, *variant; /* NULL: this host's */
	const char *authfile, *username, *password, *cert_dir;
	bool tls_verify_given, tls_verify;
	struct pull_events events;
};

/**
 * image_pull() - the image NAME, from its registry where the policy asks for it
 * Nothing is visible before everything is verified, synced and whole. Layers that another pull is
 * fetching are waited for, not fetched twice. A killed pull's bytes are continued.
 * @opts: borrowed
 * @err: ERR_NOT_FOUND (no such image; or absent and PULL_NEVER), ERR_REMOTE, ERR_DIGEST,
 * ERR_INVALID, ERR_UNSUPPORTED, ERR_SYSTEM (disk full)
 */
int image_pull(struct store *store, const char *name, const struct pull_options *opts,
	struct image **ret, struct error **err);

/** image_local_reference() - the canonical reference of a name that a user gives to a new image:
 * without a domain it is localhost's. @ret: owned. @err: ERR_INVALID */
int image_local_reference(const char *text, char **ret, struct error **err);

/** image_tag() - add the reference TARGET (normalised; without a domain it is localhost's) to
 * SOURCE.
 * @err: ERR_NOT_FOUND, ERR_INVALID (a digest in TARGET) */
int image_tag(struct store *store, const char *source, const char *target, struct error **err);

/** image_untag() - remove references; all of the image's when NAMES is NULL or empty. The image
 * stays.
 * @err: ERR_NOT_FOUND */
int image_untag(struct store *store, const char *source, char *const *names, struct error **err);

/* Who uses images: given by the caller, for src/image knows no containers. */
struct image_users {
	void *data;
	/* The id of a container made from the image, NULL none; owned. */
	int (*container)(void *data, const char *image_id, char **ret_id, struct error **err);
	/* Stop and remove every container made from the image (rmi --force); NULL: cannot. */
	int (*remove_containers)(void *data, const char *image_id, struct error **err);
	/* diff_ids of the layers that containers need, whether their image is there or not; owned.
	 */
	int (*diff_ids)(void *data, char ***ret, struct error **err);
};

struct image_removal {
	char **untagged; /* references; owned */
	char **deleted;  /* ids; owned */
};
void image_removal_clear(struct image_removal *removal);

/**
 * image_remove() - take the reference NAME away; with the last one the image goes, by id likewise
 * Unused layers and blobs are collected by image_collect(), called once afterwards.
 * @ret: appended to
 * @err: ERR_NOT_FOUND, ERR_CONFLICT (used by a container), ERR_INVALID (by id, with more than one
 *       reference in different repositories, and not FORCE)
 */
int image_remove(struct store *store, const char *name, bool force, const struct image_users *users,
	struct image_removal *ret, struct error **err);

/** image_remove_all() - as image_remove() for every image. One failure does not keep the others:
 * @err is the first one's. */
int image_remove_all(struct store *store, bool force, const struct image_users *users,
	struct image_removal *ret, struct error **err);

/**
 * image_collect() - delete layers and blobs that no reference and no container needs
 * While a pull or a start is under way it is left to that process's end or to the next collection:
 * never waits. Needs no free space.
 */
int image_collect(struct store *store, const struct image_users *users, struct error **err);

/* One image for listings and filters. */
struct image_summary {
	char *id;
	struct image_ref *refs; /* tagged ones; the untagged entry has reference NULL */
	size_t ref_count;
	struct image_config *config;
	int64_t created_s; /* since 1970; 0 unknown */
	uint64_t size_bytes;
};

/** image_summaries() - all images, newest first. */
int image_summaries(
	struct store *store, struct image_summary **ret, size_t *ret_count, struct error **err);
void image_summaries_free(struct image_summary *images, size_t count);

/**
 * image_filter() - keep in IMAGES what matches FILTERS; what goes is freed
 * @filters: "dangling=bool", "label=k[=v]", "reference=glob", "before=image", "since=image" (or
 *           "after"), "until=time", "id=prefix", "digest=...", "containers=bool",
 *           "intermediate=bool", "readonly=bool"; "key!=value" negates; NULL none
 * @users:   for containers=, NULL: none are used
 * @err: ERR_USAGE (unknown or malformed filter), ERR_NOT_FOUND (before=, since=)
 */
int image_filter(struct store *store, char *const *filters, const struct image_users *users,
	struct image_summary *images, size_t *count, struct error **err);

/** image_summary_is_dangling() - has no reference. */
bool image_summary_is_dangling(const struct image_summary *image);

/** image_repository() - "docker.io/library/alpine" of a reference; owned. TAG: what follows ':' or
 * NULL, borrowed from REFERENCE. */
char *image_repository(const char *reference, const char **ret_tag);

/** image_repo_digests() - "repository@digest" of each repository, sorted; owned. */
char **image_repo_digests(const struct image_ref *refs, size_t count);

/* One step of an image's making, the newest first. */
struct image_history {
	char *created_by, *comment;
	int64_t created_s;
	uint64_t size_bytes;
	bool empty_layer;
};
int image_history(struct store *store, const char *name, struct image **ret_image,
	struct image_history **ret, size_t *ret_count, struct error **err);
void image_history_free(struct image_history *history, size_t count);

/** image_prune() - remove dangling images (ALL: all that no container uses) matching FILTERS. */
int image_prune(struct store *store, bool all, char *const *filters,
	const struct image_users *users, struct image_removal *ret, struct error **err);

/** image_inspect() - podman's JSON object of one image, appended to W; nothing on failure. */
int image_inspect(struct store *store, const char *name, struct json_writer *w, struct error **err);

/** image_size() - unpacked bytes of IMAGE's layers, as recorded at unpacking. */
uint64_t image_size(struct store *store, const struct image_config *config);

struct import_options {
	char *const *changes;                    /* -c: "CMD=...", "ENV A=b" */
	const char *message;                     /* NULL none */
	const char *os, *architecture, *variant; /* NULL: this host's */
};
/**
 * image_import() - a root file system's tar (perhaps compressed) becomes an image of one layer
 * @in_fd: borrowed
 * @reference: NULL: untagged
 * @ret_id: owned
 * @err: ERR_INVALID (no tar, unknown change)
 */
int image_import(struct store *store, int in_fd, const char *reference,
	const struct import_options *opts, char **ret_id, struct error **err);

/**
 * image_load_archive() - the images of a docker-archive or OCI archive (file, pipe), of an OCI
 * layout or a docker-dir (directory)
 * @in_fd:     borrowed
 * @events:    NULL none
 * @ret_names: references, or "sha256:<id>" of untagged images, in the archive's order; owned
 * @err: ERR_INVALID (no such archive, damaged, digests that do not match), ERR_NOT_FOUND (no image
 * for this platform), ERR_SYSTEM. Images before a bad one stay loaded.
 */
int image_load_archive(struct store *store, int in_fd, const struct pull_events *events,
	char ***ret_names, struct error **err);

enum save_format { SAVE_DOCKER_ARCHIVE, SAVE_OCI_ARCHIVE, SAVE_OCI_DIR, SAVE_DOCKER_DIR };
/** save_format_parse() - podman's words: "docker-archive", "oci-archive", "oci-dir", "docker-dir".
 * @err: ERR_USAGE */
int save_format_parse(const char *text, enum save_format *ret, struct error **err);

struct save_options {
	enum save_format format;
	bool multi; /* every name is an image; else those behind the first are further tags of it */
	const struct pull_events *events; /* NULL none */
};

/**
 * image_save() - write images as an archive to OUT_FD, or into the empty directory OUT_FD
 * Deterministic: the same images give the same bytes. OCI forms and docker-dir hold the blobs
 * exactly as they came; docker-archive holds layers uncompressed, as its readers expect.
 * @names: images; those given by reference are saved under it
 * @err: ERR_NOT_FOUND, ERR_UNSUPPORTED (a layer's blob was not kept), ERR_USAGE (more than one
 * image in a format for one), ERR_SYSTEM
 */
int image_save(struct store *store, char *const *names, const struct save_options *opts, int out_fd,
	struct error **err);
