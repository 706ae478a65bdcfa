/* What is kept from the parser. */
#ifndef PTD_SYNTAX_LIMITS_H
#define PTD_SYNTAX_LIMITS_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * False when the text nests so deeply that the parser could be harmed: libtree-sitter 0.20 counts
 * the children of an error in 16 bits and then frees memory that is not its own. An error takes
 * in everything that is still open where it is found, so what may be open at once is bounded:
 * brackets, and operators and words in front of their operand ("not not x", "a = b = c").
 *
 * It goes by bytes and not by tokens, so large one-line strings may be refused as well.
 */
bool ptd_limits_hold(const struct ptd_buf *text);

#endif
