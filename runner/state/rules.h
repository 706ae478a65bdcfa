/*
 * Rules of the configuration: whatever depends on a file that matches the left side depends on the
 * files that match the right side, on their content and on which there are.
 *
 * The path of a row of PTD_FILE_RULE is a left side; "" stands for the rules themselves.
 */
#ifndef PTD_STATE_RULES_H
#define PTD_STATE_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/glob.h"
#include "base/hash.h"
#include "change/tree.h"

struct ptd_state;

struct ptd_rules {
    const struct ptd_rule *items; /* borrowed */
    size_t count;
};

bool ptd_rule_concerns(const struct ptd_rule *rule, const char *path);
/* Paths on a right side that are no patterns, to be looked at wherever they lie; owned array of
 * borrowed, NULL-terminated. */
const char **ptd_rules_named(const struct ptd_rules *rules);
/* Content of the row with this path; files that were not known before become known. */
int ptd_rules_hash(struct ptd_state *state, const char *path, struct ptd_hash128 *out,
                   struct ptd_err *err);
/* Calls `say` for each pattern that matches nothing in the tree. */
void ptd_rules_stale(const struct ptd_rules *rules, const struct ptd_tree *tree,
                     void (*say)(const char *left, const char *pattern));

#endif
