#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/xattr.h>

#include "rootless/owner.h"

int owner_text(const struct owner *owner, const char *device, char text[OWNER_TEXT_SIZE])
{
	return snprintf(text, OWNER_TEXT_SIZE, "%u:%u%s%s", owner->uid, owner->gid,
		device ? ":" : "", device ? device : "");
}

static const char *number_parse(const char *p, const char *end, uint32_t *ret)
{
	uint64_t value = 0;
	const char *begin = p;

	for (; p < end && *p >= '0' && *p <= '9' && p - begin < 10; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	if (p == begin || value >= UINT32_MAX)
		return NULL;
	*ret = (uint32_t)value;
	return p;
}

bool owner_parse(const char *text, uint32_t length, struct owner *ret)
{
	const char *end = text + length, *p;
	struct owner owner;

	p = number_parse(text, end, &owner.uid);
	if (!p || p == end || *p++ != ':')
		return false;
	p = number_parse(p, end, &owner.gid);
	if (!p || (p != end && *p != ':'))
		return false;
	*ret = owner;
	return true;
}

int owner_record(int fd, const struct owner *owner)
{
	char text[OWNER_TEXT_SIZE];
	int length = owner_text(owner, NULL, text);

	return fsetxattr(fd, OWNER_XATTR, text, (size_t)length, 0);
}

bool owner_recorded(int fd, struct owner *ret)
{
	char text[OWNER_TEXT_SIZE];
	ssize_t length = fgetxattr(fd, OWNER_XATTR, text, sizeof(text));

	return length > 0 && owner_parse(text, (uint32_t)length, ret);
}
