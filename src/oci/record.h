#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/hooks.h"
#include "util/error.h"

/*
 * What `pod oci` knows of its containers: ROOT/<id>/ with
 *
 *   state.json   the record below; its rename into place is the commit point of create
 *   config.json  as it was when the container was created
 *   start        socket on which init waits for `start`; gone once that has been answered
 *   lock         held by whoever creates, starts or deletes (util/lock.h)
 *
 * A directory without state.json whose lock is free is what a killed create or delete left: it does
 * not exist for anybody, and the next create of this id or `delete --force` removes it. There is no
 * other process and no other place: whether the container runs is asked of the kernel.
 */

#define OCI_ID_MAX     255        /* bytes: it names a directory */
#define OCI_CONFIG_MAX (8u << 20) /* bytes of config.json */

/* The directory of all containers. */
struct oci_root {
	char *path; /* absolute */
	int fd;
};

/**
 * oci_root_open() - open it, made 0700 when absent
 * @path: --root; NULL: /run/pod-oci for real root, else $XDG_RUNTIME_DIR/pod-oci, or a private one
 *        below /tmp
 */
int oci_root_open(const char *path, struct oci_root *ret, struct error **err);
void oci_root_close(struct oci_root *root);
#define cleanup_oci_root __attribute__((cleanup(oci_root_close)))

struct oci_record {
	char *id, *bundle, *rootfs; /* paths are absolute */
	pid_t pid;                  /* init's */
	uint64_t start_ticks;       /* proc_start_time() */
	char *boot_id;
	uint64_t created_ns;
	uid_t owner;
	uint32_t namespaces; /* bit N: it has a namespace_type N that is not its creator's */
	bool has_hooks;      /* or other work after create: config.json is worth reading */
	char *cgroup;        /* where it is, "" when it has none of its own */
	bool systemd_cgroup;
	char **annotations; /* "name=value" */
};

struct oci_container {
	int dir_fd;
	struct oci_record record;
};

void oci_record_clear(struct oci_record *record);
/** oci_record_write() - as NAME below DIR_FD; rename it to "state.json" to commit. */
int oci_record_write(
	int dir_fd, const char *name, const struct oci_record *record, struct error **err);
/** oci_record_parse() - state.json's text; ERR_INVALID. */
int oci_record_parse(const char *text, size_t len, struct oci_record *ret, struct error **err);

/** oci_record_state() - what hooks and `state` show, by the specification's word STATUS; strings
 * are RECORD's. */
struct runtime_state oci_record_state(const struct oci_record *record, const char *status);

/** oci_id_check() - may ID name a container? ERR_INVALID */
int oci_id_check(const char *id, struct error **err);

/** oci_container_open() - the container ID; ERR_NOT_FOUND "container 'x' does not exist". */
int oci_container_open(
	const struct oci_root *root, const char *id, struct oci_container *ret, struct error **err);
void oci_container_close(struct oci_container *container);
#define cleanup_oci_container __attribute__((cleanup(oci_container_close)))
/* An oci_container to begin with. */
#define OCI_CONTAINER_NONE ((struct oci_container){.dir_fd = -1})

enum oci_status { OCI_CREATED, OCI_RUNNING, OCI_PAUSED, OCI_STOPPED };
const char *oci_status_word(enum oci_status status);
/** oci_container_status() - asked of the kernel now. */
enum oci_status oci_container_status(const struct oci_container *container);
/** oci_container_pidfd() - init's; -1 when it has ended. */
int oci_container_pidfd(const struct oci_container *container);

/** oci_list() - the ids of all containers, sorted; owned. */
int oci_list(const struct oci_root *root, char ***ret, struct error **err);

/** oci_is_real_root() - in the host's user namespace with its rights, as opposed to root of a user
 * namespace or an ordinary user. */
bool oci_is_real_root(void);
/** oci_seal() - make sure that no container can reach the program's file through us
 * (util/sealed.h). @ret_late_fd: as of sealed_in_place() */
int oci_seal(int *ret_late_fd, struct error **err);
