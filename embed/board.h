/*
 * This process and the board (contract/board.h): who it is, what it tells, what it is told. Each of
 * the host, the stub and the tracer has its own view of the same board.
 *
 * Nothing here takes a lock or memory of the heap. What cannot be written is counted on the board
 * itself, and nothing of the session is trusted then.
 */
#ifndef PTD_EMBED_BOARD_H
#define PTD_EMBED_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "contract/board.h"
#include "contract/journal.h"
#include "log.h"

struct ptd_board {
    struct ptd_log log;
    uint32_t token; /* of this process; 0: it runs the tests */
};

extern struct ptd_board ptd_board;

static inline bool ptd_board_is_open(void)
{
    return ptd_board.log.header != NULL;
}

/* The epoch of the process that runs the tests. */
static inline uint32_t ptd_board_epoch(void)
{
    return __atomic_load_n(&ptd_board.log.header->epoch, __ATOMIC_ACQUIRE);
}

/* A new board, of which this process is the owner. */
bool ptd_board_create(const char *path);
bool ptd_board_attach(const char *path, uint32_t token);
/* Adds to the header's text; what does not fit is left out. */
void ptd_board_tell(char letter, const char *path);

uint32_t ptd_board_new_token(void);
void ptd_board_start(uint32_t token, uint32_t flags, const char *program);
void ptd_board_failed(uint32_t token);
void ptd_board_here(void);
void ptd_board_lost(void);

/* What stat() says of a path, as journals have it. */
struct ptd_sight {
    uint32_t type; /* enum ptd_path_type */
    uint64_t size, mtime_ns, ino;
};
/* Looks without being noticed by the replaced functions. */
void ptd_sight_of(const char *path, struct ptd_sight *out);
void ptd_board_touch(uint32_t token, enum ptd_access access, const char *path,
                     const struct ptd_sight *sight);

#endif
