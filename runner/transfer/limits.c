#include "transfer/limits.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define MB              ((uint64_t)1 << 20)
#define LIMIT_MB        1024
#define CONNECT_SECONDS 10
#define STALL_SECONDS   30
#define TOTAL_SECONDS   600
#define TRIES           4

static int from_environment(const char *name, long otherwise, long *out, struct ptd_err *err)
{
    const char *text = getenv(name);
    char *end;
    *out = otherwise;
    if (!text || !*text)
        return 0;
    errno = 0;
    *out = strtol(text, &end, 10);
    if (end == text || *end || errno || *out < 1 || *out > INT_MAX / 1000)
        return ptd_err_set(err, PTD_E_USAGE, "%s: expected a whole number, got \"%s\"", name, text);
    return 0;
}

int ptd_limits_fill(const struct ptd_transfer_limits *limits, struct ptd_transfer_limits *out,
                    struct ptd_err *err)
{
    long mb, stall;
    *out = *limits;
    if (from_environment("PYT_DIFF_REMOTE_LIMIT", LIMIT_MB, &mb, err) < 0 ||
        from_environment("PYT_DIFF_REMOTE_TIMEOUT", STALL_SECONDS, &stall, err) < 0)
        return -1;
    if (!out->max_bytes)
        out->max_bytes = (uint64_t)mb * MB;
    if (!out->stall_seconds)
        out->stall_seconds = (int)stall;
    if (!out->connect_seconds)
        out->connect_seconds =
            out->stall_seconds < CONNECT_SECONDS ? out->stall_seconds : CONNECT_SECONDS;
    if (!out->total_seconds)
        out->total_seconds = TOTAL_SECONDS;
    if (!out->tries)
        out->tries = TRIES;
    return 0;
}
