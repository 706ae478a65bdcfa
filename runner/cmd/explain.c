#include "cmd/explain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/cmd.h"
#include "config/nearest.h"
#include "record/settle.h"
#include "store/details.h"

/* Names suggested for one that is not known. */
#define SUGGESTIONS 3

const struct ptd_select_record *ptd_explain_record(const struct ptd_explain *e,
                                                   const struct ptd_select_node *node)
{
    const struct ptd_select_record *records = e->verdict->records;
    const struct ptd_select_record *r =
        ptd_select_holding(records, node, e->w->options->since_baseline);
    return r || !node->count ? r : &records[node->first];
}

const char *ptd_explain_kind(const struct ptd_block *block)
{
    static const char *const names[] = {"module level", "class", "function", "lambda"};
    return names[block->kind];
}

/* Everything but the workspace and the verdict. */
static int load_details(struct ptd_explain *e, struct ptd_err *err)
{
    const struct ptd_selection *s = &e->verdict->selection;
    for (size_t i = 0; i < s->count; i++)
        ptd_map_puts(&e->selected, s->items[i].name, i);
    if (ptd_store_environment(e->w->store, e->w->environment.name, &e->environment, err) < 0 ||
        ptd_labels_load(&e->labels, e->w->store, err) < 0 ||
        ptd_importers_load(e->w->store, &e->importers, err) < 0)
        return -1;
    return 0;
}

static int load(struct ptd_explain *e, struct ptd_err *err)
{
    if (ptd_workspace_select(e->w, NULL, false, e->verdict, err) < 0 || load_details(e, err) < 0)
        return -1;
    if (!e->verdict->no_data)
        return 0;
    ptd_err_set(err, PTD_E_STORE, "nothing is recorded for %s yet", e->w->environment.name);
    return ptd_err_hint(err, "every test would run; run pyt-diff once to record them");
}

static void release(struct ptd_explain *e)
{
    ptd_labels_release(&e->labels);
    ptd_map_release(&e->selected);
    ptd_importers_release(&e->importers);
    ptd_buf_release(&e->out);
}

static int explain_tests(struct ptd_explain *e, const char *nodeid, size_t *found,
                         struct ptd_err *err)
{
    *found = 0;
    for (size_t i = 0; i < e->verdict->node_count; i++) {
        const struct ptd_select_node *node = &e->verdict->nodes[i];
        if (node->is_file || !ptd_select_is_below(node->name, nodeid))
            continue;
        (*found)++;
        if (ptd_explain_test(e, node, err) < 0)
            return -1;
    }
    return 0;
}

static const char *last_part(const char *nodeid)
{
    const char *last = nodeid;
    for (const char *p = nodeid; (p = strstr(p, "::")); p += 2)
        last = p + 2;
    return last;
}

static void suggest(const char **found, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(found[i], name) == 0)
            return;
    if (*count < SUGGESTIONS)
        found[(*count)++] = name;
}

/* Tests of the same name elsewhere, then those that are spelt nearly so. */
static int refuse(const struct ptd_explain *e, const char *word, struct ptd_err *err)
{
    const char *found[SUGGESTIONS], *last = last_part(word);
    const struct ptd_verdict *v = e->verdict;
    size_t count = 0, n = strcspn(last, "[");
    for (size_t i = 0; i < v->node_count; i++) {
        const char *its = last_part(v->nodes[i].name);
        if (!v->nodes[i].is_file && n && strcspn(its, "[") == n && strncmp(its, last, n) == 0)
            suggest(found, &count, v->nodes[i].name);
    }
    size_t limit = strlen(word) / 4 < 2 ? 2 : strlen(word) / 4 > 8 ? 8 : strlen(word) / 4;
    for (size_t distance = 1; distance <= limit && !count; distance++)
        for (size_t i = 0; i < v->node_count; i++)
            if (ptd_nearest_distance(word, v->nodes[i].name, distance) <= distance)
                suggest(found, &count, v->nodes[i].name);
    ptd_err_set(err, PTD_E_USAGE, "\"%s\" is no recorded test and no file of the project", word);
    if (!count)
        return ptd_err_hint(err, "'pyt-diff --dry-run' lists the tests that would run");
    PTD_CLEANUP_BUF struct ptd_buf names = PTD_BUF_INIT;
    for (size_t i = 0; i < count; i++)
        ptd_buf_addf(&names, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", found[i]);
    return ptd_err_hint(err, "did you mean %s?", names.data);
}

/* "FILE:LINE": the line, and *length without it; 0 when there is none. */
static size_t split_line(const char *word, size_t *length)
{
    const char *colon = strrchr(word, ':');
    *length = strlen(word);
    if (!colon || colon == word || !isdigit((unsigned char)colon[1]) || colon[-1] == ':')
        return 0;
    if (colon[1 + strspn(colon + 1, "0123456789")] != '\0')
        return 0;
    *length = (size_t)(colon - word);
    size_t line = strtoull(colon + 1, NULL, 10);
    return line ? line : SIZE_MAX;
}

/* Relative to the root, whether it was written so or relative to the current directory. */
static char *file_path(const struct ptd_explain *e, const char *path)
{
    char *relative = ptd_workspace_relative(e->w, path);
    if (ptd_explain_knows_file(e, relative))
        return relative;
    if (ptd_explain_knows_file(e, path)) {
        free(relative);
        return ptd_xstrdup(path);
    }
    free(relative);
    return NULL;
}

/* A node id with its path relative to the root. */
static char *from_here(const struct ptd_explain *e, const char *word)
{
    const char *colons = strstr(word, "::");
    PTD_CLEANUP_FREE char *path = ptd_xstrndup(word, (size_t)(colons - word));
    PTD_CLEANUP_FREE char *relative = ptd_workspace_relative(e->w, path);
    return ptd_xasprintf("%s%s", relative, colons);
}

static int explain_word(struct ptd_explain *e, const char *word, struct ptd_err *err)
{
    size_t found, length, line = split_line(word, &length);
    if (explain_tests(e, word, &found, err) < 0)
        return -1;
    if (!found && strstr(word, "::")) {
        PTD_CLEANUP_FREE char *nodeid = from_here(e, word);
        if (explain_tests(e, nodeid, &found, err) < 0)
            return -1;
        return found ? 0 : refuse(e, word, err);
    }
    if (found)
        return 0;
    PTD_CLEANUP_FREE char *whole = file_path(e, word);
    PTD_CLEANUP_FREE char *name = ptd_xstrndup(word, length);
    PTD_CLEANUP_FREE char *path = whole ? NULL : file_path(e, name);
    if (whole)
        return ptd_explain_file(e, whole, 0, err);
    return path ? ptd_explain_file(e, path, line, err) : refuse(e, word, err);
}

static int explain(struct ptd_explain *e, struct ptd_err *err)
{
    const struct ptd_options *o = e->w->options;
    if (!e->w->store) {
        ptd_err_set(err, PTD_E_STORE, "there is no recorded data in %s", e->w->project.cache_dir);
        return ptd_err_hint(err, "every test would run; run pyt-diff once to record them");
    }
    if (load(e, err) < 0)
        return -1;
    if (e->json)
        ptd_buf_adds(&e->out, "{\"version\":1,\"answers\":[");
    for (size_t i = 0; i < o->word_count; i++)
        if (explain_word(e, o->words[i], err) < 0)
            return -1;
    if (e->json)
        ptd_buf_adds(&e->out, "]}\n");
    return ptd_cmd_answer(&e->out, err);
}

int ptd_explain_selected(struct ptd_workspace *w, struct ptd_verdict *verdict, size_t most,
                         void (*see)(const char *nodeid, const char *text, void *arg), void *arg,
                         struct ptd_err *err)
{
    struct ptd_explain e = {.w = w, .verdict = verdict};
    const struct ptd_selection *s = &verdict->selection;
    int failed = load_details(&e, err);
    for (size_t i = 0; !failed && i < verdict->node_count && most; i++) {
        const struct ptd_select_node *node = &verdict->nodes[i];
        uint64_t at = node->is_file ? UINT64_MAX : ptd_map_get(&e.selected, node->name, UINT64_MAX);
        if (at == UINT64_MAX || s->items[at].reason != PTD_REASON_CHANGED)
            continue;
        failed = ptd_explain_test(&e, node, err);
        if (!failed)
            see(node->name, e.out.data, arg);
        ptd_buf_reset(&e.out);
        e.answers = 0;
        most--;
    }
    release(&e);
    return failed ? -1 : 0;
}

int ptd_cmd_explain(struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct ptd_workspace w = {0};
    struct ptd_verdict verdict = {0};
    struct ptd_explain e = {
        .w = &w,
        .verdict = &verdict,
        .json = options->json,
        .verbose = options->verbosity > 0,
    };
    options->no_record = true; /* the data is only read */
    *status = 0;
    int result = ptd_workspace_open(&w, options, err);
    bool settled; /* where nothing can be written the answer is as good as it can be */
    if (result == 0 && w.store)
        result = ptd_settle_in_place(w.store, &settled, err);
    if (result == 0)
        result = explain(&e, err);
    release(&e);
    ptd_verdict_release(&verdict);
    ptd_workspace_close(&w);
    return result;
}
