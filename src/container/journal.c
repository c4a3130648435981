#include "config.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "container/journal.h"
#include "monitor/journal.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"
#include "util/template.h"

#define SHORT_ID 12

static void add_field(struct strbuf *out, const char *name, const char *value)
{
	if (strchr(value, '\n')) {
		uint64_t len = htole64(strlen(value));

		strbuf_addf(out, "%s\n", name);
		strbuf_add(out, &len, sizeof(len));
		strbuf_addf(out, "%s\n", value);
	} else {
		strbuf_addf(out, "%s=%s\n", name, value);
	}
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* The value of --log-opt tag=, NULL: none. The last one counts. */
static const char *tag_option(const struct container_config *config)
{
	const char *tag = NULL, *value;

	for (char **option = config->log_options; option && *option; option++)
		if ((value = str_starts_with(*option, "tag=")))
			tag = value;
	return tag && *tag ? tag : NULL;
}

static int render_tag(const struct container_config *config, const char *tag, struct strbuf *out,
	struct error **err)
{
	cleanup_template struct template *template = NULL;
	cleanup_json struct json_document *document = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *id = xstrndup(config->id, strnlen(config->id, SHORT_ID));
	const char *image_id = or_empty(config->image_id);
	cleanup_free char *short_image_id = xstrndup(image_id, strnlen(image_id, SHORT_ID));
	struct json_writer w = json_writer_init(&text, 0);
	struct json root;

	json_write_object_begin(&w);
	json_put_string(&w, "ID", id);
	json_put_string(&w, "FullID", config->id);
	json_put_string(&w, "Name", config->name);
	json_put_string(&w, "ImageName", or_empty(config->image_name));
	json_put_string(&w, "ImageID", short_image_id);
	json_put_string(&w, "ImageFullID", image_id);
	json_write_object_end(&w);
	if (json_parse(strbuf_str(&text), text.len, "tag", &document, &root, err) < 0 ||
		template_parse(tag, &template, err) < 0 ||
		template_render(template, &root, NULL, out, err) < 0)
		return error_wrap(err, "log-opt 'tag'");
	return 0;
}

static int write_fields(const struct container *container, struct error **err)
{
	const struct container_config *config = container->config;
	cleanup_strbuf struct strbuf out = STRBUF_INIT, tag = STRBUF_INIT;
	cleanup_free char *id = xstrndup(config->id, strnlen(config->id, SHORT_ID));
	const char *option = tag_option(config);

	add_field(&out, "CONTAINER_ID", id);
	add_field(&out, "CONTAINER_ID_FULL", config->id);
	add_field(&out, "CONTAINER_NAME", config->name);
	add_field(&out, "IMAGE_NAME", or_empty(config->image_name));
	if (option) {
		if (render_tag(config, option, &tag, err) < 0)
			return -1;
		add_field(&out, "CONTAINER_TAG", strbuf_str(&tag));
	}
	add_field(&out, "SYSLOG_IDENTIFIER", option ? strbuf_str(&tag) : config->name);
	if (out.len > JOURNAL_FIELDS_MAX)
		return error_set(err, ERR_INVALID,
			"log-opt 'tag': too long for the journal (%zu bytes with the other fields, "
			"at most %d)",
			out.len, JOURNAL_FIELDS_MAX);
	return write_file_atomic(
		container->dir_fd, CONTAINER_JOURNAL_FILE, strbuf_str(&out), out.len, 0600, 0, err);
}

int container_journal_open(const struct container *container, struct error **err)
{
	cleanup_close int fd = -1;

	if (write_fields(container, err) < 0)
		return -1;
	fd = journal_connect();
	if (fd < 0)
		return error_errno(err, errno,
			"log driver 'journald': this host's systemd-journald does not answer on "
			"'" JOURNAL_SOCKET "' (start it, or use --log-driver k8s-file)");
	return steal_fd(&fd);
}
