/*
 * Reading what started processes left (contract/board.h): boards, and logs in general. Everything
 * from the file is bounds-checked; what its writer did not finish is skipped.
 */
#ifndef PTD_JOURNAL_BOARD_H
#define PTD_JOURNAL_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "contract/board.h"
#include "contract/journal.h"

/* Calls `take` for each whole record of the log in `raw` until it answers false. */
int ptd_log_records(const struct ptd_buf *raw, const char *magic,
                    bool (*take)(uint32_t type, struct ptd_reader *payload, void *arg), void *arg,
                    struct ptd_err *err);

struct ptd_board_start {
    uint32_t token, parent, epoch, flags; /* enum ptd_start_flag */
    bool failed;                          /* nothing was started */
    bool here;                            /* it watches itself */
    const char *program;
};

struct ptd_board_touch {
    uint32_t token, epoch, access; /* enum ptd_access */
    uint32_t type;                 /* enum ptd_path_type */
    uint64_t size, mtime_ns, ino;
    const char *path;
};

struct ptd_board_log {
    struct ptd_board_start *starts; /* owned */
    size_t start_count, start_cap;
    struct ptd_board_touch *touches; /* owned */
    size_t touch_count, touch_cap;
    bool lost;      /* something could not be written */
    char **strings; /* owned */
    size_t string_count, string_cap;
};

int ptd_board_read(const char *path, struct ptd_board_log *out, struct ptd_err *err);
void ptd_board_release(struct ptd_board_log *board);

#endif
