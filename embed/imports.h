/*
 * Wrappers of builtins.__import__, _frozen_importlib._gcd_import and builtins.exec: they see who
 * imports what, also when it was loaded before, and whose body runs.
 */
#ifndef PTD_EMBED_IMPORTS_H
#define PTD_EMBED_IMPORTS_H

#include <stddef.h>

/* -1 with a reason. What was wrapped stays so and only passes calls on while nothing is recorded.
 */
int ptd_imports_wrap(char *why, size_t size);

#endif
