/*
 * What the sources of a project import, kept from one time to the next: only a file that has
 * changed is read again, and only a content that was never seen is parsed. docs/FORMAT.md describes
 * the file. It can be deleted at any time; one that is damaged counts as empty.
 */
#ifndef PTD_GRAPH_CACHE_H
#define PTD_GRAPH_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "change/tree.h"

struct ptd_graph_entry {
    const char *path; /* borrowed: from the cache or the tree */
    struct ptd_stat_sig sig;
    uint64_t hashed_at; /* wall clock in ns */
    struct ptd_hash128 hash;
    const char *imports; /* see syntax/imports.h; borrowed from the cache or `made` */
    size_t imports_len;
};

struct ptd_graph_cache {
    struct ptd_graph_entry *items; /* owned; by path */
    size_t count;
    struct ptd_buf data; /* owned: the file */
    char **made;         /* owned: what was parsed now */
    size_t made_count, made_cap;
    size_t parsed; /* sources that were parsed now */
    bool changed;  /* differs from the file */
};

/* Brings the entries up to date with the Python sources of the tree (below `root`); `path` is the
 * file, which need not be there. */
void ptd_graph_cache_load(const char *path, const char *root, const struct ptd_tree *tree,
                          struct ptd_graph_cache *out);
/* Writes the file when it differs, whole or not at all. */
int ptd_graph_cache_save(struct ptd_graph_cache *cache, const char *path, struct ptd_err *err);
void ptd_graph_cache_release(struct ptd_graph_cache *cache);
/* The bytes of the file and back, for tests; -1 when they are not one. */
void ptd_graph_cache_write(const struct ptd_graph_cache *cache, struct ptd_buf *out);
int ptd_graph_cache_read(struct ptd_graph_cache *cache);

#endif
