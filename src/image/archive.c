#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "image/archive.h"
#include "storage/image_store.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/spawn.h"
#include "util/str.h"

#define REPORT_MAX (64u << 20) /* bytes: ARCHIVE_MEMBERS_MAX lines with long names */
#define LINKS_MAX  8

void image_archive_clear(struct image_archive *archive)
{
	for (size_t i = 0; i < archive->count; i++) {
		struct archive_member *m = &archive->members[i];

		free(m->name);
		free(m->link);
		free(m->file);
		free(m->digest);
		free(m->diff_id);
	}
	free(archive->members);
	*archive = (struct image_archive){0};
}

static int role_start(const char *mode, int in_fd, int out_fd, int dir_fd, pid_t *ret_pid,
	int *ret_report_fd, struct error **err)
{
	cleanup_free char *program = program_path("pod-transfer", err);
	cleanup_close int report_fd = -1, role_fd = -1;
	const char *argv[] = {program, "archive", mode, NULL};
	struct spawn_fd fds[4] = {{in_fd, 0}};
	struct spawn_options opts = {.argv = argv, .fds = fds, .fd_count = 1};
	int ends[2];

	if (!program)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	report_fd = ends[0];
	role_fd = ends[1];
	if (out_fd >= 0)
		fds[opts.fd_count++] = (struct spawn_fd){out_fd, 1};
	fds[opts.fd_count++] = (struct spawn_fd){role_fd, ARCHIVE_REPORT_FD};
	if (dir_fd >= 0)
		fds[opts.fd_count++] = (struct spawn_fd){dir_fd, ARCHIVE_DIRECTORY_FD};
	if (spawn(&opts, ret_pid, err) < 0)
		return -1;
	*ret_report_fd = steal_fd(&report_fd);
	return 0;
}

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The report comes from a process that has read hostile bytes: nothing in it is believed unseen. */
static int member_parse(const struct json *line, struct archive_member *ret, struct error **err)
{
	const char *file = NULL, *head = "";
	unsigned char bytes[4] = {0};
	size_t len;

	if (json_opt_dup(line, "name", &ret->name, err) < 0 ||
		json_opt_dup(line, "link", &ret->link, err) < 0 ||
		json_opt_string(line, "file", &file, err) < 0 ||
		json_opt_dup(line, "digest", &ret->digest, err) < 0 ||
		json_opt_dup(line, "diffId", &ret->diff_id, err) < 0 ||
		json_opt_uint64(line, "size", INT64_MAX, &ret->size_bytes, err) < 0 ||
		json_opt_string(line, "head", &head, err) < 0)
		return -1;
	len = strlen(head) / 2;
	if (!ret->name || (!ret->link && (!file || !ret->digest)) ||
		(ret->digest && !digest_is_valid(ret->digest)) ||
		(ret->diff_id && !digest_is_valid(ret->diff_id)) || len > sizeof(bytes) ||
		!hex_is_valid(head, 2 * len) ||
		(file && (file[0] != 'm' || strspn(file + 1, "0123456789") != strlen(file + 1))))
		return json_error(line, err, "is malformed");
	for (size_t i = 0; i < len; i++)
		bytes[i] =
			(unsigned char)(hex_digit(head[2 * i]) << 4 | hex_digit(head[2 * i + 1]));
	ret->compression = layer_compression_sniff(bytes, len);
	ret->file = xstrdup_null(file);
	return 0;
}

/* One line; *ret_ended when it was the last. */
static int line_parse(const char *text, size_t len, struct image_archive *archive, size_t *capacity,
	bool *ret_ended, struct error **err)
{
	cleanup_json struct json_document *doc = NULL;
	const char *message = NULL;
	int64_t kind = ERR_INVALID, errnum = 0;
	struct json root, ok;

	if (json_parse(text, len, "archive report", &doc, &root, err) < 0)
		return -1;
	if (json_member(&root, "ok", &ok)) {
		*ret_ended = true;
		return 0;
	}
	if (json_opt_string(&root, "error", &message, err) < 0)
		return -1;
	if (message) {
		if (json_opt_int64(&root, "kind", 0, ERR_KIND_COUNT - 1, &kind, err) < 0 ||
			json_opt_int64(&root, "errno", 0, 4096, &errnum, err) < 0)
			return -1;
		(void)error_set(err, (enum error_kind)kind, "%s", message);
		(*err)->errnum = (int)errnum;
		return -1;
	}
	array_grow(archive->members, archive->count, *capacity);
	archive->members[archive->count] = (struct archive_member){0};
	return member_parse(&root, &archive->members[archive->count++], err);
}

static int report_parse(const char *text, size_t len, struct image_archive *ret, struct error **err)
{
	const char *end = text + len;
	size_t capacity = 0;
	bool ended = false;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			break;
		if (line_parse(text, (size_t)(newline - text), ret, &capacity, &ended, err) < 0)
			return -1;
		text = newline + 1;
	}
	if (!ended)
		return error_set(err, ERR_SYSTEM, "pod-transfer ended before the archive did");
	return 0;
}

static int role_finish(pid_t pid, int report_fd, struct image_archive *ret, struct error **err)
{
	cleanup_free char *text = NULL;
	cleanup_error struct error *reap_error = NULL;
	struct image_archive archive = {0};
	size_t len;
	int status;

	status = read_fd_limited(report_fd, REPORT_MAX, &text, &len, err);
	if (status < 0)
		(void)kill(pid, SIGKILL);
	(void)spawn_wait(pid, &reap_error); /* the report says how it went */
	if (status == 0)
		status = report_parse(text, len, &archive, err);
	if (status < 0) {
		image_archive_clear(&archive);
		return -1;
	}
	*ret = archive;
	return 0;
}

static int role_run(
	const char *mode, int in_fd, int dir_fd, struct image_archive *ret, struct error **err)
{
	cleanup_close int report_fd = -1;
	pid_t pid;

	if (role_start(mode, in_fd, -1, dir_fd, &pid, &report_fd, err) < 0)
		return -1;
	return role_finish(pid, report_fd, ret, err);
}

int image_archive_read(int in_fd, int dir_fd, struct image_archive *ret, struct error **err)
{
	return role_run("read", in_fd, dir_fd, ret, err);
}

int image_archive_import(int in_fd, int dir_fd, struct image_archive *ret, struct error **err)
{
	if (role_run("import", in_fd, dir_fd, ret, err) < 0)
		return -1;
	if (ret->count == 1 && ret->members[0].file && ret->members[0].diff_id)
		return 0;
	image_archive_clear(ret);
	return error_set(err, ERR_SYSTEM, "pod-transfer gave a malformed report");
}

struct archive_inflater {
	pid_t pid;
	int report_fd;
};

int image_archive_inflate_begin(
	int blob_fd, struct archive_inflater **ret, int *ret_fd, struct error **err)
{
	cleanup_close int read_fd = -1, write_fd = -1, report_fd = -1;
	struct archive_inflater *inflater;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, errno, "make a pipe");
	read_fd = ends[0];
	write_fd = ends[1];
	if (role_start("inflate", blob_fd, write_fd, -1, &pid, &report_fd, err) < 0)
		return -1;
	inflater = xmalloc(sizeof(*inflater));
	*inflater = (struct archive_inflater){.pid = pid, .report_fd = steal_fd(&report_fd)};
	*ret = inflater;
	*ret_fd = steal_fd(&read_fd);
	return 0;
}

int image_archive_inflate_end(struct archive_inflater *inflater, struct error **err)
{
	cleanup_close int report_fd = inflater->report_fd;
	struct image_archive none = {0};
	pid_t pid = inflater->pid;
	int status;

	free(inflater);
	status = role_finish(pid, report_fd, &none, err);
	if (status == 0)
		image_archive_clear(&none);
	return status;
}

const struct archive_member *image_archive_find(
	const struct image_archive *archive, const char *name)
{
	cleanup_free char *wanted = path_clean(name + strspn(name, "/"));

	for (int links = 0; links <= LINKS_MAX; links++) {
		const struct archive_member *found = NULL;

		/* The last of two members with one name is the one that unpacking would leave. */
		for (size_t i = archive->count; i-- > 0 && !found;)
			if (str_equal(archive->members[i].name, wanted))
				found = &archive->members[i];
		if (!found || !found->link)
			return found;
		free(wanted);
		wanted = xstrdup(found->link);
	}
	return NULL;
}

const struct archive_member *image_archive_find_digest(
	const struct image_archive *archive, const char *digest)
{
	for (size_t i = 0; i < archive->count; i++)
		if (archive->members[i].file && str_equal(archive->members[i].digest, digest))
			return &archive->members[i];
	return NULL;
}

int image_archive_text(const struct image_archive *archive, int dir_fd, const char *name,
	char **ret, size_t *ret_len, struct error **err)
{
	const struct archive_member *member = image_archive_find(archive, name);

	if (!member)
		return error_set(err, ERR_NOT_FOUND, "the archive has no '%s'", name);
	if (member->size_bytes > ARCHIVE_JSON_MAX)
		return error_set(err, ERR_INVALID, "'%s' in the archive is larger than %u bytes",
			name, ARCHIVE_JSON_MAX);
	return read_file_limited(dir_fd, member->file, ARCHIVE_JSON_MAX, ret, ret_len, err);
}
