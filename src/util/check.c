#include "config.h"

#include <string.h>

#include "util/check.h"
#include "util/mem.h"

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
