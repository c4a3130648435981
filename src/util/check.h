#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * What `pod doctor` finds out about the host. Each room looks at what it needs itself
 * (rootless/doctor.h, storage/doctor.h, network/doctor.h); src/container/doctor.h runs them all.
 */

/* The checks by name. A message about a fault of the host ends in CHECK_SEE(name), so that nobody
 * has to search for what explains it. */
#define CHECK_KERNEL      "kernel"
#define CHECK_USERNS      "user-namespaces"
#define CHECK_APPARMOR    "apparmor"
#define CHECK_SUBIDS      "subordinate-ids"
#define CHECK_NEWUIDMAP   "newuidmap"
#define CHECK_NAMESPACES  "namespaces"
#define CHECK_PROC        "proc"
#define CHECK_SECCOMP     "seccomp"
#define CHECK_KEYRINGS    "keyrings"
#define CHECK_CGROUPS     "cgroups"
#define CHECK_LIMITS      "limits"
#define CHECK_LINGER      "linger"
#define CHECK_PROGRAMS    "programs"
#define CHECK_RUNTIME_DIR "runtime-directory"
#define CHECK_STORE       "store"
#define CHECK_SPACE       "space"
#define CHECK_OVERLAY     "overlay"
#define CHECK_FUSE        "fuse"
#define CHECK_SLIRP4NETNS "slirp4netns"
#define CHECK_TUN         "tun"
#define CHECK_LOW_PORTS   "low-ports"
#define CHECK_PING        "ping"
#define CHECK_DNS         "dns"
#define CHECK_REGISTRIES  "registries"

#define CHECK_SEE(name) " (see: pod doctor " name ")"

enum check_state {
	CHECK_OK,
	CHECK_NOTE,    /* as most hosts are; something that some want does not work */
	CHECK_WARNING, /* containers run, with a loss */
	CHECK_FAILED,  /* `pod run` with default options fails */
	CHECK_UNKNOWN, /* could not be tried because of another one, which `found` names */
};

struct check {
	const char *name; /* one of the names above */
	enum check_state state;
	char *found;  /* what there is; owned */
	char *cost;   /* what that costs; NULL: nothing; owned */
	char *remedy; /* the command that mends it; NULL: nothing to mend; owned */
};

struct check_list {
	struct check *checks;
	size_t count, capacity;
};

void check_list_clear(struct check_list *list);
#define cleanup_check_list __attribute__((cleanup(check_list_clear)))

/** check_state_name() - "ok", "note", "warning", "failed", "unknown". */
const char *check_state_name(enum check_state state);

/** check_add() - add one that has nothing to mend; the format says what was found. */
void check_add(struct check_list *list, const char *name, enum check_state state,
	const char *found_format, ...) __attribute__((format(printf, 4, 5)));

/** check_fault() - add one with cost and remedy (both copied). */
void check_fault(struct check_list *list, const char *name, enum check_state state,
	const char *cost, const char *remedy, const char *found_format, ...)
	__attribute__((format(printf, 6, 7)));

/** check_failed() - the first of LIST named NAME (NULL: any) that is CHECK_FAILED; else NULL. */
const struct check *check_failed(const struct check_list *list, const char *name);

/**
 * check_install() - the command that installs a package on this host; owned
 * @package: Debian's name of it, or "kernel"; other distributions' names are known where they
 * differ
 */
char *check_install(const char *package);

/** check_install_on() - the same on a host with this os-release(5) text. */
char *check_install_on(const char *os_release, const char *package);
