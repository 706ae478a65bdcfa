/*
 * Dependencies of the scopes of one process: turns the ids of a journal into (file, block) pairs
 * and those into dependency sets of the store.
 */
#ifndef PTD_RECORD_DEPS_H
#define PTD_RECORD_DEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"
#include "state/state.h"

/* Position of a file in the state << 32 | number of a code object (state/codes.h). */
typedef uint64_t ptd_dep;
/* Instead of a code object: the whole content of the file. */
#define PTD_DEP_WHOLE 0xffffffffu
/* Beside the module level: any change of it counts, its body ran outside of an import. */
#define PTD_DEP_BLUNT 0xfffffffeu
/* Beside the module level: the test itself imported the module, so an import that fails is its
 * business. */
#define PTD_DEP_LAZY 0xfffffffdu

struct ptd_deps {
    ptd_dep *items; /* owned */
    size_t count, cap;
};
void ptd_deps_add(struct ptd_deps *deps, size_t file, uint32_t code);
void ptd_deps_release(struct ptd_deps *deps);

/* What the journal's file turned out to be. */
struct ptd_dep_file {
    size_t at;      /* position in the state, SIZE_MAX: ephemeral, no dependency */
    ptd_id version; /* what the process saw; PTD_VERSION_UNKNOWN when that cannot be told */
    bool source;    /* of Python */
    uint32_t scope; /* its last MODULE scope or PTD_J_NO_SCOPE; `older_scope` has the one before */
};

/* Positions in the state of what was seen of a path; SIZE_MAX: not asked for, or no dependency. */
struct ptd_dep_path {
    size_t content, listing, existence;
};

struct ptd_ids {
    ptd_id *items; /* owned */
    size_t count, cap;
};

/* What importing one file entails, without what it imports in turn. */
struct ptd_dep_import {
    struct ptd_ids prints; /* fingerprints */
    uint32_t flags;        /* of its scopes */
    bool doubtful;         /* a part has a content that nobody knows */
    bool known;            /* the others are set */
};

struct ptd_dep_names;

struct ptd_dep_context {
    struct ptd_state *state;
    const struct ptd_journal *journal;
    const char *root;
    uint64_t session_start_ns;
    const struct ptd_map *written; /* absolute paths that the session itself changed; borrowed */
    struct ptd_dep_file *files;    /* one per file of the journal */
    struct ptd_dep_path *paths;    /* one per path of the journal */
    ptd_id *scope_sets;            /* dependency set of each scope's own part, 0 = not made yet */
    uint32_t *older_scope;         /* per scope: another MODULE scope of the same file */
    uint32_t *code_numbers;      /* of each code object of the journal + 1, 0 = not looked up yet */
    unsigned char *import_noted; /* per scope: what it entered while importing is in the store */
    struct ptd_dep_import *imports; /* two per file of the journal: of a collection, of a test */
    struct ptd_map closures;        /* sorted start files → dependency set * 4 + flags */
    struct ptd_map prints;          /* items of one file → fingerprint */
    struct ptd_map variables;       /* "HASH:NAME" → position in the state, SIZE_MAX: none */
    ptd_id *
        versions; /* per position in the state: version seen by this process; 0 = the current one */
    size_t version_count, version_cap;
    struct ptd_dep_names *names; /* of deps_names.c; owned */
    uint64_t *rule_marks;        /* per position in the state: which rules concern it; owned */
    size_t rule_mark_count;
    struct ptd_map doubtful; /* ids of the sets with a part that nobody knows the content of */
};

int ptd_dep_context_init(struct ptd_dep_context *c, struct ptd_state *state,
                         const struct ptd_journal *journal, uint64_t session_start_ns,
                         const struct ptd_map *written, struct ptd_err *err);
/*
 * For an earlier session: `versions` (one per file of the journal, PTD_VERSION_UNKNOWN: none) is
 * what its process saw. Only who imported what and the blocks of these versions can be asked for.
 */
void ptd_dep_context_init_past(struct ptd_dep_context *c, struct ptd_state *state,
                               const struct ptd_journal *journal, const ptd_id *versions);
/* What the process saw of a file, by its position in the state. Once unknown it stays so. */
void ptd_dep_set_version(struct ptd_dep_context *c, size_t at, ptd_id version);
void ptd_dep_context_release(struct ptd_dep_context *c);

/* What the scope itself entered and asked for, without what it uses and imports. */
int ptd_dep_scope_items(struct ptd_dep_context *c, uint32_t scope, struct ptd_deps *out,
                        struct ptd_err *err);
/* Adds the journal's files that the scope imported or whose code it entered. */
void ptd_dep_scope_files(const struct ptd_dep_context *c, uint32_t scope, struct ptd_u32s *out);
/* Marks in `seen` (a byte per file of the journal) what importing `files` imports, transitively. */
void ptd_dep_closure_mark(const struct ptd_dep_context *c, const struct ptd_u32s *files,
                          unsigned char *seen);
/* Everything that importing `files` entails, transitively; *flags gathers those of the scopes. */
int ptd_dep_closure_items(struct ptd_dep_context *c, const struct ptd_u32s *files,
                          struct ptd_deps *out, uint32_t *flags, struct ptd_err *err);

/* The dependency set of these items; sorts them. */
int ptd_dep_store_set(struct ptd_dep_context *c, struct ptd_deps *items, ptd_id *out,
                      struct ptd_err *err);
/* The same for a scope's own part and for a closure, made once each. */
int ptd_dep_scope_set(struct ptd_dep_context *c, uint32_t scope, ptd_id *out, struct ptd_err *err);
/* Sorts and uniques `files`. With `lazy` the imports are those of a test, see PTD_DEP_LAZY. */
int ptd_dep_closure_set(struct ptd_dep_context *c, struct ptd_u32s *files, bool lazy, ptd_id *out,
                        uint32_t *flags, struct ptd_err *err);
/* What importing `files` imports, transitively, and themselves; sorted. */
void ptd_dep_closure_files(const struct ptd_dep_context *c, const struct ptd_u32s *files,
                           struct ptd_u32s *out);
/* The set of what importing one file entails, without what it imports in turn. */
int ptd_dep_import_set(struct ptd_dep_context *c, uint32_t file, bool lazy, ptd_id *out,
                       uint32_t *flags, struct ptd_err *err);
/* The set of every file of the tree and of which there are: for what could not be seen. */
int ptd_dep_everything_set(struct ptd_dep_context *c, ptd_id *out, struct ptd_err *err);

/* The scope and those that it uses, transitively, each once. */
void ptd_dep_reach(const struct ptd_journal *journal, uint32_t scope, struct ptd_u32s *out);
/* What belongs to everybody: the session's own scope, and what it uses; sorted. */
void ptd_dep_reach_session(const struct ptd_journal *journal, struct ptd_u32s *out);

void ptd_ids_add(struct ptd_ids *ids, ptd_id id);
void ptd_ids_release(struct ptd_ids *ids);
void ptd_u32s_add(struct ptd_u32s *list, uint32_t value);
void ptd_u32s_sort(struct ptd_u32s *list); /* and drops repeats */

#endif
