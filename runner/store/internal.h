/* Shared by the files of the store only. */
#ifndef PTD_STORE_INTERNAL_H
#define PTD_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "store/store.h"

enum ptd_sql {
    SQL_BEGIN,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_META_GET,
    SQL_META_SET,
    SQL_ENVIRONMENT_ADD,
    SQL_ENVIRONMENT_GET,
    SQL_FILES,
    SQL_FILE_ADD,
    SQL_FILE_GET,
    SQL_FILE_SEEN,
    SQL_VERSION_ADD,
    SQL_VERSION_GET,
    SQL_BLOCKS_SET,
    SQL_BLOCKS_GET,
    SQL_CODES_SET,
    SQL_CODES_GET,
    SQL_SOURCE_SET,
    SQL_SOURCE_GET,
    SQL_FINGERPRINT_ADD,
    SQL_FINGERPRINT_GET,
    SQL_USED_ADD,
    SQL_USED_EACH,
    SQL_FINGERPRINT_EACH,
    SQL_FINGERPRINT_ALL,
    SQL_IMPORT_CALL_GET,
    SQL_IMPORT_CALL_PUT,
    SQL_IMPORT_CALL_EACH,
    SQL_DEPSET_ADD,
    SQL_DEPSET_GET,
    SQL_DEPSET_EACH,
    SQL_NODE_ADD,
    SQL_NODE_GET,
    SQL_NODE_EACH,
    SQL_RUN_ADD,
    SQL_RECORD_PUT,
    SQL_RECORD_PRUNE,
    SQL_RECORD_EACH,
    SQL_BASELINE_CLEAR,
    SQL_BASELINE_SET,
    SQL_LABEL_ADD,
    SQL_LABEL_GET,
    SQL_LABEL_EACH,
    SQL_IMPORTS_SET,
    SQL_IMPORTS_EACH,
    SQL_FLAKY_ADD,
    SQL_FLAKY_EACH,
    SQL_RUN_EACH,
    SQL_ENVIRONMENT_EACH,
    SQL_FINGERPRINT_ONE,
    SQL_DEPSET_ONE,
    SQL_RECORD_ONE,
    SQL_VERSION_EACH,
    SQL_FILE_PUT,
    SQL_RUN_PUT,
    SQL_RECORD_OFFER,
    SQL_RECORD_FIND,
    SQL_BASELINE_DROP,
    SQL_FLAKY_PUT,
    SQL_PRUNE_ALL,
    SQL_UNSETTLED_ADD,
    SQL_UNSETTLED_EACH,
    SQL_UNSETTLED_ANY,
    SQL_UNSETTLED_DROP,
    SQL_UNSETTLED_PRUNE,
    SQL_RECORD_SETTLE,
    SQL_RECORD_DROP,
    PTD_SQL_COUNT,
};

struct ptd_store {
    sqlite3 *db;
    char *path;
    bool read_only;
    bool unchecked;                          /* references are not checked in this transaction */
    sqlite3_stmt *statements[PTD_SQL_COUNT]; /* made when first used */
};

/*
 * A name to open a database for reading. Where nothing can be written, SQLite cannot make the files
 * that a write-ahead log needs beside the database: it is then read as a file that nobody changes.
 * Owned.
 */
char *ptd_store_read_only_uri(const char *path);
/* Fills *err from the connection's last error; returns -1. */
int ptd_store_fail(struct ptd_store *store, struct ptd_err *err, const char *what);
/* The statement, ready to be bound; NULL and *err when it cannot be prepared. */
sqlite3_stmt *ptd_store_prepare(struct ptd_store *store, enum ptd_sql which, struct ptd_err *err);
/* Runs a statement that returns no row; resets it. */
int ptd_store_run(struct ptd_store *store, sqlite3_stmt *stmt, struct ptd_err *err,
                  const char *what);
/* Steps to the next row: 1 there is one, 0 the end, -1 failed or `stopped`. Reset but for 1. */
int ptd_store_next(struct ptd_store *store, sqlite3_stmt *stmt, int stopped, struct ptd_err *err);
/* Runs a look-up of one id: 1 found, 0 none, -1 failed. */
int ptd_store_look_up(struct ptd_store *store, sqlite3_stmt *stmt, ptd_id *out,
                      struct ptd_err *err);
/* The first column of the row with this id is added to `out`; *found: there is one, and it
 * is a blob. */
int ptd_store_blob(struct ptd_store *store, enum ptd_sql which, ptd_id id, struct ptd_buf *out,
                   bool *found, struct ptd_err *err);
/* Binds what a record's row consists of, as ?1 to ?8; labels last. */
void ptd_store_bind_record(sqlite3_stmt *stmt, ptd_id environment, const struct ptd_record *record);
/* A version in a column, PTD_VERSION_UNKNOWN for NULL. */
ptd_id ptd_store_version_at(sqlite3_stmt *stmt, int column);

#endif
