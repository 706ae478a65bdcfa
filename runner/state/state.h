/*
 * The state: what the tree is now, as versions of the files that the store knows. Found out by
 * stat, then content hash, then parsing, each only where the step before it could not answer.
 *
 * A file whose stat signature is the recorded one is taken as unchanged, except when it was
 * modified so shortly before it was hashed that a later change could have got the same time stamp
 * ("racy", as in git's documentation of racy-git): such a file is hashed again.
 */
#ifndef PTD_STATE_STATE_H
#define PTD_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/map.h"
#include "change/tree.h"
#include "state/overlay.h"
#include "state/packages.h"
#include "state/rules.h"
#include "state/variables.h"
#include "store/store.h"
#include "syntax/blocks.h"

/* PTD_FILE_LAYOUT of this path: the set of all paths in the tree. */
#define PTD_LAYOUT_ALL "*"

/* Content that is not in the store (only without permission to write to it): differs from every
 * version. */
#define PTD_VERSION_FOREIGN ((ptd_id)-2)

enum ptd_existence {
    PTD_EXISTS_NOT,
    PTD_EXISTS_FILE,
    PTD_EXISTS_DIRECTORY,
    PTD_EXISTS_OTHER,
};

struct ptd_state_file {
    ptd_id id; /* row of the store; 0 when it could not be added */
    enum ptd_file_kind kind;
    const char *path; /* borrowed from the state */
    struct ptd_stat_sig sig;
    uint64_t hashed_at;
    ptd_id version;  /* now; 0 = absent */
    ptd_id previous; /* before this run looked */
    ptd_id loaded;   /* when the state was loaded; PTD_VERSION_UNKNOWN: not known then */
    struct ptd_hash128 hash;
    bool unreadable; /* it is there and cannot be read */
};

struct ptd_state_inputs {
    const char *root;           /* absolute */
    const char *skip;           /* cache directory relative to the root, or NULL */
    const char *const *endings; /* extra file name endings, or NULL */
    bool all_files;             /* look at every file of the tree, whatever its name */
    struct ptd_hash128 config;  /* PTD_FILE_CONFIG */
    struct ptd_hash128 options; /* PTD_FILE_OPTIONS */
    /* What is installed; NULL: `packages_hash` is the content of all rows of PTD_FILE_PACKAGES. */
    struct ptd_packages *packages;
    struct ptd_hash128 packages_hash;
    struct ptd_variables variables;
    struct ptd_rules rules;
    /* For what another process left behind: packages, variables for every test and rules, or the
     * environment, are not known to be what they were. */
    bool facts_unknown, variables_unknown;
    /* Another state of the tree than that on disk (state/overlay.h), or NULL; borrowed until the
     * state is released. Then `tree` is that of the disk, and nothing may be written. */
    const struct ptd_overlay *overlay;
    const struct ptd_tree *tree;
};

struct ptd_state {
    struct ptd_store *store; /* borrowed */
    bool writable;
    bool all_files;                    /* the tree lists every file */
    const struct ptd_overlay *overlay; /* or NULL; borrowed */
    char *root;
    char *skip; /* the cache directory, absolute, or NULL; owned */
    struct ptd_tree tree;
    struct ptd_state_file *files;
    size_t count, cap;
    struct ptd_map index; /* kind byte and path → position in `files` */
    uint32_t *by_id;      /* store id → position + 1 */
    size_t by_id_size;
    struct ptd_hash128 paths_hash; /* of the set of paths in the tree */
    bool paths_forgotten;          /* the store does not take them for compared any more */
    struct ptd_map providers;      /* component of a module name → position in provider_hashes */
    struct ptd_hash128 *provider_hashes;
    size_t provider_cap;
    bool providers_made;
    struct ptd_map
        search_path; /* directories of sys.path relative to the root; kept as "search_path" */
    struct ptd_packages *packages; /* borrowed, or NULL */
    struct ptd_hash128 packages_hash;
    struct ptd_variables variables; /* borrowed */
    struct ptd_rules rules;         /* borrowed */
    bool facts_unknown, variables_unknown;
    bool packages_forgotten;    /* the store does not take them for compared any more */
    struct ptd_blocks **blocks; /* cache of parsed versions; owned */
    size_t block_count, block_cap;
    struct ptd_map block_index;
    ptd_id *unsaved; /* owned: versions parsed while nothing could be written */
    size_t unsaved_count, unsaved_cap;
    struct ptd_codes **codes; /* lists that were asked for (state/codes.h); owned */
    size_t code_count, code_cap;
    struct ptd_map code_index;
};

/* Looks at the tree and brings the store's idea of each known file up to date (in a transaction of
 * its own when `writable`). */
int ptd_state_load(struct ptd_state *state, struct ptd_store *store, bool writable,
                   const struct ptd_state_inputs *inputs, struct ptd_err *err);
void ptd_state_release(struct ptd_state *state);

/* Position of a known file, or SIZE_MAX. */
size_t ptd_state_find(const struct ptd_state *state, enum ptd_file_kind kind, const char *path);
const struct ptd_state_file *ptd_state_by_id(const struct ptd_state *state, ptd_id id);

/* Position of a file that becomes known now: added to the store with the version that it has at
 * this moment. */
int ptd_state_add(struct ptd_state *state, enum ptd_file_kind kind, const char *path, size_t *out,
                  struct ptd_err *err);

/* Looks again at a file, listing or existence that may have changed since it became known. */
int ptd_state_look_again(struct ptd_state *state, size_t at, struct ptd_err *err);

/* The version that PTD_FILE_EXISTS of a path has in a store when it is there like this, or absent.
 */
int ptd_state_existence(struct ptd_state *state, const char *path, enum ptd_existence as,
                        uint64_t size, ptd_id *out, struct ptd_err *err);
/* Whether that version stands for "it is not there". */
bool ptd_state_is_absence(struct ptd_state *state, ptd_id version);

/*
 * A directory (relative to the root) that was on sys.path: a package's own directory can then
 * provide top-level modules. Call ptd_state_search_path_done after the last one: it brings up to
 * date what follows from them.
 */
void ptd_state_search_path_add(struct ptd_state *state, const char *directory);
int ptd_state_search_path_done(struct ptd_state *state, struct ptd_err *err);

/* Parsed blocks of a stored version; NULL when the store has none. Borrowed until release. */
const struct ptd_blocks *ptd_state_blocks(struct ptd_state *state, ptd_id version);

/* Stores the blocks of what was parsed while nothing could be written, so that it need not be
 * parsed again; in a transaction of its own. */
int ptd_state_save_parsed(struct ptd_state *state, struct ptd_err *err);

/* Hash over every known file and the set of paths: equal states have equal digests. */
struct ptd_hash128 ptd_state_digest(const struct ptd_state *state);

#endif
