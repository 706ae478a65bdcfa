/*
 * Rows that come from another database: put as they are, where the rest of the store makes them
 * from what was just seen. And whole databases as files: made, copied, put in a place.
 */
#ifndef PTD_STORE_TRANSPLANT_H
#define PTD_STORE_TRANSPLANT_H

#include "store/details.h"
#include "store/store.h"

/* Makes a new database at this path, where nothing may be; in one piece after ptd_store_close. */
int ptd_store_create_file(const char *path, struct ptd_store **out, struct ptd_err *err);
/* Opens a database of ours for writing; anything else there is PTD_E_USAGE, and stays as it is. */
int ptd_store_open_existing(const char *path, struct ptd_store **out, struct ptd_err *err);
/* Reads all of it: PTD_E_STORE when it is damaged or has other tables than ours. For a database
 * that somebody else has made. */
int ptd_store_check(struct ptd_store *store, struct ptd_err *err);
/* Writes a compact copy, of one moment, to a path where nothing may be; without what is known of
 * this machine only. */
int ptd_store_copy_to(struct ptd_store *store, const char *path, struct ptd_err *err);
/*
 * Puts the database `from` in the place of `to`: whoever uses `to` sees the old or the new one. A
 * file at `to` that is no database of ours is an error (PTD_E_USAGE). `from` may be gone
 * afterwards.
 */
int ptd_store_put_in_place(const char *from, const char *to, struct ptd_err *err);

int ptd_store_each_version(struct ptd_store *store,
                           int (*visit)(ptd_id, const struct ptd_hash128 *, void *), void *arg,
                           struct ptd_err *err);
/* All of the row of file->id but kind and path. */
int ptd_store_file_put(struct ptd_store *store, const struct ptd_store_file *file,
                       struct ptd_err *err);
int ptd_store_run_put(struct ptd_store *store, const struct ptd_store_run *run,
                      struct ptd_err *err);
/* Adds `by` to the ids of all runs, so that older ones have room in front; in a transaction. */
int ptd_store_runs_shift(struct ptd_store *store, ptd_id by, struct ptd_err *err);
/* Adds a record; where there is one with the same dependencies, that of the later run stays. *id:
 * the one that is there now. */
int ptd_store_record_offer(struct ptd_store *store, ptd_id environment,
                           const struct ptd_record *record, ptd_id *id, struct ptd_err *err);
/* Takes the records of a node out of the baseline; adds one to it. */
int ptd_store_baseline_drop(struct ptd_store *store, ptd_id node, ptd_id environment,
                            struct ptd_err *err);
int ptd_store_baseline_add(struct ptd_store *store, ptd_id record, struct ptd_err *err);
/* Beside what is known of the same test: the larger count, the later time. */
int ptd_store_flaky_put(struct ptd_store *store, const struct ptd_store_flaky *flaky,
                        struct ptd_err *err);
/* Of every node and environment keeps the newest PTD_RECORDS_KEPT and those of the baseline. */
int ptd_store_prune_all(struct ptd_store *store, struct ptd_err *err);

#endif
