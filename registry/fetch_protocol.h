#pragma once

#include <stdint.h>

#include "util/error.h"

/*
 * Between pod (conductor) and `pod-transfer fetch` (fetcher): one SOCK_SEQPACKET pair, the
 * fetcher's end is its descriptor 3. A message is struct fetch_message, followed by text_len bytes
 * of text (JSON or a plain message, as below), with descriptors in SCM_RIGHTS. Sizes are bounded,
 * versions equal: both programs are installed together. Use registry/fetch_client.h instead of
 * speaking this by hand.
 *
 *   message       from       descriptors               text
 *   RESOLVE       conductor  -                         JSON, see below
 *   RESOLVED      fetcher    manifest, config[, index] JSON, see below
 *   FETCH         conductor  the .part file (O_RDWR)   JSON {"digest","size","urls":[]}
 *   PROGRESS      fetcher    -                         -   (offset: bytes valid so far)
 *   DONE          fetcher    -                         -   (offset: the blob's size)
 *   ERROR         fetcher    -                         the error's message
 *   LOGIN         conductor  -                         JSON {"registry","username","password",...}
 *   LOGIN_OK      fetcher    -                         -
 *
 * Order: the first message is one RESOLVE or one LOGIN; a fetcher serves one reference: FETCH names
 * blobs of the resolved repository, any number at once (id chosen by the conductor). PROGRESS comes
 * with growing offsets, also across retries (from a server that ignores Range, what is there
 * already is skipped), then exactly one DONE or ERROR for the id. ERROR with id 0 answers RESOLVE
 * or LOGIN. The fetcher ends on end-of-file, and its end is an error of every FETCH under way.
 *
 * RESOLVE {"reference": text as given (normalised by the fetcher, search registries tried),
 *   "os","architecture","variant": wanted platform, "variant" may be absent,
 *   "authfile": path or absent, "username"/"password": from --creds or absent,
 *   "certDir": path or absent, "tlsVerify": true/false or absent (registries.conf decides)}
 * LOGIN takes "registry" instead of "reference" and needs "username" and "password".
 * RESOLVED {"reference": canonical, "manifest": {"mediaType","digest","size"}, "config": the same,
 *   "index": the same or absent}. The descriptors are sealed memfds whose bytes hash to the
 * digests: the fetcher checked them. The choice of platform from an index is the fetcher's.
 */

#define FETCH_VERSION  1u
#define FETCH_FD       3 /* the fetcher's end */
#define FETCH_TEXT_MAX 32768u
#define FETCH_FDS_MAX  3

enum fetch_message_type {
	FETCH_RESOLVE = 1,
	FETCH_RESOLVED,
	FETCH_FETCH,
	FETCH_PROGRESS,
	FETCH_DONE,
	FETCH_ERROR,
	FETCH_LOGIN,
	FETCH_LOGIN_OK,
};

struct fetch_message {
	uint32_t version;  /* FETCH_VERSION */
	uint32_t type;     /* enum fetch_message_type */
	uint32_t id;       /* FETCH, PROGRESS, DONE, ERROR: 1.., chosen by the conductor; else 0 */
	uint32_t kind;     /* ERROR: enum error_kind */
	int32_t errnum;    /* ERROR: as in struct error */
	uint32_t text_len; /* bytes that follow, at most FETCH_TEXT_MAX */
	uint64_t offset; /* FETCH: bytes of the .part already there; PROGRESS, DONE: bytes valid */
};
