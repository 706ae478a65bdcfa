/* JSON text, written piece by piece; the caller sees to braces and commas. */
#ifndef PTD_BASE_JSON_H
#define PTD_BASE_JSON_H

#include "base/buf.h"

/* A string in quotes. Bytes that are not UTF-8 become "\udcXX", as Python's surrogateescape has
 * them. */
void ptd_json_string(struct ptd_buf *out, const char *s);

/* Length of the well-formed UTF-8 sequence at `s` (NUL-terminated), 0 when there is none. */
size_t ptd_utf8_length(const unsigned char *s);

#endif
