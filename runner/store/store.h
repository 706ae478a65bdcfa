/*
 * The database: which file contents were seen, which dependencies each test had in which state, and
 * how it came out. docs/FORMAT.md describes the tables.
 *
 * The store knows nothing of Python, of the file system, or of what makes a record valid: it keeps
 * rows. One thread, one connection. Identifiers are row ids (> 0; 0 means "none").
 */
#ifndef PTD_STORE_STORE_H
#define PTD_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

typedef int64_t ptd_id;

/* What a row of `file` stands for: real files, and facts that are compared like a file's content.
 */
enum ptd_file_kind {
    PTD_FILE_SOURCE = 0, /* Python source: judged by its blocks */
    PTD_FILE_OPAQUE = 1, /* any other file: judged by its content as a whole */
    PTD_FILE_IMPORT =
        2, /* path = a component of a module name; content = the files that could provide it */
    PTD_FILE_LAYOUT =
        3, /* path = a directory; content = conftest.py and __init__.py in it and above */
    PTD_FILE_CONFIG = 4,      /* content = what pytest reads from its configuration files */
    PTD_FILE_OPTIONS = 5,     /* content = command line arguments that may change an outcome */
    PTD_FILE_PACKAGES = 6,    /* content = installed distributions, see state/packages.h */
    PTD_FILE_LISTING = 7,     /* path = a directory; content = the names in it */
    PTD_FILE_EXISTS = 8,      /* content = whether the path is there, as what, and how large */
    PTD_FILE_ENVIRONMENT = 9, /* path = an environment variable, see state/variables.h */
    PTD_FILE_RULE =
        10, /* path = left side of a configured rule; content = what its right matches */
};

/* The path of the fact of kind PTD_FILE_CONFIG that imported records depend on: it never holds. */
#define PTD_IMPORTED_PATH "imported"

struct ptd_store_file {
    ptd_id id;
    const char *path; /* borrowed from the list; relative to the rootdir */
    enum ptd_file_kind kind;
    uint64_t sig[4];         /* size, mtime, ctime, inode when it was last hashed; zeros: never */
    uint64_t hashed_at;      /* wall clock in ns when it was hashed */
    ptd_id version;          /* 0: absent */
    struct ptd_hash128 hash; /* of the version */
    /* Wall clock in ns when another content than before was noticed; of what was seen only once,
     * its own time stamp. */
    uint64_t changed_at;
};

struct ptd_store_files {
    struct ptd_store_file *items; /* owned; by kind, then path */
    size_t count;
    struct ptd_buf strings; /* owned: the paths */
};

struct ptd_fingerprint {
    ptd_id id;
    ptd_id file;
    ptd_id version;    /* PTD_VERSION_UNKNOWN: content never seen, so it can never be valid */
    const void *codes; /* delta-coded varints of numbers in the version's list of code objects;
                          borrowed until the next call */
    size_t codes_len;
};
#define PTD_VERSION_UNKNOWN ((ptd_id)-1)

struct ptd_record {
    ptd_id id;
    ptd_id node;
    int outcome; /* enum ptd_outcome, or PTD_OUTCOME_NOT_COLLECTED for a file */
    uint64_t duration_us;
    ptd_id run;
    bool baseline;       /* part of the last baseline */
    const void *depsets; /* varints of depset ids; borrowed until the next call */
    size_t depsets_len;
    const void *tests; /* for a file: the node ids of its tests, each NUL-terminated; else NULL */
    size_t tests_len;
    const void *labels; /* a varint for each of `depsets`: whose it is, see store/details.h */
    size_t labels_len;
};
/* Records kept for one node in one environment. */
#define PTD_RECORDS_KEPT 8

struct ptd_store;

/*
 * Opens <dir>/pyt-diff.db, made when missing (with the directory, CACHEDIR.TAG and .gitignore). A
 * corrupt or foreign file is moved aside and replaced; *note is then an owned line about it, else
 * NULL. With read_only nothing is made or written; a missing database is PTD_E_STORE with sys_errno
 * ENOENT.
 */
int ptd_store_open(const char *dir, bool read_only, struct ptd_store **out, char **note,
                   struct ptd_err *err);
/* Makes the directory of the data, as ptd_store_open does, without a database. */
int ptd_store_make_directory(const char *dir, struct ptd_err *err);
void ptd_store_close(struct ptd_store *store);
/* After an error whose sys_errno is EBADMSG (damage found while reading): closes the store and
 * moves its file aside, with an owned *note about it. */
int ptd_store_abandon(struct ptd_store *store, char **note, struct ptd_err *err);
int ptd_store_begin(struct ptd_store *store, struct ptd_err *err);
/* For many new rows, which refer to rows that were just asked for: references are not checked until
 * the transaction ends, and nothing may be deleted that others refer to. */
int ptd_store_begin_bulk(struct ptd_store *store, struct ptd_err *err);
/* What is read until commit or rollback is of one moment, whatever others write. */
int ptd_store_begin_read(struct ptd_store *store, struct ptd_err *err);
int ptd_store_commit(struct ptd_store *store, struct ptd_err *err);
void ptd_store_rollback(struct ptd_store *store);

/* Small facts by name; *value is owned, NULL when there is none. */
int ptd_store_meta_get(struct ptd_store *store, const char *key, char **value, struct ptd_err *err);
int ptd_store_meta_set(struct ptd_store *store, const char *key, const char *value,
                       struct ptd_err *err);

int ptd_store_environment(struct ptd_store *store, const char *name, ptd_id *out,
                          struct ptd_err *err);

/* All files, or those of one kind (kind < 0: all). */
int ptd_store_files(struct ptd_store *store, struct ptd_store_files *out, struct ptd_err *err);
void ptd_store_files_release(struct ptd_store_files *files);
/* How many there are with a content: Python sources, and others. */
int ptd_store_count_files(struct ptd_store *store, size_t *sources, size_t *others,
                          struct ptd_err *err);
int ptd_store_file(struct ptd_store *store, enum ptd_file_kind kind, const char *path, ptd_id *out,
                   struct ptd_err *err);
int ptd_store_file_seen(struct ptd_store *store, ptd_id file, const uint64_t sig[4],
                        uint64_t hashed_at, ptd_id version, struct ptd_err *err);

/* The row of a content, made when new (*parsed then false); *parsed: its blocks or its source are
 * stored. With `make` false a new content is not added: *out is then -2. */
int ptd_store_version(struct ptd_store *store, const struct ptd_hash128 *hash, bool make,
                      ptd_id *out, bool *parsed, struct ptd_err *err);
int ptd_store_set_blocks(struct ptd_store *store, ptd_id version, const void *data, size_t len,
                         struct ptd_err *err);
/* The serialised blocks are added to `out`; *found is false when none are stored. */
int ptd_store_get_blocks(struct ptd_store *store, ptd_id version, struct ptd_buf *out, bool *found,
                         struct ptd_err *err);

/* The content itself, kept until its blocks are stored, which removes it: most sources never have
 * to be parsed. */
int ptd_store_set_source(struct ptd_store *store, ptd_id version, const void *data, size_t len,
                         struct ptd_err *err);
int ptd_store_get_source(struct ptd_store *store, ptd_id version, struct ptd_buf *out, bool *found,
                         struct ptd_err *err);
/* The list of the content's code objects (state/codes.h); nothing is added to `out` when there is
 * none. */
int ptd_store_set_codes(struct ptd_store *store, ptd_id version, const void *data, size_t len,
                        struct ptd_err *err);
int ptd_store_get_codes(struct ptd_store *store, ptd_id version, struct ptd_buf *out,
                        struct ptd_err *err);
/* A transaction of this connection is under way that has written or may write without waiting. */
bool ptd_store_is_writing(const struct ptd_store *store);

/* Rows that exist once per content: found or made. */
int ptd_store_fingerprint(struct ptd_store *store, ptd_id file, ptd_id version, const void *codes,
                          size_t len, ptd_id *out, struct ptd_err *err);
int ptd_store_depset(struct ptd_store *store, const void *fingerprints, size_t len, ptd_id *out,
                     struct ptd_err *err);
int ptd_store_node(struct ptd_store *store, const char *name, ptd_id file, bool is_file,
                   ptd_id *out, struct ptd_err *err);

int ptd_store_run_start(struct ptd_store *store, bool baseline, const char *commit, ptd_id *out,
                        struct ptd_err *err);

/* Adds a record, or renews the one with the same dependencies. */
int ptd_store_record(struct ptd_store *store, ptd_id environment, const struct ptd_record *record,
                     struct ptd_err *err);
/* Of each node that the run recorded, keeps the newest PTD_RECORDS_KEPT and those of the baseline.
 */
int ptd_store_prune(struct ptd_store *store, ptd_id environment, ptd_id run_id,
                    struct ptd_err *err);
/* Makes exactly these records (of one environment) the baseline. */
int ptd_store_set_baseline(struct ptd_store *store, ptd_id environment, const ptd_id *records,
                           size_t count, struct ptd_err *err);

/* Iterators: `visit` returns 0 to go on. All stop and fail with its -1. */
struct ptd_store_node {
    ptd_id id;
    const char *name; /* borrowed for the call */
    ptd_id file;
    bool is_file;
};
int ptd_store_each_node(struct ptd_store *store,
                        int (*visit)(const struct ptd_store_node *, void *), void *arg,
                        struct ptd_err *err);
/* Newest first within a node; nodes in no order. */
int ptd_store_each_record(struct ptd_store *store, ptd_id environment,
                          int (*visit)(const struct ptd_record *, void *), void *arg,
                          struct ptd_err *err);
/* The record with this id; not visited when there is none. */
int ptd_store_record_get(struct ptd_store *store, ptd_id id,
                         int (*visit)(const struct ptd_record *, void *), void *arg,
                         struct ptd_err *err);
/* Pairs (file, version) that fingerprints refer to. */
int ptd_store_each_used_version(struct ptd_store *store, int (*visit)(ptd_id, ptd_id, void *),
                                void *arg, struct ptd_err *err);
int ptd_store_each_fingerprint(struct ptd_store *store, ptd_id file, ptd_id version,
                               int (*visit)(const struct ptd_fingerprint *, void *), void *arg,
                               struct ptd_err *err);
/* The same for all of them. */
int ptd_store_every_fingerprint(struct ptd_store *store,
                                int (*visit)(const struct ptd_fingerprint *, void *), void *arg,
                                struct ptd_err *err);
int ptd_store_each_depset(struct ptd_store *store,
                          int (*visit)(ptd_id, const void *, size_t, void *), void *arg,
                          struct ptd_err *err);

/* Which functions of one version of a file were entered while one version of a module was imported,
 * and by which of its lines. */
struct ptd_import_calls {
    ptd_id file, version;               /* of the module */
    ptd_id callee_file, callee_version; /* of the functions */
    const void *calls; /* varints: number of a code object (state/codes.h) and line (0: any) ...;
                          borrowed */
    size_t calls_len;
};
/* Adds to what is known. `calls` need not be sorted. */
int ptd_store_add_import_calls(struct ptd_store *store, const struct ptd_import_calls *calls,
                               struct ptd_err *err);
int ptd_store_each_import_calls(struct ptd_store *store,
                                int (*visit)(const struct ptd_import_calls *, void *), void *arg,
                                struct ptd_err *err);

/* Version of the SQLite library in use. */
const char *ptd_store_sqlite_version(void);

/* Drops what no record refers to any more (dependency sets, fingerprints, contents). */
int ptd_store_collect_garbage(struct ptd_store *store, struct ptd_err *err);

#endif
