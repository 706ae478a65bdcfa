/*
 * Growable byte buffer. Always NUL terminated behind `len`, so `data` can be used as a string.
 * Zero-initialise with `= {0}` or PTD_BUF_INIT; release with ptd_buf_release.
 */
#ifndef PTD_BASE_BUF_H
#define PTD_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ptd_buf {
    char *data; /* owned; NULL while nothing was added */
    size_t len;
    size_t cap;
};
#define PTD_BUF_INIT                                                                               \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void ptd_buf_release(struct ptd_buf *buf);
void ptd_buf_reset(struct ptd_buf *buf); /* len = 0, memory kept */
void ptd_buf_reserve(struct ptd_buf *buf, size_t more);
void ptd_buf_add(struct ptd_buf *buf, const void *data, size_t len);
void ptd_buf_adds(struct ptd_buf *buf, const char *s);
void ptd_buf_addc(struct ptd_buf *buf, char c);
void ptd_buf_addf(struct ptd_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Unsigned LEB128. */
void ptd_buf_add_varint(struct ptd_buf *buf, uint64_t value);
/* Sorts the numbers and adds them as varints, ascending, each once and as the difference to the one
 * before. */
void ptd_buf_add_ascending(struct ptd_buf *buf, uint64_t *items, size_t count);
/* The caller owns the string ("" when empty); the buffer is empty afterwards. */
char *ptd_buf_steal(struct ptd_buf *buf);
/* Reads a whole file of at most `max` bytes. */
int ptd_buf_read_file(struct ptd_buf *buf, const char *path, size_t max, struct ptd_err *err);

/* Writes it as the whole of a file, which appears, or is replaced, in one step. */
int ptd_buf_write_file(const struct ptd_buf *buf, const char *path, struct ptd_err *err);

#define PTD_CLEANUP_BUF __attribute__((cleanup(ptd_buf_release)))

/* Bounds-checked reader over bytes; `bad` is sticky and set by any read beyond the end. */
struct ptd_reader {
    const unsigned char *pos; /* borrowed */
    const unsigned char *end;
    int bad;
};
struct ptd_reader ptd_reader_init(const void *data, size_t len);
uint64_t ptd_reader_varint(struct ptd_reader *r);
uint32_t ptd_reader_u32(struct ptd_reader *r); /* little endian */
uint64_t ptd_reader_u64(struct ptd_reader *r);
/* Borrowed bytes, or NULL (and bad) when fewer than `len` are left. */
const void *ptd_reader_bytes(struct ptd_reader *r, size_t len);

#endif
