/* Keys and code names of a set of blocks. */
#ifndef PTD_SYNTAX_NAMES_H
#define PTD_SYNTAX_NAMES_H

#include <stddef.h>

#include "syntax/blocks.h"

/*
 * Fills key and code_name of every item. `blocks->strings` holds the keys one behind the other,
 * each with its NUL, in the order of the items; it must not be added to afterwards.
 */
void ptd_names_assign(struct ptd_blocks *blocks);

#endif
