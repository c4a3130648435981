#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/tar_writer.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/strbuf.h"

/* POSIX.1-1988 ustar, offsets and sizes of the fields that are filled in. */
struct field {
	size_t offset, size;
};
static const struct field name_field = {0, 100}, mode_field = {100, 8}, uid_field = {108, 8},
			  gid_field = {116, 8}, size_field = {124, 12}, mtime_field = {136, 12},
			  checksum_field = {148, 8}, link_field = {157, 100},
			  magic_field = {257, 8}, major_field = {329, 8}, minor_field = {337, 8};
#define TYPE_OFFSET 156

#define OCTAL_7  UINT64_C(07777777)     /* most that fits an 8-byte field */
#define OCTAL_11 UINT64_C(077777777777) /* a 12-byte field */

static const char type_letters[] = {
	[TAR_REGULAR] = '0',
	[TAR_HARD_LINK] = '1',
	[TAR_SYMLINK] = '2',
	[TAR_CHARACTER_DEVICE] = '3',
	[TAR_BLOCK_DEVICE] = '4',
	[TAR_DIRECTORY] = '5',
	[TAR_FIFO] = '6',
};

void tar_writer_init(struct tar_writer *writer, int fd)
{
	struct stat st;

	writer->fd = fd;
	writer->is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	writer->data_left = writer->padding = 0;
	writer->used = 0;
}

static int flush(struct tar_writer *writer, struct error **err)
{
	const char *p = writer->buffer;

	while (writer->used) {
		ssize_t n = writer->is_socket ? send(writer->fd, p, writer->used, MSG_NOSIGNAL)
					      : write(writer->fd, p, writer->used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "write the archive");
		p += n;
		writer->used -= (size_t)n;
	}
	return 0;
}

static int put(struct tar_writer *writer, const void *data, size_t len, struct error **err)
{
	const char *p = data;

	while (len) {
		size_t n = MIN(len, sizeof(writer->buffer) - writer->used);

		memcpy(writer->buffer + writer->used, p, n);
		writer->used += n;
		p += n;
		len -= n;
		if (writer->used == sizeof(writer->buffer) && flush(writer, err) < 0)
			return -1;
	}
	return 0;
}

static int pad(struct tar_writer *writer, uint64_t size, struct error **err)
{
	static const char zero[TAR_BLOCK_SIZE];

	return put(writer, zero,
		(size_t)((TAR_BLOCK_SIZE - size % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE), err);
}

static void put_octal(char *block, struct field field, uint64_t value)
{
	char text[32];

	/* What does not fit is in the pax header; readers take it from there. */
	if (field.size == 8)
		value &= OCTAL_7;
	else
		value &= OCTAL_11;
	snprintf(text, sizeof(text), "%0*llo", (int)field.size - 1, (unsigned long long)value);
	memcpy(block + field.offset, text, field.size);
}

static void put_text(char *block, struct field field, const char *text)
{
	memcpy(block + field.offset, text, MIN(strlen(text), field.size));
}

static int put_header(struct tar_writer *writer, char type, const char *path, const char *link,
	const struct tar_entry *entry, uint64_t size, struct error **err)
{
	char block[TAR_BLOCK_SIZE] = {0};
	unsigned int sum = 0;

	put_text(block, name_field, path);
	put_octal(block, mode_field, entry->mode & 07777);
	put_octal(block, uid_field, entry->uid);
	put_octal(block, gid_field, entry->gid);
	put_octal(block, size_field, size);
	put_octal(block, mtime_field, entry->mtime.tv_sec > 0 ? (uint64_t)entry->mtime.tv_sec : 0);
	block[TYPE_OFFSET] = type;
	put_text(block, link_field, link ? link : "");
	memcpy(block + magic_field.offset,
		"ustar\0"
		"00",
		8);
	put_octal(block, major_field, entry->device_major);
	put_octal(block, minor_field, entry->device_minor);
	memset(block + checksum_field.offset, ' ', checksum_field.size);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	snprintf(block + checksum_field.offset, checksum_field.size, "%06o", sum);
	return put(writer, block, sizeof(block), err);
}

/* "LENGTH KEY=VALUE\n", the length counting itself. */
static void pax_add(struct strbuf *out, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3, total = rest + 1;
	char digits[32];

	while (rest + (size_t)snprintf(digits, sizeof(digits), "%zu", total) != total)
		total = rest + strlen(digits);
	strbuf_addf(out, "%zu %s=", total, key);
	strbuf_add(out, value, len);
	strbuf_addch(out, '\n');
}

static void pax_number(struct strbuf *out, const char *key, int64_t value)
{
	cleanup_free char *text = xasprintf("%lld", (long long)value);

	pax_add(out, key, text, strlen(text));
}

static int put_pax(struct tar_writer *writer, const struct tar_entry *entry, struct error **err)
{
	static const struct tar_entry plain = {.mode = 0644};
	cleanup_strbuf struct strbuf pax = STRBUF_INIT;

	if (strlen(entry->path) > name_field.size)
		pax_add(&pax, "path", entry->path, strlen(entry->path));
	if (entry->link && strlen(entry->link) > link_field.size)
		pax_add(&pax, "linkpath", entry->link, strlen(entry->link));
	if (entry->size_bytes > OCTAL_11)
		pax_number(&pax, "size", (int64_t)entry->size_bytes);
	if (entry->uid > OCTAL_7)
		pax_number(&pax, "uid", entry->uid);
	if (entry->gid > OCTAL_7)
		pax_number(&pax, "gid", entry->gid);
	if (entry->mtime.tv_sec < 0 || (uint64_t)entry->mtime.tv_sec > OCTAL_11)
		pax_number(&pax, "mtime", entry->mtime.tv_sec);
	for (size_t i = 0; i < entry->xattr_count; i++) {
		cleanup_free char *key = xasprintf("SCHILY.xattr.%s", entry->xattrs[i].name);

		pax_add(&pax, key, entry->xattrs[i].value, entry->xattrs[i].len);
	}
	if (!pax.len)
		return 0;
	if (pax.len > TAR_EXTENDED_MAX || strlen(entry->path) > TAR_PATH_MAX)
		return error_set(err, ERR_INVALID,
			"'%.200s...': the path is too long for an archive", entry->path);
	if (put_header(writer, 'x', "PaxHeaders/entry", NULL, &plain, pax.len, err) < 0 ||
		put(writer, pax.data, pax.len, err) < 0)
		return -1;
	return pad(writer, pax.len, err);
}

int tar_writer_entry(struct tar_writer *writer, const struct tar_entry *entry, struct error **err)
{
	uint64_t size = entry->type == TAR_REGULAR ? entry->size_bytes : 0;

	if (put_pax(writer, entry, err) < 0 ||
		put_header(writer, type_letters[entry->type], entry->path, entry->link, entry, size,
			err) < 0)
		return -1;
	writer->data_left = size;
	writer->padding = size;
	return 0;
}

int tar_writer_data(struct tar_writer *writer, const void *data, size_t len, struct error **err)
{
	if (put(writer, data, len, err) < 0)
		return -1;
	writer->data_left -= len;
	return writer->data_left ? 0 : pad(writer, writer->padding, err);
}

int tar_writer_finish(struct tar_writer *writer, struct error **err)
{
	static const char zero[2 * TAR_BLOCK_SIZE];

	if (put(writer, zero, sizeof(zero), err) < 0)
		return -1;
	return flush(writer, err);
}
