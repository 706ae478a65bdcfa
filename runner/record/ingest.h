/*
 * From the journals of a session to records in the store.
 *
 * Each test gets what its own scope entered, what the fixtures it uses entered, the collection of
 * its file, the session's hooks, and the modules that any of these imported, transitively (imports
 * run once per process, so they are recorded as edges and followed here). The parts become
 * dependency sets that tests share.
 */
#ifndef PTD_RECORD_INGEST_H
#define PTD_RECORD_INGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "state/state.h"
#include "store/store.h"

struct ptd_ingest_request {
    const char *session_dir;
    struct ptd_state
        *state; /* the tree as it was looked at before the session, or now for a left-over one */
    const char *environment; /* name of the environment that the session ran in */
    const char *commit;      /* git commit or NULL */
    bool baseline;
    bool may_defer;    /* whom code that runs once served may be found out later (record/defer.h) */
    bool trust_opaque; /* what could not be followed is taken for without influence */
    /* The caller can look at the tree again and ingest once more (see `look_again` below). */
    bool may_look_again;
    /* No path, node id, -k or the like: what looks like a test file and was not collected is known
     * not to be one. */
    bool complete;
    /* Test files by their name that the session may have left alone; called for each file of the
     * tree. */
    bool (*is_test_file)(const char *path, void *arg);
    void *is_test_file_arg;
    /* Files that pytest was told not to collect: that they were not says nothing. */
    const char *const *ignored;
    size_t ignored_count;
    /* Outcome and id of the record that held for this test when the session began, -1: none did.
     * NULL: that is not known. */
    int (*prior)(const char *nodeid, ptd_id *record, void *arg);
    void *prior_arg;
};

/* A test that came out otherwise than before, with nothing changed that it depends on. */
struct ptd_flaky {
    char *nodeid; /* owned */
    int before, after;
};

struct ptd_ingest_result {
    size_t tests;            /* recorded */
    size_t journals;         /* read */
    size_t torn;             /* journals with unreadable ends */
    size_t unfinished;       /* tests that the process died in */
    ptd_id run;              /* row of this session */
    struct ptd_flaky *flaky; /* owned */
    size_t flaky_count, flaky_cap;
    bool doctests;
    /* The tree was looked at too narrowly for what the session did: other files than Python were
     * collected, or programs were started, for the first time. With `may_look_again` nothing was
     * recorded yet. */
    bool look_again;
    char *tracer_problem; /* owned: why nothing could be traced, or NULL */
    char *root_problem;   /* owned: pytest saw another rootdir, nothing was recorded, or NULL */
};

/* One transaction: everything or nothing. The session directory is left as it is. */
int ptd_ingest(const struct ptd_ingest_request *request, struct ptd_ingest_result *result,
               struct ptd_err *err);
void ptd_ingest_result_release(struct ptd_ingest_result *result);

#endif
