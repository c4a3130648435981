#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fs.h"
#include "util/kernel.h"
#include "util/mem.h"
#include "util/program.h"
#include "util/sealed.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define ALL_SEALS        (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define UNMAPPED_UID     65534      /* what our namespace has no id for */
#define COMMAND_LINE_MAX (8u << 20) /* bytes; the kernel takes less */

extern char **environ;

size_t sealed_size(int fd, size_t size)
{
	ElfW(Phdr) segments[32];
	ElfW(Ehdr) header;
	uint64_t end = 0;
	size_t len;

	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
		memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
		header.e_phentsize != sizeof(*segments) || header.e_phnum == 0 ||
		header.e_phnum > ARRAY_SIZE(segments))
		return size;
	len = header.e_phnum * sizeof(*segments);
	if (pread(fd, segments, len, (off_t)header.e_phoff) != (ssize_t)len)
		return size;
	for (size_t i = 0; i < header.e_phnum; i++)
		if (segments[i].p_offset + segments[i].p_filesz > end)
			end = segments[i].p_offset + segments[i].p_filesz;
	return end > 0 && end < size ? (size_t)end : size;
}

int sealed_copy(int fd, size_t size, const char *name, struct error **err)
{
	cleanup_close int copy_fd = -1;
	size_t done = 0;

	copy_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (copy_fd < 0 && errno == EINVAL) /* kernel before 6.3: all are executable */
		copy_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy_fd < 0)
		return error_errno(err, errno, "make a memory file for '%s'", name);
	while (done < size) {
		ssize_t n = sendfile(copy_fd, fd, NULL, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "copy '%s' into memory", name);
		if (n == 0)
			return error_set(err, ERR_SYSTEM,
				"copy '%s' into memory: the file became shorter", name);
		done += (size_t)n;
	}
	if (fcntl(copy_fd, F_ADD_SEALS, ALL_SEALS) < 0)
		return error_errno(err, errno, "seal the copy of '%s'", name);
	return steal_fd(&copy_fd);
}

bool sealed_is_needed(int fd, bool rootless)
{
	char path[32];
	struct stat st;

	if (!rootless || fstat(fd, &st) < 0 || st.st_uid == geteuid())
		return true;
	return (st.st_uid != 0 && st.st_uid != UNMAPPED_UID) ||
	       access(fd_path(fd, path), W_OK) == 0;
}

/* Where the helper programs are, before the copy forgets it. */
static int remember_helpers(struct error **err)
{
	cleanup_free char *path = program_path("pod-monitor", err);
	cleanup_free char *self = path ? program_self(err) : NULL;

	if (!path || !self)
		return -1;
	*strrchr(path, '/') = '\0';
	if (setenv("POD_LIBEXECDIR", path, 1) < 0 || setenv("POD_PROGRAM", self, 1) < 0)
		return error_errno(err, errno, "set POD_LIBEXECDIR and POD_PROGRAM");
	return 0;
}

/* Go on from a sealed copy of the running program: the same command line is executed again. */
static int reexec(bool rootless, struct error **err)
{
	cleanup_close int self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cleanup_close int cmdline_fd = -1, copy_fd = -1;
	cleanup_free char *cmdline = NULL;
	cleanup_free char **argv = NULL;
	size_t len, argc = 0;
	struct stat st;

	if (self_fd < 0 || fstat(self_fd, &st) < 0)
		return error_errno(err, errno, "open the running program through /proc");
	if (fcntl(self_fd, F_GET_SEALS) == ALL_SEALS || !sealed_is_needed(self_fd, rootless))
		return 0;
	cmdline_fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	if (cmdline_fd < 0)
		return error_errno(err, errno, "open '/proc/self/cmdline'");
	if (read_fd_limited(cmdline_fd, COMMAND_LINE_MAX, &cmdline, &len, err) < 0)
		return error_wrap(err, "the command line");
	for (size_t i = 0; i < len; i++)
		argc += cmdline[i] == '\0';
	argv = xcalloc(argc + 1, sizeof(*argv));
	argc = 0;
	for (char *p = cmdline; p < cmdline + len; p += strlen(p) + 1)
		argv[argc++] = p;
	copy_fd = sealed_copy(self_fd, sealed_size(self_fd, (size_t)st.st_size), "pod", err);
	if (copy_fd < 0 || remember_helpers(err) < 0)
		return -1;
	fexecve(copy_fd, argv, environ);
	return error_errno(err, errno, "run the sealed copy of pod");
}

/* -------- in place --------
 *
 * The same protection without executing anything again, a tenth of a millisecond in place of one
 * and a half: the mappings of the running program are made anew, apart from the path of the file,
 * so that the kernel lets its /proc/PID/exe become an empty sealed memfd: whoever executes or opens
 * that gets nothing of ours. Needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE and a kernel with
 * CONFIG_CHECKPOINT_RESTORE (prctl(2), PR_SET_MM_MAP).
 */

#define MAPPINGS_MAX 16

struct mapping {
	char *start;
	size_t len;
	off_t offset;
	int prot;
	bool is_data; /* of a segment that can be written to: its pages may differ from the file */
	void *copy;
};

struct image {
	struct mapping mappings[MAPPINGS_MAX];
	size_t count;
	struct prctl_mm_map areas; /* of code and data */
};

static bool image_add(
	struct image *image, uintptr_t start, uintptr_t end, off_t offset, int prot, bool is_data)
{
	if (start == end)
		return true;
	if (image->count == MAPPINGS_MAX)
		return false;
	image->mappings[image->count++] = (struct mapping){
		.start = (char *)start, /* NOLINT: an address of the program headers */
		.len = end - start,
		.offset = offset,
		.prot = prot,
		.is_data = is_data,
	};
	return true;
}

/* What of the segment comes from the file, and how it is protected now. */
static bool image_add_segment(
	struct image *image, uintptr_t base, const ElfW(Phdr) * segment, uintptr_t relro_end)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = base + segment->p_vaddr;
	uintptr_t end = begin + segment->p_filesz, first = begin & ~(page - 1),
		  last = (end + page - 1) & ~(page - 1);
	off_t offset = (off_t)(segment->p_offset & ~(page - 1));
	int prot = (segment->p_flags & PF_R ? PROT_READ : 0) |
		   (segment->p_flags & PF_W ? PROT_WRITE : 0) |
		   (segment->p_flags & PF_X ? PROT_EXEC : 0);
	struct prctl_mm_map *areas = &image->areas;

	/* As the kernel's ELF loader computes them. */
	if (segment->p_flags & PF_X) {
		areas->start_code = areas->start_code ? MIN(areas->start_code, begin) : begin;
		areas->end_code = MAX(areas->end_code, end);
	}
	areas->start_data = MAX(areas->start_data, begin);
	areas->end_data = MAX(areas->end_data, end);
	if (!(segment->p_flags & PF_W))
		return image_add(image, first, last, offset, prot, false);
	/* Read-only after relocation up to there. */
	relro_end &= ~(page - 1);
	if (relro_end <= first || relro_end > last)
		relro_end = first;
	return image_add(image, first, relro_end, offset, PROT_READ, true) &&
	       image_add(image, relro_end, last, offset + (off_t)(relro_end - first), prot, true);
}

static int look_at_program(struct dl_phdr_info *info, size_t size, void *data)
{
	struct image *image = data;
	uintptr_t relro_end = 0;
	bool fits = true;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO)
			relro_end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr +
				    info->dlpi_phdr[i].p_memsz;
	for (size_t i = 0; i < info->dlpi_phnum && fits; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD)
			fits = image_add_segment(
				image, info->dlpi_addr, &info->dlpi_phdr[i], relro_end);
	return fits ? 1 : -1; /* the program itself comes first, its libraries do not matter */
}

/* The replacement of a mapping, elsewhere. What never changed comes from the file once more, by
 * another mount of it: the kernel asks that nothing is mapped by the path of the old exe. */
static bool copy_mapping(struct mapping *m, int file_fd)
{
	bool from_file = file_fd >= 0 && !m->is_data;

	m->copy = mmap(NULL, m->len, from_file ? m->prot : PROT_READ | PROT_WRITE,
		MAP_PRIVATE | (from_file ? 0 : MAP_ANONYMOUS | MAP_POPULATE),
		from_file ? file_fd : -1, from_file ? m->offset : 0);
	if (m->copy == MAP_FAILED) {
		m->copy = NULL;
		return false;
	}
	if (from_file)
		return true;
	if (!(m->prot & PROT_READ))
		return false;
	memcpy(m->copy, m->start, m->len);
	return mprotect(m->copy, m->len, m->prot) == 0;
}

/* The program by the mount TREE_FD; -1 where none could be made: then all pages are copied. */
static int open_by_other_mount(int tree_fd)
{
	char path[32];

	return tree_fd < 0 ? -1 : open(fd_path(tree_fd, path), O_RDONLY | O_CLOEXEC);
}

/* An empty file that can be executed (to no effect) and never written to, opened for reading only:
 * the kernel takes no file that somebody has open for writing. */
static int empty_program(void)
{
	cleanup_close int fd = memfd_create("pod", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	char path[32];

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("pod", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0)
		return -1;
	return open(fd_path(fd, path), O_RDONLY | O_CLOEXEC);
}

/* /proc/self/exe becomes FD. All that goes with it in the same call stays as it is. */
static bool set_exe(int fd, const struct prctl_mm_map *areas)
{
	const struct program_area *area = program_area();
	struct prctl_mm_map map = *areas;

	if (!area)
		return false;
	map.start_brk = map.brk = (uintptr_t)sbrk(0);
	map.start_stack = (uintptr_t)area->stack;
	map.arg_start = (uintptr_t)area->args;
	map.arg_end = (uintptr_t)area->args_end;
	map.env_start = (uintptr_t)area->env;
	map.env_end = (uintptr_t)area->env_end;
	map.exe_fd = (uint32_t)fd;
	return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) == 0;
}

/* False: nothing has changed that matters. RET_LATE_FD: as of sealed_begin(). */
static bool hide_in_place(int *ret_late_fd)
{
	cleanup_close int exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cleanup_close int empty_fd = -1, file_fd = -1, tree_fd = -1;
	cleanup_error struct error *ignored = NULL;
	struct image image = {.count = 0};
	struct mapping *mappings = image.mappings;
	bool copied = true;

	if (exe_fd < 0)
		return false;
	if (fcntl(exe_fd, F_GET_SEALS) == ALL_SEALS)
		return true;
	if (dl_iterate_phdr(look_at_program, &image) != 1 || remember_helpers(&ignored) < 0)
		return false;
	empty_fd = empty_program();
	tree_fd = open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	file_fd = open_by_other_mount(tree_fd);
	copied = empty_fd >= 0;
	for (size_t i = 0; i < image.count && copied; i++)
		copied = copy_mapping(&mappings[i], file_fd);
	/* What runs here moves, too: the same instructions at the same addresses. */
	for (size_t i = 0; i < image.count && copied; i++) {
		copied = mremap(mappings[i].copy, mappings[i].len, mappings[i].len,
				 MREMAP_MAYMOVE | MREMAP_FIXED, mappings[i].start) != MAP_FAILED;
		if (copied)
			mappings[i].copy = NULL;
	}
	for (size_t i = 0; i < image.count; i++)
		if (mappings[i].copy)
			(void)munmap(mappings[i].copy, mappings[i].len);
	if (!copied || !set_exe(empty_fd, &image.areas))
		return false;
	*ret_late_fd = steal_fd(&tree_fd);
	return true;
}

int sealed_begin(bool rootless, int *ret_late_fd, struct error **err)
{
	*ret_late_fd = -1;
	if (!rootless && hide_in_place(ret_late_fd))
		return 0;
	return reexec(rootless, err);
}
