#pragma once

#include <stdint.h>

#include "util/error.h"
#include "util/strbuf.h"

/* Times, durations and sizes as docker and podman print and read them. Times are nanoseconds of
 * CLOCK_REALTIME since 1970. */

#define NS_PER_SECOND UINT64_C(1000000000)

uint64_t time_now_ns(void);
/** time_monotonic_ms() - for deadlines: a clock that nobody sets. */
int64_t time_monotonic_ms(void);

/** duration_human() - "Less than a second", "5 seconds", "About a minute", "2 days": as go-units.
 */
void duration_human(uint64_t duration_ns, struct strbuf *out);
/** time_human_ago() - "2 days ago"; a time in the future counts as now. */
void time_human_ago(uint64_t time_ns, uint64_t now_ns, struct strbuf *out);

/** time_rfc3339() - "2006-01-02T15:04:05.999999999Z" in local time, trailing zeroes of the fraction
 * dropped (Go's RFC3339Nano). 0 is Go's zero time, "0001-01-01T00:00:00Z". */
void time_rfc3339(uint64_t time_ns, struct strbuf *out);
/** time_go_string() - "2006-01-02 15:04:05.999999999 +0000 UTC", Go's Time.String(). */
void time_go_string(uint64_t time_ns, struct strbuf *out);

/** duration_parse() - Go's: "1h30m", "1.5s", "300ms", "0". @err: ERR_INVALID. */
int duration_parse(const char *s, int64_t *ret_ns, struct error **err);

/**
 * time_parse() - what --since, --until and the filters of these names take: RFC 3339 (with "Z", an
 * offset or local time; the time or its seconds may be missing), seconds since 1970 with an
 * optional fraction, or a Go duration before NOW_NS
 * @err: ERR_INVALID
 */
int time_parse(const char *s, uint64_t now_ns, uint64_t *ret_ns, struct error **err);

/** size_human() - "7.8MB", decimal units, PRECISION significant digits: docker's (4; images: 3). */
void size_human(uint64_t bytes, int precision, struct strbuf *out);
/** size_human_binary() - "1.5MiB", binary units, PRECISION significant digits: docker's memory. */
void size_human_binary(uint64_t bytes, int precision, struct strbuf *out);
/** size_human_spaced() - "7.8 MB" with three digits: podman's. */
void size_human_spaced(uint64_t bytes, struct strbuf *out);
