#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "monitor/journal_logs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line of journalctl's: its fields are whatever some user of the host wrote. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf scratch = STRBUF_INIT;
	struct log_record record;
	char *cursor = NULL;

	if (journal_record_parse((const char *)data, size, &scratch, &record, &cursor) &&
		(record.len > size || (record.stream != 1 && record.stream != 2)))
		abort();
	free(cursor);
	strbuf_clear(&scratch);
	return 0;
}
