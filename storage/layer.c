#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "rootless/userns.h"
#include "storage/image_store.h"
#include "storage/layer.h"
#include "storage/owners.h"
#include "storage/unpack.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/kernel.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define LAYER_RECORD_MAX     4096 /* bytes of layer.json */
#define LAYER_RECORD_VERSION 1
#define BEGIN_ATTEMPTS       16

void layer_record_clear(struct layer_record *record)
{
	free(record->diff_id);
	free(record->blob_digest);
	*record = (struct layer_record){0};
}

static int diff_id_check(const char *diff_id, struct error **err)
{
	if (digest_is_valid(diff_id))
		return 0;
	return error_set(err, ERR_INVALID, "'%.80s' is not a layer's diff_id", diff_id);
}

bool layer_exists(struct store *store, const char *diff_id)
{
	char path[96];
	struct stat st;

	if (!digest_is_valid(diff_id))
		return false;
	snprintf(path, sizeof(path), "%s/diff", digest_hex(diff_id));
	return fstatat(store->layers_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int record_parse(const char *text, size_t len, struct layer_record *ret, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	struct layer_record record = {0};
	uint64_t version = 0;
	struct json root;

	if (json_parse(text, len, "layer.json", &doc, &root, err) < 0)
		return -1;
	if (json_opt_uint64(&root, "version", UINT32_MAX, &version, err) < 0 ||
		json_opt_dup(&root, "diffId", &record.diff_id, err) < 0 ||
		json_opt_dup(&root, "blob", &record.blob_digest, err) < 0 ||
		json_opt_uint64(&root, "blobSize", UINT64_MAX, &record.blob_size_bytes, err) < 0 ||
		json_opt_uint64(&root, "tarSize", UINT64_MAX, &record.tar_size_bytes, err) < 0 ||
		json_opt_uint64(&root, "files", UINT64_MAX, &record.file_count, err) < 0)
		goto fail;
	if (version != LAYER_RECORD_VERSION) {
		json_error(&root, err, "has version %llu and this pod knows version %d",
			(unsigned long long)version, LAYER_RECORD_VERSION);
		goto fail;
	}
	if (!record.diff_id || !digest_is_valid(record.diff_id) ||
		(record.blob_digest && !digest_is_valid(record.blob_digest))) {
		json_error(&root, err, "has a malformed digest");
		goto fail;
	}
	*ret = record;
	return 0;
fail:
	layer_record_clear(&record);
	return -1;
}

int layer_read(
	struct store *store, const char *diff_id, struct layer_record *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	char path[96];
	size_t len;

	if (diff_id_check(diff_id, err) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/layer.json", digest_hex(diff_id));
	if (read_file_limited(store->layers_fd, path, LAYER_RECORD_MAX, &text, &len, err) < 0 ||
		record_parse(text, len, ret, err) < 0)
		return error_wrap(err, "layer %.12s", digest_hex(diff_id));
	return 0;
}

/* One try; ERR_CONFLICT or ERR_NOT_FOUND: a sweep took the entry between mkdir and lock. */
static int begin_once(
	struct store *store, const char *hex, struct layer_writer *writer, struct error **err)
{
	char random[17];

	random_hex(random, 16);
	free(writer->name);
	writer->name = xasprintf("layer-%.12s.%s", hex, random);
	if (mkdirat(store->tmp_fd, writer->name, 0700) < 0)
		return error_errno(
			err, errno, "create '%s/tmp/%s'", store->data_path, writer->name);
	fd_replace(&writer->dir_fd, open_dir(store->tmp_fd, writer->name, 0, err));
	if (writer->dir_fd < 0)
		return -1;
	fd_replace(
		&writer->lock_fd, lock_open(writer->dir_fd, "lock", LOCK_EXCLUSIVE, LOCK_TRY, err));
	if (writer->lock_fd < 0) {
		/* In a directory that is gone nothing can be made: ENOENT. */
		if ((*err)->errnum == ENOENT)
			(*err)->kind = ERR_NOT_FOUND;
		return -1;
	}
	return 0;
}

int layer_begin(
	struct store *store, const char *diff_id, struct layer_writer **ret, struct error **err)
{
	struct layer_writer *writer;
	int result = -1;

	if (diff_id_check(diff_id, err) < 0)
		return -1;
	writer = xmalloc(sizeof(*writer));
	*writer =
		(struct layer_writer){.dir_fd = -1, .diff_fd = -1, .implied_fd = -1, .lock_fd = -1};
	for (int attempt = 0; attempt < BEGIN_ATTEMPTS && result < 0; attempt++) {
		cleanup_error struct error *why = NULL;

		result = begin_once(store, digest_hex(diff_id), writer, &why);
		if (result < 0 &&
			(attempt == BEGIN_ATTEMPTS - 1 ||
				(why->kind != ERR_CONFLICT && why->kind != ERR_NOT_FOUND)))
			error_move(err, &why);
		if (result < 0 && *err)
			break;
	}
	/* Root of the image unless the layer says otherwise; not subject to the umask. */
	if (result == 0) {
		writer->diff_fd = open_dir(writer->dir_fd, "diff", 0755, err);
		if (writer->diff_fd >= 0 && fchmod(writer->diff_fd, 0755) < 0) {
			error_errno(err, errno, "chmod '%s/diff'", writer->name);
			fd_replace(&writer->diff_fd, -1);
		}
		if (writer->diff_fd < 0)
			result = -1;
	}
	if (result == 0) {
		writer->implied_fd = openat(writer->dir_fd, "implied",
			O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (writer->implied_fd < 0)
			result = error_errno(err, errno, "create '%s/implied'", writer->name);
	}
	if (result < 0) {
		error_wrap(err, "begin layer %.12s", digest_hex(diff_id));
		layer_writer_free(store, writer, -1);
		return -1;
	}
	*ret = writer;
	return 0;
}

struct adoption {
	int diff_fd;
	const int *lower_fds;
	size_t lower_count;
	char **implied; /* sorted; "-path" before "+path" decides */
	size_t count;
};

/* Directories only, no links on the way: what is meant is the very path. */
static int open_plain(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_DIRECTORY | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

static int adopt_one(const struct adoption *adoption, const char *path, struct error **err)
{
	cleanup_close int fd = -1;
	struct timespec times[2];
	struct stat st;

	for (size_t i = 0; i < adoption->lower_count && fd < 0; i++) {
		fd = open_plain(adoption->lower_fds[i], path, O_PATH);
		/* A file, a whiteout or a link there hides what lies below it. */
		if (fd < 0 && errno != ENOENT)
			return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	fd_replace(&fd, open_plain(adoption->diff_fd, path, O_RDONLY));
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0; /* replaced by a later entry */
	times[0] = times[1] = st.st_mtim;
	if (fd < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0 ||
		futimens(fd, times) < 0)
		return error_errno(err, errno, "set owner and mode of '%s' in a layer", path);
	return 0;
}

static int adopt_all(void *data, struct error **err)
{
	const struct adoption *adoption = data;

	for (size_t i = 0; i < adoption->count; i++)
		if (adoption->implied[i][0] == '+' &&
			adopt_one(adoption, adoption->implied[i] + 1, err) < 0)
			return -1;
	return 0;
}

/* By path, "-" first. */
static int implied_compare(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	int order = strcmp(x + 1, y + 1);

	return order ? order : y[0] - x[0];
}

int layer_adopt_parents(struct layer_writer *writer, const int *lower_fds, size_t lower_count,
	int userns_fd, struct error **err)
{
	struct adoption adoption = {
		.diff_fd = writer->diff_fd, .lower_fds = lower_fds, .lower_count = lower_count};
	cleanup_free char *text = NULL;
	size_t len, capacity = 0, kept = 0;
	int result;

	if (lseek(writer->implied_fd, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "read the list of implied directories");
	if (read_fd_limited(writer->implied_fd, UNPACK_IMPLIED_MAX, &text, &len, err) < 0)
		return error_wrap(err, "the list of implied directories");
	/* The unpacker, which wrote it, is not trusted. */
	for (size_t i = 0; i < len; i += strlen(text + i) + 1) {
		if ((text[i] != '+' && text[i] != '-') || !text[i + 1])
			continue;
		array_grow(adoption.implied, adoption.count, capacity);
		adoption.implied[adoption.count++] = text + i;
	}
	if (!adoption.count || !lower_count) {
		free(adoption.implied);
		return 0;
	}
	qsort(adoption.implied, adoption.count, sizeof(*adoption.implied), implied_compare);
	for (size_t i = 0; i < adoption.count; i++) {
		const char *before = kept ? adoption.implied[kept - 1] : NULL;

		/* the same path again, or one with an entry of its own */
		if (before && strcmp(before + 1, adoption.implied[i] + 1) == 0)
			continue;
		adoption.implied[kept++] = adoption.implied[i];
	}
	adoption.count = kept;
	result = userns_run(userns_fd, false, adopt_all, &adoption, err);
	free(adoption.implied);
	return result;
}

int layer_commit(struct store *store, struct layer_writer *writer,
	const struct layer_record *record, struct error **err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);
	const char *hex;

	if (diff_id_check(record->diff_id, err) < 0)
		return -1;
	hex = digest_hex(record->diff_id);
	json_write_object_begin(&w);
	json_put_int(&w, "version", LAYER_RECORD_VERSION);
	json_put_string(&w, "diffId", record->diff_id);
	if (record->blob_digest)
		json_put_string(&w, "blob", record->blob_digest);
	json_put_uint(&w, "blobSize", record->blob_size_bytes);
	json_put_uint(&w, "tarSize", record->tar_size_bytes);
	json_put_uint(&w, "files", record->file_count);
	json_write_object_end(&w);
	strbuf_addch(&text, '\n');
	if (write_file_atomic(
		    writer->dir_fd, "layer.json", text.data, text.len, 0600, WRITE_SYNC, err) < 0)
		return error_wrap(err, "layer %.12s", hex);
	if (record->is_squashed && owners_squashed(store, writer->dir_fd, err) < 0)
		return error_wrap(err, "layer %.12s", hex);
	/* The record's name too, before the layer has one. */
	if (fsync(writer->dir_fd) < 0)
		return error_errno(err, errno, "sync layer %.12s", hex);
	if (renameat2(store->tmp_fd, writer->name, store->layers_fd, hex, RENAME_NOREPLACE) < 0) {
		/* ENOTEMPTY comes from file systems that know no RENAME_NOREPLACE, see below. */
		if (errno == EEXIST)
			return 0; /* somebody else's, whole; the writer still owns ours */
		if (errno != EINVAL)
			return error_errno(err, errno, "commit layer %.12s", hex);
		/* Without the flag (some network file systems) rename never replaces a directory
		 * that has something in it, which every committed layer has. */
		if (renameat(store->tmp_fd, writer->name, store->layers_fd, hex) < 0) {
			if (errno == EEXIST || errno == ENOTEMPTY)
				return 0;
			return error_errno(err, errno, "commit layer %.12s", hex);
		}
	}
	free(writer->name);
	writer->name = NULL; /* disarmed */
	if (record->is_squashed && owners_squashed(store, writer->dir_fd, err) < 0)
		return error_wrap(err, "layer %.12s", hex);
	/* Only now: unlocked in tmp/ it would be garbage. */
	(void)unlinkat(writer->dir_fd, "lock", 0); /* left behind they do no harm */
	(void)unlinkat(writer->dir_fd, "implied", 0);
	return 0;
}

void layer_writer_free(struct store *store, struct layer_writer *writer, int userns_fd)
{
	if (!writer)
		return;
	if (writer->name) {
		cleanup_error struct error *ignored = NULL; /* the next sweep takes what is left */
		char *const names[] = {writer->name, NULL};

		(void)store_remove_trees(store, store->tmp_fd, names, userns_fd, &ignored);
	}
	close_keep_errno(writer->diff_fd);
	close_keep_errno(writer->dir_fd);
	close_keep_errno(writer->implied_fd);
	close_keep_errno(writer->lock_fd);
	free(writer->name);
	free(writer);
}
