/*
 * The stream of tokens that a block's checksum is taken over. Every item begins with a tag and says
 * its own length, so that two different streams never have the same bytes.
 */
#ifndef PTD_SYNTAX_TOKENS_H
#define PTD_SYNTAX_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

void ptd_tokens_enter(struct ptd_buf *stream, uint32_t stamp);
void ptd_tokens_leave(struct ptd_buf *stream);
void ptd_tokens_text(struct ptd_buf *stream, const char *text, size_t len);
/* Without underscores and in lower case. */
void ptd_tokens_number(struct ptd_buf *stream, const char *text, size_t len);
/* The prefix of a string literal; which quotes are used does not count. */
void ptd_tokens_string_start(struct ptd_buf *stream, const char *text, size_t len);
/* What lies between two tokens of the tree, when it is more than white space and continued lines.
 */
void ptd_tokens_gap(struct ptd_buf *stream, const char *text, size_t len);
/* The checksum of another stream or part of one. */
void ptd_tokens_digest(struct ptd_buf *stream, uint64_t value);
/* Overwrites the digest that was written at offset `at`. */
void ptd_tokens_patch_digest(struct ptd_buf *stream, size_t at, uint64_t value);

#endif
