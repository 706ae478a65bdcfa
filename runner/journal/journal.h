/*
 * Reading a journal (contract/journal.h) into memory. Everything from the file is bounds-checked;
 * ids that were not defined make the record that names them end the reading, as a torn record does.
 */
#ifndef PTD_JOURNAL_JOURNAL_H
#define PTD_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "contract/journal.h"

struct ptd_journal_fact {
    const char *key, *value; /* borrowed from the journal's strings */
};

struct ptd_journal_file {
    const char *path;
    uint64_t size, mtime_ns, ino; /* zeros: it could not be found */
};

struct ptd_journal_code {
    uint32_t file, line;
    const char *name;
};

struct ptd_journal_path {
    const char *path;
    enum ptd_path_type type;
    uint64_t size, mtime_ns, ino;
};

/* Growing list of ids; not sorted, may repeat. */
struct ptd_u32s {
    uint32_t *items; /* owned */
    size_t count, cap;
};

struct ptd_journal_scope {
    enum ptd_scope_kind kind;
    uint32_t file;
    uint32_t flags;
    const char *label;
    struct ptd_u32s codes, uses, imports, names, pairs;
    struct ptd_u32s accesses; /* pairs of enum ptd_access and path id */
};

struct ptd_journal_collect {
    uint32_t scope; /* PTD_J_NO_SCOPE: nobody saw it being collected */
    uint32_t outcome, flags;
    const char *path;
    const char **tests; /* owned array of borrowed node ids */
    size_t count;
};

struct ptd_journal_test {
    uint32_t scope, outcome, flags, collect;
    uint64_t duration_us;
    const char *nodeid, *path;
};

/* A scope was open in these epochs of the board, both included. */
struct ptd_journal_window {
    uint32_t scope, since, until;
};

struct ptd_journal_follow {
    uint32_t scope, token, epoch;
};

struct ptd_journal {
    char *name; /* owned; of its file; NULL when it was read from memory */
    struct ptd_journal_fact *facts;
    size_t fact_count, fact_cap;
    struct ptd_journal_file *files;
    size_t file_count, file_cap;
    struct ptd_journal_code *codes;
    size_t code_count, code_cap;
    const char **names;
    size_t name_count, name_cap;
    struct ptd_journal_path *paths;
    size_t path_count, path_cap;
    struct ptd_journal_scope *scopes;
    size_t scope_count, scope_cap;
    struct ptd_journal_collect *collects;
    size_t collect_count, collect_cap;
    struct ptd_journal_test *tests;
    size_t test_count, test_cap;
    const char **started; /* tests that were begun and did not end: the process died in them */
    size_t started_count, started_cap;
    struct ptd_journal_window *windows;
    size_t window_count, window_cap;
    /* Of a process that a test started (PTD_CHILD_MAGIC); in its lists the ids that it has from its
     * parent's journal are empty entries. */
    bool child;
    bool damaged; /* whole records in it make no sense */
    struct ptd_journal_follow *follows;
    size_t follow_count, follow_cap;
    const char *forked_from; /* name of the parent's journal, NULL: not forked */
    uint32_t base_files, base_codes, base_names, base_scopes;
    bool ended;         /* J_END was there */
    uint32_t status;    /* of J_END */
    bool torn;          /* something unreadable follows what was read */
    struct ptd_buf raw; /* owned: the file's bytes while it is read */
    char **strings;     /* owned */
    size_t string_count, string_cap;
};

/* Fails only when the file cannot be read or is not a journal. */
int ptd_journal_read(const char *path, struct ptd_journal *out, struct ptd_err *err);
/* The same from memory (copied). */
int ptd_journal_parse(const void *data, size_t len, struct ptd_journal *out, struct ptd_err *err);
void ptd_journal_release(struct ptd_journal *journal);
/* First value of a fact, or `otherwise`. */
const char *ptd_journal_fact_get(const struct ptd_journal *journal, const char *key,
                                 const char *otherwise);

#endif
