#include "cmd/remote_baseline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/scratch.h"
#include "cmd/workspace.h"
#include "merge/merge.h"
#include "remote/remote.h"
#include "session/session.h"
#include "store/transplant.h"

/* How often somebody else may be faster. */
#define RACES 8

static int find_url(struct ptd_remote_baseline *remote, const struct ptd_project *project,
                    const struct ptd_options *o, struct ptd_err *err)
{
    const char *url = o->remote ? o->remote : project->remote;
    *remote = (struct ptd_remote_baseline){0};
    if (o->upload && !url) {
        ptd_err_set(err, PTD_E_USAGE, "--upload needs to know where to");
        return ptd_err_hint(err, "--remote URL, PYT_DIFF_REMOTE, or remote = \"URL\" in "
                                 "[tool.pyt-diff]");
    }
    if (!url || o->offline)
        return 0;
    if (ptd_remote_check(url, err) < 0)
        return -1;
    remote->url = ptd_xstrdup(url);
    remote->shown = ptd_remote_shown(url);
    return 0;
}

/* Under which the ETag is kept: the URL may hold a password. */
static void meta_key(const struct ptd_remote_baseline *remote, char key[48])
{
    struct ptd_hash128 hash = ptd_hash128(remote->url, strlen(remote->url));
    char text[33];
    ptd_hash128_text(&hash, text);
    snprintf(key, 48, "remote %s", text);
}

static int keep_etag(struct ptd_remote_baseline *remote, struct ptd_store *store, char *etag,
                     struct ptd_err *err)
{
    char key[48];
    free(remote->etag);
    remote->etag = etag;
    remote->absent = false;
    meta_key(remote, key);
    return ptd_store_meta_set(store, key, etag ? etag : "", err);
}

static bool is_sqlite(const char *path)
{
    static const char magic[] = "SQLite format 3"; /* and its NUL */
    char first[sizeof(magic)] = "";
    FILE *f = fopen(path, "rbe");
    bool same = f && fread(first, 1, sizeof(first), f) == sizeof(first) &&
                memcmp(first, magic, sizeof(magic)) == 0;
    if (f)
        fclose(f);
    return same;
}

/* What is merged has to be sound: it comes from somewhere else. */
static int open_fetched(const char *path, struct ptd_store **out, struct ptd_err *err)
{
    struct ptd_err why = {0};
    if (ptd_store_open_file(path, out, &why) == 0) {
        if (ptd_store_check(*out, &why) == 0)
            return 0;
        ptd_store_close(*out);
    }
    if (!is_sqlite(path))
        ptd_err_set(&why, PTD_E_STORE, "it is not a database");
    bool newer = strstr(why.msg, "newer") != NULL;
    const char *what = newer                                  ? "was made by a newer pyt-diff"
                       : strstr(why.msg, "older")             ? "was made by an older pyt-diff"
                       : strstr(why.msg, "is not a database") ? "is not a database of pyt-diff"
                                                              : "is damaged";
    ptd_err_set(err, PTD_E_NET, "what is there %s", what);
    return ptd_err_hint(err,
                        newer ? "use the same version of pyt-diff as those who put it there"
                              : "put another one there: pyt-diff --baseline --force --upload; or "
                                "go without it: --offline");
}

static int merge_beneath(struct ptd_store *store, struct ptd_merge_input *input,
                         struct ptd_err *err)
{
    struct ptd_merge_request request = {
        .into = store, .inputs = input, .count = 1, .beneath = true};
    struct ptd_merge_result result;
    return ptd_merge(&request, &result, err);
}

static void say_fetched(const struct ptd_remote_baseline *remote, const struct ptd_options *o,
                        const struct ptd_merge_input *input)
{
    char commit[32] = "";
    if (o->verbosity < 0)
        return;
    if (input->commit[0])
        snprintf(commit, sizeof(commit), " of %.12s", input->commit);
    fprintf(stderr, "pyt-diff: fetched the baseline%s from %s (%zu test%s)\n", commit,
            remote->shown, input->tests, input->tests == 1 ? "" : "s");
}

/* The file at `path` has just arrived. */
static int take(struct ptd_remote_baseline *remote, struct ptd_store *store, const char *path,
                const struct ptd_options *o, char *etag, struct ptd_err *err)
{
    struct ptd_merge_input input = {.name = remote->shown};
    int failed = open_fetched(path, &input.store, err);
    if (!failed) {
        failed = merge_beneath(store, &input, err) < 0;
        ptd_store_close(input.store);
    }
    if (failed) {
        free(etag);
        return -1;
    }
    say_fetched(remote, o, &input);
    return keep_etag(remote, store, etag, err);
}

static int nothing_there(struct ptd_remote_baseline *remote, const struct ptd_options *o,
                         struct ptd_err *err)
{
    free(remote->etag);
    remote->etag = NULL;
    remote->absent = true;
    if (o->upload)
        return 0;
    ptd_err_set(err, PTD_E_NET, "nothing is there yet");
    return ptd_err_hint(err,
                        "put it there: pyt-diff --baseline --upload; or go without it: --offline");
}

static int fetch(struct ptd_remote_baseline *remote, const struct ptd_transfer_api *api,
                 struct ptd_store *store, const char *path, const struct ptd_options *o,
                 struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *known = NULL;
    char key[48];
    meta_key(remote, key);
    if (ptd_store_meta_get(store, key, &known, err) < 0)
        return -1;
    struct ptd_transfer transfer = {
        .url = remote->url, .path = path, .etag = known && *known ? known : NULL};
    if (api->get(&transfer, err) < 0)
        return -1;
    if (transfer.state == PTD_TRANSFER_ABSENT)
        return nothing_there(remote, o, err);
    if (transfer.state == PTD_TRANSFER_UNCHANGED) {
        free(remote->etag);
        remote->etag = ptd_xstrdup(known);
        return 0;
    }
    return take(remote, store, path, o, transfer.new_etag, err);
}

/* The database here is damaged: as in any run, it is moved aside. */
static int start_anew(struct ptd_store **store, const char *dir, struct ptd_err *err)
{
    char *note = NULL;
    struct ptd_store *old = *store;
    *store = NULL;
    if (ptd_store_abandon(old, &note, err) < 0)
        return -1;
    ptd_warn("%s", note);
    free(note);
    note = NULL;
    int failed = ptd_store_open(dir, false, store, &note, err);
    free(note);
    return failed;
}

static int fetch_into(struct ptd_remote_baseline *remote, const struct ptd_transfer_api *api,
                      const char *dir, const struct ptd_options *o, struct ptd_err *err)
{
    struct ptd_store *store;
    struct ptd_scratch scratch;
    char *note = NULL;
    if (ptd_store_open(dir, false, &store, &note, err) < 0)
        return ptd_err_wrap(err, "cannot keep what is fetched");
    if (note)
        ptd_warn("%s", note);
    free(note);
    int failed = ptd_scratch_make(&scratch, err);
    if (!failed) {
        PTD_CLEANUP_FREE char *path = ptd_scratch_name(&scratch);
        failed = fetch(remote, api, store, path, o, err);
        bool ours = failed && err->sys_errno == EBADMSG &&
                    strncmp(err->msg, ptd_store_path(store), strlen(ptd_store_path(store))) == 0;
        if (ours && start_anew(&store, dir, err) == 0) {
            PTD_CLEANUP_FREE char *again = ptd_scratch_name(&scratch);
            failed = fetch(remote, api, store, again, o, err);
        }
        ptd_scratch_remove(&scratch);
    }
    ptd_store_close(store);
    return failed;
}

static int open_module(const struct ptd_transfer_api **api, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *dir = ptd_session_libexec(err);
    return dir ? ptd_remote_open(dir, api, err) : -1;
}

int ptd_remote_baseline_load(struct ptd_remote_baseline *remote, const struct ptd_project *project,
                             const struct ptd_options *options, struct ptd_err *err)
{
    const struct ptd_transfer_api *api;
    if (find_url(remote, project, options, err) < 0)
        return -1;
    /* What is about to be replaced as a whole need not even be readable. */
    if (!remote->url || (options->baseline && options->force && options->upload))
        return 0;
    if (open_module(&api, err) == 0 &&
        fetch_into(remote, api, project->cache_dir, options, err) == 0)
        return 0;
    return ptd_err_wrap(err, "cannot get the baseline from %s", remote->shown);
}

/* 1: somebody else was faster. */
static int put(struct ptd_remote_baseline *remote, const struct ptd_transfer_api *api,
               const struct ptd_project *project, const char *path, const struct ptd_options *o,
               struct ptd_err *err)
{
    struct ptd_store *store;
    char *note = NULL;
    /* A server without ETags cannot be asked to compare. */
    const char *etag = remote->absent ? "" : remote->etag && *remote->etag ? remote->etag : NULL;
    struct ptd_transfer transfer = {.url = remote->url, .path = path, .etag = etag};
    if (ptd_store_open(project->cache_dir, false, &store, &note, err) < 0)
        return -1;
    free(note);
    int failed = ptd_store_copy_to(store, path, err) < 0 || api->put(&transfer, err) < 0;
    if (!failed && transfer.state == PTD_TRANSFER_CONFLICT) {
        ptd_store_close(store);
        return 1;
    }
    if (!failed) {
        if (o->verbosity >= 0)
            fprintf(stderr, "pyt-diff: uploaded the recorded data to %s (%.1f kB)\n", remote->shown,
                    (double)transfer.bytes / 1000);
        failed = keep_etag(remote, store, transfer.new_etag, err);
    }
    ptd_store_close(store);
    return failed ? -1 : 0;
}

static int save(struct ptd_remote_baseline *remote, const struct ptd_project *project,
                const struct ptd_options *o, struct ptd_err *err)
{
    const struct ptd_transfer_api *api;
    struct ptd_scratch scratch;
    if (open_module(&api, err) < 0 || ptd_scratch_make(&scratch, err) < 0)
        return -1;
    int result = 1;
    for (int i = 0; i < RACES && result > 0; i++) {
        PTD_CLEANUP_FREE char *path = ptd_scratch_name(&scratch);
        result = put(remote, api, project, path, o, err);
        if (result > 0 && fetch_into(remote, api, project->cache_dir, o, err) < 0)
            result = -1;
    }
    ptd_scratch_remove(&scratch);
    if (result > 0) {
        ptd_err_set(err, PTD_E_NET, "others keep changing what is there");
        ptd_err_hint(err, "what was recorded is kept here; run it again");
    }
    return result ? -1 : 0;
}

int ptd_remote_baseline_save(struct ptd_remote_baseline *remote, const struct ptd_project *project,
                             const struct ptd_options *options, struct ptd_err *err)
{
    if (save(remote, project, options, err) == 0)
        return 0;
    return ptd_err_wrap(err, "cannot upload to %s", remote->shown);
}

void ptd_remote_baseline_release(struct ptd_remote_baseline *remote)
{
    free(remote->url);
    free(remote->shown);
    free(remote->etag);
    *remote = (struct ptd_remote_baseline){0};
}
