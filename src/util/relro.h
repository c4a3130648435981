#pragma once

/** relro_protect() - make what the start-up relocated read-only, as the dynamic linker does for the
 * program header PT_GNU_RELRO; a static program of musl's has nobody else to do it. No errors: what
 * cannot be protected works as before. */
void relro_protect(void);
