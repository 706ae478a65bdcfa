/*
 * Child processes. What a child does is not seen, so the scopes that start one are marked opaque.
 */
#ifndef PTD_EMBED_SCOPE_CHILDREN_H
#define PTD_EMBED_SCOPE_CHILDREN_H

#include <stddef.h>

/* Wraps the functions that start programs; -1 with a reason. */
int ptd_children_wrap(char *why, size_t size);

#endif
