#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "monitor/program/state.h"

/*
 * Lines of <store>/events (container/events.h) that the monitor writes. What it does not know of
 * its container, image and labels, it copies as they are from container.json: pod wrote that,
 * compact, and a quote inside one of its strings is always escaped, so that ,"image": can only be a
 * member.
 */

/* What follows KEY in TEXT, to the end of the value: a string, or an array of strings. */
static const char *raw_value(const char *text, const char *key, size_t *ret_len)
{
	const char *value = strstr(text, key), *p;
	bool in_string = false;

	if (!value)
		return NULL;
	value += strlen(key);
	for (p = value; *p; p++) {
		if (in_string && *p == '\\' && p[1])
			p++;
		else if (*p == '"')
			in_string = !in_string;
		else if (!in_string && *p == ']')
			break;
		if (!in_string && p > value && *p == '"' && *value == '"')
			break;
	}
	if (!*p)
		return NULL;
	*ret_len = (size_t)(p - value) + 1;
	return value;
}

static void add_member(struct text *t, const char *record, const char *key, const char *name)
{
	size_t len;
	const char *value = raw_value(record, key, &len);

	/* Cut off, it would be no JSON. */
	if (!value || len + strlen(name) + 128 > t->capacity - t->len)
		return;
	text_add(t, ",\"");
	text_add(t, name);
	text_add(t, "\":");
	memcpy(t->data + t->len, value, len);
	t->len += len;
	t->data[t->len] = '\0';
}

static size_t read_record(const struct monitor *m, const char *name, char *data, size_t capacity)
{
	int fd = openat(m->handover.container_dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, data, capacity - 1);

	if (fd >= 0)
		(void)close(fd);
	data[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void add_name(const struct monitor *m, struct text *t)
{
	char settings[4096], *end;
	size_t len;
	const char *name = NULL;

	/* Renamed since it was started. */
	if (read_record(m, "settings.json", settings, sizeof(settings)))
		name = raw_value(settings, ",\"name\":", &len);
	text_add(t, ",\"name\":");
	if (name && len < MONITOR_NAME_MAX) {
		end = settings + (name - settings) + len;
		*end = '\0';
		text_add(t, name);
		return;
	}
	text_add(t, "\"");
	text_add(t, m->handover.name);
	text_add(t, "\"");
}

void event_write(struct monitor *m, const char *action, const char *detail)
{
	/* The buffers' pages go back when the loop is idle; nothing is in them between events. */
	struct text t = {.data = (char *)m->buffers->log, .capacity = sizeof(m->buffers->log)};
	char *record = (char *)m->buffers->message;
	struct timespec now;
	int fd;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	text_add(&t, "{\"time\":");
	text_add_uint(&t, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	text_add(&t, ",\"type\":\"container\",\"action\":\"");
	text_add(&t, action);
	text_add(&t, "\",\"id\":\"");
	text_add(&t, m->handover.id);
	text_add(&t, "\"");
	add_name(m, &t);
	(void)read_record(m, "container.json", record, sizeof(m->buffers->message));
	add_member(&t, record, ",\"imageName\":", "image");
	add_member(&t, record, ",\"labels\":", "labels");
	if (m->ended) {
		text_add(&t, ",\"exitCode\":");
		text_add_uint(&t, (uint64_t)m->exit_code);
	}
	if (detail) {
		text_add(&t, ",\"detail\":\"");
		text_add(&t, detail);
		text_add(&t, "\"");
	}
	text_add(&t, "}\n");
	fd = openat(m->handover.containers_dir_fd, "../events",
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return;
	(void)!write(fd, t.data, t.len); /* lost when the disk is full */
	(void)close(fd);
}
