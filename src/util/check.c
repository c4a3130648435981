#include "config.h"

#include <fcntl.h>
#include <string.h>

#include "util/check.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"

#define OS_RELEASE_MAX (64u << 10) /* bytes */

void check_list_clear(struct check_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->checks[i].found);
		free(list->checks[i].cost);
		free(list->checks[i].remedy);
	}
	free(list->checks);
	*list = (struct check_list){0};
}

const char *check_state_name(enum check_state state)
{
	static const char *const names[] = {
		[CHECK_OK] = "ok",
		[CHECK_NOTE] = "note",
		[CHECK_WARNING] = "warning",
		[CHECK_FAILED] = "failed",
		[CHECK_UNKNOWN] = "unknown",
	};

	return names[state];
}

static struct check *add(struct check_list *list, const char *name, enum check_state state,
	const char *format, va_list ap)
{
	struct check *check;

	array_grow(list->checks, list->count, list->capacity);
	check = &list->checks[list->count++];
	*check = (struct check){.name = name, .state = state, .found = xvasprintf(format, ap)};
	return check;
}

void check_add(struct check_list *list, const char *name, enum check_state state,
	const char *found_format, ...)
{
	va_list ap;

	va_start(ap, found_format);
	(void)add(list, name, state, found_format, ap);
	va_end(ap);
}

void check_fault(struct check_list *list, const char *name, enum check_state state,
	const char *cost, const char *remedy, const char *found_format, ...)
{
	struct check *check;
	va_list ap;

	va_start(ap, found_format);
	check = add(list, name, state, found_format, ap);
	va_end(ap);
	check->cost = xstrdup_null(cost);
	check->remedy = xstrdup_null(remedy);
}

const struct check *check_failed(const struct check_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->checks[i].state == CHECK_FAILED &&
			(!name || strcmp(list->checks[i].name, name) == 0))
			return &list->checks[i];
	return NULL;
}

/* Is WORD one of the words of KEY in an os-release(5) text? */
static bool os_has(const char *os_release, const char *key, const char *word)
{
	size_t len = strlen(word);

	for (const char *line = os_release; *line;
		line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = str_starts_with(line, key);
		const char *end = line + strcspn(line, "\n");

		if (!value || *value++ != '=')
			continue;
		for (value += strspn(value, "\"'"); value < end; value += strspn(value, " \"'")) {
			size_t n = strcspn(value, " \"'\n");

			if (n == len && strncmp(value, word, n) == 0)
				return true;
			value += n;
		}
	}
	return false;
}

char *check_install_on(const char *os_release, const char *package)
{
	/* The packages whose names differ: newuidmap's, and a kernel. */
	static const struct {
		const char *os, *command, *uidmap, *kernel;
	} systems[] = {
		{"ubuntu", "sudo apt-get install", "uidmap", "linux-generic"},
		{"debian", "sudo apt-get install", "uidmap",
			"linux-image-$(dpkg --print-architecture)"},
		{"fedora", "sudo dnf install", "shadow-utils", "kernel"},
		{"rhel", "sudo dnf install", "shadow-utils", "kernel"},
		{"suse", "sudo zypper install", "shadow", "kernel-default"},
		{"opensuse", "sudo zypper install", "shadow", "kernel-default"},
		{"arch", "sudo pacman -S", "shadow", "linux"},
		{"alpine", "sudo apk add", "shadow-uidmap", "linux-lts"},
	};
	const char *name;

	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		if (!os_has(os_release, "ID", systems[i].os) &&
			!os_has(os_release, "ID_LIKE", systems[i].os))
			continue;
		name = str_equal(package, "uidmap")   ? systems[i].uidmap
		       : str_equal(package, "kernel") ? systems[i].kernel
						      : package;
		return xasprintf("%s %s", systems[i].command, name);
	}
	return xasprintf("install the package %s, or what has it here", package);
}

char *check_install(const char *package)
{
	static const char *const paths[] = {"/etc/os-release", "/usr/lib/os-release"};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		cleanup_close int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		cleanup_error struct error *ignored = NULL; /* then as on an unknown system */
		cleanup_free char *text = NULL;

		if (fd >= 0 && read_fd_limited(fd, OS_RELEASE_MAX, &text, NULL, &ignored) == 0)
			return check_install_on(text, package);
	}
	return check_install_on("", package);
}
