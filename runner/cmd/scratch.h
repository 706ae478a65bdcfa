/* A directory for files that are needed for a moment, in $TMPDIR. */
#ifndef PTD_CMD_SCRATCH_H
#define PTD_CMD_SCRATCH_H

#include "base/err.h"

struct ptd_scratch {
    char *dir; /* owned */
    int count;
};

int ptd_scratch_make(struct ptd_scratch *scratch, struct ptd_err *err);
/* A path in it that was not given out before; owned. */
char *ptd_scratch_name(struct ptd_scratch *scratch);
/* With what is in it; nothing for one that was not made. */
void ptd_scratch_remove(struct ptd_scratch *scratch);

#endif
