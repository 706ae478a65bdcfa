/*
 * Wrappers of builtins.__import__, _frozen_importlib._gcd_import and builtins.exec: they see who
 * imports what, also when it was loaded before, and whose body runs.
 */
#ifndef PTD_EMBED_IMPORTS_H
#define PTD_EMBED_IMPORTS_H

#include <stddef.h>
#include <stdint.h>

/* -1 with a reason. What was wrapped stays so and only passes calls on while nothing is recorded.
 */
int ptd_imports_wrap(char *why, size_t size);

/* Name id of the top-level module that this thread is loading and that is not the project's. */
extern __thread uint32_t ptd_loading;
#define PTD_NOT_LOADING 0xffffffffu

/* The installed package `from` (a top-level module) asked for something. */
void ptd_imports_edge(const char *from, size_t from_len, const char *to, size_t to_len);

#endif
