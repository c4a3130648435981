#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "container/state.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/mem.h"
#include "util/proc.h"
#include "util/str.h"

#define STATE_FILE_MAX 65536 /* bytes */
#define PORTS_MAX      4096

void container_status_clear(struct container_status *status)
{
	strv_free(status->ports);
	free(status->cgroup);
	free(status->error);
	*status = (struct container_status){0};
}

static int read_optional(int dir_fd, const char *name, struct json_document **ret_doc,
	struct json *ret_root, bool *ret_found, struct error **err)
{
	cleanup_error struct error *one = NULL;
	cleanup_free char *text = NULL;
	size_t len;

	if (read_file_limited(dir_fd, name, STATE_FILE_MAX, &text, &len, &one) < 0) {
		*ret_found = false;
		return one->kind == ERR_NOT_FOUND ? 0 : error_move(err, &one);
	}
	*ret_found = true;
	return json_parse(text, len, name, ret_doc, ret_root, err);
}

static int parse_run(const struct json *root, struct container_status *status, struct error **err)
{
	const char *boot_id = "";
	uint32_t init_pid = 0, monitor_pid = 0;

	if (json_opt_string(root, "bootId", &boot_id, err) < 0 ||
		json_opt_uint32(root, "initPid", &init_pid, err) < 0 ||
		json_opt_uint32(root, "monitorPid", &monitor_pid, err) < 0 ||
		json_opt_uint64(root, "initStart", UINT64_MAX, &status->init_start_ticks, err) <
			0 ||
		json_opt_uint64(
			root, "monitorStart", UINT64_MAX, &status->monitor_start_ticks, err) < 0 ||
		json_opt_uint64(root, "startedAt", UINT64_MAX, &status->started_ns, err) < 0 ||
		json_opt_uint32(root, "restartCount", &status->restart_count, err) < 0 ||
		json_opt_strv(root, "ports", PORTS_MAX, &status->ports, err) < 0 ||
		json_opt_dup(root, "cgroup", &status->cgroup, err) < 0)
		return -1;
	if (init_pid > INT32_MAX || monitor_pid > INT32_MAX || strlen(boot_id) > BOOT_ID_LENGTH)
		return error_set(err, ERR_INVALID, "run.json: not a pid or boot id");
	status->init_pid = (pid_t)init_pid;
	status->monitor_pid = (pid_t)monitor_pid;
	memcpy(status->boot_id, boot_id, strlen(boot_id) + 1);
	return 0;
}

static int parse_exit(const struct json *root, struct container_status *status, bool *ret_matches,
	bool *ret_restarting, struct error **err)
{
	uint64_t started_ns = 0, code = 0;
	bool oom_killed = false;

	if (json_opt_uint64(root, "startedAt", UINT64_MAX, &started_ns, err) < 0 ||
		json_opt_uint64(root, "exitCode", 255, &code, err) < 0 ||
		json_opt_bool(root, "oomKilled", &oom_killed, err) < 0 ||
		json_opt_bool(root, "restarting", ret_restarting, err) < 0 ||
		json_opt_dup(root, "error", &status->error, err) < 0 ||
		json_opt_uint64(root, "finishedAt", UINT64_MAX, &status->finished_ns, err) < 0)
		return -1;
	*ret_matches = started_ns == status->started_ns;
	status->exit_code = (int)code;
	status->oom_killed = oom_killed;
	return 0;
}

/* Is init there although nobody holds the lock? Only then the boot id and the pid are looked at. */
static bool init_is_alive(const struct container_status *status)
{
	cleanup_error struct error *ignored = NULL;
	char boot_id[BOOT_ID_LENGTH + 1];
	uint64_t ticks;

	return status->init_pid > 0 && boot_id_get(boot_id, &ignored) == 0 &&
	       strcmp(boot_id, status->boot_id) == 0 &&
	       proc_start_time(status->init_pid, &ticks) == 0 && ticks == status->init_start_ticks;
}

/* Its monitor died without a word: the best time of death is that of the last change here. */
static uint64_t last_change_ns(int dir_fd)
{
	struct stat st;

	if (fstatat(dir_fd, "log", &st, AT_SYMLINK_NOFOLLOW) < 0 && fstat(dir_fd, &st) < 0)
		return 0;
	return (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
}

/* run.json and exit. ENDED: exit is that of the run in run.json. */
static int read_last_run(int dir_fd, struct container_status *status, bool *ret_has_run,
	bool *ret_ended, bool *ret_restarting, struct error **err)
{
	cleanup_json struct json_document *run_doc = NULL, *exit_doc = NULL;
	struct json run, end;
	bool has_exit;

	if (read_optional(dir_fd, "run.json", &run_doc, &run, ret_has_run, err) < 0)
		return -1;
	if (!*ret_has_run)
		return 0;
	if (parse_run(&run, status, err) < 0 ||
		read_optional(dir_fd, "exit", &exit_doc, &end, &has_exit, err) < 0 ||
		(has_exit && parse_exit(&end, status, ret_ended, ret_restarting, err) < 0))
		return -1;
	if (!*ret_ended) {
		free(status->error); /* an earlier run's */
		status->error = NULL;
	}
	return 0;
}

int container_status_read(int dir_fd, struct container_status *ret, struct error **err)
{
	/* The lock is looked at before the files: if it is seen held and then let go, the files
	 * read afterwards are newer and say "exited"; the other order could miss the end. */
	for (int attempt = 0;; attempt++) {
		cleanup_error struct error *damage = NULL;
		struct container_status status = {0};
		bool has_run = false, ended = false, restarting = false;
		int held = lock_is_held(dir_fd, "lock");

		if (held < 0)
			return error_errno(err, errno, "look at the container's lock");
		if (read_last_run(dir_fd, &status, &has_run, &ended, &restarting, &damage) < 0) {
			container_status_clear(&status);
			if (held || damage->kind != ERR_INVALID)
				return error_move(err, &damage);
			/* Written, but not synced before the power went. */
			has_run = true;
			ended = false;
		}
		if (!has_run) {
			status.state = CONTAINER_CREATED;
			*ret = status;
			return 0;
		}
		if (ended) {
			status.state = restarting && held ? CONTAINER_RESTARTING : CONTAINER_EXITED;
			status.ending = held;
			if (status.state == CONTAINER_RESTARTING)
				status.init_pid = 0;
		} else if (held) {
			status.state = faccessat(dir_fd, CONTAINER_PAUSED_FILE, F_OK, 0) == 0
					       ? CONTAINER_PAUSED
					       : CONTAINER_RUNNING;
			status.exit_code = 0;
			status.finished_ns = 0;
		} else if (init_is_alive(&status)) {
			/* Init may be dying with its monitor right now: look twice. */
			if (attempt == 0) {
				struct timespec pause = {.tv_nsec = 2000000};

				container_status_clear(&status);
				nanosleep(&pause, NULL);
				continue;
			}
			status.state = CONTAINER_UNSUPERVISED;
			status.exit_code = 0;
			status.finished_ns = 0;
		} else {
			status.state = CONTAINER_EXITED;
			status.exit_code = 128 + 9; /* what happens to init when its monitor dies */
			status.oom_killed = false;
			status.finished_ns = last_change_ns(dir_fd);
		}
		*ret = status;
		return 0;
	}
}

int container_run_write(int dir_fd, const struct container_status *status, const char *runtime_path,
	bool sync, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);
	struct utsname host;
	struct stat st;

	json_write_object_begin(&w);
	json_put_int(&w, "version", 1);
	json_put_string(&w, "bootId", status->boot_id);
	json_put_int(&w, "monitorPid", status->monitor_pid);
	json_put_uint(&w, "monitorStart", status->monitor_start_ticks);
	json_put_int(&w, "initPid", status->init_pid);
	json_put_uint(&w, "initStart", status->init_start_ticks);
	json_put_uint(&w, "startedAt", status->started_ns);
	if (stat("/proc/self/ns/pid", &st) == 0)
		json_put_uint(&w, "pidNamespace", st.st_ino);
	if (uname(&host) == 0)
		json_put_string(&w, "host", host.nodename);
	json_put_string(&w, "runtimeDir", runtime_path);
	if (status->restart_count)
		json_put_uint(&w, "restartCount", status->restart_count);
	if (status->ports)
		json_put_strv(&w, "ports", status->ports);
	if (status->cgroup)
		json_put_string(&w, "cgroup", status->cgroup);
	json_write_object_end(&w);
	return write_file_atomic(
		dir_fd, "run.json", out.data, out.len, 0600, sync ? WRITE_SYNC : 0, err);
}

int container_exit_write(
	int dir_fd, const struct container_status *status, const char *error, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_object_begin(&w);
	json_put_int(&w, "version", 1);
	json_put_string(&w, "bootId", status->boot_id);
	json_put_int(&w, "exitCode", status->exit_code);
	json_put_bool(&w, "oomKilled", status->oom_killed);
	json_put_uint(&w, "startedAt", status->started_ns);
	json_put_uint(&w, "finishedAt", status->finished_ns);
	if (error)
		json_put_string(&w, "error", error);
	json_write_object_end(&w);
	return write_file_atomic(dir_fd, "exit", out.data, out.len, 0600, WRITE_SYNC, err);
}

int container_settings_write(const struct container *container, struct error **err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct json_writer w = json_writer_init(&out, 0);

	json_write_object_begin(&w);
	json_put_int(&w, "version", 1);
	container_config_put_settings(&w, container->config);
	json_write_object_end(&w);
	if (write_file_atomic(container->dir_fd, "settings.json", out.data, out.len, 0600,
		    WRITE_SYNC, err) < 0)
		return -1;
	return fsync(container->dir_fd) == 0 ? 0 : error_errno(err, errno, "sync 'settings.json'");
}

char *container_runtime_path(int dir_fd)
{
	cleanup_error struct error *ignored = NULL;
	cleanup_json struct json_document *doc = NULL;
	char *path = NULL;
	struct json root;
	bool found;

	if (read_optional(dir_fd, "run.json", &doc, &root, &found, &ignored) == 0 && found)
		(void)json_opt_dup(&root, "runtimeDir", &path, &ignored); /* NULL is the answer */
	return path;
}
