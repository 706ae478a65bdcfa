#include "cmd/merge_databases.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "cmd/databases.h"
#include "cmd/workspace.h"
#include "merge/merge.h"
#include "record/settle.h"
#include "remote/remote.h"
#include "store/transplant.h"

/* What each input brought. */
static void describe(const struct ptd_merge_input *inputs, size_t count, struct ptd_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct ptd_merge_input *in = &inputs[i];
        ptd_buf_addf(out, "%s: %zu test%s", in->name, in->tests, in->tests == 1 ? "" : "s");
        if (in->commit[0])
            ptd_buf_addf(out, ", baseline of %.12s", in->commit);
        else
            ptd_buf_adds(out, in->last_baseline ? ", baseline without a commit" : ", no baseline");
        ptd_buf_addc(out, '\n');
    }
}

/* Said, because a selection from such data is right for each test and yet of no single commit. */
static void warn_of_commits(const struct ptd_merge_input *inputs, size_t count)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    const char *first = "";
    bool differ = false;
    for (size_t i = 0; i < count; i++) {
        if (!inputs[i].commit[0])
            continue;
        if (!*first)
            first = inputs[i].commit;
        differ |= strcmp(inputs[i].commit, first) != 0;
        ptd_buf_addf(&text, "%s%.12s (%s)", text.len ? ", " : "", inputs[i].commit, inputs[i].name);
    }
    if (differ)
        ptd_warn("the baselines are of different commits: %s; each test keeps what was recorded"
                 " of it",
                 text.data);
}

static int merge_into(const char *path, struct ptd_merge_input *inputs, size_t count,
                      struct ptd_merge_result *result, struct ptd_err *err)
{
    struct ptd_store *into;
    if (ptd_store_create_file(path, &into, err) < 0)
        return -1;
    struct ptd_merge_request request = {.into = into, .inputs = inputs, .count = count};
    /* What is handed on says of each test what it depends on, whoever reads it. */
    int failed = ptd_merge(&request, result, err) < 0 || ptd_settle_store(into, err) < 0;
    ptd_store_close(into);
    return failed ? -1 : 0;
}

/* Beside OUT first, so that it can be put there in one step. */
static int write_out(const char *out, struct ptd_merge_input *inputs, size_t count,
                     struct ptd_merge_result *result, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(out);
    PTD_CLEANUP_FREE char *name = ptd_xasprintf(".%s.%ld", ptd_path_basename(out), (long)getpid());
    PTD_CLEANUP_FREE char *path = ptd_path_join(*dir ? dir : ".", name);
    unlink(path);
    int failed = merge_into(path, inputs, count, result, err) < 0 ||
                 ptd_store_put_in_place(path, out, err) < 0;
    unlink(path);
    return failed ? -1 : 0;
}

/* Somebody else's upload of the same moment is not undone half: the last one is there as a whole.
 */
static int upload(struct ptd_databases *list, const char *url, struct ptd_merge_input *inputs,
                  struct ptd_merge_result *result, struct ptd_err *err)
{
    if (ptd_remote_check(url, err) < 0 || ptd_databases_api(list, err) < 0)
        return -1;
    PTD_CLEANUP_FREE char *path = ptd_scratch_name(&list->scratch);
    PTD_CLEANUP_FREE char *shown = ptd_remote_shown(url);
    struct ptd_transfer transfer = {.url = url, .path = path};
    if (merge_into(path, inputs, list->count, result, err) < 0)
        return -1;
    int failed = list->api->put(&transfer, err);
    free(transfer.new_etag);
    return failed ? ptd_err_wrap(err, "cannot upload to %s", shown) : 0;
}

int ptd_cmd_merge(struct ptd_options *options, int *status, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    const char *out = options->words[0];
    struct ptd_databases list = {0};
    struct ptd_merge_result result = {0};
    struct ptd_merge_input *inputs = NULL;
    int failed = 0;
    *status = 0;
    for (size_t i = 1; i < options->word_count && !failed; i++)
        failed = ptd_databases_add(&list, options->words[i], err);
    if (!failed)
        failed = ptd_databases_open(&list, err);
    if (!failed) {
        inputs = ptd_xcalloc(list.count, sizeof(*inputs));
        for (size_t i = 0; i < list.count; i++)
            inputs[i] =
                (struct ptd_merge_input){.store = list.items[i].store, .name = list.items[i].name};
        failed = ptd_remote_is_url(out) ? upload(&list, out, inputs, &result, err)
                                        : write_out(out, inputs, list.count, &result, err);
    }
    if (!failed) {
        warn_of_commits(inputs, list.count);
        if (options->verbosity >= 0) {
            describe(inputs, list.count, &text);
            PTD_CLEANUP_FREE char *shown =
                ptd_remote_is_url(out) ? ptd_remote_shown(out) : ptd_xstrdup(out);
            ptd_buf_addf(&text, "%s: %zu test%s from %zu database%s\n", shown, result.tests,
                         result.tests == 1 ? "" : "s", list.count, list.count == 1 ? "" : "s");
        }
        failed = ptd_cmd_answer(&text, err);
    }
    free(inputs);
    ptd_databases_release(&list);
    return failed;
}
