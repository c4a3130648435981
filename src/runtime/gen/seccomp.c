#include "config.h"

#include <stdio.h>
#include <string.h>

#include "runtime/seccomp_bpf.h"

/* Run at build time: prints the default profile for the default capabilities, as a program, or with
 * the argument "object" as the text of its OCI object. */

static int print_program(void)
{
	struct error *err = NULL;
	struct sock_filter *insns;
	size_t count;

	if (seccomp_default_compile(SECCOMP_DEFAULT_CAPABILITIES, &insns, &count, &err) < 0) {
		fprintf(stderr, "%s\n", err->message);
		return 1;
	}
	for (size_t i = 0; i < count; i++)
		printf("{0x%04x, %u, %u, 0x%08x},\n", insns[i].code, insns[i].jt, insns[i].jf,
			insns[i].k);
	return 0;
}

static int print_object(void)
{
	struct strbuf text = STRBUF_INIT;
	struct json_writer w = json_writer_init(&text, 0);

	seccomp_default_write(&w, SECCOMP_DEFAULT_CAPABILITIES);
	putchar('"');
	for (const char *p = strbuf_str(&text); *p; p++) {
		if (*p == '"' || *p == '\\')
			putchar('\\');
		putchar(*p);
		if (*p == ',')
			fputs("\"\n\"", stdout);
	}
	puts("\"");
	return 0;
}

int main(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[1], "object") == 0 ? print_object() : print_program();
}
