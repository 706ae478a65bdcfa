/* What the user reads of a selection: the one line before pytest's own output, reasons, JSON. */
#ifndef PTD_REPORT_SUMMARY_H
#define PTD_REPORT_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "select/select.h"

/* A difference of git's that was asked for. */
struct ptd_summary_since {
    const char *label;   /* "since main@1a2b3c4"; NULL: git could not tell, see `problem` */
    const char *request; /* "--since main" */
    const char *ref;     /* of --since, else NULL */
    const char *commit;  /* its merge base, else NULL */
    const char *problem;
    size_t elsewhere; /* selected for being recorded in neither state */
    size_t left_out;  /* affected by other changes only */
};

struct ptd_summary {
    const struct ptd_selection *selection;
    /* Text for a broken dependency: "src/cart.py: Cart.total"; borrowed for the call. */
    const char *(*describe)(size_t broken, void *arg);
    void *arg;
    const char *python; /* "CPython 3.11.7", for the line of a first run */
    bool no_data;       /* nothing was ever recorded for this environment */
    bool everything;    /* asked for */
    size_t changed_files;
    bool first;             /* everything runs, what is affected in front */
    unsigned shard, shards; /* 0: all of it */
    bool narrowed;          /* pytest runs fewer than are selected: nobody knows how long */
    bool parallel;          /* in several processes: tests take longer than the run */
    const struct ptd_summary_since *since; /* or NULL */
};

/* "pyt-diff: 2 of 840 tests affected (src/cart.py: Cart.total)\n" */
void ptd_summary_line(const struct ptd_summary *summary, struct ptd_buf *out);
/* After a run, what it has saved; nothing when that is not known or not worth a line.
 * "pyt-diff: 838 tests not run, about 34 s saved\n" */
void ptd_summary_saved(const struct ptd_summary *summary, struct ptd_buf *out);
/* What it has saved, in microseconds; 0 when that is not known. */
uint64_t ptd_summary_spared(const struct ptd_summary *summary);
/* Why it was selected, "src/cart.py: Cart.total"; valid until the next call. */
const char *ptd_summary_reason(const struct ptd_summary *summary, const struct ptd_selected *item);
/* The same in one word, "changed"; static. */
const char *ptd_summary_slug(enum ptd_reason reason);
/* One line per selected test: "  tests/test_a.py::t: src/cart.py: Cart.total\n" */
void ptd_summary_reasons(const struct ptd_summary *summary, struct ptd_buf *out);
/* Node ids, one per line, an empty line, and a count as `pytest --collect-only -q` gives it. */
void ptd_summary_list(const struct ptd_summary *summary, struct ptd_buf *out);
/* " (shop/prices.py: vat; 2 more)" */
void ptd_summary_causes(const struct ptd_summary *summary, struct ptd_buf *out);
/* " since main@1a2b3c4 (1 of them last recorded in neither state)", or nothing. */
void ptd_summary_since_text(const struct ptd_summary *summary, struct ptd_buf *out);
/* Members of an object, without its braces: of the selection as a whole; of one item of it. */
void ptd_summary_facts_json(const struct ptd_summary *summary, struct ptd_buf *out);
void ptd_summary_item_json(const struct ptd_summary *summary, const struct ptd_selected *item,
                           struct ptd_buf *out);
/* "tests":[...],"files":[...] */
void ptd_summary_items_json(const struct ptd_summary *summary, struct ptd_buf *out);
/* One JSON object. */
void ptd_summary_since_json(const struct ptd_summary_since *since, struct ptd_buf *out);
/* One JSON object and a newline; the keys are documented in the man page. */
void ptd_summary_json(const struct ptd_summary *summary, struct ptd_buf *out);

#endif
