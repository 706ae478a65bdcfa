/* Times as text for people. */
#ifndef PTD_REPORT_DURATION_H
#define PTD_REPORT_DURATION_H

#include <stdint.h>

#include "base/buf.h"

/* "0.4 s", "12 s", "3 min 20 s", "2 h 5 min" */
void ptd_duration_add(uint64_t us, struct ptd_buf *out);

#endif
