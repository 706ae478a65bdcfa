/* The records of a journal as they follow each other in its bytes. */
#ifndef PTD_JOURNAL_FRAME_H
#define PTD_JOURNAL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Skips the first bytes of a journal; -1 when these are others. */
int ptd_frame_start(struct ptd_reader *in);
/* The next record that is whole: its type and a reader of its payload. False at the end, and with
 * in->bad set where something unreadable follows. */
bool ptd_frame_next(struct ptd_reader *in, uint32_t *type, struct ptd_reader *payload);

#endif
