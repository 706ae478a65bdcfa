/*
 * Logs that several processes append to at once (contract/board.h): mapped, so that nothing is lost
 * when a process dies, and without locks or memory of the heap, so that they can be used anywhere:
 * in signal handlers, between vfork and exec, on any thread.
 */
#ifndef PTD_EMBED_LOG_H
#define PTD_EMBED_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/board.h"

struct ptd_log {
    char path[PATH_MAX];
    struct ptd_log_header *header; /* mapped; NULL: not open */
    void *chunks[PTD_LOG_CHUNKS];  /* mapped when first needed */
};

/* Makes the file, which must not exist; false with errno. */
bool ptd_log_create(struct ptd_log *log, const char *path, const char *magic);
/* An existing one. */
bool ptd_log_open(struct ptd_log *log, const char *path, const char *magic);
/* Appends whole records (framed, padded); false when there is no room. */
bool ptd_log_append(struct ptd_log *log, const void *record, size_t len);

/* A record in a buffer of the caller's. Too long ones are refused by `_end`. */
struct ptd_record_buf {
    unsigned char data[PATH_MAX + 256];
    size_t len;
    bool full;
};
void ptd_record_begin(struct ptd_record_buf *buf, uint32_t type);
void ptd_record_u32(struct ptd_record_buf *buf, uint32_t value);
void ptd_record_u64(struct ptd_record_buf *buf, uint64_t value);
void ptd_record_text(struct ptd_record_buf *buf, const char *text);
/* Frames it and appends it. */
bool ptd_record_end(struct ptd_record_buf *buf, struct ptd_log *log);

#endif
