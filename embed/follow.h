/*
 * Processes that tests start. The one that runs the tests makes the board (contract/board.h) and
 * says there what is current; a Python among the others, forked or executed, records what it does
 * as parts that follow that. All of it needs the GIL unless it says otherwise.
 */
#ifndef PTD_EMBED_FOLLOW_H
#define PTD_EMBED_FOLLOW_H

#include <stdbool.h>

enum ptd_followed {
    PTD_FOLLOWED_NONE,  /* what forks or starts programs is opaque */
    PTD_FOLLOWED_FORKS, /* libc's functions could not be replaced in this process */
    PTD_FOLLOWED_ALL,
};

/* In the process that runs tests, when recording starts: which children will be followed. */
enum ptd_followed ptd_follow_lead(void);

/* Without the GIL, right after a fork: this process is another now. */
void ptd_follow_forked(void);

/* Writes what the journal of a forked child begins with, unless that is done. */
void ptd_follow_introduce(void);

/* Excludes the standard library without importing anything. */
void ptd_follow_exclude(void);

#endif
