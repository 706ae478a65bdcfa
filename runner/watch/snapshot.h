/*
 * What a project looks like at one moment, and how that differs from another: the sources that are
 * not ignored by git, and the paths that tests are known to depend on.
 */
#ifndef PTD_WATCH_SNAPSHOT_H
#define PTD_WATCH_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/map.h"
#include "change/tree.h"

/* A path that something depends on besides sources; relative to the root. */
struct ptd_watched {
    const char *path; /* borrowed */
    bool listing;     /* a directory whose names count */
};

struct ptd_snapshot_request {
    const char *root;
    const char *skip; /* see struct ptd_tree_options */
    bool all_files;   /* any file that git does not ignore counts */
    const struct ptd_watched *watched;
    size_t watched_count;
    void (*directory)(const char *path, void *arg); /* see struct ptd_tree_options; may be NULL */
    void *directory_arg;
};

struct ptd_snapshot {
    struct ptd_tree tree;
    struct ptd_map watched;    /* paths that are not in the tree */
    struct ptd_stat_sig *sigs; /* owned; of `watched`, zeros: not there */
    size_t sig_cap;
};

enum ptd_change_kind {
    PTD_CHANGE_CONTENT, /* a file that is in both, and looks different */
    PTD_CHANGE_CAME,
    PTD_CHANGE_WENT,
    PTD_CHANGE_NAMES, /* of a directory */
};

struct ptd_changed {
    char *path; /* owned */
    enum ptd_change_kind kind;
};

struct ptd_changes {
    struct ptd_changed *items; /* owned */
    size_t count, cap;
};

int ptd_snapshot_take(const struct ptd_snapshot_request *request, struct ptd_snapshot *out,
                      struct ptd_err *err);
void ptd_snapshot_release(struct ptd_snapshot *snapshot);
/* Adds the differences. A path that only one of them watches is no difference. */
void ptd_snapshot_compare(const struct ptd_snapshot *before, const struct ptd_snapshot *after,
                          struct ptd_changes *out);
void ptd_changes_release(struct ptd_changes *changes);

#endif
