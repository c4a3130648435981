#include "config.h"

#include <string.h>

#include "systemd/unit.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

/* systemd.unit(5): 255 with the suffix. */
#define NAME_MAX_LENGTH (255 - sizeof("@.service") + 1)
/* What a stop may take beyond the container's own time, as podman grants. */
#define STOP_SLACK_S 60

void unit_free(struct unit *unit)
{
	if (!unit)
		return;
	free(unit->name);
	strv_free(unit->header);
	free(unit->runtime_path);
	free(unit->restart);
	strv_free(unit->after);
	strv_free(unit->requires);
	strv_free(unit->wants);
	strv_free(unit->env);
	free(unit->program);
	strv_free(unit->globals);
	strv_free(unit->run_words);
	free(unit->container);
	free(unit->pid_file);
	free(unit);
}

int unit_name_check(const char *name, struct error **err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		":-_.\\";

	if (!*name || strlen(name) > NAME_MAX_LENGTH || name[strspn(name, allowed)])
		return error_set(err, ERR_USAGE,
			"'%s' cannot be the name of a unit: letters, digits and :-_.\\ make one",
			name);
	return 0;
}

int unit_restart_check(const char *text, struct error **err)
{
	static const char *const values[] = {"no", "on-success", "on-failure", "on-abnormal",
		"on-watchdog", "on-abort", "always"};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (str_equal(text, values[i]))
			return 0;
	return error_set(err, ERR_USAGE, "%s is not a valid restart policy", text);
}

/* As RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		int more = *p < 0x80   ? 0
			   : *p < 0xc2 ? -1
			   : *p < 0xe0 ? 1
			   : *p < 0xf0 ? 2
			   : *p < 0xf5 ? 3
				       : -1;

		if (more < 0 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
			(*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
			return false;
		for (p++; more > 0; more--, p++)
			if ((*p & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Can TEXT be the end of a line as it is? A backslash would join the next one. */
static bool fits_line(const char *text)
{
	size_t len = strlen(text);

	for (const char *p = text; *p; p++)
		if (is_control(*p))
			return false;
	return is_utf8(text) && len && !strchr("\\ ", text[len - 1]);
}

static bool needs_quotes(const char *word)
{
	if (!*word || str_equal(word, ";")) /* alone it ends a command */
		return true;
	for (; *word; word++)
		if (is_control(*word) || strchr(" \"'\\", *word))
			return true;
	return false;
}

/* DOLLAR: is '$' a variable here, as in command lines? */
static char *quote(const char *word, bool dollar, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	bool quotes = needs_quotes(word);

	if (!is_utf8(word)) {
		error_set(err, ERR_INVALID, "'%s' is not UTF-8: systemd refuses it in a unit file",
			word);
		return NULL;
	}
	if (quotes)
		strbuf_addch(&out, '"');
	for (; *word; word++) {
		if (*word == '%' || (*word == '$' && dollar))
			strbuf_addf(&out, "%c%c", *word, *word);
		else if (*word == '"' || *word == '\\')
			strbuf_addf(&out, "\\%c", *word);
		else if (*word == '\n')
			strbuf_addstr(&out, "\\n");
		else if (*word == '\t')
			strbuf_addstr(&out, "\\t");
		else if (is_control(*word))
			strbuf_addf(&out, "\\x%02x", (unsigned int)(unsigned char)*word);
		else
			strbuf_addch(&out, *word);
	}
	if (quotes)
		strbuf_addch(&out, '"');
	return strbuf_detach(&out);
}

char *unit_quote(const char *word, struct error **err)
{
	return quote(word, true, err);
}

/* Dependencies are the user's own words, specifiers included; but one line each. */
static int add_dependencies(
	struct strbuf *out, const char *key, char *const *units, struct error **err)
{
	cleanup_free char *line = NULL;

	if (!units || !*units)
		return 0;
	line = str_join(units, " ");
	if (!fits_line(line))
		return error_set(err, ERR_USAGE,
			"what is given for '%s=' is no list of units: each is one word", key);
	strbuf_addf(out, "%s=%s\n", key, line);
	return 0;
}

static int add_unit_section(struct strbuf *out, const struct unit *unit, struct error **err)
{
	cleanup_free char *mounts =
		unit->is_new ? xstrdup(unit->runtime_path) : quote(unit->runtime_path, false, err);

	if (!mounts)
		return -1;
	strbuf_addf(out,
		"[Unit]\n"
		"Description=pod %s.service%s\n"
		"Documentation=man:pod-generate-systemd(1)\n"
		"Wants=network-online.target\n"
		"After=network-online.target\n"
		"RequiresMountsFor=%s\n",
		unit->name, unit->is_template ? " for %I" : "", mounts);
	if ((unit->wants && *unit->wants) || (unit->after && *unit->after) ||
		(unit->requires && *unit->requires))
		strbuf_addstr(out, "\n# User-defined dependencies\n");
	if (add_dependencies(out, "Wants", unit->wants, err) < 0 ||
		add_dependencies(out, "After", unit->after, err) < 0 ||
		add_dependencies(out, "Requires", unit->requires, err) < 0)
		return -1;
	return 0;
}

/* systemd passes over others. */
static bool is_assignment(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	size_t len = strspn(text, allowed);

	return len && text[len] == '=' && !(*text >= '0' && *text <= '9');
}

static int add_environment(struct strbuf *out, const struct unit *unit, struct error **err)
{
	strbuf_addf(out, "Environment=PODMAN_SYSTEMD_UNIT=%%n%s\n", unit->is_template ? "-%i" : "");
	for (size_t i = 0; unit->env && unit->env[i]; i++) {
		cleanup_free char *text = NULL;

		if (!is_assignment(unit->env[i]))
			return error_set(err, ERR_USAGE,
				"'%s' is no variable of a unit: its name has letters, digits and _",
				unit->env[i]);
		text = quote(unit->env[i], false, err);
		if (!text)
			return -1;
		strbuf_addf(out, "Environment=%s\n", text);
	}
	return 0;
}

/* Words, an option on a line of its own. */
static void add_words(struct strbuf *out, char *const *words)
{
	for (; words && *words; words++)
		strbuf_addf(out, "%s%s",
			**words == '-' || str_starts_with(*words, "\"-") ? " \\\n\t" : " ", *words);
}

static int add_command(struct strbuf *out, const struct unit *unit, const char *key,
	const char *command, struct error **err)
{
	cleanup_free char *program = unit_quote(unit->program, err);

	if (!program)
		return -1;
	strbuf_addf(out, "%s=%s", key, program);
	add_words(out, unit->globals);
	strbuf_addf(out, " %s", command);
	return 0;
}

static int add_new_commands(struct strbuf *out, const struct unit *unit, struct error **err)
{
	strbuf_addstr(out, "ExecStartPre=/bin/rm \\\n\t-f %t/%n.ctr-id\n");
	if (add_command(out, unit, "ExecStart", "run", err) < 0)
		return -1;
	add_words(out, unit->run_words);
	strbuf_addch(out, '\n');
	if (add_command(out, unit, "ExecStop", "stop", err) < 0)
		return -1;
	strbuf_addf(out, " \\\n\t--ignore -t %u \\\n\t--cidfile=%%t/%%n.ctr-id\n",
		unit->stop_timeout_s);
	if (add_command(out, unit, "ExecStopPost", "rm", err) < 0)
		return -1;
	strbuf_addf(out,
		" \\\n\t-f \\\n\t--ignore -t %u \\\n\t--cidfile=%%t/%%n.ctr-id\n"
		"Type=notify\n"
		"NotifyAccess=all\n",
		unit->stop_timeout_s);
	return 0;
}

static int add_old_commands(struct strbuf *out, const struct unit *unit, struct error **err)
{
	cleanup_free char *pid_file = unit_quote(unit->pid_file, err);
	cleanup_free char *container = unit_quote(unit->container, err);

	if (!pid_file || !container || add_command(out, unit, "ExecStart", "start", err) < 0)
		return -1;
	strbuf_addf(out, " \\\n\t--conmon-pidfile %s %s\n", pid_file, container);
	for (int i = 0; i < 2; i++) {
		if (add_command(out, unit, i ? "ExecStopPost" : "ExecStop", "stop", err) < 0)
			return -1;
		strbuf_addf(out, " \\\n\t-t %u %s\n", unit->stop_timeout_s, container);
	}
	/* A path to the end of the line: no quotes. */
	if (!fits_line(unit->pid_file))
		return error_set(err, ERR_INVALID, "'%s' cannot be said in a unit", unit->pid_file);
	strbuf_addstr(out, "PIDFile=");
	for (const char *p = unit->pid_file; *p; p++)
		strbuf_addf(out, "%c%s", *p, *p == '%' ? "%" : "");
	strbuf_addstr(out, "\nType=forking\n");
	return 0;
}

char *unit_text(const struct unit *unit, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (unit_name_check(unit->name, err) < 0)
		return NULL;
	strbuf_addf(&out, "# %s%s.service\n", unit->name, unit->is_template ? "@" : "");
	for (size_t i = 0; unit->header && unit->header[i]; i++)
		strbuf_addf(&out, "# %s\n", unit->header[i]);
	strbuf_addch(&out, '\n');
	if (add_unit_section(&out, unit, err) < 0)
		return NULL;
	strbuf_addstr(&out, "\n[Service]\n");
	if (add_environment(&out, unit, err) < 0)
		return NULL;
	strbuf_addf(&out, "Restart=%s\n", unit->restart);
	if (unit->start_limit_burst)
		strbuf_addf(&out, "StartLimitBurst=%u\n", unit->start_limit_burst);
	if (unit->restart_given)
		strbuf_addf(&out, "RestartSec=%u\n", unit->restart_s);
	if (unit->start_timeout_given)
		strbuf_addf(&out, "TimeoutStartSec=%u\n", unit->start_timeout_s);
	strbuf_addf(&out, "TimeoutStopSec=%llu\n",
		(unsigned long long)unit->stop_timeout_s + STOP_SLACK_S);
	if (unit->is_new ? add_new_commands(&out, unit, err) < 0
			 : add_old_commands(&out, unit, err) < 0)
		return NULL;
	strbuf_addstr(&out, "\n[Install]\nWantedBy=default.target\n");
	return strbuf_detach(&out);
}
