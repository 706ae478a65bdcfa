/*
 * Environment variables as dependencies: what they are now, in the terms of PTD_FILE_ENVIRONMENT.
 * Only hashes of values are ever kept.
 *
 * The path of such a row is a variable's name; "*" for all of them except those that differ from
 * one terminal to the next; "" for those that count for every test.
 */
#ifndef PTD_STATE_VARIABLES_H
#define PTD_STATE_VARIABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

#define PTD_VARIABLES_ALL    "*"
#define PTD_VARIABLES_ALWAYS ""

/* What the configuration says; patterns as in base/glob.h, NULL-terminated, NULL for none. */
struct ptd_variables {
    const char *const *always; /* count for every test */
    const char *const *never;
};

bool ptd_variables_ignored(const struct ptd_variables *rules, const char *name);
/* Content of the row of this path, from the engine's own environment. */
struct ptd_hash128 ptd_variables_hash(const struct ptd_variables *rules, const char *path);
/* Content of a single variable with this hash (contract/environ.h); NULL: not set. */
struct ptd_hash128 ptd_variables_content(const uint64_t *hash);

#endif
