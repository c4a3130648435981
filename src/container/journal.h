#pragma once

#include "container/container.h"
#include "util/error.h"

/**
 * container_journal_open() - the log driver 'journald', for a start
 * Writes the fields that all messages of the container have (monitor/journal.h): those of podman
 * and docker. The tag is a template (util/template.h) over ID (12 digits), FullID, Name, ImageName,
 * ImageID (12 digits), ImageFullID.
 * @err: ERR_SYSTEM: there is no journal; ERR_INVALID: the tag
 * Returns: the journal's socket, close-on-exec.
 */
int container_journal_open(const struct container *container, struct error **err);
