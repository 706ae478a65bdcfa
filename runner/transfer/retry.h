/* When to try again, and the defaults of the limits. */
#ifndef PTD_TRANSFER_RETRY_H
#define PTD_TRANSFER_RETRY_H

#include "contract/transfer.h"

/* With everything that is 0 filled in. PTD_E_USAGE for a bad value in the environment. */
int ptd_limits_fill(const struct ptd_transfer_limits *limits, struct ptd_transfer_limits *out,
                    struct ptd_err *err);
/* Waits before try number `next` (1 is the first repetition): 0.25 s, twice as long each time, and
 * up to half of it more by chance; or as long as the server asked for, at most 10 s. */
void ptd_retry_wait(int next, long asked_seconds);

#endif
