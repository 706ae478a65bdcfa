/*
 * The board: one file per process that runs tests, mapped into it and into every process that it
 * starts, directly or not. It tells a started process what to watch and what is being tested right
 * now, and takes down who was started and which files programs touch. It survives any way of dying.
 *
 * <session>/<name of the journal of that process>.ptdb. Numbers are in the byte order of the
 * machine. Behind the header come records framed like those of a journal (contract/journal.h), each
 * at a multiple of 4, none across the border of a chunk. A record whose length is still 0 is being
 * written, or was when its process died: a reader looks for the next one behind it.
 *
 * A journal of a started process has the same form (another magic, a short header).
 */
#ifndef PTD_CONTRACT_BOARD_H
#define PTD_CONTRACT_BOARD_H

#include <stdint.h>

#define PTD_BOARD_MAGIC  "PTDBRD01"
#define PTD_BOARD_SUFFIX ".ptdb"
/* Of the journals of started processes; the suffix is PTD_JOURNAL_SUFFIX. */
#define PTD_CHILD_MAGIC "PTDCHD01"

#define PTD_LOG_HEADER 24576u /* bytes before the first record */
#define PTD_LOG_CHUNK  131072u
#define PTD_LOG_CHUNKS 2048u

/* "TOKEN:BOARD" in the environment of a program that is being started; the stub takes it out. */
#define PTD_ENV_CHILD "PYT_DIFF_CHILD"

struct ptd_log_header {
    char magic[8];
    uint64_t used; /* atomic: where the next record goes */
    uint64_t size; /* atomic: up to where the disk has room for it */
    /* What follows is used on a board only. */
    uint32_t epoch;      /* changes whenever what is being tested does */
    uint32_t started;    /* processes started so far */
    uint32_t lost;       /* something could not be taken down: nothing of the session is trusted */
    uint32_t next_token; /* the last that was given out */
    uint32_t text_used;  /* atomic: length of `text` that is complete */
    uint32_t pad;
    /* NUL-terminated strings, each with a letter in front: 'r' the rootdir under one of its names
     * (the real path first), 'x' a directory that does not count. */
    char text[PTD_LOG_HEADER - 48];
};

enum ptd_board_record {
    /* u32 token of what is started, u32 token of who starts it (0: the process of the board), u32
     * epoch, u32 enum ptd_start_flag, string: the program. */
    PTD_B_START = 101,
    /* u32 token: it did not come to that. */
    PTD_B_FAILED = 102,
    /* u32 token, u32 pid: the process is there and watches itself. */
    PTD_B_HERE = 103,
    /* u32 token, u32 epoch, u32 enum ptd_access, then a path as in PTD_J_PATH without its id. */
    PTD_B_TOUCH = 104,
};

enum ptd_start_flag {
    PTD_START_FORK = 1, /* a forked Python: it has what its parent had loaded */
    /* It cannot be followed, and what it does is not seen. */
    PTD_START_BLIND = 2,
};

#endif
