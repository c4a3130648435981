#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/group.h"
#include "oci/record.h"
#include "rootless/userns.h"
#include "runtime/runtime.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/proc.h"
#include "util/sealed.h"
#include "util/str.h"

#define RECORD_MAX      (8u << 20) /* bytes: annotations are the bulk */
#define RECORD_VERSION  1
#define ANNOTATIONS_MAX 65536

/* -------- where -------- */

static bool look_for_real_root(void)
{
	char text[64];
	cleanup_close int fd = -1;
	unsigned int inside, outside, count;
	ssize_t n;

	if (geteuid() != 0)
		return false;
	fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read_full(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return sscanf(text, "%u %u %u", &inside, &outside, &count) == 3 && outside == 0 &&
	       count == UINT32_MAX;
}

bool oci_is_real_root(void)
{
	static int known = -1; /* it never changes */

	if (known < 0)
		known = look_for_real_root();
	return known;
}

int oci_seal(int *ret_late_fd, struct error **err)
{
	/* Root of a namespace is what its containers' root is, at most. */
	return sealed_begin(!oci_is_real_root(), ret_late_fd, err);
}

/* Ours and nobody else's: who could write there could make us believe anything. */
static int check_private(int fd, const char *path, struct error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, errno, "stat '%s'", path);
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return error_set(err, ERR_INVALID,
			"directory '%s' can be written by others; give a private one with --root",
			path);
	return 0;
}

static char *default_root(void)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");

	if (oci_is_real_root())
		return xstrdup("/run/pod-oci");
	if (runtime_dir && runtime_dir[0] == '/')
		return path_join(runtime_dir, "pod-oci");
	return xasprintf("/tmp/pod-oci-%u", (unsigned int)geteuid());
}

int oci_root_open(const char *path, struct oci_root *ret, struct error **err)
{
	cleanup_free char *where = NULL;
	cleanup_close int fd = -1;
	/* Anybody can put a link into /tmp that leads to a private directory of ours. */
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (path ? 0 : O_NOFOLLOW);

	if (path && path[0] != '/') {
		cleanup_free char *here = getcwd(NULL, 0);

		if (!here)
			return error_errno(err, errno, "find the current directory");
		where = path_join(here, path);
	} else {
		where = path ? xstrdup(path) : default_root();
	}
	fd = open(where, flags);
	if (fd < 0 && errno == ENOENT) {
		if (mkdir_p(where, 0700, err) < 0)
			return -1;
		fd = open(where, flags);
	}
	if (fd < 0)
		return error_errno(err, errno, "open state directory '%s'", where);
	if (check_private(fd, where, err) < 0)
		return -1;
	*ret = (struct oci_root){.path = steal_ptr(&where), .fd = steal_fd(&fd)};
	return 0;
}

void oci_root_close(struct oci_root *root)
{
	free(root->path);
	close_keep_errno(root->fd);
	*root = (struct oci_root){.fd = -1};
}

int oci_id_check(const char *id, struct error **err)
{
	size_t len = strlen(id);

	if (len == 0 || len > OCI_ID_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 ||
		strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.") !=
			len)
		return error_set(err, ERR_INVALID,
			"invalid container id '%s': letters, digits, '_', '+', '-' and '.' make "
			"one",
			id);
	return 0;
}

/* -------- the record -------- */

void oci_record_clear(struct oci_record *record)
{
	free(record->id);
	free(record->bundle);
	free(record->rootfs);
	free(record->boot_id);
	free(record->cgroup);
	strv_free(record->annotations);
	*record = (struct oci_record){0};
}

struct runtime_state oci_record_state(const struct oci_record *record, const char *status)
{
	return (struct runtime_state){
		.id = record->id,
		.status = status,
		.pid = strcmp(status, "stopped") == 0 ? 0 : record->pid,
		.bundle = record->bundle,
		.annotations = record->annotations,
	};
}

int oci_record_write(
	int dir_fd, const char *name, const struct oci_record *record, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);
	cleanup_close int fd = -1;

	json_write_object_begin(&w);
	json_put_uint(&w, "version", RECORD_VERSION);
	json_put_string(&w, "id", record->id);
	json_put_string(&w, "bundle", record->bundle);
	json_put_string(&w, "rootfs", record->rootfs);
	json_put_int(&w, "pid", record->pid);
	json_put_uint(&w, "startTicks", record->start_ticks);
	json_put_string(&w, "bootId", record->boot_id);
	json_put_uint(&w, "created", record->created_ns);
	json_put_uint(&w, "owner", record->owner);
	json_put_uint(&w, "namespaces", record->namespaces);
	json_put_bool(&w, "hooks", record->has_hooks);
	json_put_string(&w, "cgroup", record->cgroup ? record->cgroup : "");
	json_put_bool(&w, "systemdCgroup", record->systemd_cgroup);
	json_put_strv(&w, "annotations", record->annotations);
	json_write_object_end(&w);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write_all(fd, out.data, out.len) < 0)
		return error_errno(err, errno, "write the container's record");
	return 0;
}

int oci_record_parse(const char *text, size_t len, struct oci_record *ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	__attribute__((cleanup(oci_record_clear))) struct oci_record record = {0};
	struct json root;
	uint64_t version = 0, namespaces = 0, owner = 0;
	int64_t pid = 0;

	if (json_parse(text, len, "state.json", &doc, &root, err) < 0 ||
		json_opt_uint64(&root, "version", UINT32_MAX, &version, err) < 0 ||
		json_opt_dup(&root, "id", &record.id, err) < 0 ||
		json_opt_dup(&root, "bundle", &record.bundle, err) < 0 ||
		json_opt_dup(&root, "rootfs", &record.rootfs, err) < 0 ||
		json_opt_int64(&root, "pid", 1, INT32_MAX, &pid, err) < 0 ||
		json_opt_uint64(&root, "startTicks", UINT64_MAX, &record.start_ticks, err) < 0 ||
		json_opt_dup(&root, "bootId", &record.boot_id, err) < 0 ||
		json_opt_uint64(&root, "created", UINT64_MAX, &record.created_ns, err) < 0 ||
		json_opt_uint64(&root, "owner", UINT32_MAX, &owner, err) < 0 ||
		json_opt_uint64(&root, "namespaces", UINT32_MAX, &namespaces, err) < 0 ||
		json_opt_bool(&root, "hooks", &record.has_hooks, err) < 0 ||
		json_opt_dup(&root, "cgroup", &record.cgroup, err) < 0 ||
		json_opt_bool(&root, "systemdCgroup", &record.systemd_cgroup, err) < 0 ||
		json_opt_strv(&root, "annotations", ANNOTATIONS_MAX, &record.annotations, err) < 0)
		return -1;
	if (version != RECORD_VERSION || !record.id || !record.bundle || !record.rootfs || !pid ||
		!record.boot_id)
		return error_set(
			err, ERR_INVALID, "state.json: not a record of this version of pod");
	record.pid = (pid_t)pid;
	record.owner = (uid_t)owner;
	record.namespaces = (uint32_t)namespaces;
	*ret = record;
	record = (struct oci_record){0};
	return 0;
}

int oci_container_open(
	const struct oci_root *root, const char *id, struct oci_container *ret, struct error **err)
{
	cleanup_oci_container struct oci_container container = OCI_CONTAINER_NONE;
	cleanup_free char *text = NULL;
	size_t len;

	if (oci_id_check(id, err) < 0)
		return -1;
	container.dir_fd = openat(root->fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (container.dir_fd < 0 && errno != ENOENT)
		return error_errno(err, errno, "open the record of container '%s'", id);
	if (container.dir_fd < 0 ||
		faccessat(container.dir_fd, "state.json", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(err, ERR_NOT_FOUND, "container '%s' does not exist", id);
	if (read_file_limited(container.dir_fd, "state.json", RECORD_MAX, &text, &len, err) < 0 ||
		oci_record_parse(text, len, &container.record, err) < 0)
		return error_wrap(err, "container '%s'", id);
	*ret = container;
	container = OCI_CONTAINER_NONE;
	return 0;
}

void oci_container_close(struct oci_container *container)
{
	close_keep_errno(container->dir_fd);
	oci_record_clear(&container->record);
	container->dir_fd = -1;
}

/* -------- status -------- */

const char *oci_status_word(enum oci_status status)
{
	static const char *const words[] = {
		[OCI_CREATED] = "created",
		[OCI_RUNNING] = "running",
		[OCI_PAUSED] = "paused",
		[OCI_STOPPED] = "stopped",
	};

	return words[status];
}

int oci_container_pidfd(const struct oci_container *container)
{
	const struct oci_record *record = &container->record;
	cleanup_error struct error *ignored = NULL;
	char boot_id[BOOT_ID_LENGTH + 1];

	if (boot_id_get(boot_id, &ignored) < 0 || !str_equal(boot_id, record->boot_id)) {
		errno = ESRCH;
		return -1;
	}
	return proc_pidfd(record->pid, record->start_ticks);
}

/* Does init still wait? The socket alone does not tell: a `start` may have been killed before it
 * removed it. Connecting does: what waits listens, what runs has closed it. */
static bool waits_for_start(int dir_fd)
{
	struct runtime_instance instance;
	cleanup_error struct error *err = NULL;

	if (faccessat(dir_fd, "start", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (runtime_connect(dir_fd, "start", &instance, &err) < 0)
		return false;
	runtime_instance_destroy(&instance);
	return true;
}

enum oci_status oci_container_status(const struct oci_container *container)
{
	cleanup_close int pidfd = oci_container_pidfd(container);

	if (pidfd < 0)
		return OCI_STOPPED;
	/* A frozen init answers nobody: first this. */
	if (oci_group_is_frozen(&container->record))
		return OCI_PAUSED;
	return waits_for_start(container->dir_fd) ? OCI_CREATED : OCI_RUNNING;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int oci_list(const struct oci_root *root, char ***ret, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(root->fd, ".");
	cleanup_strv char **names = NULL;
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "read '%s'", root->path);
	while ((errno = 0, entry = dir_next(dir))) {
		cleanup_free char *state = path_join(entry->d_name, "state.json");

		if (faccessat(root->fd, state, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			strv_append(&names, entry->d_name);
	}
	if (errno)
		return error_errno(err, errno, "read '%s'", root->path);
	if (names)
		qsort(names, strv_length(names), sizeof(*names), compare_names);
	*ret = steal_ptr(&names);
	return 0;
}
