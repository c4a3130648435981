#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/oci.h"
#include "oci/record.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

#define PRESERVE_MAX 4096

static const char *const log_formats[] = {"text", "json", NULL};
static const char *const managers[] = {"cgroupfs", "systemd", "disabled", NULL};
static const char *const rootless_words[] = {"auto", "true", "false", NULL};

static const struct option_spec oci_options[] = {
	OPTION_STRING("cgroup-manager", 0, struct oci_globals, cgroup_manager, "MANAGER",
		"who makes control groups (cgroupfs, systemd, disabled)",
		.default_text = "cgroupfs", .words = managers),
	OPTION_BOOL("debug", 0, struct oci_globals, debug, "say more, in the log or on stderr"),
	OPTION_STRING("log", 0, struct oci_globals, log, "FILE", "append errors to this file too",
		.complete = COMPLETE_FILE),
	OPTION_STRING("log-format", 0, struct oci_globals, log_format, "FORMAT",
		"form of the log (text, json)", .default_text = "text", .words = log_formats),
	OPTION_STRING("root", 0, struct oci_globals, root, "DIRECTORY",
		"where the state of containers is kept",
		.default_text = "/run/pod-oci or $XDG_RUNTIME_DIR/pod-oci",
		.complete = COMPLETE_DIRECTORY),
	OPTION_STRING("rootless", 0, struct oci_globals, rootless, "WHEN",
		"go on without a control group that cannot be made (true), fail (false), or go on "
		"where no limits are asked for (auto)",
		.default_text = "auto", .words = rootless_words),
	OPTION_BOOL("systemd-cgroup", 0, struct oci_globals, systemd_cgroup,
		"the same as --cgroup-manager=systemd"),
	OPTION_BOOL("version", 'v', struct oci_globals, version, "version of pod oci"),
	OPTION_END,
};

static int oci_begin(struct command_context *ctx, const char *path, struct error **err)
{
	const struct oci_globals *globals = ctx->group;

	(void)err;
	if (globals->version) {
		command_print(ctx, "%s version %s\nspec: %s\n", path, PACKAGE_VERSION, OCI_VERSION);
		return 0;
	}
	/* Our stderr is the container's: what is only interesting stays away from it. */
	log_set_level(globals->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	return 1;
}

/* One line of the log, in one write: several programs may append to it. */
static void log_line(const struct oci_globals *globals, const char *level, const char *text)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	cleanup_close int fd = -1;
	char when[64];
	time_t now = time(NULL);
	struct tm tm;

	if (!globals->log)
		return;
	fd = open(globals->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return; /* it is on stderr, too */
	(void)gmtime_r(&now, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (str_equal(globals->log_format, "json")) {
		struct json_writer w = json_writer_init(&line, 0);

		json_write_object_begin(&w);
		json_put_string(&w, "msg", text);
		json_put_string(&w, "level", level);
		json_put_string(&w, "time", when);
		json_write_object_end(&w);
		strbuf_addch(&line, '\n');
	} else {
		strbuf_addf(&line, "%s: %s: %s\n", when, level, text);
	}
	(void)write_all(fd, line.data, line.len);
}

static void oci_report(struct command_context *ctx, const struct error *e)
{
	log_line(ctx->group, "error", e->message);
}

void oci_log_notes(struct command_context *ctx, char **notes)
{
	const struct oci_globals *globals = ctx->group;

	for (char **note = notes; note && *note && globals->debug; note++) {
		if (globals->log)
			log_line(globals, "warning", *note);
		else
			log_warning("%s", *note);
	}
	strv_free(notes);
}

void oci_log_warnings(struct command_context *ctx, char **warnings)
{
	for (char **warning = warnings; warning && *warning; warning++) {
		log_line(ctx->group, "warning", *warning);
		fprintf(stderr, "Warning: %s\n", *warning);
	}
	strv_free(warnings);
}

int oci_open_root(struct command_context *ctx, struct oci_root *ret, struct error **err)
{
	const struct oci_globals *globals = ctx->group;

	return oci_root_open(globals->root, ret, err);
}

int oci_fill_create(
	struct command_context *ctx, struct oci_create_options *opts, struct error **err)
{
	const struct oci_globals *globals = ctx->group;
	const char *manager = globals->cgroup_manager;

	if (globals->systemd_cgroup && manager && !str_equal(manager, "systemd"))
		return error_set(err, ERR_USAGE,
			"--systemd-cgroup and --cgroup-manager=%s exclude each other", manager);
	if (globals->systemd_cgroup || str_equal(manager, "systemd"))
		opts->cgroup_manager = OCI_SYSTEMD;
	else if (str_equal(manager, "disabled"))
		opts->cgroup_manager = OCI_CGROUP_DISABLED;
	if (str_equal(globals->rootless, "true"))
		opts->cgroup_errors = OCI_CGROUP_ERRORS_IGNORED;
	else if (str_equal(globals->rootless, "false"))
		opts->cgroup_errors = OCI_CGROUP_ERRORS_FATAL;
	return 0;
}

int oci_check_preserved(unsigned int *count, struct error **err)
{
	const char *listen_fds = getenv("LISTEN_FDS");
	uint64_t more = 0;

	if (listen_fds && (str_to_uint64(listen_fds, PRESERVE_MAX, &more) < 0))
		return error_set(err, ERR_INVALID,
			"LISTEN_FDS is '%s', not a number of descriptors", listen_fds);
	if (*count > PRESERVE_MAX)
		return error_set(err, ERR_USAGE, "--preserve-fds: at most %d", PRESERVE_MAX);
	*count += (unsigned int)more;
	for (unsigned int i = 0; i < *count; i++)
		if (fcntl((int)(3 + i), F_GETFD) < 0)
			return error_set(err, ERR_USAGE,
				"descriptor %u is to be passed on and is not open", 3 + i);
	return 0;
}

int oci_create_from(struct command_context *ctx, struct oci_create_command *opts, const char *id,
	char ***notes, struct error **err)
{
	unsigned int preserve_fds = opts->preserve_fds;

	if (oci_check_preserved(&preserve_fds, err) < 0)
		return -1;
	opts->create = (struct oci_create_options){
		.id = id,
		.late_fd = -1,
		.bundle = opts->bundle,
		.config = opts->config,
		.console_socket = opts->console_socket,
		.pid_file = opts->pid_file,
		.preserve_fds = preserve_fds,
		.no_pivot = opts->no_pivot,
		.no_new_keyring = opts->no_new_keyring,
		.notes = notes,
	};
	return oci_fill_create(ctx, &opts->create, err);
}

extern const struct command command_oci_create, command_oci_start, command_oci_state,
	command_oci_kill, command_oci_delete, command_oci_run, command_oci_list, command_oci_exec,
	command_oci_pause, command_oci_resume, command_oci_update, command_oci_events,
	command_oci_ps, command_oci_spec, command_oci_features;

static const struct command_entry oci_commands[] = {
	{"checkpoint", .instead = "the state of processes is not saved here, which takes CRIU"},
	{"create", &command_oci_create},
	{"delete", &command_oci_delete},
	{"events", &command_oci_events},
	{"exec", &command_oci_exec},
	{"features", &command_oci_features},
	{"kill", &command_oci_kill},
	{"list", &command_oci_list},
	{"pause", &command_oci_pause},
	{"ps", &command_oci_ps},
	{"restore", .instead = "the state of processes is not saved here, which takes CRIU"},
	{"resume", &command_oci_resume},
	{"run", &command_oci_run},
	{"spec", &command_oci_spec},
	{"start", &command_oci_start},
	{"state", &command_oci_state},
	{"update", &command_oci_update},
	{NULL},
};

const struct command command_oci = {
	.name = "oci",
	.summary = "run containers from OCI bundles, for other engines",
	.description =
		"the low-level runtime by itself, with the command line that runc and crun have: "
		"other engines can use it in their place. Its containers are not those of 'pod ps'",
	.exit_status = OCI_EXIT_STATUS,
	.options = oci_options,
	.subcommands = oci_commands,
	.group_size = sizeof(struct oci_globals),
	.group_begin = oci_begin,
	.group_report = oci_report,
};
