#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/tarball.h"
#include "util/mem.h"

#define BLOCK 512

static void pad(struct strbuf *out)
{
	while (out->len % BLOCK)
		strbuf_addch(out, '\0');
}

static void octal(char *field, size_t len, uint64_t value)
{
	/* what octal cannot hold goes in as GNU's base 256 */
	if (value >> (3 * (len - 1))) {
		memset(field, 0, len);
		for (size_t i = 0; i < 8 && i < len - 1; i++)
			field[len - 1 - i] = (char)(value >> (8 * i));
		field[0] = (char)0x80;
		return;
	}
	for (size_t i = len - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
	field[len - 1] = '\0';
}

void tarball_checksum(struct strbuf *out, size_t offset)
{
	unsigned char *block = (unsigned char *)out->data + offset;
	unsigned int sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
}

void tarball_header(
	struct strbuf *out, const struct tar_member *member, uint64_t size, unsigned int id)
{
	char block[BLOCK] = {0};
	size_t offset = out->len;

	memcpy(block, member->name, strnlen(member->name, 100));
	octal(block + 100, 8, member->mode ? member->mode : member->type == '5' ? 0755 : 0644);
	octal(block + 108, 8, id);
	octal(block + 116, 8, id);
	octal(block + 124, 12, size);
	octal(block + 136, 12, 1000000000);
	block[156] = member->type;
	if (member->link)
		memcpy(block + 157, member->link, strnlen(member->link, 100));
	memcpy(block + 257, "ustar\00000", 8);
	octal(block + 329, 8, member->device_major);
	octal(block + 337, 8, member->device_minor);
	strbuf_add(out, block, sizeof(block));
	tarball_checksum(out, offset);
}

void tarball_raw(struct strbuf *out, char type, const char *name, const void *data, size_t len)
{
	tarball_header(out, &(struct tar_member){.type = type, .name = name}, len, 0);
	strbuf_add(out, data, len);
	pad(out);
}

void tarball_pax(struct strbuf *out, const char *key, const void *value, size_t len)
{
	cleanup_strbuf struct strbuf record = STRBUF_INIT;
	size_t body = strlen(key) + len + 3, total = body;
	char number[24];

	/* the length counts itself */
	for (int i = 0; i < 3; i++)
		total = body + (size_t)snprintf(number, sizeof(number), "%zu", total);
	strbuf_addf(&record, "%zu %s=", total, key);
	strbuf_add(&record, value, len);
	strbuf_addch(&record, '\n');
	tarball_raw(out, 'x', "pax", record.data, record.len);
}

void tarball_member(struct strbuf *out, const struct tar_member *member, unsigned int id)
{
	size_t len = member->data ? strlen(member->data) : 0;

	if (member->xattr) {
		const char *equals = strchr(member->xattr, '=');
		cleanup_free char *key = xasprintf(
			"SCHILY.xattr.%.*s", (int)(equals - member->xattr), member->xattr);

		tarball_pax(out, key, equals + 1, strlen(equals + 1));
	}
	tarball_header(out, member, len, id);
	strbuf_add(out, member->data, len);
	pad(out);
}

void tarball_end(struct strbuf *out)
{
	static const char zero[2 * BLOCK];

	strbuf_add(out, zero, sizeof(zero));
}
