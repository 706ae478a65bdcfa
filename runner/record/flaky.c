#include "record/flaky.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/path.h"
#include "record/parts.h"
#include "store/details.h"

void ptd_flaky_note(struct ptd_flaky_notes *notes, const struct ptd_ingest_request *request,
                    ptd_id node, const char *nodeid, int outcome)
{
    ptd_id record = 0;
    int before = request->prior ? request->prior(nodeid, &record, request->prior_arg) : -1;
    if (before < 0 || before == outcome)
        return;
    /* A plugin that runs tests again reports each time; the last one is what is recorded. */
    for (size_t i = 0; i < notes->count; i++)
        if (notes->items[i].node == node) {
            notes->items[i].what.after = outcome;
            return;
        }
    notes->items = ptd_xgrow(notes->items, &notes->cap, notes->count + 1, sizeof(*notes->items));
    notes->items[notes->count++] =
        (struct ptd_flaky_note){node, record, {ptd_xstrdup(nodeid), before, outcome}};
}

/* Whether the session left it as it was. */
static int is_unchanged(struct ptd_state *state, ptd_id file, bool *same, struct ptd_err *err)
{
    const struct ptd_state_file *f = ptd_state_by_id(state, file);
    *same = f && f->loaded == f->version;
    if (!*same)
        return 0;
    size_t at = (size_t)(f - state->files);
    if (f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE) {
        PTD_CLEANUP_FREE char *full = ptd_path_join(state->root, f->path);
        struct ptd_stat_sig now;
        *same = ptd_stat_sig_of(full, &now) && ptd_stat_sig_equal(&now, &f->sig);
    } else if (f->kind == PTD_FILE_LISTING || f->kind == PTD_FILE_EXISTS) {
        if (ptd_state_look_again(state, at, err) < 0)
            return -1;
        *same = state->files[at].version == state->files[at].loaded;
    }
    return 0;
}

struct found {
    struct ptd_buf depsets;
    bool any;
};

static int see_record(const struct ptd_record *row, void *arg)
{
    struct found *found = arg;
    found->any = true;
    ptd_buf_add(&found->depsets, row->depsets, row->depsets_len);
    return 0;
}

static int still_holds(struct ptd_state *state, ptd_id record, bool *holds, struct ptd_err *err)
{
    struct found found = {0};
    struct ptd_parts parts = {0};
    int failed = ptd_store_record_get(state->store, record, see_record, &found, err) < 0 ||
                 ptd_parts_read(state->store, found.depsets.data, found.depsets.len, NULL, 0,
                                &parts, err) < 0;
    ptd_buf_release(&found.depsets);
    *holds = found.any;
    for (size_t i = 0; !failed && *holds && i < parts.count; i++)
        failed = is_unchanged(state, parts.items[i].file, holds, err);
    ptd_parts_release(&parts);
    return failed ? -1 : 0;
}

int ptd_flaky_save(struct ptd_flaky_notes *notes, struct ptd_state *state, ptd_id environment,
                   struct ptd_ingest_result *result, struct ptd_err *err)
{
    for (size_t i = 0; i < notes->count; i++) {
        struct ptd_flaky_note *n = &notes->items[i];
        bool holds;
        if (still_holds(state, n->record, &holds, err) < 0)
            return -1;
        if (!holds)
            continue;
        if (ptd_store_flaky_add(state->store, environment, n->node, n->what.before, n->what.after,
                                err) < 0)
            return -1;
        result->flaky = ptd_xgrow(result->flaky, &result->flaky_cap, result->flaky_count + 1,
                                  sizeof(*result->flaky));
        result->flaky[result->flaky_count++] = n->what;
        n->what.nodeid = NULL;
    }
    return 0;
}

void ptd_flaky_release(struct ptd_flaky_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        free(notes->items[i].what.nodeid);
    free(notes->items);
    *notes = (struct ptd_flaky_notes){0};
}
