#include "config.h"

#include <stdint.h>
#include <string.h>

#include "util/mem.h"
#include "util/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --format comes from scripts, and what it walks over is partly the registry's words. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char value[] =
		"{\"A\":\"x\",\"B\":[1,2.5,null,{\"C\":true}],\"Labels\":{\"k\":\"v\"}}";
	cleanup_template struct template *t = NULL;
	cleanup_json struct json_document *doc = NULL;
	cleanup_error struct error *err = NULL;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_free char *text = NULL;
	struct json root;

	if (size > 4096 || memchr(data, '\0', size))
		return 0;
	text = xstrndup((const char *)data, size);
	if (json_parse(value, strlen(value), "value", &doc, &root, &err) == 0 &&
		template_parse(text, &t, &err) == 0)
		(void)template_render(t, &root, NULL, &out, &err);
	return 0;
}
