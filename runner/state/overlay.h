/*
 * Another state of the tree, as what differs in it from the one on disk: the tree that a commit
 * had, say. A state that is loaded with an overlay answers as if these files were there like that.
 */
#ifndef PTD_STATE_OVERLAY_H
#define PTD_STATE_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/map.h"
#include "change/tree.h"

enum ptd_overlay_kind {
    PTD_OVERLAY_ABSENT,
    PTD_OVERLAY_CONTENT,
    PTD_OVERLAY_UNKNOWN, /* it is there, and differs from everything that was ever seen */
};

struct ptd_overlay_file {
    enum ptd_overlay_kind kind;
    struct ptd_hash128 hash; /* of a content */
    uint64_t size;
    char *source; /* owned: the content of Python sources, else NULL */
};

struct ptd_overlay {
    struct ptd_map paths;           /* relative to the root → position in `files` */
    struct ptd_overlay_file *files; /* owned */
    size_t cap;
    const char **sorted; /* owned array of the keys of `paths`; made by ptd_overlay_finish */
};

/* Takes over `file`. A path that is told twice is unknown when one of the two says so. */
void ptd_overlay_put(struct ptd_overlay *overlay, const char *path, struct ptd_overlay_file file);
/* To be called when all files are there, before anything below. */
void ptd_overlay_finish(struct ptd_overlay *overlay);
void ptd_overlay_release(struct ptd_overlay *overlay);

/* NULL: as on disk, also when there is no overlay. */
const struct ptd_overlay_file *ptd_overlay_find(const struct ptd_overlay *overlay,
                                                const char *path);
/* The paths below a directory (relative to the root, "" for it): [*first, *last) of `sorted`. */
void ptd_overlay_below(const struct ptd_overlay *overlay, const char *directory, size_t *first,
                       size_t *last);
/* Whether one of these is there. */
bool ptd_overlay_has_below(const struct ptd_overlay *overlay, const char *directory);
/* Whether something lies below a directory that is neither bytecode nor absent in the overlay. */
bool ptd_overlay_keeps(const struct ptd_overlay *overlay, const char *root, const char *directory);

/* The tree of that state, from the one on disk; `options` are those it was scanned with. */
void ptd_overlay_tree(const struct ptd_overlay *overlay, const struct ptd_tree *disk,
                      const struct ptd_tree_options *options, struct ptd_tree *out);

#endif
