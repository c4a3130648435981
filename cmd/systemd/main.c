#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "cgroup/scope.h"
#include "util/mem.h"

/*
 * pod-systemd: the calls that pod makes to a service manager, in a program of its own, so that
 * pod itself links no D-Bus library. It speaks to the manager's private socket, as systemctl does:
 * no bus daemon has to run, and signals about jobs come without asking.
 */

#define CALL_TIMEOUT_US (20u * 1000000u)
#define EXISTS_LIMIT_US (5u * 1000000u) /* for an old scope of this name to go away */
#define EXISTS_RETRY_US (50u * 1000u)
#define MANAGER         "org.freedesktop.systemd1.Manager"
#define MANAGER_PATH    "/org/freedesktop/systemd1"
#define MANAGER_NAME    "org.freedesktop.systemd1"

struct job {
	char *path; /* NULL: not known yet */
	char *result;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void reply(int errnum, const char *text)
{
	struct scope_reply r = {.errnum = errnum};

	snprintf(r.text, sizeof(r.text), "%s", text);
	/* If nobody waits any more, nobody wants to know. */
	(void)!send(0, &r, offsetof(struct scope_reply, text) + strlen(r.text) + 1, MSG_NOSIGNAL);
}

static int fail(int errnum, const sd_bus_error *error, const char *what)
{
	char text[400];

	if (errnum < 0)
		errnum = -errnum;
	snprintf(text, sizeof(text), "%s: %s", what,
		error && error->message ? error->message : strerror(errnum));
	reply(errnum ? errnum : EIO, text);
	return 1;
}

static int on_job_removed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct job *job = data;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0)
		return 0;
	if (job->path && strcmp(job->path, path) == 0 && !job->result)
		job->result = xstrdup(result);
	return 0;
}

static int start_call(
	sd_bus *bus, char **argv, uint32_t pid, sd_bus_message **ret_reply, sd_bus_error *error)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(
		bus, &m, MANAGER_NAME, MANAGER_PATH, MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", argv[3], "fail");
	if (r >= 0)
		/* The group is ours alone, goes when it is empty, and stays when the manager stops
		 * its units at a logout's end no longer than they do. What the container may use is
		 * said in its own group below. */
		r = sd_bus_message_append(m, "a(sv)", 8, "Description", "s", argv[5], "Slice", "s",
			argv[4], "Delegate", "b", 1, "PIDs", "au", 1, pid, "DefaultDependencies",
			"b", 0, "CollectMode", "s", "inactive-or-failed", "TasksMax", "t",
			UINT64_MAX, "TimeoutStopUSec", "t", (uint64_t)10000000);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(bus, m, CALL_TIMEOUT_US, error, ret_reply);
	sd_bus_message_unref(m);
	return r;
}

/* A scope of this name from the container's last start may be on its way out. */
static int start_scope(
	sd_bus *bus, char **argv, uint32_t pid, sd_bus_message **ret_reply, sd_bus_error *error)
{
	uint64_t limit = now_us() + EXISTS_LIMIT_US;

	for (;;) {
		int r = start_call(bus, argv, pid, ret_reply, error);

		if (r >= 0 || !sd_bus_error_has_name(error, MANAGER_NAME ".UnitExists") ||
			now_us() > limit)
			return r;
		sd_bus_error_free(error);
		(void)sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER,
			"ResetFailedUnit", NULL, NULL, "s", argv[3]);
		while (sd_bus_process(bus, NULL) > 0)
			;
		(void)sd_bus_wait(bus, EXISTS_RETRY_US);
	}
}

static int make_scope(sd_bus *bus, char **argv, uint32_t pid)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *answer = NULL;
	struct job job = {0};
	uint64_t limit;
	const char *path;
	int r;

	r = sd_bus_match_signal(
		bus, NULL, NULL, MANAGER_PATH, MANAGER, "JobRemoved", on_job_removed, &job);
	if (r < 0)
		return fail(r, NULL, "listen to the service manager");
	r = start_scope(bus, argv, pid, &answer, &error);
	if (r < 0)
		return fail(r, &error, "the service manager does not start it");
	r = sd_bus_message_read(answer, "o", &path);
	if (r < 0)
		return fail(r, NULL, "read the service manager's answer");
	job.path = xstrdup(path);
	limit = now_us() + CALL_TIMEOUT_US;
	/* The process is in the scope when the job is done. */
	while (!job.result) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, CALL_TIMEOUT_US);
		if (r < 0)
			return fail(r, NULL, "wait for the service manager");
		if (!job.result && now_us() > limit)
			return fail(ETIMEDOUT, NULL, "wait for the service manager");
	}
	if (strcmp(job.result, "done") != 0) {
		char text[100];

		snprintf(text, sizeof(text), "the service manager's job ended as '%s'", job.result);
		reply(EIO, text);
		return 1;
	}
	reply(0, "");
	return 0;
}

static int attach(sd_bus *bus, char **argv, uint32_t pid)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER,
		"AttachProcessesToUnit", &error, NULL, "ssau", argv[3], argv[4], 1, pid);

	if (r < 0)
		return fail(r, &error, "the service manager does not move the process there");
	reply(0, "");
	return 0;
}

int main(int argc, char **argv)
{
	cleanup_free char *address = NULL;
	struct scope_request request;
	sd_bus *bus = NULL;
	ssize_t n;
	int r;

	bool attaches = argc == 5 && strcmp(argv[1], "attach") == 0;

	if (!attaches && (argc != 6 || strcmp(argv[1], "scope") != 0)) {
		fputs("pod-systemd is started by pod\n", stderr);
		return 2;
	}
	address = xasprintf("unix:path=%s", argv[2]);
	r = sd_bus_new(&bus);
	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_start(bus);
	/* The process to take is told only now: connecting was done beside its other work. */
	do
		n = recv(0, &request, sizeof(request), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(request))
		return 0; /* it is not wanted any more */
	if (r < 0)
		return fail(r, NULL, "reach the service manager");
	if (attaches)
		return attach(bus, argv, request.pid);
	r = make_scope(bus, argv, request.pid ? request.pid : (uint32_t)getpid());
	if (r == 0 && !request.pid)
		while (recv(0, &request, sizeof(request), 0) < 0 && errno == EINTR)
			; /* keeps the scope until the container is in it */
	/* No farewell to the bus: the process ends. */
	return r;
}
