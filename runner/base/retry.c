#include "base/retry.h"

#include <time.h>
#include <unistd.h>

#define LONGEST_PAUSE 10

void ptd_retry_wait(int next, long asked_seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    /* By chance, so that jobs that failed together do not come back together. */
    long ms = 250L << (next - 1);
    ms += (now.tv_nsec / 1000 + getpid()) % (ms / 2 + 1);
    if (asked_seconds > 0)
        ms = (asked_seconds < LONGEST_PAUSE ? asked_seconds : LONGEST_PAUSE) * 1000;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}
