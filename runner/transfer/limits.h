/* The defaults of the limits. */
#ifndef PTD_TRANSFER_LIMITS_H
#define PTD_TRANSFER_LIMITS_H

#include "contract/transfer.h"

/* With everything that is 0 filled in. PTD_E_USAGE for a bad value in the environment. */
int ptd_limits_fill(const struct ptd_transfer_limits *limits, struct ptd_transfer_limits *out,
                    struct ptd_err *err);

#endif
