/* When to try again. */
#ifndef PTD_BASE_RETRY_H
#define PTD_BASE_RETRY_H

/* Waits before try number `next` (1 is the first repetition): 0.25 s, twice as long each time, and
 * up to half of it more by chance; or as long as the server asked for, at most 10 s. */
void ptd_retry_wait(int next, long asked_seconds);

#endif
