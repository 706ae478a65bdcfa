#include "select/select.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

/* What was found out about one file of tests while its tests are gone through. */
struct file_view {
    const char *path;
    const struct ptd_select_record *record; /* the one that names its tests, or NULL */
    bool collect;
    enum ptd_reason reason;
    size_t broken;
    size_t unaffected_from; /* first of its tests in `deselect` */
    size_t selected;
    size_t outside; /* affected, and not in scope */
};

struct selector {
    const struct ptd_select_input *in;
    struct ptd_selection *out;
    struct ptd_map tests; /* node id → node number, of tests */
    struct ptd_map files; /* path → node number of the file + 1, 0 = only its tests are known */
    const char **paths;   /* each of `files`, as the input spells it; owned array of borrowed */
    size_t paths_cap;
};

const struct ptd_select_record *ptd_select_holding(const struct ptd_select_record *records,
                                                   const struct ptd_select_node *node,
                                                   bool since_baseline)
{
    for (size_t i = node->first; i < node->first + node->count; i++)
        if (records[i].broken == SIZE_MAX && (!since_baseline || records[i].baseline))
            return &records[i];
    return NULL;
}

bool ptd_select_is_below(const char *name, const char *nodeid)
{
    size_t n = strlen(nodeid);
    return strncmp(name, nodeid, n) == 0 &&
           (name[n] == '\0' || name[n] == '[' || strncmp(name + n, "::", 2) == 0);
}

static const char *scope_path_end(const char *argument)
{
    const char *colons = strstr(argument, "::");
    return colons ? colons : argument + strlen(argument);
}

static bool file_in_scope(const struct ptd_select_input *in, const char *path)
{
    if (!in->scope || !in->scope[0])
        return true;
    for (const char *const *s = in->scope; *s; s++) {
        PTD_CLEANUP_FREE char *part = ptd_xstrndup(*s, (size_t)(scope_path_end(*s) - *s));
        if (ptd_path_within(path, part))
            return true;
    }
    return false;
}

/* 0 outside, 1 inside, 2 named by its node id. */
static int test_in_scope(const struct ptd_select_input *in, const char *name, const char *path)
{
    if (!in->scope || !in->scope[0])
        return 1;
    int best = 0;
    for (const char *const *s = in->scope; *s; s++) {
        if (*scope_path_end(*s)) {
            if (ptd_select_is_below(name, *s))
                return 2;
        } else if (ptd_path_within(path, *s)) {
            best = 1;
        }
    }
    return best;
}

static bool is_excluded_path(const struct ptd_select_input *in, const char *path)
{
    for (const char *const *p = in->excluded_paths; p && *p; p++)
        if (ptd_path_within(path, *p))
            return true;
    return false;
}

static bool is_excluded_id(const struct ptd_select_input *in, const char *name)
{
    for (const char *const *p = in->excluded_ids; p && *p; p++)
        if (strncmp(name, *p, strlen(*p)) == 0)
            return true;
    return false;
}

static void select_item(struct ptd_selection *out, struct ptd_selected item)
{
    out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(item));
    out->items[out->count++] = item;
}

static void keep_valid(struct ptd_selection *out, const struct ptd_select_record *record)
{
    out->valid = ptd_xgrow(out->valid, &out->valid_cap, out->valid_count + 1, sizeof(int64_t));
    out->valid[out->valid_count++] = record->id;
}

/* Why no record counts: what broke the newest, or that it is not of the baseline. */
static enum ptd_reason reason_of(const struct ptd_select_input *in,
                                 const struct ptd_select_node *node, size_t *broken)
{
    *broken = SIZE_MAX;
    if (!node || node->count == 0)
        return PTD_REASON_NEW;
    for (size_t i = 0; i < node->count; i++) {
        *broken = in->records[node->first + i].broken;
        if (*broken != SIZE_MAX)
            return PTD_REASON_CHANGED;
    }
    return PTD_REASON_BASELINE;
}

static struct file_view look_at_file(struct selector *s, const char *path)
{
    const struct ptd_select_input *in = s->in;
    uint64_t number = ptd_map_get(&s->files, path, 0);
    const struct ptd_select_node *node = number ? &in->nodes[number - 1] : NULL;
    struct file_view view = {
        .path = path, .broken = SIZE_MAX, .unaffected_from = s->out->deselect_count};
    view.record = node ? ptd_select_holding(in->records, node, in->since_baseline) : NULL;
    if (!view.record) {
        view.collect = true;
        view.reason = reason_of(in, node, &view.broken);
        if (node && node->count)
            view.record = &in->records[node->first];
    } else {
        if (view.record->outcome == PTD_OUTCOME_ERROR) {
            view.collect = true;
            view.reason = PTD_REASON_UNCOLLECTED;
        }
        keep_valid(s->out, view.record);
    }
    return view;
}

static void look_at_test(struct selector *s, struct file_view *file, const char *name)
{
    const struct ptd_select_input *in = s->in;
    size_t at = ptd_map_find(&s->tests, name, strlen(name));
    const struct ptd_select_node *node =
        at == PTD_MAP_NONE ? NULL : &in->nodes[s->tests.entries[at].value];
    const struct ptd_select_record *valid =
        node ? ptd_select_holding(in->records, node, in->since_baseline) : NULL;
    struct ptd_selected item = {.name = name, .broken = SIZE_MAX};
    int scope = test_in_scope(in, name, file->path);
    if (node && node->count)
        item.duration_us = in->records[node->first].duration_us;
    if (scope)
        s->out->total++;
    if (in->everything)
        item.reason = PTD_REASON_ALL;
    else if (scope == 2)
        item.reason = PTD_REASON_NAMED;
    else if (!valid)
        item.reason = reason_of(in, node, &item.broken);
    else if (ptd_outcome_is_failure(valid->outcome))
        item.reason = PTD_REASON_FAILED;
    if (valid)
        keep_valid(s->out, valid);
    bool affected =
        in->everything || scope == 2 || !valid || ptd_outcome_is_failure(valid->outcome);
    if (affected && !scope) {
        /* Should pytest see the scope otherwise than we do, it runs. */
        s->out->outside++;
        file->outside++;
        return;
    }
    if (affected) {
        if (item.reason == PTD_REASON_NEW && file->reason == PTD_REASON_CHANGED) {
            item.reason = file->reason;
            item.broken = file->broken;
        }
        s->out->known_failures += item.reason == PTD_REASON_FAILED;
        select_item(s->out, item);
        file->selected++;
        return;
    }
    s->out->deselect = ptd_xgrow(s->out->deselect, &s->out->deselect_cap,
                                 s->out->deselect_count + 1, sizeof(char *));
    s->out->deselect[s->out->deselect_count++] = name;
}

/* A file none of whose tests runs is not collected at all: its tests leave `deselect`. */
static void ignore_file(struct ptd_selection *out, const struct file_view *file)
{
    out->ignored_tests += out->deselect_count - file->unaffected_from;
    out->deselect_count = file->unaffected_from;
    out->ignore = ptd_xgrow(out->ignore, &out->ignore_cap, out->ignore_count + 1, sizeof(char *));
    out->ignore[out->ignore_count++] = file->path;
}

static void select_file(struct selector *s, const char *path, struct file_view **collect,
                        size_t *count, size_t *cap)
{
    struct file_view view = look_at_file(s, path);
    if (s->in->everything)
        view.collect = true;
    const char *names = view.record ? view.record->tests : NULL;
    size_t len = view.record ? view.record->tests_len : 0;
    for (size_t at = 0; names && at < len; at += strlen(names + at) + 1)
        if (!is_excluded_id(s->in, names + at))
            look_at_test(s, &view, names + at);
    if (view.collect && file_in_scope(s->in, path)) {
        *collect = ptd_xgrow(*collect, cap, *count + 1, sizeof(view));
        (*collect)[(*count)++] = view;
    } else if (!view.collect && view.selected == 0 && view.outside == 0) {
        ignore_file(s->out, &view);
    }
}

static size_t add_file(struct selector *s, const char *path)
{
    bool added;
    size_t at = ptd_map_put(&s->files, path, strlen(path), 0, &added);
    s->paths = ptd_xgrow(s->paths, &s->paths_cap, s->files.count, sizeof(char *));
    if (added)
        s->paths[at] = path;
    return at;
}

static void index_nodes(struct selector *s)
{
    const struct ptd_select_input *in = s->in;
    for (size_t i = 0; i < in->node_count; i++) {
        const struct ptd_select_node *node = &in->nodes[i];
        if (!node->present || is_excluded_path(in, node->path))
            continue;
        if (!node->is_file)
            ptd_map_puts(&s->tests, node->name, i);
        size_t at = add_file(s, node->path);
        if (node->is_file)
            s->files.entries[at].value = i + 1;
    }
    for (size_t i = 0; i < in->test_file_count; i++)
        if (!is_excluded_path(in, in->test_files[i]))
            add_file(s, in->test_files[i]);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void ptd_select(const struct ptd_select_input *input, struct ptd_selection *out)
{
    *out = (struct ptd_selection){0};
    struct selector s = {.in = input, .out = out};
    index_nodes(&s);
    const char **paths = s.paths;
    if (s.files.count)
        qsort(paths, s.files.count, sizeof(char *), compare_paths);

    struct file_view *collect = NULL;
    size_t count = 0, cap = 0;
    for (size_t i = 0; i < s.files.count; i++)
        select_file(&s, paths[i], &collect, &count, &cap);
    out->tests = out->count;
    for (size_t i = 0; i < count; i++) {
        if (collect[i].record && collect[i].record->outcome != PTD_OUTCOME_ERROR &&
            collect[i].selected)
            continue; /* its tests stand for it */
        if (input->everything && collect[i].record)
            continue;
        out->new_files += collect[i].reason == PTD_REASON_NEW;
        select_item(out, (struct ptd_selected){.name = collect[i].path,
                                               .is_file = true,
                                               .reason = collect[i].reason,
                                               .broken = collect[i].broken});
    }
    free(collect);
    free(paths);
    ptd_map_release(&s.tests);
    ptd_map_release(&s.files);
}

void ptd_selection_release(struct ptd_selection *selection)
{
    free(selection->items);
    free(selection->ignore);
    free(selection->deselect);
    free(selection->valid);
    *selection = (struct ptd_selection){0};
}
