/* Shared by the files of the store only. */
#ifndef PTD_STORE_INTERNAL_H
#define PTD_STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/err.h"

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
    PTD_SQL_COUNT,
};

struct ptd_store {
    sqlite3 *db;
    char *path;
    bool read_only;
    sqlite3_stmt *statements[PTD_SQL_COUNT]; /* made when first used */
};

/* Fills *err from the connection's last error; returns -1. */
int ptd_store_fail(struct ptd_store *store, struct ptd_err *err, const char *what);
/* The statement, ready to be bound; NULL and *err when it cannot be prepared. */
sqlite3_stmt *ptd_store_prepare(struct ptd_store *store, enum ptd_sql which, struct ptd_err *err);

#endif
