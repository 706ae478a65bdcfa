/* Splitting text into words as Python's shlex.split does (POSIX rules, no comments). */
#ifndef PTD_CONFIG_SHLEX_H
#define PTD_CONFIG_SHLEX_H

#include <stddef.h>

#include "base/err.h"

/* *words is owned and NULL-terminated, the words are owned. Fails (PTD_E_CONFIG) on an open quote.
 */
int ptd_shlex_split(const char *text, char ***words, size_t *count, struct ptd_err *err);

/* The words as text that splits into them again; owned. */
char *ptd_shlex_join(char *const *words);

/* Releases a NULL-terminated list of owned strings; NULL is fine. */
void ptd_strings_free(char **strings);
/* Appends to such a list; takes `item`. */
void ptd_strings_add(char ***strings, size_t *count, char *item);

#endif
