#include "config.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "rootless/idmap.h"
#include "rootless/userns.h"
#include "storage/doctor.h"
#include "storage/overlay.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"
#include "util/strbuf.h"

#define SPACE_WANTED (1ull << 30) /* bytes: an image of common size */
#define SPACE_NEEDED                                                                               \
	(256u << 10)         /* bytes: what the records of a container and its log begin with */
#define INODES_WANTED 20000u /* files of an image of common size */
#define FUSE_DEVICE   "/dev/fuse"

static const char *file_system_name(long type, char out[32])
{
	static const struct {
		long type;
		const char *name;
	} names[] = {
		{EXT4_SUPER_MAGIC, "ext4"},
		{XFS_SUPER_MAGIC, "xfs"},
		{BTRFS_SUPER_MAGIC, "btrfs"},
		{TMPFS_MAGIC, "tmpfs"},
		{OVERLAYFS_SUPER_MAGIC, "overlay"},
		{F2FS_SUPER_MAGIC, "f2fs"},
		{0x2fc12fc1, "zfs"},
		{NFS_SUPER_MAGIC, "nfs"},
		{0x0bd00bd0, "lustre"},
		{0x47504653, "gpfs"},
		{0x19830326, "beegfs"},
		{CEPH_SUPER_MAGIC, "ceph"},
		{0xff534d42, "cifs"},
		{0xfe534d42, "smb2"},
		{V9FS_MAGIC, "9p"},
		{FUSE_SUPER_MAGIC, "fuse"},
		{ECRYPTFS_SUPER_MAGIC, "ecryptfs"},
		{MSDOS_SUPER_MAGIC, "vfat"},
		{0x2011bab0, "exfat"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if ((uint32_t)names[i].type == (uint32_t)type)
			return names[i].name;
	snprintf(out, 32, "file system %#lx", (unsigned long)(uint32_t)type);
	return out;
}

/* ---- what the file system must be able to hold ---- */

/* Of the user namespace: files of other ids, as layers have. */
static int chown_scratch(void *data, struct error **err)
{
	int dir_fd = *(int *)data;

	if (id_map_is_single("/proc/self/uid_map"))
		return 0; /* nobody will want it */
	if (fchownat(dir_fd, "file", 1, 1, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, errno, "files cannot be given to subordinate ids");
	return 0;
}

static int try_features(int dir_fd, bool usable, int userns_fd, struct strbuf *faults)
{
	cleanup_error struct error *why = NULL;
	cleanup_close int fd = openat(dir_fd, "file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fsetxattr(fd, "user.pod.probe", "y", 1, 0) < 0)
		strbuf_addf(faults, "; no extended attributes of users (%s)", strerror(errno));
	if (linkat(dir_fd, "file", dir_fd, "link", 0) < 0)
		strbuf_addf(faults, "; no hard links (%s)", strerror(errno));
	if (symlinkat("file", dir_fd, "symlink") < 0)
		strbuf_addf(faults, "; no symbolic links (%s)", strerror(errno));
	if (fstatat(dir_fd, "FILE", &st, 0) == 0)
		strbuf_addstr(faults, "; names differing in case only are one file");
	if (fchmod(fd, 0751) < 0 || fstat(fd, &st) < 0 || (st.st_mode & 0777) != 0751)
		strbuf_addstr(faults, "; modes of files are not kept");
	if (usable && userns_run(userns_fd, false, chown_scratch, &dir_fd, &why) < 0)
		strbuf_addf(faults, "; %s", why->message);
	return 0;
}

/* A place that store_open() found where there is no home. */
static bool is_stopgap(const struct store *store)
{
	const char *chosen = getenv("POD_ROOT");

	return (!chosen || !*chosen) && (str_starts_with(store->data_path, "/var/tmp/pod-") ||
						str_starts_with(store->data_path, "/tmp/pod-"));
}

static void check_file_system(
	struct check_list *list, struct store *store, bool usable, int userns_fd)
{
	cleanup_error struct error *why = NULL, *ignored = NULL;
	cleanup_strbuf struct strbuf faults = STRBUF_INIT;
	cleanup_close int dir_fd = -1, lock_fd = -1;
	cleanup_free char *name = NULL;
	char random[17], number[32];
	const char *fs_name;
	struct statfs fs;
	int tried = -1;

	if (fstatfs(store->data_fd, &fs) < 0)
		fs = (struct statfs){0};
	fs_name = file_system_name((long)fs.f_type, number);
	random_hex(random, 16);
	name = xasprintf("probe.%s", random);
	if (store_make_entry(store, name, &dir_fd, &lock_fd, &why) == 0) {
		tried = try_features(dir_fd, usable, userns_fd, &faults);
		if (tried < 0)
			error_errno(&why, errno, "create a file");
		(void)store_remove_trees(store, store->tmp_fd, (char *const[]){name, NULL},
			userns_fd, &ignored); /* the next sweep takes what is left */
	}
	if (tried < 0)
		check_fault(list, CHECK_STORE, CHECK_FAILED, "nothing can be stored",
			"give --root or POD_ROOT a directory that can be written, with room",
			"'%s' on %s cannot be written: %s", store->data_path, fs_name,
			why->message);
	else if (faults.len)
		check_fault(list, CHECK_STORE, CHECK_WARNING,
			"images that need it cannot be unpacked, or not truly",
			"export POD_ROOT=/var/tmp/pod-$(id -u)   (or another directory on a local "
			"ext4, "
			"xfs or btrfs)",
			"'%s' is on %s%s", store->data_path, fs_name, strbuf_str(&faults));
	else if (is_stopgap(store))
		check_fault(list, CHECK_STORE, CHECK_NOTE,
			"a cleaner of temporary files may take images and containers away",
			"export POD_ROOT=DIRECTORY, one that lasts; or set HOME",
			"'%s' on %s, for want of a home directory that can be written",
			store->data_path, fs_name);
	else
		check_add(list, CHECK_STORE, CHECK_OK, "'%s' on %s", store->data_path, fs_name);
}

/* ---- room ---- */

/* Does a container's first data fit? Counts quotas, which statfs does not tell. */
static int try_space(struct store *store, struct error **err)
{
	static const char zeros[4096];
	cleanup_close int fd = openat(store->data_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		return 0; /* a file system without unnamed files: statfs has to do */
	if (fd < 0)
		return error_errno(err, errno, "create a file");
	for (size_t done = 0; done < SPACE_NEEDED; done += sizeof(zeros))
		if (write_all(fd, zeros, sizeof(zeros)) < 0)
			return error_errno(err, errno, "write %u KiB", SPACE_NEEDED >> 10);
	return 0;
}

#define SPACE_REMEDY "pod system prune --all; or give POD_ROOT a directory with more room"

static void check_space(struct check_list *list, struct store *store)
{
	cleanup_error struct error *why = NULL;
	struct statvfs fs;
	uint64_t free_bytes;

	if (fstatvfs(store->data_fd, &fs) < 0) {
		check_add(list, CHECK_SPACE, CHECK_UNKNOWN, "the file system does not say: %s",
			strerror(errno));
		return;
	}
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (try_space(store, &why) < 0)
		check_fault(list, CHECK_SPACE, CHECK_FAILED,
			"nothing can be pulled, made or started", SPACE_REMEDY,
			"'%s' is full: %s (%llu MiB free by the file system's word)",
			store->data_path, why->message, (unsigned long long)(free_bytes >> 20));
	else if (free_bytes < SPACE_WANTED)
		check_fault(list, CHECK_SPACE, CHECK_WARNING, "larger images do not fit",
			SPACE_REMEDY, "%llu MiB free in '%s'",
			(unsigned long long)(free_bytes >> 20), store->data_path);
	else if (fs.f_files && fs.f_favail < INODES_WANTED)
		check_fault(list, CHECK_SPACE, CHECK_WARNING, "images of many files do not fit",
			SPACE_REMEDY, "%llu inodes free in '%s'", (unsigned long long)fs.f_favail,
			store->data_path);
	else if (fs.f_files)
		check_add(list, CHECK_SPACE, CHECK_OK, "%.1f GiB and %llu inodes free",
			(double)free_bytes / (1u << 30), (unsigned long long)fs.f_favail);
	else
		check_add(list, CHECK_SPACE, CHECK_OK, "%.1f GiB free",
			(double)free_bytes / (1u << 30));
}

/* ---- how layers are put together ---- */

/* Why fuse-overlayfs cannot serve; NULL: it can; static, and the
 * remedy, owned. */
static const char *fuse_fault(char **ret_remedy)
{
	cleanup_free char *program = spawn_find("fuse-overlayfs");

	if (access(FUSE_DEVICE, F_OK) < 0) {
		*ret_remedy =
			xstrdup("sudo modprobe fuse; for an outer container: --device /dev/fuse");
		return "'" FUSE_DEVICE "' does not exist";
	}
	if (access(FUSE_DEVICE, R_OK | W_OK) < 0) {
		*ret_remedy = xstrdup("sudo chmod 0666 " FUSE_DEVICE);
		return "'" FUSE_DEVICE "' may not be opened";
	}
	if (!program) {
		*ret_remedy = check_install("fuse-overlayfs");
		return "'fuse-overlayfs' is not installed";
	}
	return NULL;
}

static void check_overlay(struct check_list *list, struct store *store, bool usable, int userns_fd)
{
	cleanup_free char *remedy = NULL;
	const char *fault = fuse_fault(&remedy);
	const struct check *failed = check_failed(list, NULL);
	cleanup_error struct error *why = NULL;
	cleanup_free char *version = fault ? NULL : spawn_version("fuse-overlayfs");
	bool native;

	if (!fault && !version) {
		fault = "'fuse-overlayfs --version' fails";
		remedy = check_install("fuse-overlayfs");
	}
	if (!store || !usable || (failed && strcmp(failed->name, CHECK_SPACE) == 0)) {
		check_add(list, CHECK_OVERLAY, CHECK_UNKNOWN, "cannot be tried (%s)",
			failed ? failed->name : CHECK_STORE);
		check_add(list, CHECK_FUSE, fault ? CHECK_UNKNOWN : CHECK_OK, "%s",
			fault ? fault : version);
		return;
	}
	native = storage_overlay_probe(store, userns_fd, &why) == 0;
	if (native)
		check_add(list, CHECK_OVERLAY, CHECK_OK, "the kernel mounts it");
	else
		check_fault(list, CHECK_OVERLAY, CHECK_WARNING,
			fault ? "each container begins with a copy of its whole image"
			      : "files are served by fuse-overlayfs, which is slower",
			"a kernel of 5.13 or newer, and POD_ROOT on a local ext4, xfs or btrfs",
			"%s", why->message);
	if (!fault)
		check_add(list, CHECK_FUSE, CHECK_OK, "%s%s", version,
			native ? ", not needed here" : "");
	else if (native)
		check_add(list, CHECK_FUSE, CHECK_OK, "%s; not needed here", fault);
	else
		check_fault(list, CHECK_FUSE, CHECK_WARNING,
			"each container begins with a copy of its whole image", remedy, "%s",
			fault);
}

static void check_runtime_dir(struct check_list *list, const struct store *store)
{
	const char *env = getenv("XDG_RUNTIME_DIR");

	if (str_starts_with(store->runtime_path, "/tmp/")) {
		cleanup_free char *remedy = xasprintf(
			"sudo loginctl enable-linger %u, then export XDG_RUNTIME_DIR=/run/user/%u",
			(unsigned int)getuid(), (unsigned int)getuid());

		if (access("/run/systemd/system", F_OK) < 0) {
			free(steal_ptr(&remedy));
			remedy = xstrdup(
				"export XDG_RUNTIME_DIR=DIRECTORY, one of this account's own "
				"with mode 0700");
		}
		if (!env || !*env || !str_starts_with(store->runtime_path, env)) {
			check_fault(list, CHECK_RUNTIME_DIR, CHECK_NOTE,
				"a cleaner of /tmp may take it away; then attach and logs -f of "
				"running "
				"containers fail until they are restarted",
				remedy, "'%s', because XDG_RUNTIME_DIR is not usable",
				store->runtime_path);
			return;
		}
	}
	check_add(list, CHECK_RUNTIME_DIR, CHECK_OK, "'%s'", store->runtime_path);
}

void storage_check(struct check_list *list, struct store *store, const struct error *why,
	bool usable, int userns_fd)
{
	if (store) {
		check_runtime_dir(list, store);
		check_file_system(list, store, usable, userns_fd);
		check_space(list, store);
	} else if (strstr(why->message, "runtime directory")) {
		check_fault(list, CHECK_RUNTIME_DIR, CHECK_FAILED, "no command works",
			"export XDG_RUNTIME_DIR=DIRECTORY, one of this account's own with mode "
			"0700",
			"%s", why->message);
	} else if (why->errnum == ENOSPC || why->errnum == EDQUOT) {
		check_fault(list, CHECK_SPACE, CHECK_FAILED, "no command works", SPACE_REMEDY, "%s",
			why->message);
	} else {
		check_fault(list, CHECK_STORE, CHECK_FAILED, "no command works",
			"give --root or POD_ROOT a directory that can be written, with room", "%s",
			why->message);
	}
	check_overlay(list, store, usable, userns_fd);
}
