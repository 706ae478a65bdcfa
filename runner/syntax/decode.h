/* A Python source as text: decoded to UTF-8 the way CPython's tokenizer reads a file. */
#ifndef PTD_SYNTAX_DECODE_H
#define PTD_SYNTAX_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Appends the source to `out` as valid UTF-8 without byte order mark, with every "\r\n" and "\r"
 * turned into "\n". False when CPython could not read it either: NUL bytes, a declared
 * encoding (PEP 263) that nobody knows, bytes that are not of the encoding.
 */
bool ptd_decode_source(const void *source, size_t len, struct ptd_buf *out);

#endif
