#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/docker.h"
#include "cmd/progress.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"
#include "util/timefmt.h"

#define WIDTH_DEFAULT 80
#define BAR_WIDTH_MAX 30
#define BAR_WIDTH_MIN 6
#define TEXT_WIDTH    52 /* of a line without its bar */

struct progress {
	bool quiet, terminal;
	int fd; /* standard error; docker pull: standard output */
	size_t lines_drawn;
	enum pull_layer_state *told; /* elsewhere than on a terminal: what was said of each layer */
	size_t told_count;
};

struct progress *progress_new(bool quiet)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	const char *term = getenv("TERM");

	p->quiet = quiet;
	p->fd = STDERR_FILENO;
	p->terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
	return p;
}

void progress_to(struct progress *p, int fd)
{
	p->fd = fd;
	p->terminal = p->terminal && isatty(fd);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	free(p->told);
	free(p);
}

/* Progress is a courtesy: where it cannot be written the pull goes on. */
static void put(const struct progress *p, const struct strbuf *text)
{
	(void)write_all(p->fd, strbuf_str(text), text->len);
}

static void put_line(const struct progress *p, const char *fmt, const char *value)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	strbuf_addf(&line, fmt, value);
	strbuf_addch(&line, '\n');
	put(p, &line);
}

/* "latest: Pulling from library/busybox"; REFERENCE is a whole one. */
static void put_docker_trying(const struct progress *p, const char *reference)
{
	const char *name = str_starts_with(reference, "docker.io/");
	const char *tag = strrchr(reference, '@');
	cleanup_free char *path = NULL, *line = NULL;

	tag = tag ? tag : strrchr(reference, ':');
	name = name ? name : strchr(reference, '/') ? strchr(reference, '/') + 1 : reference;
	path = xstrndup(name, tag && tag > name ? (size_t)(tag - name) : strlen(name));
	line = xasprintf("%s: Pulling from %s", tag ? tag + 1 : "latest", path);
	put_line(p, "%s", line);
}

static void on_trying(void *data, const char *reference)
{
	const struct progress *p = data;

	if (p->quiet)
		return;
	if (docker_called())
		put_docker_trying(p, reference);
	else
		put_line(p, "Trying to pull %s...", reference);
}

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return WIDTH_DEFAULT;
}

static void add_bar(struct strbuf *line, const struct pull_layer *layer, size_t width)
{
	size_t filled = layer->size_bytes ? (size_t)((double)width * (double)layer->valid_bytes /
						     (double)layer->size_bytes)
					  : width;

	filled = MIN(filled, width);
	strbuf_addch(line, '[');
	strbuf_pad(line, '=', filled);
	if (filled < width) {
		strbuf_addch(line, '>');
		strbuf_pad(line, '-', width - filled - 1);
	}
	strbuf_addstr(line, "] ");
}

static void add_layer(struct strbuf *out, const struct pull_layer *layer, size_t width)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT, size = STRBUF_INIT, valid = STRBUF_INIT;

	size_human_spaced(layer->size_bytes, &size);
	size_human_spaced(layer->valid_bytes, &valid);
	strbuf_addf(&line, "Copying blob %.12s ", digest_hex(layer->digest));
	switch (layer->state) {
	case PULL_LAYER_WAITING:
		strbuf_addstr(&line, "waiting");
		break;
	case PULL_LAYER_EXISTS:
		strbuf_addstr(&line, "skipped: already exists");
		break;
	case PULL_LAYER_DONE:
		strbuf_addf(&line, "done (%s)", strbuf_str(&size));
		break;
	case PULL_LAYER_ACTIVE:
		if (width >= TEXT_WIDTH + BAR_WIDTH_MIN)
			add_bar(&line, layer, MIN(width - TEXT_WIDTH, BAR_WIDTH_MAX));
		strbuf_addf(&line, "%s / %s", strbuf_str(&valid), strbuf_str(&size));
		break;
	}
	/* One column less than there are: a full line would wrap on some terminals. */
	strbuf_add(out, strbuf_str(&line), MIN(line.len, width - 1));
	strbuf_addstr(out, "\x1b[K\n");
}

static void draw(struct progress *p, const struct pull_layer *layers, size_t count)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	size_t width = terminal_width();

	if (p->lines_drawn)
		strbuf_addf(&out, "\x1b[%zuA\r", p->lines_drawn);
	for (size_t i = 0; i < count; i++)
		add_layer(&out, &layers[i], MAX(width, 2));
	p->lines_drawn = count;
	put(p, &out);
}

static void tell(struct progress *p, const struct pull_layer *layers, size_t count)
{
	if (p->told_count != count) {
		free(p->told);
		p->told = xcalloc(count + 1, sizeof(*p->told));
		p->told_count = count;
	}
	for (size_t i = 0; i < count; i++) {
		if (p->told[i] == layers[i].state)
			continue;
		p->told[i] = layers[i].state;
		if (docker_called()) {
			cleanup_free char *id = xstrndup(digest_hex(layers[i].digest), 12);

			if (layers[i].state == PULL_LAYER_DONE)
				put_line(p, "%s: Pull complete", id);
			else if (layers[i].state == PULL_LAYER_EXISTS)
				put_line(p, "%s: Already exists", id);
			else if (layers[i].state == PULL_LAYER_WAITING)
				put_line(p, "%s: Pulling fs layer", id);
			continue;
		}
		if (layers[i].state == PULL_LAYER_DONE)
			put_line(p, "Copying blob %s done", layers[i].digest);
		else if (layers[i].state == PULL_LAYER_EXISTS)
			put_line(p, "Copying blob %s skipped: already exists", layers[i].digest);
	}
}

static void on_layers(void *data, const struct pull_layer *layers, size_t count)
{
	struct progress *p = data;

	if (p->quiet)
		return;
	if (p->terminal)
		draw(p, layers, count);
	else
		tell(p, layers, count);
}

static void on_config(void *data, const char *digest)
{
	struct progress *p = data;

	if (p->quiet)
		return;
	if (!docker_called()) {
		put_line(p, "Copying config %s done", digest);
		put_line(p, "%s", "Writing manifest to image destination");
	}
	/* A second image of an archive starts below. */
	p->lines_drawn = 0;
	p->told_count = 0;
}

struct pull_events progress_events(struct progress *progress)
{
	return (struct pull_events){
		.data = progress,
		.trying = on_trying,
		.layers = on_layers,
		.config = on_config,
	};
}
