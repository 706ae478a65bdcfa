/* What the files behind record/ingest.h share. */
#ifndef PTD_RECORD_INGEST_INTERNAL_H
#define PTD_RECORD_INGEST_INTERNAL_H

#include "record/edges.h"
#include "record/flaky.h"
#include "record/ingest.h"
#include "record/labelled.h"

/* One session while it becomes records. */
struct ptd_ingest {
    const struct ptd_ingest_request *request;
    struct ptd_ingest_result *result;
    struct ptd_store *store;
    ptd_id environment, run;
    uint64_t session_start_ns;
    bool opaque; /* a test started programs */
    struct ptd_labelled_sets
        controller; /* what hooks in xdist's controller depend on: part of every record */
    uint32_t controller_flags;
    struct ptd_map collected; /* relative paths that got a record as files */
    struct ptd_map written;   /* absolute paths that the session itself changed */
    struct ptd_map endings;   /* of collected files that are not Python */
    struct ptd_map labels;    /* names of fixtures → labels of the store */
    bool all_collected;       /* every process came to its end and looked at all files */
    struct ptd_edges edges;
    struct ptd_flaky_notes flaky;
};

/* A path of the journal, relative to the root; owned. */
char *ptd_ingest_relative(const struct ptd_ingest *in, const char *path);

/* Turns the journal of a process that ran tests into records; that of xdist's controller into what
 * every record depends on, and so it has to come first. */
int ptd_ingest_runner(struct ptd_ingest *in, const struct ptd_journal *journal,
                      struct ptd_err *err);
int ptd_ingest_controller(struct ptd_ingest *in, const struct ptd_journal *journal,
                          struct ptd_err *err);

#endif
