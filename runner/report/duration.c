#include "report/duration.h"

#include <inttypes.h>

void ptd_duration_add(uint64_t us, struct ptd_buf *out)
{
    uint64_t seconds = (us + 500000) / 1000000, minutes = (seconds + 30) / 60;
    if (us < 9950000)
        ptd_buf_addf(out, "%.1f s", (double)us / 1e6);
    else if (seconds < 120)
        ptd_buf_addf(out, "%" PRIu64 " s", seconds);
    else if (seconds < 3600)
        ptd_buf_addf(out, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
    else
        ptd_buf_addf(out, "%" PRIu64 " h %" PRIu64 " min", minutes / 60, minutes % 60);
}
