#pragma once

#include <stdbool.h>

#include "image/image.h"

/*
 * What a pull or load shows on stderr: on a terminal one bar per layer, redrawn in place and cut to
 * the width; elsewhere one line per layer and no control characters; nothing when quiet.
 */
struct progress;

/** progress_new() - QUIET: nothing is drawn. */
struct progress *progress_new(bool quiet);
/** progress_to() - draw to FD instead of standard error. */
void progress_to(struct progress *progress, int fd);
/** progress_events() - callbacks that draw to PROGRESS. */
struct pull_events progress_events(struct progress *progress);
/** progress_free() - leaves what is drawn on the screen. NULL is fine. */
void progress_free(struct progress *progress);
static inline void progress_freep(struct progress **progress)
{
	progress_free(*progress);
}
#define cleanup_progress __attribute__((cleanup(progress_freep)))
