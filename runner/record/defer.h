/*
 * Code that runs once (record/once.h) while a session is recorded: whom it served is left for
 * later.
 *
 * To tell it, every source that mentions one of its names has to be parsed, and most changes touch
 * no such code. So the records of a session get, instead of the suspects that serve each test, one
 * set of all suspects of the process, labelled PTD_LABEL_UNSETTLED: every test then depends on more
 * than it has to, never on less. What telling them apart takes (the journal, and which contents the
 * process saw) is kept with the records for record/settle.h.
 */
#ifndef PTD_RECORD_DEFER_H
#define PTD_RECORD_DEFER_H

#include "record/deps.h"

/* The suspects of one process that are not told apart yet. */
struct ptd_deferred {
    struct ptd_u32s scopes; /* theirs, and those that they use; owned */
    /* Varints, owned: the set of each scope itself; then, for each file that they import, directly
     * or not (ptd_dep_closure_files), two sets of what importing it alone entails: for a
     * collection, and for a test (PTD_DEP_LAZY). */
    struct ptd_buf sets;
    ptd_id all; /* the set of everything in these; 0: there are no suspects */
};

/* *deferred is false, and `out` empty, when it cannot be put off: what they did is not known for
 * certain. */
int ptd_deferred_make(struct ptd_dep_context *deps, struct ptd_deferred *out, bool *deferred,
                      struct ptd_err *err);
/* Keeps what settling takes beside the records of this run. */
int ptd_deferred_save(const struct ptd_deferred *deferred, const struct ptd_dep_context *deps,
                      ptd_id run, struct ptd_err *err);
/* The union of dependency sets. */
int ptd_deferred_unite(struct ptd_store *store, const ptd_id *sets, size_t count, ptd_id *out,
                       struct ptd_err *err);
void ptd_deferred_release(struct ptd_deferred *deferred);

#endif
