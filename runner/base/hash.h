/* Content hashes: XXH3 (xxHash 0.8). 128 bits for file contents and sets, 64 bits for blocks. */
#ifndef PTD_BASE_HASH_H
#define PTD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ptd_hash128 {
    unsigned char bytes[16];
};

uint64_t ptd_hash64(const void *data, size_t len);
struct ptd_hash128 ptd_hash128(const void *data, size_t len);
/* 32 hexadecimal digits and a NUL. */
void ptd_hash128_text(const struct ptd_hash128 *hash, char text[33]);
/* The other way; -1 when the text does not begin with 32 of them. */
int ptd_hash128_parse(const char *text, struct ptd_hash128 *out);
int ptd_hash128_equal(const struct ptd_hash128 *a, const struct ptd_hash128 *b);
/* Hash of a whole regular file, read as it is; fails with PTD_E_IO. */
int ptd_hash128_file(const char *path, struct ptd_hash128 *out, struct ptd_err *err);

#endif
