#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/console.h"
#include "oci/container.h"
#include "oci/create.h"
#include "oci/group.h"
#include "oci/wait.h"
#include "rootless/userns.h"
#include "runtime/hooks.h"
#include "runtime/runtime.h"
#include "util/fs.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/proc.h"
#include "util/str.h"
#include "util/timefmt.h"

/* What a create works with. */
struct create {
	const struct oci_root *root;
	const struct oci_create_options *opts;
	int dir_fd, lock_fd;
	int start_fd; /* listening; -1: we start it ourselves */
	bool claimed; /* the directory is ours to remove */
	struct runtime_spec *spec;
	char *config; /* its text */
	size_t config_len;
	int userns_fd;
	struct cgroup group;
	struct oci_container container; /* dir_fd is borrowed from above */
	struct runtime_instance instance;
};

/* -------- the directory -------- */

#define CLAIM_WAITS   200
#define CLAIM_WAIT_MS 10

int oci_sweep(const struct oci_root *root, const char *id, int dir_fd, struct error **err)
{
	static const char *const files[] = {
		"state.json", "state.new", "config.json", "start", "lock"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (unlinkat(dir_fd, files[i], 0) < 0 && errno != ENOENT)
			return error_errno(
				err, errno, "remove '%s/%s/%s'", root->path, id, files[i]);
	/* Not empty: a create of the same id was faster, and keeps it. */
	if (unlinkat(root->fd, id, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY &&
		errno != EEXIST)
		return error_errno(err, errno, "remove '%s/%s'", root->path, id);
	return 0;
}

/* Make or take over the directory: who holds the lock of one without state.json owns it. */
static int claim(struct create *c, struct error **err)
{
	const char *id = c->opts->id;
	int waits = CLAIM_WAITS;
	struct error *why = NULL;

	for (int attempt = 0; attempt < 16; attempt++) {
		if (mkdirat(c->root->fd, id, 0700) < 0 && errno != EEXIST)
			return error_errno(err, errno, "make '%s/%s'", c->root->path, id);
		fd_replace(&c->dir_fd,
			openat(c->root->fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
		if (c->dir_fd < 0 && errno != ENOENT)
			return error_errno(err, errno, "open '%s/%s'", c->root->path, id);
		if (c->dir_fd < 0)
			continue;
		c->lock_fd = lock_open(c->dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, &why);
		if (c->lock_fd >= 0)
			break;
		/* Removed between our two look-ups. */
		if (why->kind == ERR_NOT_FOUND || why->errnum == ENOENT) {
			error_free(steal_ptr(&why));
			continue;
		}
		if (why->kind != ERR_CONFLICT)
			return error_move(err, &why);
		error_free(steal_ptr(&why));
		/* What a killed create left behind dies, but not at once, and holds the lock so
		 * long. */
		if (waits-- > 0 &&
			faccessat(c->dir_fd, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
			(void)poll(NULL, 0, CLAIM_WAIT_MS);
			attempt--;
			continue;
		}
		return error_set(err, ERR_CONFLICT, "container '%s' exists already", id);
	}
	if (c->lock_fd < 0)
		return error_set(
			err, ERR_CONFLICT, "container '%s' is made and removed by others", id);
	if (faccessat(c->dir_fd, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, ERR_CONFLICT, "container '%s' exists already", id);
	c->claimed = true;
	(void)unlinkat(c->dir_fd, "start", 0); /* of one that was killed; mostly not there */
	return 0;
}

/* -------- the configuration -------- */

struct runtime_spec *oci_config_read(
	int dir_fd, const char *name, char **ret_text, size_t *ret_len, struct error **err)
{
	cleanup_runtime_spec struct runtime_spec *spec = NULL;
	cleanup_free char *text = NULL;
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	size_t len;

	if (fd < 0) {
		error_errno(err, errno, "open '%s'", name);
		return NULL;
	}
	if (read_fd_limited(fd, OCI_CONFIG_MAX, &text, &len, err) < 0 ||
		runtime_spec_read(text, len, &spec, err) < 0)
		return NULL;
	if (ret_text) {
		*ret_text = steal_ptr(&text);
		*ret_len = len;
	}
	return steal_ptr(&spec);
}

static int enter_bundle(struct create *c, struct error **err)
{
	const struct oci_create_options *opts = c->opts;
	struct oci_record *record = &c->container.record;

	if (opts->bundle && chdir(opts->bundle) < 0)
		return error_errno(err, errno, "bundle '%s'", opts->bundle);
	record->bundle = getcwd(NULL, 0);
	if (!record->bundle)
		return error_errno(err, errno, "find the bundle's directory");
	return 0;
}

static int read_config(struct create *c, struct error **err)
{
	struct oci_record *record = &c->container.record;
	struct runtime_spec *spec;

	spec = c->spec = oci_config_read(AT_FDCWD,
		c->opts->config ? c->opts->config : "config.json", &c->config, &c->config_len, err);
	if (!spec)
		return error_wrap(err, "bundle '%s'", record->bundle);
	if (!spec->root_path)
		return error_set(err, ERR_INVALID, "config.json: root: is required");
	record->rootfs = spec->root_path[0] == '/' ? xstrdup(spec->root_path)
						   : path_join(record->bundle, spec->root_path);
	record->annotations = strv_copy(spec->annotations);
	record->has_hooks = spec->hooks[HOOK_POSTSTART].count || spec->hooks[HOOK_POSTSTOP].count ||
			    spec->intel_rdt.set;
	return 0;
}

/* -------- the user namespace -------- */

static void copy_ranges(
	const struct runtime_id_range *from, size_t count, struct id_range **ret, size_t *ret_count)
{
	*ret = xcalloc(count, sizeof(**ret));
	*ret_count = count;
	for (size_t i = 0; i < count; i++)
		(*ret)[i] = (struct id_range){from[i].container_id, from[i].host_id, from[i].size};
}

static int prepare_userns(struct create *c, struct error **err)
{
	struct runtime_spec *spec = c->spec;
	struct runtime_namespace *ns = &spec->namespaces[NAMESPACE_USER];
	struct id_maps maps = {0};
	struct stat theirs, ours;

	if (ns->mode == NAMESPACE_INHERIT) {
		if (userns_needed())
			return error_set(err, ERR_UNSUPPORTED,
				"config.json: linux.namespaces: an ordinary user needs a user "
				"namespace here; 'pod oci spec --rootless' writes one");
		return 0;
	}
	if (ns->mode == NAMESPACE_JOIN) {
		c->userns_fd = open(ns->path, O_RDONLY | O_CLOEXEC);
		if (c->userns_fd < 0 || fstat(c->userns_fd, &theirs) < 0)
			return error_errno(err, errno, "open user namespace '%s'", ns->path);
		/* The one that we are in cannot be joined, and need not. */
		if (stat("/proc/self/ns/user", &ours) == 0 && ours.st_ino == theirs.st_ino &&
			ours.st_dev == theirs.st_dev) {
			fd_replace(&c->userns_fd, -1);
			ns->mode = NAMESPACE_INHERIT;
		}
		return 0;
	}
	if (!spec->uid_mapping_count || !spec->gid_mapping_count)
		return error_set(err, ERR_INVALID,
			"config.json: linux.%s: a new user namespace needs mappings",
			spec->uid_mapping_count ? "gidMappings" : "uidMappings");
	copy_ranges(spec->uid_mappings, spec->uid_mapping_count, &maps.uids, &maps.uid_count);
	copy_ranges(spec->gid_mappings, spec->gid_mapping_count, &maps.gids, &maps.gid_count);
	c->userns_fd = userns_make(&maps, err);
	id_maps_clear(&maps);
	return c->userns_fd < 0 ? -1 : 0;
}

/* -------- making it -------- */

/* The record, aside, while init is busy with its mounts. */
static int write_record(struct create *c, struct error **err)
{
	struct oci_record *record = &c->container.record;
	char boot_id[BOOT_ID_LENGTH + 1];
	cleanup_close int fd = -1;

	record->id = xstrdup(c->opts->id);
	record->pid = c->instance.pid;
	record->owner = geteuid();
	record->created_ns = time_now_ns();
	record->cgroup = xstrdup(c->group.path ? c->group.path : "");
	record->systemd_cgroup = c->group.unit != NULL;
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		if (c->spec->namespaces[i].mode != NAMESPACE_INHERIT)
			record->namespaces |= 1u << i;
	if (boot_id_get(boot_id, err) < 0)
		return -1;
	record->boot_id = xstrdup(boot_id);
	if (proc_start_time(record->pid, &record->start_ticks) < 0) {
		/* What init says is why. */
		if (runtime_ready(&c->instance, err) < 0)
			return -1;
		return error_set(err, ERR_SYSTEM, "the container's init ended during set-up");
	}
	fd = openat(c->dir_fd, "config.json", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		0600);
	if (fd < 0 || write_all(fd, c->config, c->config_len) < 0)
		return error_errno(err, errno, "write the container's configuration");
	return oci_record_write(c->dir_fd, "state.new", record, err);
}

static int check_terminal(const struct create *c, bool relayed, struct error **err)
{
	if (c->opts->console_socket && !c->spec->process.terminal)
		return error_set(err, ERR_USAGE,
			"--console-socket is given, but config.json: process.terminal is not true");
	if (!c->opts->console_socket && c->spec->process.terminal && !relayed)
		return error_set(err, ERR_USAGE,
			"config.json: process.terminal is true: --console-socket is needed to hand "
			"the terminal to");
	return 0;
}

/* Up to the commit; with start_fd init waits on it afterwards. RELAYED: we serve the terminal
 * ourselves. */
static int bring_up(struct create *c, bool relayed, struct error **err)
{
	const struct oci_create_options *opts = c->opts;
	cleanup_cgroup_resources struct cgroup_resources *resources = NULL;
	struct runtime_options options = {
		.stdin_fd = STDIN_FILENO,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
		.preserve_fds = opts->preserve_fds,
		.outlives_caller = true,
		.no_pivot = opts->no_pivot,
		.keep_keyring = opts->no_new_keyring,
		.id = opts->id,
		.notes = opts->notes,
	};

	if (check_terminal(c, relayed, err) < 0 || prepare_userns(c, err) < 0 ||
		oci_group_make(c->spec, opts, &c->group, &resources, err) < 0)
		return -1;
	options.userns_fd = c->userns_fd;
	options.cgroup_fd = c->group.fd;
	options.start_fd = c->start_fd;
	options.bundle = c->container.record.bundle;
	if (runtime_create(c->spec, &options, &c->instance, err) < 0)
		return -1;
	/* Init is busy with its mounts: this costs nothing. */
	if (oci_group_limit(&c->group, resources, err) < 0 || write_record(c, err) < 0 ||
		runtime_ready(&c->instance, err) < 0)
		return -1;
	if (opts->console_socket &&
		oci_console_send(opts->console_socket, c->instance.terminal_fd, err) < 0)
		return -1;
	if (renameat(c->dir_fd, "state.new", c->dir_fd, "state.json") < 0)
		return error_errno(err, errno, "commit the container's record");
	return oci_pid_file_write(opts->pid_file, c->container.record.pid, err);
}

static void create_begin(
	struct create *c, const struct oci_root *root, const struct oci_create_options *opts)
{
	*c = (struct create){
		.root = root,
		.opts = opts,
		.dir_fd = -1,
		.lock_fd = -1,
		.start_fd = -1,
		.userns_fd = -1,
		.group = CGROUP_INIT,
		.container = OCI_CONTAINER_NONE,
		.instance = {.pidfd = -1, .sync_fd = -1, .terminal_fd = -1},
	};
	for (int i = 0; i < NAMESPACE_COUNT; i++)
		c->instance.namespace_fds[i] = -1;
}

/* FAILED: as if nothing had been asked. */
static void create_end(struct create *c, bool failed)
{
	cleanup_error struct error *ignored = NULL;

	runtime_instance_destroy(&c->instance);
	if (failed && c->group.fd >= 0) {
		(void)cgroup_kill(&c->group, SIGKILL, &ignored);
		error_free(steal_ptr(&ignored));
		(void)cgroup_destroy(&c->group, &ignored); /* the first failure is told */
		error_free(steal_ptr(&ignored));
	}
	if (failed && c->claimed)
		(void)oci_sweep(c->root, c->opts->id, c->dir_fd, &ignored);
	cgroup_clear(&c->group);
	runtime_spec_free(c->spec);
	free(c->config);
	oci_record_clear(&c->container.record);
	close_keep_errno(c->userns_fd);
	close_keep_errno(c->start_fd);
	close_keep_errno(c->lock_fd);
	close_keep_errno(c->dir_fd);
}

int oci_create(
	const struct oci_root *root, const struct oci_create_options *opts, struct error **err)
{
	struct create c;
	int result = -1;

	create_begin(&c, root, opts);
	if (oci_id_check(opts->id, err) < 0 || claim(&c, err) < 0 || enter_bundle(&c, err) < 0 ||
		read_config(&c, err) < 0)
		goto out;
	c.start_fd = runtime_listen(c.dir_fd, "start", err);
	if (c.start_fd >= 0 && bring_up(&c, false, err) == 0)
		result = runtime_detach(&c.instance, err);
out:
	create_end(&c, result < 0);
	return result;
}

/* -------- run -------- */

static int run_poststart(struct create *c, struct error **err)
{
	const struct oci_record *record = &c->container.record;
	const struct runtime_state state = oci_record_state(record, "running");
	cleanup_free char *text = NULL;

	if (!c->spec->hooks[HOOK_POSTSTART].count)
		return 0;
	text = runtime_state_text(&state);
	return hooks_run(&c->spec->hooks[HOOK_POSTSTART], HOOK_POSTSTART, text, err);
}

int oci_run(const struct oci_root *root, const struct oci_run_options *opts, struct error **err)
{
	struct create c;
	bool relayed = !opts->detach;
	bool destroyed = false;
	sigset_t signals, old;
	int result = -1;

	create_begin(&c, root, &opts->create);
	if (!opts->detach)
		oci_hold_signals(&signals, &old);
	if (!opts->detach && !opts->no_subreaper)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (oci_id_check(opts->create.id, err) < 0 || claim(&c, err) < 0 ||
		enter_bundle(&c, err) < 0 || read_config(&c, err) < 0 ||
		bring_up(&c, relayed, err) < 0)
		goto out;
	if (runtime_start(&c.instance, err) < 0 || run_poststart(&c, err) < 0)
		goto out;
	/* Others may act on it now. */
	fd_replace(&c.lock_fd, -1);
	if (opts->detach) {
		c.instance.pid = 0;
		result = 0;
		goto out;
	}
	close_keep_errno(opts->create.late_fd);
	result = oci_wait(&c.instance, !opts->create.console_socket, &signals, err);
	if (opts->keep || result < 0)
		goto out;
	c.lock_fd = lock_open(c.dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_WAIT, err);
	c.container.dir_fd = c.dir_fd;
	if (c.lock_fd < 0) {
		cleanup_error struct error *gone = steal_ptr(err);

		/* Deleted by another meanwhile. */
		if (gone->kind != ERR_NOT_FOUND && gone->errnum != ENOENT) {
			error_move(err, &gone);
			result = -1;
		}
	} else if (faccessat(c.dir_fd, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
		   oci_container_destroy(root, &c.container, opts->create.notes, err) < 0) {
		result = -1;
	}
	destroyed = true;
out:
	create_end(&c, result < 0 && !destroyed);
	if (!opts->detach)
		(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return result;
}
