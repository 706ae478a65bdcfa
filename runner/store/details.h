/*
 * What is kept to explain a record, and no selection depends on: whose each dependency set is, who
 * imports whom, which tests are flaky, and the rows behind an answer one by one.
 */
#ifndef PTD_STORE_DETAILS_H
#define PTD_STORE_DETAILS_H

#include "store/store.h"

/* How a dependency set came into a record; stored. The lower of two says more about the test. */
enum ptd_label {
    PTD_LABEL_UNKNOWN = 0,
    PTD_LABEL_OWN = 1,             /* the test's own scope */
    PTD_LABEL_PLACE = 2,           /* the file of the test, and conftest.py files above */
    PTD_LABEL_COLLECTION = 3,      /* what the collection of its file entered */
    PTD_LABEL_TEST_IMPORTS = 4,    /* what the test and its fixtures import */
    PTD_LABEL_FILE_IMPORTS = 5,    /* what its file imports */
    PTD_LABEL_SESSION = 6,         /* hooks, and facts about the whole run */
    PTD_LABEL_SESSION_IMPORTS = 7, /* what these import */
    PTD_LABEL_EVERYTHING = 8,      /* every file: it starts programs */
    PTD_LABEL_NEVER = 9,           /* recording was disturbed */
    PTD_LABEL_CONFTESTS = 10,      /* of a file that was not collected: the conftest.py above */
    PTD_LABEL_ONCE = 11,           /* what a function did whose results may be kept for others */
    PTD_LABEL_IMPORTED = 12,       /* nobody knows: `migrate` took it from another program */
    PTD_LABEL_UNSETTLED = 13,      /* what all such functions did: whose, nobody looked yet */
    /* And the id of a row of `label`: a fixture. */
    PTD_LABEL_FIXTURE = 16,
};

/* The row of a fixture's name, made when new. */
int ptd_store_label(struct ptd_store *store, const char *name, ptd_id *out, struct ptd_err *err);
int ptd_store_each_label(struct ptd_store *store, int (*visit)(ptd_id, const char *, void *),
                         void *arg, struct ptd_err *err);

/* What the import of a file imports, and whose functions it enters: ids of files as varints, each
 * the difference to the one before, ascending. */
struct ptd_store_imports {
    ptd_id file;
    const void *imported; /* borrowed until the next call */
    size_t imported_len;
    const void *entered;
    size_t entered_len;
};
int ptd_store_imports_set(struct ptd_store *store, const struct ptd_store_imports *row,
                          struct ptd_err *err);
int ptd_store_each_imports(struct ptd_store *store,
                           int (*visit)(const struct ptd_store_imports *, void *), void *arg,
                           struct ptd_err *err);

struct ptd_store_flaky {
    ptd_id node, environment;
    const char *name; /* borrowed until the next call */
    int64_t times;
    const char *last; /* UTC; borrowed */
    int before, after;
};
/* One more time that this test came out otherwise with nothing changed. */
int ptd_store_flaky_add(struct ptd_store *store, ptd_id environment, ptd_id node, int before,
                        int after, struct ptd_err *err);
int ptd_store_each_flaky(struct ptd_store *store,
                         int (*visit)(const struct ptd_store_flaky *, void *), void *arg,
                         struct ptd_err *err);

struct ptd_store_run {
    ptd_id id;
    const char *started; /* UTC; borrowed until the next call */
    bool baseline;
    const char *commit;   /* or NULL */
    uint64_t recorded_at; /* wall clock in ns */
};
int ptd_store_each_run(struct ptd_store *store, int (*visit)(const struct ptd_store_run *, void *),
                       void *arg, struct ptd_err *err);
int ptd_store_each_environment(struct ptd_store *store, int (*visit)(ptd_id, const char *, void *),
                               void *arg, struct ptd_err *err);

/* One row; *found is false when there is none. The blob is added to `blob`. */
int ptd_store_fingerprint_get(struct ptd_store *store, ptd_id id, struct ptd_fingerprint *out,
                              struct ptd_buf *blob, bool *found, struct ptd_err *err);
int ptd_store_depset_get(struct ptd_store *store, ptd_id id, struct ptd_buf *blob, bool *found,
                         struct ptd_err *err);

/* A database by the path of its file, to be read only. */
int ptd_store_open_file(const char *path, struct ptd_store **out, struct ptd_err *err);
/* The file of a database and its directory can be written to: otherwise one that refuses writing is
 * damaged. */
bool ptd_store_may_write(const char *path);
const char *ptd_store_path(const struct ptd_store *store);

#endif
