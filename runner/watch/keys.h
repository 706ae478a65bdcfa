/* What comes from the keyboard: single keys, and a line that is typed in. No I/O. */
#ifndef PTD_WATCH_KEYS_H
#define PTD_WATCH_KEYS_H

#include <stddef.h>

#include "base/buf.h"

#define PTD_KEY_NONE   0
#define PTD_KEY_ESCAPE 27

/* The next key of `len` (> 0) bytes, and in *used how many bytes it took. Arrows and the like,
 * which are sequences of bytes, are PTD_KEY_NONE. */
int ptd_keys_next(const char *bytes, size_t len, size_t *used);

enum ptd_line_state {
    PTD_LINE_EDITING,
    PTD_LINE_DONE,
    PTD_LINE_CANCELLED,
};

/* A key while a line is typed: text, Enter, Escape, Backspace, Ctrl-U (all) and Ctrl-W (a word). */
enum ptd_line_state ptd_line_key(struct ptd_buf *line, int key);

#endif
