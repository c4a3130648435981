#include "config.h"

#include <string.h>

#include "storage/tar.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/* The header block, POSIX.1-1988 ustar. */
struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], device_major[8], device_minor[8];
	char prefix[155], pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK_SIZE, "the header is a block");

/* GNU's use of what is prefix in ustar. */
#define GNU_SPARSE_OFFSET   386 /* four pairs of 12-byte numbers */
#define GNU_SPARSE_COUNT    4
#define GNU_SPARSE_MORE     482
#define GNU_SPARSE_REALSIZE 483
#define GNU_EXTENDED_COUNT  21 /* pairs in an extension block */
#define GNU_EXTENDED_MORE   504

/* What pax headers and GNU long names say about the next entry. */
struct tar_overrides {
	char *path, *link, *sparse_name;
	bool has_size, has_uid, has_gid, has_mtime, has_real_size;
	uint64_t size, uid, gid, real_size;
	struct timespec mtime;
	struct tar_xattr *xattrs;
	size_t xattr_count, xattr_capacity;
	unsigned int sparse_major, sparse_minor;
	bool has_sparse;            /* GNU.sparse.major or an old map was seen */
	char *sparse_map;           /* 0.1: "offset,length,..." */
	struct tar_extent *extents; /* 0.0 */
	size_t extent_count, extent_capacity;
	size_t bytes; /* of all extended headers so far */
};

struct tar {
	struct tar_source source;
	const unsigned char *piece;
	size_t piece_len;
	bool source_end;
	bool archive_end;
	uint64_t data_left;  /* of the entry, in the archive */
	size_t padding_left; /* after the data */
	uint64_t number;     /* of the entry, from 1 */
	struct tar_entry entry;
	size_t extent_capacity; /* of entry.extents */
	struct tar_overrides overrides;
};

struct tar *tar_open(const struct tar_source *source)
{
	struct tar *tar = xcalloc(1, sizeof(*tar));

	tar->source = *source;
	return tar;
}

static void xattrs_free(struct tar_xattr *xattrs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(xattrs[i].name);
		free(xattrs[i].value);
	}
	free(xattrs);
}

static void entry_clear(struct tar *tar)
{
	struct tar_entry *entry = &tar->entry;

	free(entry->path);
	free(entry->link);
	xattrs_free(entry->xattrs, entry->xattr_count);
	free(entry->extents);
	*entry = (struct tar_entry){0};
	tar->extent_capacity = 0;
}

static void overrides_clear(struct tar_overrides *overrides)
{
	free(overrides->path);
	free(overrides->link);
	free(overrides->sparse_name);
	free(overrides->sparse_map);
	free(overrides->extents);
	xattrs_free(overrides->xattrs, overrides->xattr_count);
	*overrides = (struct tar_overrides){0};
}

void tar_close(struct tar *tar)
{
	if (!tar)
		return;
	entry_clear(tar);
	overrides_clear(&tar->overrides);
	free(tar);
}

static int invalid(const struct tar *tar, struct error **err, const char *what)
{
	return error_set(
		err, ERR_INVALID, "archive entry %llu: %s", (unsigned long long)tar->number, what);
}

static int fill(struct tar *tar, struct error **err)
{
	const void *data;

	if (tar->piece_len || tar->source_end)
		return 0;
	if (tar->source.read(tar->source.ctx, &data, &tar->piece_len, err) < 0)
		return -1;
	tar->piece = data;
	tar->source_end = tar->piece_len == 0;
	return 0;
}

/* The next block, borrowed until the next read; NULL at the end of the stream. */
static int read_block(struct tar *tar, const unsigned char **ret, struct error **err)
{
	if (fill(tar, err) < 0)
		return -1;
	if (tar->source_end) {
		*ret = NULL;
		return 0;
	}
	if (tar->piece_len < TAR_BLOCK_SIZE)
		return invalid(tar, err, "the archive ends within a header");
	*ret = tar->piece;
	tar->piece += TAR_BLOCK_SIZE;
	tar->piece_len -= TAR_BLOCK_SIZE;
	return 0;
}

/* Take up to MAX bytes as they lie; 0 only at the end of the stream. */
static int take(struct tar *tar, uint64_t max, const unsigned char **ret, size_t *ret_len,
	struct error **err)
{
	if (fill(tar, err) < 0)
		return -1;
	*ret = tar->piece;
	*ret_len = (size_t)MIN((uint64_t)tar->piece_len, max);
	tar->piece += *ret_len;
	tar->piece_len -= *ret_len;
	return 0;
}

int tar_data(struct tar *tar, const void **ret_data, size_t *ret_len, struct error **err)
{
	const unsigned char *data;
	size_t len;

	if (!tar->data_left) {
		*ret_len = 0;
		return 0;
	}
	if (take(tar, tar->data_left, &data, &len, err) < 0)
		return -1;
	if (!len)
		return invalid(tar, err, "the archive ends within a file");
	tar->data_left -= len;
	*ret_data = data;
	*ret_len = len;
	return 0;
}

static int skip_rest(struct tar *tar, struct error **err)
{
	const void *data;
	size_t len;

	do {
		if (tar_data(tar, &data, &len, err) < 0)
			return -1;
	} while (len);
	while (tar->padding_left) {
		const unsigned char *pad;

		if (take(tar, tar->padding_left, &pad, &len, err) < 0)
			return -1;
		if (!len)
			return 0; /* padding cut off at the very end: harmless, and it happens */
		tar->padding_left -= len;
	}
	return 0;
}

static void data_begin(struct tar *tar, uint64_t size)
{
	tar->data_left = size;
	tar->padding_left = (size_t)((TAR_BLOCK_SIZE - size % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE);
}

int tar_drain(struct tar *tar, struct error **err)
{
	do {
		tar->piece_len = 0;
		if (fill(tar, err) < 0)
			return -1;
	} while (!tar->source_end);
	return 0;
}

/* A numeric field: octal text, or GNU's big-endian two's complement marked by the top bit. */
static int parse_number(const char *field, size_t len, int64_t *ret)
{
	const unsigned char *p = (const unsigned char *)field;
	uint64_t value = 0;
	size_t i = 0;

	if (p[0] & 0x80) {
		bool negative = p[0] & 0x40;

		value = negative ? UINT64_MAX : 0;
		for (i = 0; i < len; i++) {
			unsigned char c = i ? p[i] : (unsigned char)(p[0] & 0x7f);

			if (i == 0 && negative)
				c |= 0x80;
			/* Nothing but sign may be shifted out. */
			if ((value >> 55) != (negative ? 0x1ffu : 0u))
				return -1;
			value = value << 8 | c;
		}
		*ret = (int64_t)value;
		return 0;
	}
	while (i < len && (p[i] == ' ' || p[i] == '\0'))
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
		if (value >> 60)
			return -1;
		value = value << 3 | (uint64_t)(p[i] - '0');
	}
	for (; i < len; i++)
		if (p[i] != ' ' && p[i] != '\0')
			return -1;
	if (value > INT64_MAX)
		return -1;
	*ret = (int64_t)value;
	return 0;
}

static int field_number(const struct tar *tar, const char *field, size_t len, int64_t min,
	int64_t max, const char *name, int64_t *ret, struct error **err)
{
	if (parse_number(field, len, ret) < 0 || *ret < min || *ret > max)
		return error_set(err, ERR_INVALID,
			"archive entry %llu: the header's %s is malformed",
			(unsigned long long)tar->number, name);
	return 0;
}

/* Sum of the bytes with the checksum field as spaces; old programs summed signed characters. */
static bool checksum_matches(const unsigned char *block)
{
	const size_t begin = offsetof(struct tar_header, checksum);
	int64_t plain = 0, with_sign = 0, said;

	for (size_t i = 0; i < TAR_BLOCK_SIZE; i++) {
		unsigned char c = i >= begin && i < begin + 8 ? ' ' : block[i];

		plain += c;
		with_sign += (signed char)c;
	}
	return parse_number((const char *)block + begin, 8, &said) == 0 &&
	       (said == plain || said == with_sign);
}

static bool is_zero_block(const unsigned char *block)
{
	static const unsigned char zero[TAR_BLOCK_SIZE];

	return memcmp(block, zero, TAR_BLOCK_SIZE) == 0;
}

/* The content of an extended header or long name, whole in memory; NUL-terminated. */
static int read_extended(struct tar *tar, uint64_t size, char **ret, struct error **err)
{
	cleanup_free char *text = NULL;
	size_t have = 0;

	if (size > TAR_EXTENDED_MAX || tar->overrides.bytes + size > TAR_EXTENDED_MAX)
		return invalid(tar, err, "the extended header is too long");
	tar->overrides.bytes += size + TAR_BLOCK_SIZE;
	text = xmalloc((size_t)size + 1);
	data_begin(tar, size);
	while (have < size) {
		const void *data;
		size_t len;

		if (tar_data(tar, &data, &len, err) < 0)
			return -1;
		memcpy(text + have, data, len);
		have += len;
	}
	text[have] = '\0';
	if (skip_rest(tar, err) < 0)
		return -1;
	*ret = steal_ptr(&text);
	return 0;
}

/* "-12.345": seconds and decimal fraction. */
static int parse_time(const char *s, struct timespec *ret)
{
	bool negative = *s == '-';
	int64_t seconds = 0;
	long nanoseconds = 0, digit = 100000000;
	const char *p = s + negative;

	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (seconds > INT64_MAX / 100)
			return -1;
		seconds = seconds * 10 + (*p - '0');
	}
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, digit /= 10)
			nanoseconds += (*p - '0') * digit;
	if (*p)
		return -1;
	if (negative) {
		seconds = -seconds;
		if (nanoseconds) {
			seconds--;
			nanoseconds = 1000000000 - nanoseconds;
		}
	}
	*ret = (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
	return 0;
}

static int overrides_add_xattr(
	struct tar *tar, const char *name, const char *value, size_t len, struct error **err)
{
	struct tar_overrides *overrides = &tar->overrides;
	struct tar_xattr *xattr = NULL;

	if (!*name || strlen(name) > 255 || len > TAR_XATTR_MAX)
		return invalid(tar, err, "an extended attribute is too long");
	for (size_t i = 0; i < overrides->xattr_count && !xattr; i++)
		if (strcmp(overrides->xattrs[i].name, name) == 0)
			xattr = &overrides->xattrs[i];
	if (!xattr) {
		array_grow(overrides->xattrs, overrides->xattr_count, overrides->xattr_capacity);
		xattr = &overrides->xattrs[overrides->xattr_count++];
		*xattr = (struct tar_xattr){.name = xstrdup(name)};
	}
	free(xattr->value);
	xattr->value = xmalloc(len ? len : 1);
	memcpy(xattr->value, value, len);
	xattr->len = len;
	return 0;
}

/* GNU.sparse 0.0 repeats a pair of records for each extent. */
static int overrides_add_extent(struct tar *tar, bool is_offset, uint64_t value, struct error **err)
{
	struct tar_overrides *overrides = &tar->overrides;

	overrides->has_sparse = true;
	if (is_offset) {
		if (overrides->extent_count >= TAR_EXTENTS_MAX)
			return invalid(tar, err, "the sparse map is too long");
		array_grow(overrides->extents, overrides->extent_count, overrides->extent_capacity);
		overrides->extents[overrides->extent_count++] =
			(struct tar_extent){.offset = value};
	} else {
		if (!overrides->extent_count)
			return invalid(tar, err, "the sparse map is malformed");
		overrides->extents[overrides->extent_count - 1].length = value;
	}
	return 0;
}

static void replace(char **p, const char *value)
{
	free(*p);
	*p = xstrdup(value);
}

/* One "key=value" of a pax header. VALUE ends in NUL and may hold others. */
static int pax_record(
	struct tar *tar, const char *key, const char *value, size_t len, struct error **err)
{
	static const char unsafe[] = "a value in the extended header is malformed";
	struct tar_overrides *overrides = &tar->overrides;
	const char *name = str_starts_with(key, "SCHILY.xattr.");
	uint64_t number;

	if (name)
		return overrides_add_xattr(tar, name, value, len, err);
	if (strlen(value) != len)
		return invalid(tar, err, unsafe);
	/* An empty value takes an override back. */
	if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0 ||
		strcmp(key, "GNU.sparse.name") == 0) {
		char **p = key[0] == 'p'   ? &overrides->path
			   : key[0] == 'l' ? &overrides->link
					   : &overrides->sparse_name;

		if (len > TAR_PATH_MAX)
			return invalid(tar, err, "the path is too long");
		replace(p, value);
		return 0;
	}
	if (strcmp(key, "mtime") == 0) {
		overrides->has_mtime = len > 0;
		return len && parse_time(value, &overrides->mtime) < 0 ? invalid(tar, err, unsafe)
								       : 0;
	}
	if (strcmp(key, "GNU.sparse.map") == 0) {
		overrides->has_sparse = true;
		replace(&overrides->sparse_map, value);
		return 0;
	}
	if (strcmp(key, "size") != 0 && strcmp(key, "uid") != 0 && strcmp(key, "gid") != 0 &&
		!str_starts_with(key, "GNU.sparse."))
		return 0; /* unknown, or not of interest (atime, uname, comment ...) */
	if (!len && key[0] != 'G') {
		if (key[0] == 's')
			overrides->has_size = false;
		else if (key[0] == 'u')
			overrides->has_uid = false;
		else
			overrides->has_gid = false;
		return 0;
	}
	if (str_to_uint64(value, INT64_MAX, &number) < 0)
		return invalid(tar, err, unsafe);
	if (strcmp(key, "size") == 0) {
		overrides->has_size = true;
		overrides->size = number;
	} else if (strcmp(key, "uid") == 0) {
		overrides->has_uid = true;
		overrides->uid = number;
	} else if (strcmp(key, "gid") == 0) {
		overrides->has_gid = true;
		overrides->gid = number;
	} else if (strcmp(key, "GNU.sparse.major") == 0) {
		overrides->has_sparse = true;
		overrides->sparse_major = (unsigned int)MIN(number, (uint64_t)99);
	} else if (strcmp(key, "GNU.sparse.minor") == 0) {
		overrides->sparse_minor = (unsigned int)MIN(number, (uint64_t)99);
	} else if (strcmp(key, "GNU.sparse.size") == 0 || strcmp(key, "GNU.sparse.realsize") == 0) {
		overrides->has_real_size = true;
		overrides->real_size = number;
	} else if (strcmp(key, "GNU.sparse.offset") == 0) {
		return overrides_add_extent(tar, true, number, err);
	} else if (strcmp(key, "GNU.sparse.numbytes") == 0) {
		return overrides_add_extent(tar, false, number, err);
	}
	return 0;
}

/* Records "LENGTH KEY=VALUE\n", LENGTH in decimal and of the whole record. TEXT is written to. */
static int pax_parse(struct tar *tar, char *text, size_t len, struct error **err)
{
	char *p = text, *end = text + len;

	while (p < end) {
		size_t record = 0;
		char *digits = p, *key, *equals, *record_end;

		while (p < end && *p >= '0' && *p <= '9' && record <= TAR_EXTENDED_MAX)
			record = record * 10 + (size_t)(*p++ - '0');
		if (p == digits || p >= end || *p != ' ' || record > (size_t)(end - digits) ||
			record <= (size_t)(p - digits) + 2)
			return invalid(tar, err, "the extended header is malformed");
		key = p + 1;
		record_end = digits + record - 1;
		equals = memchr(key, '=', (size_t)(record_end - key));
		if (*record_end != '\n' || !equals || equals == key ||
			memchr(key, '\0', (size_t)(equals - key)))
			return invalid(tar, err, "the extended header is malformed");
		*equals = '\0';
		*record_end = '\0';
		if (pax_record(tar, key, equals + 1, (size_t)(record_end - equals - 1), err) < 0)
			return -1;
		p = record_end + 1;
	}
	return 0;
}

static char *field_string(const char *field, size_t len)
{
	return xstrndup(field, strnlen(field, len));
}

static bool has_magic(const struct tar_header *header, const char *magic)
{
	return memcmp(header->magic, magic, 8) == 0; /* magic and version */
}

/* Path and link from the header itself, where nothing overrides them. */
static void header_names(struct tar *tar, const struct tar_header *header)
{
	struct tar_overrides *overrides = &tar->overrides;
	struct tar_entry *entry = &tar->entry;

	if (overrides->sparse_name && *overrides->sparse_name)
		entry->path = steal_ptr(&overrides->sparse_name);
	else if (overrides->path && *overrides->path)
		entry->path = steal_ptr(&overrides->path);
	if (overrides->link && *overrides->link)
		entry->link = steal_ptr(&overrides->link);
	if (!entry->path) {
		cleanup_free char *name = field_string(header->name, sizeof(header->name));

		if (has_magic(header, "ustar\00000") && header->prefix[0]) {
			cleanup_free char *prefix =
				field_string(header->prefix, sizeof(header->prefix));

			entry->path = xasprintf("%s/%s", prefix, name);
		} else {
			entry->path = steal_ptr(&name);
		}
	}
	if (!entry->link)
		entry->link = field_string(header->link, sizeof(header->link));
}

static int header_type(struct tar *tar, const struct tar_header *header, struct error **err)
{
	struct tar_entry *entry = &tar->entry;
	size_t len = strlen(entry->path);

	switch (header->type) {
	case '\0':
		entry->type = len && entry->path[len - 1] == '/' ? TAR_DIRECTORY : TAR_REGULAR;
		return 0;
	case '0':
	case '7':
	case 'S':
		entry->type = TAR_REGULAR;
		return 0;
	case '1':
		entry->type = TAR_HARD_LINK;
		return 0;
	case '2':
		entry->type = TAR_SYMLINK;
		return 0;
	case '3':
		entry->type = TAR_CHARACTER_DEVICE;
		return 0;
	case '4':
		entry->type = TAR_BLOCK_DEVICE;
		return 0;
	case '5':
		entry->type = TAR_DIRECTORY;
		return 0;
	case '6':
		entry->type = TAR_FIFO;
		return 0;
	default:
		return error_set(err, ERR_INVALID, "archive entry %llu: unknown type 0x%02x",
			(unsigned long long)tar->number, (unsigned char)header->type);
	}
}

static int entry_add_extent(struct tar *tar, uint64_t offset, uint64_t length, struct error **err)
{
	struct tar_entry *entry = &tar->entry;
	uint64_t last = 0;

	if (entry->extent_count) {
		const struct tar_extent *before = &entry->extents[entry->extent_count - 1];

		last = before->offset + before->length;
	}
	if (entry->extent_count >= TAR_EXTENTS_MAX)
		return invalid(tar, err, "the sparse map is too long");
	if (offset < last || offset > INT64_MAX || length > INT64_MAX - offset)
		return invalid(tar, err, "the sparse map is malformed");
	array_grow(entry->extents, entry->extent_count, tar->extent_capacity);
	entry->extents[entry->extent_count++] =
		(struct tar_extent){.offset = offset, .length = length};
	return 0;
}

static int gnu_sparse_pairs(struct tar *tar, const char *pairs, size_t count, struct error **err)
{
	for (size_t i = 0; i < count; i++) {
		const char *pair = pairs + i * 24;
		int64_t offset, length;

		if (pair[0] == '\0')
			break;
		if (field_number(tar, pair, 12, 0, INT64_MAX, "sparse map", &offset, err) < 0 ||
			field_number(tar, pair + 12, 12, 0, INT64_MAX, "sparse map", &length, err) <
				0 ||
			entry_add_extent(tar, (uint64_t)offset, (uint64_t)length, err) < 0)
			return -1;
	}
	return 0;
}

/* Old GNU format: four extents in the header, the others in blocks that follow it. */
static int gnu_sparse(struct tar *tar, const char *header, struct error **err)
{
	bool more = header[GNU_SPARSE_MORE] != 0;
	int64_t real_size;

	if (field_number(tar, header + GNU_SPARSE_REALSIZE, 12, 0, INT64_MAX, "size", &real_size,
		    err) < 0 ||
		gnu_sparse_pairs(tar, header + GNU_SPARSE_OFFSET, GNU_SPARSE_COUNT, err) < 0)
		return -1;
	while (more) {
		const unsigned char *block;

		if (read_block(tar, &block, err) < 0)
			return -1;
		if (!block)
			return invalid(tar, err, "the archive ends within a sparse map");
		if (gnu_sparse_pairs(tar, (const char *)block, GNU_EXTENDED_COUNT, err) < 0)
			return -1;
		more = block[GNU_EXTENDED_MORE] != 0;
	}
	tar->entry.is_sparse = true;
	tar->entry.size_bytes = (uint64_t)real_size;
	return 0;
}

/* pax 0.1: "offset,length,offset,length" */
static int pax_sparse_map(struct tar *tar, char *map, struct error **err)
{
	uint64_t values[2];
	size_t have = 0;
	char *p = map;

	while (*p) {
		char *comma = p + strcspn(p, ",");
		bool last = !*comma;

		*comma = '\0';
		if (str_to_uint64(p, INT64_MAX, &values[have++]) < 0)
			return invalid(tar, err, "the sparse map is malformed");
		if (have == 2) {
			if (entry_add_extent(tar, values[0], values[1], err) < 0)
				return -1;
			have = 0;
		}
		p = last ? comma : comma + 1;
	}
	return have ? invalid(tar, err, "the sparse map is malformed") : 0;
}

struct number_reader {
	struct tar *tar;
	const unsigned char *data;
	size_t len;
};

/* A decimal number and '\n' from the entry's data. */
static int read_number(struct number_reader *reader, uint64_t *ret, struct error **err)
{
	uint64_t value = 0;

	for (size_t digits = 0;; digits++) {
		unsigned char c;

		if (!reader->len) {
			const void *data;

			if (tar_data(reader->tar, &data, &reader->len, err) < 0)
				return -1;
			reader->data = data;
		}
		if (!reader->len || digits > 19)
			return invalid(reader->tar, err, "the sparse map is malformed");
		c = *reader->data++;
		reader->len--;
		if (c == '\n' && digits)
			break;
		if (c < '0' || c > '9' || value > (INT64_MAX - 9) / 10)
			return invalid(reader->tar, err, "the sparse map is malformed");
		value = value * 10 + (uint64_t)(c - '0');
	}
	*ret = value;
	return 0;
}

/* pax 1.0: the map is in front of the data, in decimal lines, padded to a block. */
static int pax_sparse_data(struct tar *tar, struct error **err)
{
	struct number_reader reader = {.tar = tar};
	uint64_t count, begin = tar->data_left, used;

	if (read_number(&reader, &count, err) < 0)
		return -1;
	if (count > TAR_EXTENTS_MAX)
		return invalid(tar, err, "the sparse map is too long");
	for (uint64_t i = 0; i < count; i++) {
		uint64_t offset, length;

		if (read_number(&reader, &offset, err) < 0 ||
			read_number(&reader, &length, err) < 0 ||
			entry_add_extent(tar, offset, length, err) < 0)
			return -1;
	}
	/* Give back what was taken and not used, then skip to the block's end. */
	tar->piece -= reader.len;
	tar->piece_len += reader.len;
	tar->data_left += reader.len;
	used = begin - tar->data_left;
	for (uint64_t skip = (TAR_BLOCK_SIZE - used % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE; skip;) {
		const unsigned char *pad;
		size_t len;

		if (take(tar, MIN(skip, tar->data_left), &pad, &len, err) < 0)
			return -1;
		if (!len)
			return invalid(tar, err, "the sparse map is malformed");
		tar->data_left -= len;
		skip -= len;
	}
	return 0;
}

/* Settle a regular file's sizes and sparse map once its data has begun. */
static int entry_sparse(struct tar *tar, struct error **err)
{
	struct tar_overrides *overrides = &tar->overrides;
	struct tar_entry *entry = &tar->entry;
	uint64_t total = 0, end = 0;

	if (overrides->has_sparse && !entry->is_sparse) {
		entry->is_sparse = true;
		if (!overrides->has_real_size)
			return invalid(tar, err, "a sparse file has no size");
		entry->size_bytes = overrides->real_size;
		if (overrides->sparse_major == 1) {
			if (pax_sparse_data(tar, err) < 0)
				return -1;
		} else if (overrides->sparse_major > 1) {
			return invalid(tar, err, "unknown version of the sparse format");
		} else if (overrides->sparse_map) {
			if (pax_sparse_map(tar, overrides->sparse_map, err) < 0)
				return -1;
		} else {
			for (size_t i = 0; i < overrides->extent_count; i++)
				if (entry_add_extent(tar, overrides->extents[i].offset,
					    overrides->extents[i].length, err) < 0)
					return -1;
		}
	}
	if (!entry->is_sparse)
		return 0;
	for (size_t i = 0; i < entry->extent_count; i++) {
		total += entry->extents[i].length;
		end = entry->extents[i].offset + entry->extents[i].length;
	}
	/* Ascending and not overlapping: neither sum can pass INT64_MAX. */
	if (total != tar->data_left || end > entry->size_bytes)
		return invalid(tar, err, "the sparse map does not fit the file");
	return 0;
}

static int entry_ids(struct tar *tar, const struct tar_header *header, struct error **err)
{
	const struct tar_overrides *overrides = &tar->overrides;
	int64_t uid, gid, mode, mtime = 0;

	if (overrides->has_uid)
		uid = (int64_t)overrides->uid;
	else if (field_number(tar, header->uid, 8, 0, UINT32_MAX, "uid", &uid, err) < 0)
		return -1;
	if (overrides->has_gid)
		gid = (int64_t)overrides->gid;
	else if (field_number(tar, header->gid, 8, 0, UINT32_MAX, "gid", &gid, err) < 0)
		return -1;
	/* The highest id means "leave it" to chown(2). */
	if (uid >= UINT32_MAX || gid >= UINT32_MAX)
		return invalid(tar, err, "the owner's id is too large");
	if (field_number(tar, header->mode, 8, 0, INT64_MAX, "mode", &mode, err) < 0)
		return -1;
	if (!overrides->has_mtime &&
		field_number(tar, header->mtime, 12, INT64_MIN, INT64_MAX, "time", &mtime, err) < 0)
		return -1;
	tar->entry.uid = (uint32_t)uid;
	tar->entry.gid = (uint32_t)gid;
	tar->entry.mode = (mode_t)(mode & 07777);
	tar->entry.mtime =
		overrides->has_mtime ? overrides->mtime : (struct timespec){.tv_sec = mtime};
	return 0;
}

static int entry_build(struct tar *tar, const unsigned char *block, struct error **err)
{
	/* The block may go with the next read (sparse map). */
	const struct tar_header copy = *(const struct tar_header *)block, *header = &copy;
	struct tar_overrides *overrides = &tar->overrides;
	struct tar_entry *entry = &tar->entry;
	int64_t size, number;

	header_names(tar, header);
	if (!*entry->path)
		return invalid(tar, err, "the path is empty");
	if (header_type(tar, header, err) < 0 || entry_ids(tar, header, err) < 0)
		return -1;
	if (overrides->has_size)
		size = (int64_t)overrides->size;
	else if (field_number(tar, header->size, 12, 0, INT64_MAX, "size", &size, err) < 0)
		return -1;
	if (entry->type != TAR_REGULAR)
		size = 0;
	if (entry->type != TAR_HARD_LINK && entry->type != TAR_SYMLINK) {
		free(entry->link);
		entry->link = NULL;
	} else if (!*entry->link) {
		return invalid(tar, err, "a link leads nowhere");
	}
	if (entry->type == TAR_CHARACTER_DEVICE || entry->type == TAR_BLOCK_DEVICE) {
		if (field_number(tar, header->device_major, 8, 0, UINT32_MAX, "device", &number,
			    err) < 0)
			return -1;
		entry->device_major = (uint32_t)number;
		if (field_number(tar, header->device_minor, 8, 0, UINT32_MAX, "device", &number,
			    err) < 0)
			return -1;
		entry->device_minor = (uint32_t)number;
	}
	entry->xattrs = steal_ptr(&overrides->xattrs);
	entry->xattr_count = overrides->xattr_count;
	overrides->xattr_count = overrides->xattr_capacity = 0;
	entry->size_bytes = (uint64_t)size;
	if (header->type == 'S' && gnu_sparse(tar, (const char *)header, err) < 0)
		return -1;
	data_begin(tar, (uint64_t)size);
	return entry->type == TAR_REGULAR ? entry_sparse(tar, err) : 0;
}

/* Headers that describe the next entry. */
static int extended(struct tar *tar, const unsigned char *block, struct error **err)
{
	const struct tar_header *header = (const struct tar_header *)block;
	struct tar_overrides *overrides = &tar->overrides;
	cleanup_free char *text = NULL;
	char type = header->type;
	int64_t size;

	if (field_number(tar, header->size, 12, 0, INT64_MAX, "size", &size, err) < 0 ||
		read_extended(tar, (uint64_t)size, &text, err) < 0)
		return -1;
	switch (type) {
	case 'x':
	case 'X':
		return pax_parse(tar, text, (size_t)size, err);
	case 'L':
	case 'K':
		if (strlen(text) > TAR_PATH_MAX)
			return invalid(tar, err, "the path is too long");
		replace(type == 'L' ? &overrides->path : &overrides->link, text);
		return 0;
	default: /* 'g', and GNU's volume label 'V': nothing that unpacking needs */
		return 0;
	}
}

int tar_next(struct tar *tar, const struct tar_entry **ret, struct error **err)
{
	const unsigned char *block;

	if (tar->archive_end) {
		*ret = NULL;
		return 0;
	}
	if (skip_rest(tar, err) < 0)
		return -1;
	entry_clear(tar);
	overrides_clear(&tar->overrides);
	tar->number++;
	for (;;) {
		char type;

		if (read_block(tar, &block, err) < 0)
			return -1;
		if (block && is_zero_block(block)) {
			if (read_block(tar, &block, err) < 0)
				return -1;
			if (block && !is_zero_block(block))
				return invalid(tar, err, "the header is malformed");
			block = NULL;
		}
		if (!block) {
			tar->archive_end = true;
			*ret = NULL;
			return 0;
		}
		if (!checksum_matches(block))
			return invalid(tar, err, "the header's checksum is wrong");
		type = ((const struct tar_header *)block)->type;
		if (!type || !strchr("xXgLKV", type))
			break;
		if (extended(tar, block, err) < 0)
			return -1;
	}
	if (entry_build(tar, block, err) < 0)
		return -1;
	*ret = &tar->entry;
	return 0;
}
