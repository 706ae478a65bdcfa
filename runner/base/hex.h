/* Bytes as lower-case hexadecimal digits, and back. */
#ifndef PTD_BASE_HEX_H
#define PTD_BASE_HEX_H

#include <stddef.h>

/* Exactly `count` bytes from `len` digits (either case); -1 when the text is no such thing. */
int ptd_hex_read(const char *text, size_t len, unsigned char *out, size_t count);
/* 2 * count digits and a NUL. */
void ptd_hex_write(const unsigned char *bytes, size_t count, char *out);

#endif
