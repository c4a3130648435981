#include "config.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/relro.h"

#ifdef __GLIBC__

void relro_protect(void)
{
	/* glibc's start-up has done it. */
}

#else

extern const ElfW(Ehdr) __ehdr_start; /* the linker's */

void relro_protect(void)
{
	uintptr_t base = (uintptr_t)&__ehdr_start, page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)(base + __ehdr_start.e_phoff);

	for (int i = 0; i < __ehdr_start.e_phnum; i++) {
		uintptr_t begin = base + headers[i].p_vaddr, end = begin + headers[i].p_memsz;

		if (headers[i].p_type != PT_GNU_RELRO)
			continue;
		begin &= ~(page - 1);
		end &= ~(page - 1);
		(void)mprotect((void *)begin, end - begin, PROT_READ);
	}
}

#endif
