#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "container/top.h"
#include "rootless/userns.h"
#include "runtime/capability.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/proc.h"
#include "util/str.h"
#include "util/strbuf.h"
#include "util/timefmt.h"

#define PROCESSES_MAX    65536
#define FILE_MAX_BYTES   (64u << 10) /* of one file in /proc */
#define PASSWD_MAX_BYTES (1u << 20)
#define OUTPUT_MAX_BYTES (64u << 20)
#define PID_LEVELS_MAX   33 /* pid namespaces within one another, and one */
#define CELL_END         '\n'

/* -------- one process -------- */

struct process {
	pid_t host_pid, host_ppid, pid, ppid; /* pid, ppid: as in the container; 0: outside of it */
	char state;
	char *comm, *args;
	pid_t host_pgid;
	unsigned int tty;
	uint64_t cpu_ticks, start_ticks, vsz_bytes, rss_pages;
	long nice;
	uint32_t uid, ruid, gid, rgid;
	char *groups;                                          /* numbers with spaces between */
	char *cap_inh, *cap_prm, *cap_eff, *cap_bnd, *cap_amb; /* hexadecimal */
	int seccomp;
	char *label;
};

/* What all cells of one reading share. */
struct reading {
	int proc_fd;
	int root_fd; /* the container's root, -1 when it cannot be had */
	pid_t init_pid;
	struct process *processes;
	size_t count, capacity;
	char *passwd, *group; /* of the container; NULL: not readable */
	char *host_passwd, *host_group;
	char *uid_map, *gid_map;
	double uptime_s;
	long ticks_per_second, page_bytes;
};

static void process_clear(struct process *p)
{
	free(p->comm);
	free(p->args);
	free(p->groups);
	free(p->cap_inh);
	free(p->cap_prm);
	free(p->cap_eff);
	free(p->cap_bnd);
	free(p->cap_amb);
	free(p->label);
}

/* Text of NAME below /proc; NULL when it cannot be read: the process may have ended. */
static char *read_proc(int proc_fd, const char *name, size_t *ret_len)
{
	cleanup_close int fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = xmalloc(FILE_MAX_BYTES + 1);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read_full(fd, text, FILE_MAX_BYTES);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	if (ret_len)
		*ret_len = (size_t)n;
	return steal_ptr(&text);
}

/* The value of "Key:" in a status file; owned, NULL when missing. */
static char *status_value(const char *status, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = status; line && *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(line, key, len) == 0 && line[len] == ':') {
			const char *value = line + len + 1;

			value += strspn(value, " \t");
			return xstrndup(value, (size_t)(end - value));
		}
		line = *end ? end + 1 : NULL;
	}
	return NULL;
}

static int parse_stat(const char *stat, struct process *p)
{
	const char *open = strchr(stat, '('), *close = strrchr(stat, ')');
	unsigned long long utime, stime, start, vsz;
	long long rss;
	int ppid, pgid, tty;
	long nice;
	char state;

	if (!open || !close || close < open ||
		sscanf(close + 1,
			" %c %d %d %*d %d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %ld %*d "
			"%*d %llu "
			"%llu %lld",
			&state, &ppid, &pgid, &tty, &utime, &stime, &nice, &start, &vsz,
			&rss) != 10)
		return -1;
	p->comm = xstrndup(open + 1, (size_t)(close - open - 1));
	p->state = state;
	p->host_ppid = ppid;
	p->host_pgid = pgid;
	p->tty = (unsigned int)tty;
	p->cpu_ticks = utime + stime;
	p->nice = nice;
	p->start_ticks = start;
	p->vsz_bytes = vsz;
	p->rss_pages = rss > 0 ? (uint64_t)rss : 0;
	return 0;
}

/* NSpid's LEVEL-th number from the left; 0 when there are fewer. */
static pid_t pid_at_level(const char *status, unsigned int level)
{
	cleanup_free char *value = status_value(status, "NSpid");
	char *save = NULL, *word = value ? strtok_r(value, " \t", &save) : NULL;

	for (; word && level; level--)
		word = strtok_r(NULL, " \t", &save);
	return word ? atoi(word) : 0;
}

static void parse_status(const char *status, struct process *p)
{
	cleanup_free char *uid = status_value(status, "Uid"), *gid = status_value(status, "Gid");
	cleanup_free char *seccomp = status_value(status, "Seccomp");

	if (!uid || sscanf(uid, "%u %u", &p->ruid, &p->uid) != 2)
		p->ruid = p->uid = 65534;
	if (!gid || sscanf(gid, "%u %u", &p->rgid, &p->gid) != 2)
		p->rgid = p->gid = 65534;
	p->seccomp = seccomp ? atoi(seccomp) : 0;
	p->groups = status_value(status, "Groups");
	p->cap_inh = status_value(status, "CapInh");
	p->cap_prm = status_value(status, "CapPrm");
	p->cap_eff = status_value(status, "CapEff");
	p->cap_bnd = status_value(status, "CapBnd");
	p->cap_amb = status_value(status, "CapAmb");
}

static int read_process(struct reading *r, pid_t pid, unsigned int level, struct process *ret)
{
	struct process p = {.host_pid = pid};
	cleanup_free char *stat = NULL, *status = NULL;
	char name[64];
	size_t len = 0;

	snprintf(name, sizeof(name), "%d/stat", (int)pid);
	stat = read_proc(r->proc_fd, name, NULL);
	snprintf(name, sizeof(name), "%d/status", (int)pid);
	status = read_proc(r->proc_fd, name, NULL);
	if (!stat || !status || parse_stat(stat, &p) < 0)
		return -1;
	parse_status(status, &p);
	p.pid = pid_at_level(status, level);
	snprintf(name, sizeof(name), "%d/cmdline", (int)pid);
	p.args = read_proc(r->proc_fd, name, &len);
	for (size_t i = 0; p.args && i + 1 < len; i++)
		if (!p.args[i])
			p.args[i] = ' ';
	snprintf(name, sizeof(name), "%d/attr/current", (int)pid);
	p.label = read_proc(r->proc_fd, name, NULL);
	if (p.label)
		p.label[strcspn(p.label, "\n")] = '\0';
	*ret = p;
	return 0;
}

/* -------- which processes -------- */

struct namespace_id {
	dev_t dev;
	ino_t ino;
};

static int namespace_of(int fd, struct namespace_id *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	*ret = (struct namespace_id){st.st_dev, st.st_ino};
	return 0;
}

static int open_pid_namespace(int proc_fd, pid_t pid)
{
	char name[64];

	snprintf(name, sizeof(name), "%d/ns/pid", (int)pid);
	return openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
}

/* Is PID's namespace WANTED or one below it? */
static bool is_in_namespace(int proc_fd, pid_t pid, const struct namespace_id *wanted)
{
	cleanup_close int fd = open_pid_namespace(proc_fd, pid);
	struct namespace_id id;

	for (int level = 0; fd >= 0 && level < PID_LEVELS_MAX; level++) {
		if (namespace_of(fd, &id) == 0 && id.dev == wanted->dev && id.ino == wanted->ino)
			return true;
		fd_replace(&fd, ioctl(fd, NS_GET_PARENT)); /* close-on-exec by itself */
	}
	return false;
}

/* Without a pid namespace of its own the container's are those below its monitor that share its
 * mounts: the monitor's helpers do not. */
static bool shares_mounts(int proc_fd, pid_t a, pid_t b)
{
	struct stat x, y;
	char name[64];

	snprintf(name, sizeof(name), "%d/ns/mnt", (int)a);
	if (fstatat(proc_fd, name, &x, 0) < 0)
		return false;
	snprintf(name, sizeof(name), "%d/ns/mnt", (int)b);
	return fstatat(proc_fd, name, &y, 0) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool descends_from(const struct reading *r, const struct process *p, pid_t ancestor)
{
	pid_t pid = p->host_ppid;

	for (size_t steps = 0; pid && steps < r->count; steps++) {
		size_t i;

		if (pid == ancestor)
			return true;
		for (i = 0; i < r->count && r->processes[i].host_pid != pid; i++)
			;
		if (i == r->count)
			return false;
		pid = r->processes[i].host_ppid;
	}
	return false;
}

static int compare_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void drop_process(struct reading *r, size_t i)
{
	process_clear(&r->processes[i]);
	r->processes[i] = r->processes[--r->count];
}

/* @monitor_pid: for a container in the host's pid namespace */
static int read_processes(struct reading *r, pid_t monitor_pid, struct error **err)
{
	cleanup_close int init_ns_fd = open_pid_namespace(r->proc_fd, r->init_pid);
	cleanup_close int own_ns_fd = open_pid_namespace(r->proc_fd, getpid());
	cleanup_dir DIR *dir = dir_open_at(r->proc_fd, ".");
	cleanup_free char *status = NULL;
	struct namespace_id wanted, own;
	unsigned int level = 0;
	struct dirent *entry;
	bool host_pids;
	char name[64];

	if (init_ns_fd < 0 || own_ns_fd < 0 || namespace_of(init_ns_fd, &wanted) < 0 ||
		namespace_of(own_ns_fd, &own) < 0)
		return error_errno(err, errno, "open the container's pid namespace");
	if (!dir)
		return error_errno(err, errno, "read '/proc'");
	host_pids = wanted.dev == own.dev && wanted.ino == own.ino;
	snprintf(name, sizeof(name), "%d/status", (int)r->init_pid);
	status = read_proc(r->proc_fd, name, NULL);
	/* Init is 1 in its own namespace: that tells how deep it lies below ours. */
	while (!host_pids && status && level < PID_LEVELS_MAX && pid_at_level(status, level + 1))
		level++;
	while ((entry = dir_next(dir))) {
		struct process p;
		uint64_t pid;

		if (str_to_uint64(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		if (!host_pids && !is_in_namespace(r->proc_fd, (pid_t)pid, &wanted))
			continue;
		if (r->count >= PROCESSES_MAX || read_process(r, (pid_t)pid, level, &p) < 0)
			continue;
		array_grow(r->processes, r->count, r->capacity);
		r->processes[r->count++] = p;
	}
	/* All are needed until the last one's ancestors have been walked. */
	for (size_t i = 0; host_pids && i < r->count; i++)
		if (!descends_from(r, &r->processes[i], monitor_pid) ||
			!shares_mounts(r->proc_fd, r->processes[i].host_pid, r->init_pid))
			r->processes[i].state = 0;
	for (size_t i = 0; i < r->count;) {
		if (r->processes[i].state == 0)
			drop_process(r, i);
		else
			i++;
	}
	if (r->count)
		qsort(r->processes, r->count, sizeof(*r->processes), compare_pid);
	for (size_t i = 0; i < r->count; i++)
		for (size_t j = 0; j < r->count; j++)
			if (r->processes[j].host_pid == r->processes[i].host_ppid)
				r->processes[i].ppid = r->processes[j].pid;
	return 0;
}

/* -------- cells -------- */

/* The name in front of ":x:ID:" in passwd or group text, else the number. */
static void name_text(const char *file, uint32_t id, struct strbuf *out)
{
	for (const char *line = file; line && *line;) {
		const char *end = strchrnul(line, '\n');
		const char *name_end = memchr(line, ':', (size_t)(end - line));
		const char *number =
			name_end ? memchr(name_end + 1, ':', (size_t)(end - name_end - 1)) : NULL;
		char *rest;

		if (number && name_end > line && number[1] >= '0' && number[1] <= '9' &&
			strtoul(number + 1, &rest, 10) == id &&
			(*rest == ':' || *rest == '\n' || !*rest)) {
			strbuf_add(out, line, (size_t)(name_end - line));
			return;
		}
		line = *end ? end + 1 : NULL;
	}
	strbuf_addf(out, "%u", id);
}

/* A container's id as the host counts, by a map's text. */
static uint32_t to_host(const char *map, uint32_t id)
{
	while (map && *map) {
		unsigned int inside, outside, count;

		if (sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && id >= inside &&
			id - inside < count)
			return outside + (id - inside);
		map = strchr(map, '\n');
		if (map)
			map++;
	}
	return id;
}

static void groups_text(
	const struct process *p, const char *file, const char *map, struct strbuf *out)
{
	cleanup_free char *list = xstrdup(p->groups ? p->groups : "");
	char *save = NULL;
	bool first = true;

	for (char *word = strtok_r(list, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		uint32_t id = (uint32_t)strtoul(word, NULL, 10);

		if (!first)
			strbuf_addch(out, ',');
		name_text(file, map ? to_host(map, id) : id, out);
		first = false;
	}
}

static void caps_text(const char *hex, struct strbuf *out)
{
	uint64_t set = hex ? strtoull(hex, NULL, 16) : 0;
	uint64_t all = UINT64_MAX >> (63 - capability_last());
	bool first = true;

	if (!hex) {
		strbuf_addch(out, '?');
	} else if (set == 0) {
		strbuf_addstr(out, "none");
	} else if (set == all) {
		strbuf_addstr(out, "full");
	} else {
		for (unsigned int i = 0; i < 64; i++) {
			const char *name = capability_name(i);

			if (!(set >> i & 1))
				continue;
			if (!first)
				strbuf_addch(out, ',');
			if (name)
				strbuf_addstr(out, name + strlen("CAP_"));
			else
				strbuf_addf(out, "%u", i);
			first = false;
		}
	}
}

/* As Go prints a time.Duration. */
static void go_duration(double seconds, struct strbuf *out)
{
	unsigned long long ns = seconds > 0 ? (unsigned long long)(seconds * 1e9) : 0;
	unsigned long long whole = ns / 1000000000, scale = 1000000000;
	const char *unit = "s";
	char fraction[32];
	size_t len;

	if (ns == 0) {
		strbuf_addstr(out, "0s");
		return;
	}
	if (ns < 1000000000) {
		unit = ns < 1000 ? "ns" : ns < 1000000 ? "\xc2\xb5s" : "ms";
		scale = ns < 1000 ? 1 : ns < 1000000 ? 1000 : 1000000;
		whole = ns / scale;
	} else {
		if (whole >= 3600)
			strbuf_addf(out, "%lluh", whole / 3600);
		if (whole >= 60)
			strbuf_addf(out, "%llum", whole / 60 % 60);
		whole %= 60;
	}
	strbuf_addf(out, "%llu", whole);
	snprintf(fraction, sizeof(fraction), "%09llu", ns % scale * (1000000000 / scale));
	len = strlen(fraction);
	while (len && fraction[len - 1] == '0')
		fraction[--len] = '\0';
	if (len)
		strbuf_addf(out, ".%s", fraction);
	strbuf_addstr(out, unit);
}

static double elapsed_s(const struct reading *r, const struct process *p)
{
	double started = (double)p->start_ticks / (double)r->ticks_per_second;

	return r->uptime_s > started ? r->uptime_s - started : 0;
}

static double cpu_s(const struct reading *r, const struct process *p)
{
	return (double)p->cpu_ticks / (double)r->ticks_per_second;
}

#define CELL(name)                                                                                 \
	static void cell_##name(                                                                   \
		const struct reading *r, const struct process *p, struct strbuf *out)

CELL(args)
{
	(void)r;
	if (p->args && *p->args)
		strbuf_addstr(out, p->args);
	else
		strbuf_addf(out, "[%s]", p->comm);
}
CELL(comm)
{
	(void)r;
	strbuf_addstr(out, p->comm);
}
CELL(capamb)
{
	(void)r;
	caps_text(p->cap_amb, out);
}
CELL(capbnd)
{
	(void)r;
	caps_text(p->cap_bnd, out);
}
CELL(capeff)
{
	(void)r;
	caps_text(p->cap_eff, out);
}
CELL(capinh)
{
	(void)r;
	caps_text(p->cap_inh, out);
}
CELL(capprm)
{
	(void)r;
	caps_text(p->cap_prm, out);
}
CELL(etime)
{
	go_duration(elapsed_s(r, p), out);
}
CELL(group)
{
	name_text(r->group, p->gid, out);
}
CELL(groups)
{
	groups_text(p, r->group, NULL, out);
}
CELL(hgroup)
{
	name_text(r->host_group, to_host(r->gid_map, p->gid), out);
}
CELL(hgroups)
{
	groups_text(p, r->host_group, r->gid_map ? r->gid_map : "", out);
}
CELL(hpid)
{
	(void)r;
	strbuf_addf(out, "%d", (int)p->host_pid);
}
CELL(huser)
{
	name_text(r->host_passwd, to_host(r->uid_map, p->uid), out);
}
CELL(label)
{
	(void)r;
	strbuf_addstr(out, p->label && *p->label ? p->label : "?");
}
CELL(nice)
{
	(void)r;
	strbuf_addf(out, "%ld", p->nice);
}
CELL(pcpu)
{
	double elapsed = elapsed_s(r, p);

	strbuf_addf(out, "%.3f", elapsed > 0 ? 100 * cpu_s(r, p) / elapsed : 0.0);
}
CELL(pgid)
{
	pid_t pgid = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->processes[i].host_pid == p->host_pgid)
			pgid = r->processes[i].pid;
	strbuf_addf(out, "%d", (int)pgid);
}
CELL(pid)
{
	(void)r;
	strbuf_addf(out, "%d", (int)p->pid);
}
CELL(ppid)
{
	(void)r;
	strbuf_addf(out, "%d", (int)p->ppid);
}
CELL(rgroup)
{
	name_text(r->group, p->rgid, out);
}
CELL(rss)
{
	strbuf_addf(
		out, "%llu", (unsigned long long)(p->rss_pages * (uint64_t)r->page_bytes / 1024));
}
CELL(ruser)
{
	name_text(r->passwd, p->ruid, out);
}
CELL(seccomp)
{
	static const char *const modes[] = {"disabled", "strict", "filter"};

	(void)r;
	strbuf_addstr(out, p->seccomp >= 0 && p->seccomp < 3 ? modes[p->seccomp] : "?");
}
CELL(state)
{
	(void)r;
	strbuf_addch(out, p->state);
}
CELL(stime)
{
	uint64_t ago_ns = (uint64_t)(elapsed_s(r, p) * 1e9), now_ns = time_now_ns();

	time_go_string((now_ns - ago_ns) / NS_PER_SECOND * NS_PER_SECOND, out);
}
CELL(time)
{
	go_duration(cpu_s(r, p), out);
}
CELL(tty)
{
	unsigned int major_number = major(p->tty), minor_number = minor(p->tty);

	(void)r;
	if (p->tty == 0)
		strbuf_addch(out, '?');
	else if (major_number >= 136 && major_number <= 143) /* Unix98 terminals */
		strbuf_addf(out, "pts/%u", (major_number - 136) * 256 + minor_number);
	else if (major_number == 4)
		strbuf_addf(out, "tty%u", minor_number);
	else if (major_number == 5 && minor_number == 1)
		strbuf_addstr(out, "console");
	else
		strbuf_addf(out, "%u:%u", major_number, minor_number);
}
CELL(user)
{
	name_text(r->passwd, p->uid, out);
}
CELL(vsz)
{
	(void)r;
	strbuf_addf(out, "%llu", (unsigned long long)(p->vsz_bytes / 1024));
}

static const struct descriptor {
	const char *name, *code, *heading; /* code: ps(1)'s AIX descriptor */
	void (*cell)(const struct reading *r, const struct process *p, struct strbuf *out);
} descriptors[] = {
	{"args", "%a", "COMMAND", cell_args},
	{"capamb", NULL, "AMBIENT CAPS", cell_capamb},
	{"capbnd", NULL, "BOUNDING CAPS", cell_capbnd},
	{"capeff", NULL, "EFFECTIVE CAPS", cell_capeff},
	{"capinh", NULL, "INHERITED CAPS", cell_capinh},
	{"capprm", NULL, "PERMITTED CAPS", cell_capprm},
	{"comm", "%c", "COMMAND", cell_comm},
	{"etime", "%t", "ELAPSED", cell_etime},
	{"group", "%g", "GROUP", cell_group},
	{"groups", NULL, "GROUPS", cell_groups},
	{"hgroup", NULL, "HGROUP", cell_hgroup},
	{"hgroups", NULL, "HGROUPS", cell_hgroups},
	{"hpid", NULL, "HPID", cell_hpid},
	{"huser", NULL, "HUSER", cell_huser},
	{"label", NULL, "LABEL", cell_label},
	{"nice", "%n", "NI", cell_nice},
	{"pcpu", "%C", "%CPU", cell_pcpu},
	{"pgid", "%r", "PGID", cell_pgid},
	{"pid", "%p", "PID", cell_pid},
	{"ppid", "%P", "PPID", cell_ppid},
	{"rgroup", "%G", "RGROUP", cell_rgroup},
	{"rss", NULL, "RSS", cell_rss},
	{"ruser", "%U", "RUSER", cell_ruser},
	{"seccomp", NULL, "SECCOMP", cell_seccomp},
	{"state", NULL, "STATE", cell_state},
	{"stime", NULL, "STIME", cell_stime},
	{"time", "%x", "TIME", cell_time},
	{"tty", "%y", "TTY", cell_tty},
	{"user", "%u", "USER", cell_user},
	{"vsz", "%z", "VSZ", cell_vsz},
};

static const char *const default_descriptors[] = {
	"user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args", NULL};

const char *const *top_descriptors(void)
{
	static const char *names[ARRAY_SIZE(descriptors) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(descriptors); i++)
		names[i] = descriptors[i].name;
	return names;
}

/* -------- together -------- */

struct columns {
	const struct descriptor *list[64];
	size_t count;
};

static int column_add(struct columns *columns, const char *name, struct error **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(descriptors); i++) {
		if (strcmp(descriptors[i].name, name) != 0 &&
			!(descriptors[i].code && strcmp(descriptors[i].code, name) == 0))
			continue;
		if (columns->count == ARRAY_SIZE(columns->list))
			return error_set(err, ERR_INVALID, "too many format descriptors");
		columns->list[columns->count++] = &descriptors[i];
		return 0;
	}
	return error_set(err, ERR_INVALID, "unknown format descriptor '%s'", name);
}

static int columns_parse(char *const *texts, struct columns *ret, struct error **err)
{
	if (!texts || !*texts)
		texts = (char *const *)default_descriptors;
	for (; *texts; texts++) {
		cleanup_strv char **parts = NULL;

		if (**texts == '-' || strcmp(*texts, "aux") == 0)
			return error_set(err, ERR_UNSUPPORTED,
				"'%s': options of ps(1) are not taken, because a program of the "
				"container "
				"is never run for this; name format descriptors (pid, user, args "
				"...)",
				*texts);
		parts = str_split(*texts, ',');
		for (char **part = parts; *part; part++)
			if (**part && column_add(ret, *part, err) < 0)
				return -1;
	}
	return 0;
}

/* What the child is told, and where it leaves the cells. */
struct task {
	const struct columns *columns;
	pid_t init_pid, monitor_pid;
	int init_pidfd, output_fd;
	char *host_passwd, *host_group;
	char *uid_map, *gid_map; /* in the host's words; NULL: no user namespace */
};

static char *read_container_file(int root_fd, const char *path)
{
	cleanup_error struct error *ignored = NULL; /* numbers are shown instead of names */
	cleanup_close int fd = -1;
	char *text = NULL;
	struct stat st;
	size_t len;

	if (root_fd < 0)
		return NULL;
	fd = open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		read_fd_limited(fd, PASSWD_MAX_BYTES, &text, &len, &ignored) < 0)
		return NULL;
	return text;
}

static void write_cell(struct strbuf *out, struct strbuf *cell)
{
	for (size_t i = 0; i < cell->len; i++) {
		unsigned char c = (unsigned char)cell->data[i];

		/* what a process calls itself must not reach a terminal as a command */
		strbuf_addch(out, c < ' ' || c == 0x7f ? '?' : (char)c);
	}
	strbuf_addch(out, CELL_END);
	strbuf_reset(cell);
}

static int top_child(void *data, struct error **err)
{
	const struct task *task = data;
	struct reading r = {
		.root_fd = -1,
		.init_pid = task->init_pid,
		.host_passwd = task->host_passwd,
		.host_group = task->host_group,
		.uid_map = task->uid_map,
		.gid_map = task->gid_map,
		.ticks_per_second = sysconf(_SC_CLK_TCK),
		.page_bytes = sysconf(_SC_PAGESIZE),
	};
	struct strbuf out = STRBUF_INIT, cell = STRBUF_INIT; /* the process ends with them */
	struct timespec now;
	char name[64];

	r.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.proc_fd < 0)
		return error_errno(err, errno, "open '/proc'");
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	r.uptime_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	snprintf(name, sizeof(name), "%d/root", (int)task->init_pid);
	r.root_fd = openat(r.proc_fd, name, O_PATH_DIR);
	if (read_processes(&r, task->monitor_pid, err) < 0)
		return -1;
	/* All of the above went by number: it counts if init was there until now. */
	if (syscall(SYS_pidfd_send_signal, task->init_pidfd, 0, NULL, 0) < 0 && errno == ESRCH)
		return error_set(err, ERR_CONFLICT, "the container has ended");
	r.passwd = read_container_file(r.root_fd, "etc/passwd");
	r.group = read_container_file(r.root_fd, "etc/group");
	for (size_t i = 0; i < r.count; i++)
		for (size_t c = 0; c < task->columns->count; c++) {
			task->columns->list[c]->cell(&r, &r.processes[i], &cell);
			write_cell(&out, &cell);
		}
	if (out.len && write_all(task->output_fd, out.data, out.len) < 0)
		return error_errno(err, errno, "write the list of processes");
	return 0;
}

void top_clear(struct top *top)
{
	strv_free(top->headings);
	strv_free(top->cells);
	*top = (struct top){0};
}

/* From here they name the host's ids; from inside those of the next namespace out. */
static char *read_map(pid_t pid, const char *file)
{
	char name[48];

	snprintf(name, sizeof(name), "/proc/%d/%s", (int)pid, file);
	return read_proc(AT_FDCWD, name, NULL);
}

static void split_cells(char *text, size_t columns, struct top *ret)
{
	size_t capacity = 0, count = 0;

	for (char *end; (end = strchr(text, CELL_END)); text = end + 1) {
		*end = '\0';
		array_grow(ret->cells, count, capacity);
		ret->cells[count++] = xstrdup(text);
	}
	array_grow(ret->cells, count, capacity);
	ret->cells[count] = NULL;
	ret->row_count = count / columns;
}

static char *read_host_file(const char *path)
{
	cleanup_error struct error *ignored = NULL; /* numbers instead of names */
	char *text = NULL;
	size_t len;

	if (read_file_limited(AT_FDCWD, path, PASSWD_MAX_BYTES, &text, &len, &ignored) < 0)
		return NULL;
	return text;
}

int container_top(struct store *store, struct container *container, char *const *texts,
	struct top *ret, struct error **err)
{
	cleanup_close int userns_fd = -1, pidfd = -1, output_fd = -1;
	cleanup_free char *host_passwd = NULL, *host_group = NULL, *text = NULL;
	cleanup_free char *uid_map = NULL, *gid_map = NULL;
	const struct container_status *status = &container->status;
	struct columns columns = {0};
	struct task task;
	char path[64];
	size_t len;

	if (columns_parse(texts, &columns, err) < 0)
		return -1;
	if (!container_is_running(container)) {
		error_set(err, ERR_CONFLICT,
			"top can only be used on running containers: '%s' is not running",
			container->config->name);
		return error_docker(err, "Error response from daemon: Container %s is not running",
			container->config->id);
	}
	pidfd = proc_pidfd(status->init_pid, status->init_start_ticks);
	if (pidfd < 0)
		return error_set(err, ERR_CONFLICT, "the container has ended");
	if (store->rootless) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)status->init_pid);
		userns_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (userns_fd < 0)
			return error_errno(err, errno, "open the container's user namespace");
	}
	output_fd = memfd_create("top", MFD_CLOEXEC);
	if (output_fd < 0)
		return error_errno(err, errno, "make a memory file");
	host_passwd = read_host_file("/etc/passwd");
	host_group = read_host_file("/etc/group");
	uid_map = read_map(status->init_pid, "uid_map");
	gid_map = read_map(status->init_pid, "gid_map");
	task = (struct task){
		.columns = &columns,
		.init_pid = status->init_pid,
		.monitor_pid = status->monitor_pid,
		.init_pidfd = pidfd,
		.output_fd = output_fd,
		.host_passwd = host_passwd,
		.host_group = host_group,
		.uid_map = uid_map,
		.gid_map = gid_map,
	};
	if (userns_run(userns_fd, false, top_child, &task, err) < 0)
		return error_wrap(err, "top of '%s'", container->config->name);
	if (lseek(output_fd, 0, SEEK_SET) < 0 ||
		read_fd_limited(output_fd, OUTPUT_MAX_BYTES, &text, &len, err) < 0)
		return *err ? -1 : error_errno(err, errno, "read the list of processes");
	*ret = (struct top){.columns = columns.count};
	for (size_t i = 0; i < columns.count; i++)
		strv_append(&ret->headings, columns.list[i]->heading);
	split_cells(text, columns.count, ret);
	return 0;
}
