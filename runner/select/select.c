#include "select/select.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "select/order.h"
#include "select/shard.h"

/* What was found out about one file of tests while its tests are gone through. */
struct file_view {
    const char *path;
    const struct ptd_select_record *record; /* the one that names its tests, or NULL */
    bool collect;
    bool left_out;
    enum ptd_reason reason;
    size_t broken;
    size_t selected_from, selected;     /* its tests in `items` */
    size_t unaffected_from, unaffected; /* its tests in `deselect` */
    size_t outside;                     /* affected, and not in scope */
};

struct selector {
    const struct ptd_select_input *in;
    struct ptd_selection *out;
    struct ptd_map tests; /* node id → node number, of tests */
    struct ptd_map files; /* path → node number of the file + 1, 0 = only its tests are known */
    const char **paths;   /* each of `files`, as the input spells it; owned array of borrowed */
    size_t paths_cap;
    struct file_view *views; /* owned; in the order of paths */
    size_t view_count;
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

/* What keeps a record from counting. */
static size_t obstacle(const struct ptd_select_input *in, const struct ptd_select_record *record)
{
    return in->between ? record->between : record->broken;
}

static const struct ptd_select_record *counting(const struct ptd_select_input *in,
                                                const struct ptd_select_node *node)
{
    if (!in->between)
        return ptd_select_holding(in->records, node, in->since_baseline);
    for (size_t i = node->first; i < node->first + node->count; i++)
        if (obstacle(in, &in->records[i]) == SIZE_MAX)
            return &in->records[i];
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

/* The file itself, or a node id in it, is on the command line. */
static bool is_argument(const struct ptd_select_input *in, const char *path, bool by_node_id)
{
    size_t n = strlen(path);
    for (const char *const *s = in->scope; s && *s; s++)
        if (strncmp(*s, path, n) == 0 &&
            (strncmp(*s + n, "::", 2) == 0 || (!by_node_id && (*s)[n] == '\0')))
            return true;
    return false;
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
        *broken = obstacle(in, &in->records[node->first + i]);
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
    struct file_view view = {.path = path,
                             .broken = SIZE_MAX,
                             .selected_from = s->out->count,
                             .unaffected_from = s->out->deselect_count};
    view.record = node ? counting(in, node) : NULL;
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

/* What is known of one test, before scope and exclusions. */
static struct ptd_selected item_of(const struct selector *s, const struct ptd_select_node *node,
                                   const struct ptd_select_record *valid, bool named)
{
    const struct ptd_select_input *in = s->in;
    struct ptd_selected item = {.broken = SIZE_MAX, .reason = PTD_REASON_ALL};
    if (node && node->count) {
        item.duration_us = in->records[node->first].duration_us;
        item.failed = ptd_outcome_is_failure(in->records[node->first].outcome);
    }
    if (in->everything)
        return item;
    if (named)
        item.reason = PTD_REASON_NAMED;
    else if (!valid)
        item.reason = reason_of(in, node, &item.broken);
    else if (ptd_outcome_is_failure(valid->outcome))
        item.reason = PTD_REASON_FAILED;
    return item;
}

static void leave_unaffected(struct selector *s, struct file_view *file, const char *name)
{
    s->out->deselect = ptd_xgrow(s->out->deselect, &s->out->deselect_cap,
                                 s->out->deselect_count + 1, sizeof(char *));
    s->out->deselect[s->out->deselect_count++] = name;
    file->unaffected++;
}

/* Markers are those that the file had when it was last collected. */
static bool is_left_out(const struct ptd_select_input *in, const struct file_view *file,
                        const char *name)
{
    return file->left_out || (in->left_out && !file->collect &&
                              in->left_out(file->record->id, name, in->left_out_arg));
}

static void look_at_test(struct selector *s, struct file_view *file, const char *name)
{
    const struct ptd_select_input *in = s->in;
    size_t at = ptd_map_find(&s->tests, name, strlen(name));
    const struct ptd_select_node *node =
        at == PTD_MAP_NONE ? NULL : &in->nodes[s->tests.entries[at].value];
    const struct ptd_select_record *valid = node ? counting(in, node) : NULL;
    int scope = test_in_scope(in, name, file->path);
    struct ptd_selected item = item_of(s, node, valid, scope == 2);
    bool affected = in->everything || item.reason != PTD_REASON_ALL;
    item.name = name;
    if (valid)
        keep_valid(s->out, valid);
    if (scope != 2 && is_left_out(in, file, name)) {
        s->out->left_out += affected && scope;
        leave_unaffected(s, file, name);
        return;
    }
    s->out->total += scope != 0;
    if (affected && !scope) {
        /* Should pytest see the scope otherwise than we do, it runs. */
        s->out->outside++;
        file->outside++;
        return;
    }
    if (!affected && !(in->first && scope)) {
        s->out->spared_us += scope ? item.duration_us : 0;
        leave_unaffected(s, file, name);
        return;
    }
    if (item.reason == PTD_REASON_NEW && file->reason == PTD_REASON_CHANGED) {
        item.reason = file->reason;
        item.broken = file->broken;
    }
    s->out->known_failures += item.reason == PTD_REASON_FAILED;
    s->out->affected += affected;
    select_item(s->out, item);
    file->selected++;
}

static struct file_view view_of_file(struct selector *s, const char *path)
{
    const struct ptd_select_input *in = s->in;
    struct file_view view = look_at_file(s, path);
    view.left_out =
        in->left_out && !is_argument(in, path, true) && in->left_out(0, path, in->left_out_arg);
    if (view.left_out)
        view.collect = false;
    else if (in->everything && !in->shards)
        view.collect = true;
    const char *names = view.record ? view.record->tests : NULL;
    size_t len = view.record ? view.record->tests_len : 0;
    for (size_t at = 0; names && at < len; at += strlen(names + at) + 1)
        if (!is_excluded_id(in, names + at))
            look_at_test(s, &view, names + at);
    return view;
}

static void add_elsewhere(struct ptd_selection *out, const char *name)
{
    out->elsewhere =
        ptd_xgrow(out->elsewhere, &out->elsewhere_cap, out->elsewhere_count + 1, sizeof(char *));
    out->elsewhere[out->elsewhere_count++] = name;
}

static void add_passed(struct ptd_selection *out, const char *name)
{
    out->passed = ptd_xgrow(out->passed, &out->passed_cap, out->passed_count + 1, sizeof(char *));
    out->passed[out->passed_count++] = name;
}

/* A failure counts until it has passed here. */
static bool has_passed(const struct ptd_select_input *in, const struct ptd_selected *item)
{
    return in->passed &&
           (item->reason == PTD_REASON_CHANGED || item->reason == PTD_REASON_BASELINE) &&
           in->passed(item->name, in->passed_arg);
}

/* A file none of whose tests runs is not collected at all: they are named in no list. */
static void ignore_file(struct ptd_selection *out, const struct file_view *file)
{
    out->ignored_tests += file->unaffected + file->selected;
    out->ignore = ptd_xgrow(out->ignore, &out->ignore_cap, out->ignore_count + 1, sizeof(char *));
    out->ignore[out->ignore_count++] = file->path;
}

/* Moves what stays of a file to the next free places; `part` of each test, NULL: all are ours. */
static void settle_file(struct selector *s, struct file_view *file, const unsigned *part)
{
    struct ptd_selection *out = s->out;
    size_t ours = 0, end = file->selected_from + file->selected;
    for (size_t i = file->selected_from; i < end; i++) {
        if (part && part[i] != s->in->shard)
            continue;
        if (has_passed(s->in, &out->items[i])) {
            out->all_passed++;
            out->spared_us += out->items[i].duration_us;
        } else {
            ours++;
        }
    }
    /* pytest collects what it is given as an argument in any case. */
    bool ignored =
        !file->collect && !ours && !file->outside && !is_argument(s->in, file->path, false);
    if (ignored) {
        ignore_file(out, file);
    } else {
        if (file->unaffected) /* there may be no array at all */
            memmove(out->deselect + out->deselect_count, out->deselect + file->unaffected_from,
                    file->unaffected * sizeof(*out->deselect));
        out->deselect_count += file->unaffected;
        for (size_t i = file->selected_from; i < end; i++) {
            if (part && part[i] != s->in->shard)
                add_elsewhere(out, out->items[i].name);
            else if (has_passed(s->in, &out->items[i]))
                add_passed(out, out->items[i].name);
            else
                out->items[out->count++] = out->items[i];
        }
    }
    file->selected = ours;
}

/* With all files looked at: which tests are ours, and which files need not be collected. */
static void settle(struct selector *s)
{
    struct ptd_selection *out = s->out;
    unsigned *part = NULL;
    out->all_shards = out->count;
    for (size_t i = 0; i < out->count; i++)
        out->all_known_us += out->items[i].duration_us;
    if (s->in->shards)
        part = ptd_shard_split(out->items, out->count, s->in->shards, &out->split);
    out->count = out->deselect_count = 0;
    for (size_t i = 0; i < s->view_count; i++)
        settle_file(s, &s->views[i], part);
    free(part);
    out->tests = out->count;
    for (size_t i = 0; i < out->count; i++) {
        out->known_us += out->items[i].duration_us;
        out->unknown += out->items[i].duration_us == 0;
    }
    if (s->in->first)
        ptd_order_sort(out->items, out->tests);
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

static void add_file_to_collect(struct selector *s, const struct file_view *file)
{
    const struct ptd_select_input *in = s->in;
    if (!file->collect || !file_in_scope(in, file->path))
        return;
    if (file->record &&
        (in->everything || (file->record->outcome != PTD_OUTCOME_ERROR && file->selected)))
        return; /* its tests stand for it */
    s->out->new_files += file->reason == PTD_REASON_NEW;
    select_item(s->out, (struct ptd_selected){.name = file->path,
                                              .is_file = true,
                                              .reason = file->reason,
                                              .broken = file->broken});
}

void ptd_select(const struct ptd_select_input *input, struct ptd_selection *out)
{
    *out = (struct ptd_selection){0};
    struct selector s = {.in = input, .out = out};
    index_nodes(&s);
    const char **paths = s.paths;
    if (s.files.count)
        qsort(paths, s.files.count, sizeof(char *), compare_paths);

    s.views = ptd_xcalloc(s.files.count + 1, sizeof(*s.views));
    for (; s.view_count < s.files.count; s.view_count++)
        s.views[s.view_count] = view_of_file(&s, paths[s.view_count]);
    settle(&s);
    for (size_t i = 0; i < s.view_count; i++)
        add_file_to_collect(&s, &s.views[i]);
    free(s.views);
    free(paths);
    ptd_map_release(&s.tests);
    ptd_map_release(&s.files);
}

void ptd_selection_release(struct ptd_selection *selection)
{
    free(selection->items);
    free(selection->ignore);
    free(selection->deselect);
    free(selection->elsewhere);
    free(selection->passed);
    free(selection->valid);
    *selection = (struct ptd_selection){0};
}
