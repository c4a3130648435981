#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "rootless/idmap.h"
#include "util/error.h"

/*
 * The user's base user namespace. No process keeps it: running monitors hold a descriptor and hand
 * it out; else one is made (newuidmap and newgidmap in parallel, 2 to 3 ms) and lives as long as
 * somebody holds the descriptor.
 */

/** userns_needed() - false when we hold CAP_SYS_ADMIN over our own namespaces (real root, or root
 * of a user namespace with its own ranges): then containers start without another user namespace.
 * Probed from the effective capabilities and /proc/self/uid_map, never from uid 0. */
bool userns_needed(void);

/* Where the ids of the namespace come from, best first. */
enum userns_rung {
	/* Root of a container that may do what it likes with ids, but not mount: all it has. */
	USERNS_OWN_IDS,
	USERNS_SUBORDINATE, /* /etc/subuid and /etc/subgid, by newuidmap and newgidmap */
	/* The caller's alone, as 0: owners in the file system are all one, other ids are a matter
	 * of records and answers (runtime/single_id.h). */
	USERNS_SINGLE_ID,
};

/** userns_helpers_lack() - can newuidmap and newgidmap not do what they are there for?
 * @ret_cause, @ret_remedy: owned, set when true: why not, and the command that mends it */
bool userns_helpers_lack(char **ret_cause, char **ret_remedy);

/**
 * userns_choose() - the best map that can be had
 * @ret_why: what keeps us from a better one, "cause; remedy"; owned, NULL: nothing
 */
int userns_choose(
	struct id_maps *ret, enum userns_rung *ret_rung, char **ret_why, struct error **err);

/* Acquiring overlaps with other work: begin early, finish when the descriptor is needed. */
struct userns_request;

/**
 * userns_begin() - start getting the base user namespace
 * @runtime_dir_fd: directory with monitors' "userns-<hash>..." sockets, -1: none to ask
 * Asks running monitors first (done at once then); else clones the child and starts the map
 * helpers.
 * @err: ERR_UNSUPPORTED (kernel refuses; the message names the sysctl or AppArmor rule), ERR_SYSTEM
 */
int userns_begin(int runtime_dir_fd, struct userns_request **ret, struct error **err);
/** userns_maps() - the maps that the namespace has or will have; borrowed from REQ. */
const struct id_maps *userns_maps(const struct userns_request *req);
/** userns_rung() - where they come from. */
enum userns_rung userns_rung(const struct userns_request *req);
/** userns_why() - why it is no better rung: "cause; remedy"; borrowed, NULL when nothing was given
 * up. */
const char *userns_why(const struct userns_request *req);
/** userns_finish() - wait for the helpers; returns the namespace's descriptor (owned), frees REQ.
 */
int userns_finish(struct userns_request *req, struct error **err);
/** userns_cancel() - as finish, result thrown away. NULL is fine. */
void userns_cancel(struct userns_request *req);

/** userns_get() - begin and finish in one. */
int userns_get(int runtime_dir_fd, struct error **err);

/**
 * userns_make() - a new user namespace with these maps (a configuration's own)
 * @maps: borrowed
 * Written directly by who may, else by newuidmap and newgidmap. Returns its descriptor, or -1.
 */
int userns_make(const struct id_maps *maps, struct error **err);

/**
 * userns_nest() - a new user namespace below another
 * @parent_fd: the base user namespace, of which we are the owner; -1: ours
 * @maps: host_id is what the parent calls the id; each range lies in one of the parent's; borrowed
 * No set-uid program is needed: root of the parent writes the maps. That is `pod __userns`
 * (userns_nest_main()), executed in there as a program of its own, so that no process of a
 * container beside it can look into our memory. Returns its descriptor, or -1.
 */
int userns_nest(int parent_fd, const struct id_maps *maps, struct error **err);

/** userns_nest_main() - the other side, with all capabilities over the namespace that it is in
 * @uids, @gids: the kernel's text of the maps
 * Sends the descriptor, or what went wrong, to USERNS_NEST_FD. */
void userns_nest_main(const char *uids, const char *gids);
#define USERNS_NEST_FD 3

/**
 * userns_enter() - join USERNS_FD (this process, single-threaded) and become its root: setns,
 * setresgid(0), setresuid(0), setgroups none. Also unshares a mount namespace when WITH_MOUNTS
 * (propagation slave). Sets PR_SET_DUMPABLE 0.
 */
int userns_enter(int userns_fd, bool with_mounts, struct error **err);

/** userns_run() - run FN in a child inside USERNS_FD (-1: in place of the namespace, just a child)
 * and wait; FN's error travels back. FN returns 0 or -1 with err. */
int userns_run(int userns_fd, bool with_mounts, int (*fn)(void *data, struct error **err),
	void *data, struct error **err);

/* The same in two steps, for several children at once, which find out by their descriptors when
 * another has ended. */
struct userns_child {
	pid_t pid;
	int result_fd;
};
int userns_run_begin(int userns_fd, bool with_mounts, int (*fn)(void *data, struct error **err),
	void *data, struct userns_child *ret, struct error **err);
/** userns_run_finish() - wait, reap, give FN's error. Exactly once for each that was begun. */
int userns_run_finish(struct userns_child *child, struct error **err);
