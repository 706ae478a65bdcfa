/*
 * Which files count: those below the rootdir, without caches, bytecode, version control and
 * installed packages.
 */
#ifndef PTD_EMBED_FILES_RULES_H
#define PTD_EMBED_FILES_RULES_H

#include <stdbool.h>
#include <stddef.h>

#define PTD_RULES_ROOTS 4
#define PTD_RULES_LEFT  16

struct ptd_rules_dir {
    const char *path; /* lives as long as the process */
    size_t len;
};

struct ptd_rules {
    struct ptd_rules_dir roots[PTD_RULES_ROOTS]; /* the first is the real path */
    struct ptd_rules_dir left_out[PTD_RULES_LEFT];
    size_t root_count, left_count; /* written last */
};

bool ptd_rules_within(const char *path, const struct ptd_rules_dir *dir);
/* The path below the root's real name (in `out`, of PATH_MAX bytes, when it had another one); NULL
 * when it does not count. `path` is absolute and normal. */
const char *ptd_rules_relevant(const struct ptd_rules *rules, const char *path, char *out);
/* Both keep `path` as it is; one that is known or too many is left out. True when it was added. */
bool ptd_rules_add_root(struct ptd_rules *rules, const char *path);
bool ptd_rules_add_left_out(struct ptd_rules *rules, const char *path);
bool ptd_rules_ends_with(const char *path, const char *ending);

#endif
