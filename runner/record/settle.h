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
/*
 * Settles all records, in a transaction of its own. What cannot be settled (a content that is not
 * known any more, a journal that is damaged) stays as it is. The state has to be writable.
 */
int ptd_settle(struct ptd_state *state, struct ptd_err *err);
/* The same for a database without its project; what nothing refers to any more goes as well. */
int ptd_settle_store(struct ptd_store *store, struct ptd_err *err);
/* The same where it lies, by a connection of its own, if that is needed. *settled is false when it
 * is and nothing can be written. */
int ptd_settle_in_place(struct ptd_store *store, bool *settled, struct ptd_err *err);

#endif
