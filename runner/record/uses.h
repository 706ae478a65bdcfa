/*
 * Which test depends on which files: the newest record of each test in each environment, taken
 * together.
 */
#ifndef PTD_RECORD_USES_H
#define PTD_RECORD_USES_H

#include <stddef.h>
#include <stdint.h>

#include "store/details.h"

struct ptd_used_file {
    const char *path; /* borrowed from `files` */
    enum ptd_file_kind kind;
};

struct ptd_use {
    char *nodeid;        /* owned */
    size_t first, count; /* its files: positions in `used`, a range of `pool` in ascending order */
};

struct ptd_uses {
    struct ptd_store_files files; /* all of the store */
    struct ptd_used_file *used;   /* owned: sources and other real files, by path */
    size_t used_count;
    struct ptd_use *tests; /* owned; by node id, only those with a record */
    size_t count, cap;
    uint32_t *pool; /* owned */
    size_t pool_count, pool_cap;
};

int ptd_uses_load(struct ptd_store *store, struct ptd_uses *out, struct ptd_err *err);
void ptd_uses_release(struct ptd_uses *uses);
/* Position of a path in `used`, SIZE_MAX when no test is known to depend on it. */
size_t ptd_uses_file(const struct ptd_uses *uses, const char *path);

#endif
