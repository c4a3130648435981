#include "config.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/transfer/sandbox.h"
#include "cmd/transfer/transfer.h"
#include "image/archive.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/*
 * `pod-transfer archive read|import|inflate`: see src/image/archive.h for descriptors and report.
 * Everything in an archive is hostile: no member's name is ever used as a path here.
 */

#define BLOCK_SIZE (256u << 10)

static int report(const struct strbuf *line, struct error **err)
{
	if (write_all(ARCHIVE_REPORT_FD, line->data, line->len) < 0)
		return error_errno(err, errno, "write the archive's report");
	return 0;
}

static void report_end(const struct error *failure)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	cleanup_error struct error *ignored = NULL;
	struct json_writer w = json_writer_init(&line, 0);

	json_write_object_begin(&w);
	if (failure) {
		json_put_string(&w, "error", failure->message);
		json_put_int(&w, "kind", failure->kind);
		json_put_int(&w, "errno", failure->errnum);
	} else {
		json_put_bool(&w, "ok", true);
	}
	json_write_object_end(&w);
	strbuf_addch(&line, '\n');
	(void)report(&line, &ignored); /* nobody is there to be told */
}

static int report_link(const char *name, const char *link, struct error **err)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	struct json_writer w = json_writer_init(&line, 0);

	json_write_object_begin(&w);
	json_put_string(&w, "name", name);
	json_put_string(&w, "type", "link");
	json_put_string(&w, "link", link);
	json_write_object_end(&w);
	strbuf_addch(&line, '\n');
	return report(&line, err);
}

/* A member being written. */
struct sink {
	char file[24];
	int fd;
	EVP_MD_CTX *hash;
	uint64_t size;
	unsigned char head[4];
};

static void sink_clear(struct sink *sink)
{
	close_keep_errno(sink->fd);
	EVP_MD_CTX_free(sink->hash);
	*sink = (struct sink){.fd = -1};
}
#define cleanup_sink __attribute__((cleanup(sink_clear)))

static EVP_MD_CTX *hash_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		abort(); /* out of memory */
	return ctx;
}

static void hash_finish(EVP_MD_CTX *ctx, char out[72])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	(void)EVP_DigestFinal_ex(ctx, hash, &len);
	memcpy(out, "sha256:", 7);
	hex_encode(hash, 32, out + 7);
}

static int sink_open(struct sink *sink, size_t number, struct error **err)
{
	(void)snprintf(sink->file, sizeof(sink->file), "m%zu", number);
	sink->fd = openat(ARCHIVE_DIRECTORY_FD, sink->file,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (sink->fd < 0)
		return error_errno(
			err, errno, "create '%s' for a member of the archive", sink->file);
	sink->hash = hash_new();
	return 0;
}

static int sink_write(struct sink *sink, const void *data, size_t len, struct error **err)
{
	if (sink->size < sizeof(sink->head))
		memcpy(sink->head + sink->size, data, MIN(len, sizeof(sink->head) - sink->size));
	if (write_all(sink->fd, data, len) < 0)
		return error_errno(err, errno, "write a member of the archive into the store");
	(void)EVP_DigestUpdate(sink->hash, data, len); /* cannot fail for SHA-256 */
	sink->size += len;
	return 0;
}

static int sink_report(struct sink *sink, const char *name, const char *diff_id, struct error **err)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	struct json_writer w = json_writer_init(&line, 0);
	char digest[72], head[9];

	hash_finish(sink->hash, digest);
	hex_encode(sink->head, MIN(sink->size, sizeof(sink->head)), head);
	json_write_object_begin(&w);
	json_put_string(&w, "name", name);
	json_put_string(&w, "type", "file");
	json_put_string(&w, "file", sink->file);
	json_put_uint(&w, "size", sink->size);
	json_put_string(&w, "digest", digest);
	if (diff_id)
		json_put_string(&w, "diffId", diff_id);
	json_put_string(&w, "head", head);
	json_write_object_end(&w);
	strbuf_addch(&line, '\n');
	return report(&line, err);
}

static void archive_freep(struct archive **a)
{
	if (*a)
		(void)archive_read_free(*a);
}
#define cleanup_archive_read __attribute__((cleanup(archive_freep)))

static int archive_error(struct archive *a, const char *what, struct error **err)
{
	int errnum = archive_errno(a);
	const char *text = archive_error_string(a);

	if (errnum == ENOSPC || errnum == EIO || errnum == EDQUOT)
		return error_errno(err, errnum, "%s", what);
	return error_set(err, ERR_INVALID, "%s: %s", what, text ? text : "damaged");
}

static void support_filters(struct archive *a)
{
	/* Only what libarchive does itself: the rest would start programs. */
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_bzip2(a);
	(void)archive_read_support_filter_xz(a);
	(void)archive_read_support_filter_zstd(a);
}

/* "./a//b" and "/a/b" are "a/b"; ".." stays, and is found by nobody. */
static char *member_name(const char *name)
{
	cleanup_free char *clean = NULL;
	const char *start = name + strspn(name, "/");

	clean = path_clean(*start ? start : ".");
	return steal_ptr(&clean);
}

/* A symlink's target is relative to where the link is; climbing stops at the archive's root. */
static char *link_target(const char *name, const char *target)
{
	cleanup_free char *joined = NULL;
	const char *slash = strrchr(name, '/');

	if (*target == '/' || !slash)
		return member_name(target);
	joined = xasprintf("/%.*s/%s", (int)(slash - name), name, target);
	return member_name(joined);
}

static int read_member(struct archive *a, struct archive_entry *entry, size_t number, char *buffer,
	struct error **err)
{
	cleanup_sink struct sink sink = {.fd = -1};
	cleanup_free char *name = NULL, *target = NULL;
	const char *path = archive_entry_pathname(entry), *link;

	/* A name that is no text is none that an image's documents can lead to. */
	if (!path)
		return 0;
	if (strlen(path) > ARCHIVE_NAME_MAX)
		return error_set(err, ERR_INVALID, "the name of member %zu is too long", number);
	name = member_name(path);
	link = archive_entry_hardlink(entry);
	if (link) {
		target = member_name(link);
		return report_link(name, target, err);
	}
	link = archive_entry_symlink(entry);
	if (link) {
		target = link_target(name, link);
		return report_link(name, target, err);
	}
	if (archive_entry_filetype(entry) != AE_IFREG)
		return 0;
	if (sink_open(&sink, number, err) < 0)
		return -1;
	for (;;) {
		la_ssize_t len = archive_read_data(a, buffer, BLOCK_SIZE);

		if (len == ARCHIVE_RETRY)
			continue;
		if (len < 0)
			return archive_error(a, name, err);
		if (len == 0)
			break;
		if (sink_write(&sink, buffer, (size_t)len, err) < 0)
			return -1;
	}
	return sink_report(&sink, name, NULL, err);
}

static int read_archive(struct error **err)
{
	cleanup_archive_read struct archive *a = archive_read_new();
	cleanup_free char *buffer = xmalloc(BLOCK_SIZE);
	struct archive_entry *entry;
	size_t number = 0;
	int status;

	if (!a)
		return error_errno(err, ENOMEM, "read the archive");
	support_filters(a);
	(void)archive_read_support_format_tar(a);
	if (archive_read_open_fd(a, STDIN_FILENO, BLOCK_SIZE) != ARCHIVE_OK)
		return archive_error(a, "not a tar archive", err);
	while ((status = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
		if (status == ARCHIVE_RETRY)
			continue;
		if (status < ARCHIVE_WARN)
			return archive_error(
				a, number ? "read the archive" : "not a tar archive", err);
		if (number == ARCHIVE_MEMBERS_MAX)
			return error_set(err, ERR_INVALID, "more than %d members in the archive",
				ARCHIVE_MEMBERS_MAX);
		if (read_member(a, entry, number++, buffer, err) < 0)
			return -1;
	}
	return 0;
}

/* An OCI layout or a docker-dir, three levels deep at most (blobs/sha256/<hex>). */
static int read_directory(int dir_fd, const char *prefix, unsigned int depth, size_t *number,
	char *buffer, struct error **err)
{
	cleanup_dir DIR *dir = dir_open_at(dir_fd, ".");
	struct dirent *entry;

	if (!dir)
		return error_errno(err, errno, "open directory '%s'", *prefix ? prefix : ".");
	for (errno = 0; (entry = dir_next(dir)); errno = 0) {
		cleanup_sink struct sink sink = {.fd = -1};
		cleanup_free char *name = NULL;
		cleanup_close int fd = openat(
			dir_fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		struct stat st;
		ssize_t len;

		name = *prefix ? path_join(prefix, entry->d_name) : xstrdup(entry->d_name);
		if (fd < 0 && errno == ELOOP)
			continue;
		if (fd < 0 || fstat(fd, &st) < 0)
			return error_errno(err, errno, "open '%s'", name);
		if (S_ISDIR(st.st_mode) && depth < 3) {
			if (read_directory(fd, name, depth + 1, number, buffer, err) < 0)
				return -1;
			continue;
		}
		if (!S_ISREG(st.st_mode))
			continue;
		if (*number == ARCHIVE_MEMBERS_MAX)
			return error_set(err, ERR_INVALID, "more than %d files in the directory",
				ARCHIVE_MEMBERS_MAX);
		if (sink_open(&sink, (*number)++, err) < 0)
			return -1;
		while ((len = read_full(fd, buffer, BLOCK_SIZE)) > 0)
			if (sink_write(&sink, buffer, (size_t)len, err) < 0)
				return -1;
		if (len < 0)
			return error_errno(err, errno, "read '%s'", name);
		if (sink_report(&sink, name, NULL, err) < 0)
			return -1;
	}
	return errno ? error_errno(err, errno, "read directory '%s'", prefix) : 0;
}

static int role_read(struct error **err)
{
	cleanup_free char *buffer = NULL;
	size_t number = 0;
	struct stat st;

	if (fstat(STDIN_FILENO, &st) < 0)
		return error_errno(err, errno, "look at the archive");
	if (!S_ISDIR(st.st_mode))
		return read_archive(err);
	buffer = xmalloc(BLOCK_SIZE);
	return read_directory(STDIN_FILENO, "", 0, &number, buffer, err);
}

/* What libarchive reads of stdin; with COPY set the bytes also go there as they are. */
struct source {
	struct sink *copy;
	char *buffer;
	size_t peeked; /* bytes in the buffer before libarchive asked */
	struct error *error;
};

static la_ssize_t source_read(struct archive *a, void *data, const void **ret)
{
	struct source *source = data;
	ssize_t len = (ssize_t)source->peeked;

	source->peeked = 0;
	if (len == 0)
		len = read_full(STDIN_FILENO, source->buffer, BLOCK_SIZE);
	if (len < 0) {
		archive_set_error(a, errno, "read: %s", strerror(errno));
		return -1;
	}
	if (source->copy &&
		sink_write(source->copy, source->buffer, (size_t)len, &source->error) < 0) {
		archive_set_error(a, EIO, "%s", source->error->message);
		return -1;
	}
	*ret = source->buffer;
	return len;
}

/* Uncompress stdin into PLAIN (may be NULL), its hash into HASH (may be NULL) or to stdout. */
static int uncompress(struct source *source, struct sink *plain, EVP_MD_CTX *hash, bool to_stdout,
	struct error **err)
{
	cleanup_archive_read struct archive *a = archive_read_new();
	cleanup_free char *buffer = xmalloc(BLOCK_SIZE);
	struct archive_entry *entry;
	la_ssize_t len = 0;
	int status;

	if (!a)
		return error_errno(err, ENOMEM, "uncompress");
	support_filters(a);
	(void)archive_read_support_format_raw(a);
	(void)archive_read_support_format_empty(a);
	status = archive_read_open2(a, source, NULL, source_read, NULL, NULL);
	if (status == ARCHIVE_OK)
		status = archive_read_next_header(a, &entry);
	while (status == ARCHIVE_OK || status == ARCHIVE_WARN) {
		len = archive_read_data(a, buffer, BLOCK_SIZE);
		if (len == ARCHIVE_RETRY)
			continue;
		if (len <= 0)
			break;
		if (hash)
			(void)EVP_DigestUpdate(hash, buffer, (size_t)len);
		if (plain && sink_write(plain, buffer, (size_t)len, err) < 0)
			return -1;
		if (to_stdout && write_all(STDOUT_FILENO, buffer, (size_t)len) < 0)
			return error_errno(err, errno, "write uncompressed data");
	}
	if (source->error)
		return error_move(err, &source->error);
	if ((status != ARCHIVE_EOF && status < ARCHIVE_WARN) || len < 0)
		return archive_error(a, "uncompress", err);
	return 0;
}

static int role_import(struct error **err)
{
	cleanup_sink struct sink sink = {.fd = -1};
	struct source source = {.buffer = xmalloc(BLOCK_SIZE)};
	cleanup_free char *buffer = source.buffer;
	EVP_MD_CTX *hash = hash_new();
	char diff_id[72];
	bool keep;
	ssize_t len;
	int status;

	len = read_full(STDIN_FILENO, source.buffer, BLOCK_SIZE);
	if (len < 0) {
		EVP_MD_CTX_free(hash);
		return error_errno(err, errno, "read the archive");
	}
	source.peeked = (size_t)len;
	/* What is neither gzip, zstd nor another known compression is a plain tar: kept as well. */
	keep = !(len >= 6 && memcmp(buffer,
				     "\xfd"
				     "7zXZ\0",
				     6) == 0) &&
	       !(len >= 3 && memcmp(buffer, "BZh", 3) == 0);
	status = sink_open(&sink, 0, err);
	if (status == 0) {
		source.copy = keep ? &sink : NULL;
		status = uncompress(&source, keep ? NULL : &sink, hash, false, err);
	}
	/* libarchive stops at the end of what it understands; the blob is all of it. */
	while (status == 0 && keep && (len = read_full(STDIN_FILENO, buffer, BLOCK_SIZE)) > 0)
		status = sink_write(&sink, buffer, (size_t)len, err);
	hash_finish(hash, diff_id);
	EVP_MD_CTX_free(hash);
	return status < 0 ? -1 : sink_report(&sink, "layer", diff_id, err);
}

static int role_inflate(struct error **err)
{
	struct source source = {.buffer = xmalloc(BLOCK_SIZE)};
	cleanup_free char *buffer = source.buffer;

	return uncompress(&source, NULL, NULL, true, err);
}

/* From here on hostile bytes are read. A directory is only copied from, and opened file by file. */
static int confine(bool has_directory, struct error **err)
{
	EVP_MD_CTX *warm_up = hash_new(); /* reads OpenSSL's configuration, while it still can */
	char digest[72];
	struct stat st;

	hash_finish(warm_up, digest);
	EVP_MD_CTX_free(warm_up);
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return sandbox_enter(has_directory ? ARCHIVE_DIRECTORY_FD : -1, err);
}

int transfer_archive(int argc, char **argv)
{
	cleanup_error struct error *err = NULL;
	int status;

	if (confine(argc == 2 && !str_equal(argv[1], "inflate"), &err) < 0) {
		report_end(err);
		return 1;
	}
	if (argc == 2 && str_equal(argv[1], "read"))
		status = role_read(&err);
	else if (argc == 2 && str_equal(argv[1], "import"))
		status = role_import(&err);
	else if (argc == 2 && str_equal(argv[1], "inflate"))
		status = role_inflate(&err);
	else
		status = error_set(&err, ERR_USAGE, "pod-transfer archive read|import|inflate");
	report_end(status < 0 ? err : NULL);
	return status < 0 ? 1 : 0;
}
