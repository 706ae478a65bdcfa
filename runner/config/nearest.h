/* Nearest match, for "did you mean" hints. */
#ifndef PTD_CONFIG_NEAREST_H
#define PTD_CONFIG_NEAREST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) from `a` to `b`, or limit + 1 when more. */
size_t ptd_nearest_distance(const char *a, const char *b, size_t limit);

/* The candidate (borrowed) with the fewest edits, the first of several; NULL beyond `limit`. */
const char *ptd_nearest_find(const char *word, const char *const *candidates, size_t count,
                             size_t limit);

#endif
