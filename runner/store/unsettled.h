/* What it takes to settle records (record/defer.h), kept until that is done. */
#ifndef PTD_STORE_UNSETTLED_H
#define PTD_STORE_UNSETTLED_H

#include "store/store.h"

struct ptd_store_unsettled {
    ptd_id id, run;
    ptd_id depset;    /* that the records of this run have in common */
    const void *sets; /* varints of depset ids, in the order of the session's suspects; borrowed
                         until the next call */
    size_t sets_len;
    const void *session; /* see docs/FORMAT.md; borrowed until the next call */
    size_t session_len;
};

/* Adds a row, if it is not there. */
int ptd_store_unsettled_add(struct ptd_store *store, const struct ptd_store_unsettled *row,
                            struct ptd_err *err);
int ptd_store_each_unsettled(struct ptd_store *store,
                             int (*visit)(const struct ptd_store_unsettled *, void *), void *arg,
                             struct ptd_err *err);
int ptd_store_unsettled_any(struct ptd_store *store, bool *any, struct ptd_err *err);
int ptd_store_unsettled_drop(struct ptd_store *store, ptd_id id, struct ptd_err *err);
/* Drops those of runs that no record is of. */
int ptd_store_unsettled_prune(struct ptd_store *store, struct ptd_err *err);

/*
 * Gives the record with this id, node and run other sets and labels. When the node has a record
 * with these already, that of the later run stays, and is in the baseline if one of them was.
 */
int ptd_store_record_settle(struct ptd_store *store, ptd_id environment,
                            const struct ptd_record *record, struct ptd_err *err);

#endif
