/* `pyt-diff explain`: why a test runs or does not, and what a change of a file would run. */
#ifndef PTD_CMD_EXPLAIN_H
#define PTD_CMD_EXPLAIN_H

#include "base/buf.h"
#include "cmd/workspace.h"
#include "record/importers.h"
#include "record/parts.h"

/* What both kinds of questions are answered from. */
struct ptd_explain {
    struct ptd_workspace *w;     /* borrowed */
    struct ptd_verdict *verdict; /* borrowed */
    ptd_id environment;
    struct ptd_map selected; /* node id, or path of a file to collect → its item */
    struct ptd_labels labels;
    struct ptd_importers importers;
    bool json, verbose;
    const char *itself; /* what the scope of the explained test is called */
    struct ptd_buf out; /* the answers so far */
    size_t answers;     /* that are in it */
};

/* The record that stands for a test: the newest that holds, else the newest; NULL: there is none.
 */
const struct ptd_select_record *ptd_explain_record(const struct ptd_explain *e,
                                                   const struct ptd_select_node *node);

/* "function", "module level" ... */
const char *ptd_explain_kind(const struct ptd_block *block);
/* Why this test runs or does not. */
int ptd_explain_test(struct ptd_explain *e, const struct ptd_select_node *node,
                     struct ptd_err *err);
/* What depends on a file (relative to the root), or, with `line` > 0, on that line. */
int ptd_explain_file(struct ptd_explain *e, const char *path, size_t line, struct ptd_err *err);
/* Whether anything is known of such a file. */
bool ptd_explain_knows_file(const struct ptd_explain *e, const char *path);

/* Before a run: the way from the change to each selected test that a change selected, at most
 * `most` of them, as text in lines. */
int ptd_explain_selected(struct ptd_workspace *w, struct ptd_verdict *verdict, size_t most,
                         void (*see)(const char *nodeid, const char *text, void *arg), void *arg,
                         struct ptd_err *err);

int ptd_cmd_explain(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
