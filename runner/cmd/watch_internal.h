/*
 * What the parts of `pyt-diff watch` share: the loop (watch.c), finding out what has changed
 * (watch_changes.c), running the tests in a process of their own (watch_cycle.c), and what the keys
 * do (watch_keys.c). One thread.
 */
#ifndef PTD_CMD_WATCH_INTERNAL_H
#define PTD_CMD_WATCH_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/map.h"
#include "config/options.h"
#include "config/project.h"
#include "store/store.h"
#include "watch/notify.h"
#include "watch/snapshot.h"
#include "watch/terminal.h"

enum ptd_watch_mode {
    PTD_WATCH_AFFECTED,
    PTD_WATCH_ALL,
    PTD_WATCH_FAILED,
};

enum ptd_watch_question {
    PTD_WATCH_NO_QUESTION,
    PTD_WATCH_ASK_FILES,
    PTD_WATCH_ASK_NAMES,
};

struct ptd_watch {
    const struct ptd_options *options; /* borrowed */
    struct ptd_terminal terminal;
    int signals; /* signalfd */

    /* What is watched. */
    struct ptd_project project;
    char *skip;                   /* directory of the data, relative to the root; owned, or NULL */
    struct ptd_notify *notify;    /* NULL: looked at every `interval` */
    int debounce, interval;       /* milliseconds */
    struct ptd_store_files known; /* what records depend on */
    struct ptd_watched *watched;  /* the same for the snapshot; owned array */
    size_t watched_count;
    struct ptd_map interesting; /* their paths; value 1: a directory whose names count */
    bool all_files;             /* any file may matter */
    struct ptd_snapshot now;
    bool snapshot_taken;
    int64_t due;   /* when to look what has changed, 0: nothing was told */
    int64_t since; /* when the first of what is told now was told */
    int64_t poll_at;

    /* What is run. */
    enum ptd_watch_mode mode;
    char *files, *names;     /* filters; owned, NULL: none */
    pid_t child;             /* 0: none runs */
    bool debugging;          /* it has the terminal */
    bool cancelled;          /* it is to end */
    int64_t kill_at;         /* when it will be made to, 0: not planned */
    int kills;               /* how often it was told to end */
    bool again;              /* then another one begins, */
    bool again_debug;        /* with the debugger */
    bool noted;              /* something has changed meanwhile that was no reason to end it */
    struct ptd_map culprits; /* paths → how often in a row they ended a run */

    struct ptd_buf why; /* the line about the changes that it begins for */

    /* What is typed. */
    enum ptd_watch_question question;
    struct ptd_buf line;
    bool quit;
    int quit_signal; /* 0: by a key */
};

/* Milliseconds of a clock that only goes forward. */
int64_t ptd_watch_clock(void);

/* Reads configuration and data anew: what is watched. */
int ptd_watch_look_up(struct ptd_watch *w, struct ptd_err *err);
/* Begins to watch, in the way that the file system allows; says so when that is by polling. */
void ptd_watch_begin(struct ptd_watch *w);
/* The kernel has something to tell. */
void ptd_watch_told(struct ptd_watch *w);
/* What has changed since the last time; begins or ends runs accordingly. */
int ptd_watch_compare(struct ptd_watch *w, struct ptd_err *err);

/* Begins a run; `quiet`: it is not worth a word when nothing is affected. */
int ptd_watch_start(struct ptd_watch *w, bool quiet, bool debug, struct ptd_err *err);
/* Tells a run to end, the harder the more often. */
void ptd_watch_cancel(struct ptd_watch *w);
/* Looks after the process: *ended when it is no more. */
int ptd_watch_reap(struct ptd_watch *w, bool *ended);

/* What stands in the terminal. */
void ptd_watch_key(struct ptd_watch *w, const char *bytes, size_t len);
/* The line below a run: what is watched, and how to go on. */
void ptd_watch_hint(const struct ptd_watch *w);
/* A run as soon as the present one has ended. */
void ptd_watch_request(struct ptd_watch *w, bool debug);

/* Test files that match the filter, NULL-terminated, owned as an array; NULL: there are none. */
const char **ptd_watch_matching(const struct ptd_watch *w);

#endif
