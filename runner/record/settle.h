/*
 * Records that are not settled (record/defer.h): which of the suspects of their process served each
 * test is found out when it matters, that is when a test would be left out but for them.
 */
#ifndef PTD_RECORD_SETTLE_H
#define PTD_RECORD_SETTLE_H

#include <stdbool.h>

#include "state/state.h"
#include "store/store.h"

/* Whether the record is not settled; `depsets` then gets its other sets. */
bool ptd_settle_without(const struct ptd_record *record, struct ptd_buf *depsets);
/* *any: there are records to settle. */
int ptd_settle_needed(struct ptd_store *store, bool *any, struct ptd_err *err);
/*
 * Settles all records, in a transaction of its own. What cannot be settled (a content that is not
 * known any more, a journal that is damaged) stays as it is. The state has to be writable.
 */
int ptd_settle(struct ptd_state *state, struct ptd_err *err);
/* The same for a database without its project. */
int ptd_settle_store(struct ptd_store *store, struct ptd_err *err);

#endif
