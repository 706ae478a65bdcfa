/*
 * Tests whose outcome changes while nothing changes that they depend on.
 */
#ifndef PTD_RECORD_FLAKY_H
#define PTD_RECORD_FLAKY_H

#include "record/ingest.h"

struct ptd_flaky_note {
    ptd_id node, record;
    struct ptd_flaky what;
};

struct ptd_flaky_notes {
    struct ptd_flaky_note *items; /* owned */
    size_t count, cap;
};

/* A test ended, and all that it depended on is known: notes it when the record that held for it
 * says otherwise. */
void ptd_flaky_note(struct ptd_flaky_notes *notes, const struct ptd_ingest_request *request,
                    ptd_id node, const char *nodeid, int outcome);
/* Writes the notes to the store, and moves them to the result: those for which the record from
 * before still holds. */
int ptd_flaky_save(struct ptd_flaky_notes *notes, struct ptd_state *state, ptd_id environment,
                   struct ptd_ingest_result *result, struct ptd_err *err);
void ptd_flaky_release(struct ptd_flaky_notes *notes);

#endif
