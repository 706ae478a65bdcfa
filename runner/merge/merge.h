/*
 * Several databases become one.
 *
 * Everything in a database is numbered by itself: files, contents, the code objects of a content,
 * fingerprints, sets. They are found again by what they are, so that what two databases both have
 * is there once, and what only one has is added. A record (one outcome of a test with what it
 * depends on) is taken as it is or not at all: nothing is put together from the dependencies of
 * two.
 *
 * Where two databases have the same record, that of the later run stays. The baseline of a test is
 * that of the input whose last baseline is the latest of those that have one of it.
 */
#ifndef PTD_MERGE_MERGE_H
#define PTD_MERGE_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "store/store.h"

struct ptd_merge_input {
    struct ptd_store *store; /* borrowed; only read */
    const char *name;        /* for messages; borrowed */
    /* Filled in: */
    size_t tests;           /* that have a record */
    char commit[65];        /* of the last baseline; "" when there is none or no commit */
    uint64_t last_baseline; /* when that was recorded, 0: never */
};

struct ptd_merge_request {
    struct ptd_store *into; /* empty, or one that has its own records */
    struct ptd_merge_input *inputs;
    size_t count;
    /* `into` has its own: what it has stays as it is, and the inputs' runs count as older. */
    bool beneath;
};

struct ptd_merge_result {
    size_t tests;   /* with a record, in all of the inputs together */
    size_t records; /* that the inputs brought */
    size_t runs;    /* of the inputs that were not there yet */
};

/* One transaction of request->into: everything or nothing. */
int ptd_merge(const struct ptd_merge_request *request, struct ptd_merge_result *result,
              struct ptd_err *err);

#endif
