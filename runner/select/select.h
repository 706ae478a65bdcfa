/*
 * The selection: from what is known of each test to what has to run. Pure: no I/O, no knowledge of
 * how records are kept or compared.
 *
 * A test is affected when none of its records is valid, or when its newest valid record is a
 * failure. A file whose collection is not known for the present state is collected again, and what
 * is in it unknown runs.
 */
#ifndef PTD_SELECT_SELECT_H
#define PTD_SELECT_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "contract/journal.h"

/* Outcome of a file that a complete run left uncollected. */
#define PTD_SELECT_NOT_COLLECTED 100

struct ptd_select_record {
    int outcome;
    int64_t id;     /* for the caller */
    size_t broken;  /* number of the dependency that does not hold, SIZE_MAX: all hold */
    size_t between; /* the same of what tells two states apart; see ptd_select_input.between */
    uint64_t duration_us;
    bool baseline;
    bool partial;      /* a failure of which not all dependencies are known; for the caller */
    const char *tests; /* of a file: its node ids, NUL-terminated each; borrowed */
    size_t tests_len;
};

struct ptd_select_node {
    const char *name; /* node id, or the path of a file; borrowed */
    const char *path; /* path of its file; borrowed */
    bool is_file;
    bool present;        /* the file exists */
    size_t first, count; /* its records, newest first */
};

/* The newest record of a node whose dependencies all hold, or NULL; `since_baseline`: only records
 * of the baseline count. */
const struct ptd_select_record *ptd_select_holding(const struct ptd_select_record *records,
                                                   const struct ptd_select_node *node,
                                                   bool since_baseline);
/* A node id means the test itself and what lies below it: of a class, with other parameters. */
bool ptd_select_is_below(const char *name, const char *nodeid);

struct ptd_select_input {
    const struct ptd_select_node *nodes;
    size_t node_count;
    const struct ptd_select_record *records;
    /* Files of the tree that look like test files; those without a node are new. */
    const char *const *test_files;
    size_t test_file_count;
    bool since_baseline; /* only records of the baseline count */
    bool everything;     /* --mode all, --force: all of it runs */
    bool first;          /* all of it runs, in the order of select/order.h */
    unsigned shard;      /* with `shards`: only this part, from 1 (select/shard.h) */
    unsigned shards;     /* 0: all of it */
    /* Whether a test is left out whatever happened to it, unless its node id is on the command
     * line, by the record of its file's collection that holds; or, with 0 and the path, a whole
     * file. NULL: none is. */
    bool (*left_out)(int64_t collection, const char *name, void *arg);
    void *left_out_arg;
    /* Whether a test has passed elsewhere in exactly this state, so that it need not run; asked of
     * those that are selected only because no record holds. NULL: none has. */
    bool (*passed)(const char *name, void *arg);
    void *passed_arg;
    bool between; /* a record counts when `between` says so, whatever `broken` is */
    /* Positional arguments as paths relative to the root ("" = all), with node ids after "::";
     * NULL-terminated. */
    const char *const *scope;
    /* Paths and beginnings of node ids that pytest is told to leave out; NULL-terminated, or NULL.
     */
    const char *const *excluded_paths;
    const char *const *excluded_ids;
};

enum ptd_reason {
    PTD_REASON_NEW,         /* never recorded */
    PTD_REASON_CHANGED,     /* `broken` says what */
    PTD_REASON_FAILED,      /* failed when it last ran in this state */
    PTD_REASON_UNCOLLECTED, /* its file could not be collected */
    PTD_REASON_NAMED,       /* its node id is on the command line */
    PTD_REASON_ALL,         /* everything was asked for, and nothing else is known */
    PTD_REASON_BASELINE,    /* not part of the baseline */
};

struct ptd_selected {
    const char *name; /* node id, or a path for a file that must be collected; borrowed */
    bool is_file;
    enum ptd_reason reason;
    size_t broken;        /* for PTD_REASON_CHANGED */
    uint64_t duration_us; /* when it last ran; 0 = not known */
    bool failed;          /* it failed when it last ran, in whatever state */
};

struct ptd_selection {
    struct ptd_selected *items; /* owned: known tests that run, then files to collect */
    size_t count, cap;
    size_t tests;           /* of `items`, those that are tests */
    size_t new_files;       /* of the rest, those never seen before */
    size_t total;           /* tests known in the present state and scope, selected or not */
    size_t outside;         /* affected tests that the scope leaves out */
    size_t left_out;        /* affected tests that `left_out` leaves out */
    size_t affected;        /* affected tests in all shards */
    uint64_t known_us;      /* what `tests` took when they last ran, as far as that is known */
    size_t unknown;         /* how many of them have never been timed */
    uint64_t spared_us;     /* what the unaffected tests of the scope took */
    const char **elsewhere; /* tests that other shards run, in files that are collected */
    size_t elsewhere_count, elsewhere_cap;
    size_t all_shards;     /* `tests` of all shards together */
    uint64_t all_known_us; /* `known_us` of all shards together */
    uint64_t split;        /* the same on machines that split the same tests the same way */
    const char **passed;   /* tests of ours that passed elsewhere, in files that are collected */
    size_t passed_count, passed_cap;
    size_t all_passed;   /* the same in all files */
    const char **ignore; /* files that need not be collected; owned array, borrowed strings */
    size_t ignore_count, ignore_cap;
    size_t ignored_tests;
    const char **deselect; /* unaffected tests in files that are collected */
    size_t deselect_count, deselect_cap;
    int64_t *valid; /* ids of the records that stand for the unaffected tests and files */
    size_t valid_count, valid_cap;
    size_t known_failures; /* selected with PTD_REASON_FAILED */
};

void ptd_select(const struct ptd_select_input *input, struct ptd_selection *out);
void ptd_selection_release(struct ptd_selection *selection);

#endif
