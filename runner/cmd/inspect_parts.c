#include "cmd/inspect_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/prior.h"
#include "config/nearest.h"
#include "record/deps.h"
#include "record/parts.h"
#include "record/users.h"

/* What is read once for an answer. */
struct reader {
    struct ptd_store *store;
    struct ptd_store_files files;
    struct ptd_map file_at; /* id of a file → position in `files` */
    struct ptd_labels labels;
    struct ptd_state state; /* its store only: for the blocks of contents */
    ptd_id *environments;   /* owned */
    char **names;           /* owned: of the environments */
    size_t environment_count, environment_cap, name_cap;
    bool json;
    struct ptd_buf *out;
    size_t answers;
};

static int see_environment(ptd_id id, const char *name, void *arg)
{
    struct reader *r = arg;
    size_t n = r->environment_count++;
    r->environments = ptd_xgrow(r->environments, &r->environment_cap, n + 1, sizeof(ptd_id));
    r->names = ptd_xgrow(r->names, &r->name_cap, n + 1, sizeof(char *));
    r->environments[n] = id;
    r->names[n] = ptd_xstrdup(name);
    return 0;
}

static int open_reader(struct reader *r, struct ptd_err *err)
{
    if (ptd_store_files(r->store, &r->files, err) < 0 ||
        ptd_labels_load(&r->labels, r->store, err) < 0)
        return -1;
    for (size_t i = 0; i < r->files.count; i++)
        ptd_map_put(&r->file_at, &r->files.items[i].id, sizeof(ptd_id), i, NULL);
    return ptd_store_each_environment(r->store, see_environment, r, err);
}

static void close_reader(struct reader *r)
{
    for (size_t i = 0; i < r->environment_count; i++)
        free(r->names[i]);
    free(r->environments);
    free(r->names);
    ptd_map_release(&r->file_at);
    ptd_labels_release(&r->labels);
    ptd_state_release(&r->state);
    ptd_store_files_release(&r->files);
}

static const char *label_text(const struct reader *r, uint64_t label)
{
    static const char *const texts[] = {
        "on its behalf",
        "by the test itself",
        "by the place of the test",
        "by the collection of its file",
        "imported by the test",
        "imported by its file",
        "by every test",
        "imported for every test",
        "by the programs that it starts",
        "unknown: recording was disturbed",
        "by conftest.py files",
        "by what ran once for several tests",
        "unknown: imported, and not recorded yet",
    };
    if (label >= PTD_LABEL_FIXTURE) {
        const char *name = ptd_labels_fixture(&r->labels, label);
        return name ? name : "a fixture";
    }
    return label < sizeof(texts) / sizeof(texts[0]) ? texts[label] : texts[0];
}

static const char *const kind_names[] = {"source", "file",        "import",   "layout",
                                         "config", "options",     "packages", "listing",
                                         "exists", "environment", "rule"};

static const char *kind_name(enum ptd_file_kind kind)
{
    size_t at = (size_t)kind;
    return at < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[at] : "fact";
}

static const char *key_text(const char *key)
{
    if (!*key)
        return "module level";
    return strcmp(key, PTD_USERS_WHOLE) == 0 ? "all of it" : key;
}

/* One file of a record: the blocks by the way they came. */
static void add_part(struct reader *r, const struct ptd_part *part)
{
    size_t at = ptd_map_find(&r->file_at, &part->file, sizeof(part->file));
    if (at == PTD_MAP_NONE)
        return;
    const struct ptd_store_file *f = &r->files.items[r->file_at.entries[at].value];
    const struct ptd_blocks *blocks = f->kind == PTD_FILE_SOURCE && part->version > 0
                                          ? ptd_state_blocks(&r->state, part->version)
                                          : NULL;
    PTD_CLEANUP_BUF struct ptd_buf name = PTD_BUF_INIT;
    if (f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE)
        ptd_buf_adds(&name, f->path);
    else
        ptd_buf_addf(&name, "%s%s%s", kind_name(f->kind), f->path[0] ? " " : "", f->path);
    if (r->json) {
        ptd_buf_adds(r->out, r->answers++ ? ",{\"path\":" : "{\"path\":");
        ptd_json_string(r->out, f->path);
        ptd_buf_addf(r->out, ",\"kind\":\"%s\",\"through\":", kind_name(f->kind));
        ptd_json_string(r->out, label_text(r, part->label));
        ptd_buf_adds(r->out, ",\"blocks\":[");
    } else {
        ptd_buf_addf(r->out, "  %s (%s)", name.data, label_text(r, part->label));
    }
    struct ptd_u32s used = {0};
    if (f->kind == PTD_FILE_SOURCE)
        ptd_part_blocks(part, &r->state, &used);
    for (size_t i = 0; i < used.count; i++) {
        uint32_t b = used.items[i];
        const char *key = blocks && b < blocks->count && b != PTD_DEP_WHOLE ? blocks->items[b].key
                          : b == 0                                          ? ""
                                                                            : PTD_USERS_WHOLE;
        if (r->json) {
            ptd_buf_adds(r->out, i ? "," : "");
            ptd_json_string(r->out, key);
        } else {
            ptd_buf_addf(r->out, "%s%s", i ? ", " : ": ", key_text(key));
        }
    }
    free(used.items);
    ptd_buf_adds(r->out, r->json ? "]}" : "\n");
}

static enum ptd_file_kind kind_of(const struct reader *r, ptd_id file)
{
    size_t at = ptd_map_find(&r->file_at, &file, sizeof(file));
    return at == PTD_MAP_NONE ? PTD_FILE_OPAQUE : r->files.items[r->file_at.entries[at].value].kind;
}

static int compare_parts(const void *a, const void *b)
{
    const struct ptd_part *x = a, *y = b;
    uint64_t left = ptd_label_rank(x->label), right = ptd_label_rank(y->label);
    if (left != right)
        return left < right ? -1 : 1;
    return x->file < y->file ? -1 : x->file > y->file;
}

/* The newest record of a test. */
struct newest {
    ptd_id node;
    bool found;
    int outcome;
    uint64_t duration_us;
    struct ptd_buf depsets, labels;
};

static int see_record(const struct ptd_record *row, void *arg)
{
    struct newest *n = arg;
    if (row->node != n->node || n->found)
        return 0;
    n->found = true;
    n->outcome = row->outcome;
    n->duration_us = row->duration_us;
    ptd_buf_add(&n->depsets, row->depsets, row->depsets_len);
    ptd_buf_add(&n->labels, row->labels, row->labels_len);
    return 0;
}

static int add_record(struct reader *r, size_t environment, ptd_id node, struct ptd_err *err)
{
    struct newest n = {.node = node};
    struct ptd_parts parts = {0};
    int failed =
        ptd_store_each_record(r->store, r->environments[environment], see_record, &n, err) < 0 ||
        (n.found && ptd_parts_read(r->store, n.depsets.data, n.depsets.len, n.labels.data,
                                   n.labels.len, &parts, err) < 0);
    if (!failed && n.found) {
        if (parts.count)
            qsort(parts.items, parts.count, sizeof(*parts.items), compare_parts);
        if (r->json) {
            ptd_buf_adds(r->out, r->answers ? ",{\"environment\":" : "{\"environment\":");
            ptd_json_string(r->out, r->names[environment]);
            ptd_buf_addf(r->out, ",\"outcome\":\"%s\",\"duration\":%.6f,\"dependencies\":[",
                         ptd_outcome_name(n.outcome), (double)n.duration_us / 1e6);
            r->answers = 0;
        } else {
            ptd_buf_addf(r->out, "%s: %s in %.2f s, with", r->names[environment],
                         ptd_outcome_name(n.outcome), (double)n.duration_us / 1e6);
            ptd_buf_addf(r->out, " %zu dependenc%s\n", parts.count, parts.count == 1 ? "y" : "ies");
        }
        size_t names = 0;
        for (size_t i = 0; i < parts.count; i++) {
            bool name = !r->json && kind_of(r, parts.items[i].file) == PTD_FILE_IMPORT;
            names += name;
            if (!name)
                add_part(r, &parts.items[i]);
        }
        if (names)
            ptd_buf_addf(r->out, "  %zu names of modules that were asked for (--json lists them)\n",
                         names);
        if (r->json)
            ptd_buf_adds(r->out, "]}");
        r->answers = 1;
    }
    ptd_parts_release(&parts);
    ptd_buf_release(&n.depsets);
    ptd_buf_release(&n.labels);
    return failed ? -1 : 0;
}

/* Looks for a test by its name, and for the name that is nearest. */
struct search {
    const char *nodeid;
    ptd_id node;
    char near[400];
    size_t distance;
};

static int see_node(const struct ptd_store_node *node, void *arg)
{
    struct search *s = arg;
    if (node->is_file)
        return 0;
    if (strcmp(node->name, s->nodeid) == 0)
        s->node = node->id;
    if (s->node || s->distance <= 1 || strlen(node->name) >= sizeof(s->near))
        return 0;
    size_t distance = ptd_nearest_distance(s->nodeid, node->name, s->distance - 1);
    if (distance < s->distance) {
        s->distance = distance;
        strcpy(s->near, node->name);
    }
    return 0;
}

int ptd_inspect_test(struct ptd_store *store, const char *nodeid, bool json, struct ptd_buf *out,
                     struct ptd_err *err)
{
    struct reader r = {.store = store, .state = {.store = store}, .json = json, .out = out};
    struct search s = {.nodeid = nodeid, .distance = 9};
    int failed = open_reader(&r, err) < 0 || ptd_store_each_node(store, see_node, &s, err) < 0;
    if (!failed && !s.node) {
        failed = ptd_err_set(err, PTD_E_USAGE, "\"%s\" is no recorded test", nodeid);
        if (s.near[0])
            ptd_err_hint(err, "did you mean %s?", s.near);
    }
    if (!failed && json) {
        ptd_buf_adds(out, "{\"version\":1,\"nodeid\":");
        ptd_json_string(out, nodeid);
        ptd_buf_adds(out, ",\"records\":[");
    } else if (!failed) {
        ptd_buf_addf(out, "%s\n", nodeid);
    }
    for (size_t i = 0; i < r.environment_count && !failed; i++)
        failed = add_record(&r, i, s.node, err);
    if (!failed && json)
        ptd_buf_adds(out, "]}\n");
    close_reader(&r);
    return failed ? -1 : 0;
}

static void add_user(struct reader *r, const struct ptd_users *users, const struct ptd_user *user)
{
    if (r->json) {
        ptd_buf_adds(r->out, r->answers++ ? ",{\"nodeid\":" : "{\"nodeid\":");
        ptd_json_string(r->out, user->nodeid);
        ptd_buf_adds(r->out, ",\"blocks\":[");
    } else {
        ptd_buf_addf(r->out, "  %s", user->nodeid);
    }
    const char *comma = r->json ? "" : ": ";
    for (size_t i = 0; i < users->keys.count; i++) {
        const char *key = users->keys.entries[i].key;
        if (!(user->keys[i / 8] >> (i % 8) & 1))
            continue;
        ptd_buf_adds(r->out, comma);
        comma = r->json ? "," : ", ";
        if (r->json)
            ptd_json_string(r->out, key);
        else
            ptd_buf_adds(r->out, key_text(key));
    }
    ptd_buf_adds(r->out, r->json ? "]}" : "\n");
}

static int add_users(struct reader *r, size_t environment, ptd_id file, const char *path,
                     struct ptd_err *err)
{
    struct ptd_users users;
    struct ptd_users_request request = {
        .state = &r->state, .environment = r->environments[environment], .file = file};
    if (ptd_users_find(&request, &users, err) < 0)
        return -1;
    if (r->json) {
        ptd_buf_adds(r->out, environment ? ",{\"environment\":" : "{\"environment\":");
        ptd_json_string(r->out, r->names[environment]);
        ptd_buf_addf(r->out, ",\"total\":%zu,\"tests\":[", users.total);
        r->answers = 0;
    } else {
        ptd_buf_addf(r->out, "%s, %s: %zu of", path, r->names[environment], users.count);
        ptd_buf_addf(r->out, " %zu tests\n", users.total);
    }
    for (size_t i = 0; i < users.count; i++)
        add_user(r, &users, &users.items[i]);
    if (r->json)
        ptd_buf_adds(r->out, "]}");
    ptd_users_release(&users);
    return 0;
}

/* Row of a source or another real file; 0 when there is none. */
static ptd_id file_of(const struct reader *r, const char *path)
{
    for (size_t i = 0; i < r->files.count; i++) {
        const struct ptd_store_file *f = &r->files.items[i];
        bool real = f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE;
        if (real && strcmp(f->path, path) == 0)
            return f->id;
    }
    return 0;
}

static int refuse_file(const struct reader *r, const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_FREE const char **names = ptd_xcalloc(r->files.count + 1, sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; i < r->files.count; i++)
        if (r->files.items[i].kind == PTD_FILE_SOURCE || r->files.items[i].kind == PTD_FILE_OPAQUE)
            names[count++] = r->files.items[i].path;
    const char *near = ptd_nearest_find(path, names, count, 4);
    ptd_err_set(err, PTD_E_USAGE, "no test is known to depend on a file \"%s\"", path);
    if (near)
        ptd_err_hint(err, "did you mean %s?", near);
    return -1;
}

int ptd_inspect_file(struct ptd_store *store, const char *path, bool json, struct ptd_buf *out,
                     struct ptd_err *err)
{
    struct reader r = {.store = store, .state = {.store = store}, .json = json, .out = out};
    int failed = open_reader(&r, err);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    ptd_id file = failed ? 0 : file_of(&r, path);
    if (!failed && !file)
        failed = refuse_file(&r, path, err);
    if (!failed && json) {
        ptd_buf_adds(out, "{\"version\":1,\"path\":");
        ptd_json_string(out, path);
        ptd_buf_adds(out, ",\"environments\":[");
    }
    for (size_t i = 0; i < r.environment_count && !failed; i++)
        failed = add_users(&r, i, file, path, err);
    if (!failed && json)
        ptd_buf_adds(out, "]}\n");
    close_reader(&r);
    return failed ? -1 : 0;
}
