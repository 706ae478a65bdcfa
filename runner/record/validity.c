#include "record/validity.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/deps.h"
#include "state/codes.h"

/* In `by_fingerprint`: of a file that came to be known after the state was looked at. */
#define FOREIGN UINT32_MAX

/* The blocks of one recorded version, each with what became of it. */
struct pair {
    struct ptd_validity *out;
    struct ptd_state *state;
    const struct ptd_state_file *file; /* NULL: not known to the state */
    ptd_id version;                    /* the recorded one */
    const struct ptd_blocks *old;
    unsigned char *changed; /* per block of `old`; NULL: nothing can be told, all of it changed */
    bool by_names;          /* a change of the module level is judged by names */
    const char *everything; /* what to say then */
};

static void grow_u32(uint32_t **array, size_t *size, size_t need)
{
    if (need < *size)
        return;
    size_t want = need * 2 + 64;
    *array = ptd_xrealloc(*array, want * sizeof(uint32_t));
    memset(*array + *size, 0, (want - *size) * sizeof(uint32_t));
    *size = want;
}

static void add_broken(struct pair *pair, ptd_id fingerprint, const char *what)
{
    struct ptd_validity *v = pair->out;
    v->broken = ptd_xgrow(v->broken, &v->cap, v->count + 1, sizeof(*v->broken));
    v->broken[v->count++] = (struct ptd_broken){
        .fingerprint = fingerprint,
        .file = (size_t)(pair->file - pair->state->files),
        .what = ptd_xstrdup(what),
        .derived = pair->file->kind > PTD_FILE_OPAQUE,
    };
    grow_u32(&v->by_fingerprint, &v->fingerprint_size, (size_t)fingerprint);
    v->by_fingerprint[fingerprint] = (uint32_t)v->count;
}

/* For each block of the old version whether the new one lacks it or has another checksum under its
 * key. */
static unsigned char *compare_blocks(const struct ptd_blocks *old, const struct ptd_blocks *now)
{
    PTD_CLEANUP_MAP struct ptd_map keys = PTD_MAP_INIT;
    unsigned char *changed = ptd_xcalloc(old->count, 1);
    for (size_t i = 0; i < now->count; i++)
        ptd_map_puts(&keys, now->items[i].key, i);
    for (size_t i = 0; i < old->count; i++) {
        uint64_t at = ptd_map_get(&keys, old->items[i].key, UINT64_MAX);
        changed[i] = at == UINT64_MAX || now->items[at].checksum != old->items[i].checksum ||
                     now->items[at].kind != old->items[i].kind;
    }
    return changed;
}

static int visit_fingerprint(const struct ptd_fingerprint *fp, void *arg)
{
    struct pair *pair = arg;
    if (!pair->file) {
        grow_u32(&pair->out->by_fingerprint, &pair->out->fingerprint_size, (size_t)fp->id);
        pair->out->by_fingerprint[fp->id] = FOREIGN;
        return 0;
    }
    if (!pair->changed) {
        add_broken(pair, fp->id, pair->everything);
        return 0;
    }
    struct ptd_reader r = ptd_reader_init(fp->codes, fp->codes_len);
    uint32_t code = 0;
    const char *module_level = NULL;
    while (r.pos < r.end) {
        code += (uint32_t)ptd_reader_varint(&r);
        if (!r.bad && code == PTD_DEP_LAZY)
            continue;
        if (!r.bad && code == PTD_DEP_BLUNT) {
            if (pair->changed[0])
                module_level = "module level";
            continue;
        }
        bool whole = r.bad || code == PTD_DEP_WHOLE;
        uint32_t block = whole ? UINT32_MAX : ptd_codes_block(pair->state, pair->version, code);
        if (block >= pair->old->count) {
            add_broken(pair, fp->id, "content");
            return 0;
        }
        if (!pair->changed[block] || (block == 0 && pair->by_names))
            continue;
        if (block == 0) {
            module_level = "module level";
            continue; /* a function says more */
        }
        add_broken(pair, fp->id, pair->old->items[block].key);
        return 0;
    }
    if (module_level)
        add_broken(pair, fp->id, module_level);
    return 0;
}

static const char *describe_whole(struct ptd_state *state, const struct ptd_state_file *file,
                                  ptd_id version)
{
    if (file->version == 0)
        return "deleted";
    if (file->unreadable)
        return "unreadable";
    if (version == PTD_VERSION_UNKNOWN)
        return "recorded incompletely";
    if (file->kind == PTD_FILE_LISTING)
        return "files came or went";
    if (file->kind == PTD_FILE_EXISTS && ptd_state_is_absence(state, file->version))
        return "deleted";
    if (file->kind == PTD_FILE_EXISTS && ptd_state_is_absence(state, version))
        return "appeared";
    if (file->kind == PTD_FILE_OPAQUE)
        return "content";
    return "changed";
}

/* A used version of a file that is another now. */
struct used {
    ptd_id file, version;
    unsigned char *changed; /* owned: per block; NULL: not to be judged by names */
};

struct used_list {
    struct ptd_state *state;
    struct used *items;
    size_t count, cap;
};

static int compare_pair(struct ptd_state *state, struct ptd_validity *out, struct used *used,
                        struct ptd_err *err)
{
    const struct ptd_state_file *file = ptd_state_by_id(state, used->file);
    struct pair pair = {.out = out, .state = state, .file = file, .version = used->version};
    if (file)
        pair.everything = describe_whole(state, file, used->version);
    if (file && file->kind == PTD_FILE_SOURCE && used->version > 0 && file->version != 0) {
        const struct ptd_blocks *now = ptd_state_blocks(state, file->version);
        pair.old = ptd_state_blocks(state, used->version);
        if (now && now->broken)
            pair.everything = "does not parse";
        if (pair.old && now && !pair.old->broken && !now->broken)
            pair.changed = compare_blocks(pair.old, now);
        pair.by_names = pair.changed && pair.old->definitions.len && now->definitions.len;
    }
    int result = ptd_store_each_fingerprint(state->store, used->file, used->version,
                                            visit_fingerprint, &pair, err);
    if (pair.by_names)
        used->changed = pair.changed;
    else
        free(pair.changed);
    return result;
}

static int visit_used(ptd_id file, ptd_id version, void *arg)
{
    struct used_list *list = arg;
    const struct ptd_state_file *f = ptd_state_by_id(list->state, file);
    if (f && f->version == version)
        return 0;
    list->items = ptd_xgrow(list->items, &list->cap, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = (struct used){file, version, NULL};
    return 0;
}

/* ---- changes that are judged by names ---- */

/* Marks in `wanted` the used versions of which an import entered a function that changed. */
struct call_search {
    const struct used_list *used;
    struct ptd_map index; /* (file, version) → position in `used` */
    unsigned char *wanted;
};

static int visit_call(const struct ptd_import_calls *row, void *arg)
{
    struct call_search *search = arg;
    const ptd_id key[] = {row->callee_file, row->callee_version};
    size_t at = ptd_map_find(&search->index, key, sizeof(key));
    if (at == PTD_MAP_NONE)
        return 0;
    size_t position = (size_t)search->index.entries[at].value;
    const struct used *u = &search->used->items[position];
    const struct ptd_blocks *old = ptd_state_blocks(search->used->state, u->version);
    struct ptd_reader r = ptd_reader_init(row->calls, row->calls_len);
    while (r.pos < r.end && !r.bad) {
        uint32_t block =
            ptd_codes_block(search->used->state, u->version, (uint32_t)ptd_reader_varint(&r));
        ptd_reader_varint(&r);
        if (!old || block >= old->count || (block > 0 && u->changed[block]))
            search->wanted[position] = 1;
    }
    return 0;
}

/* Which of the used versions can reach anything by names; NULL: none. Owned. */
static unsigned char *find_wanted(const struct used_list *used, struct ptd_err *err)
{
    unsigned char *wanted = ptd_xcalloc(used->count, 1);
    struct call_search search = {.used = used, .wanted = wanted};
    bool any = false;
    for (size_t i = 0; i < used->count; i++) {
        const ptd_id key[] = {used->items[i].file, used->items[i].version};
        if (!used->items[i].changed)
            continue;
        wanted[i] = used->items[i].changed[0];
        ptd_map_put(&search.index, key, sizeof(key), i, NULL);
    }
    int failed = search.index.count
                     ? ptd_store_each_import_calls(used->state->store, visit_call, &search, err)
                     : 0;
    ptd_map_release(&search.index);
    for (size_t i = 0; i < used->count; i++)
        any |= wanted[i];
    if (failed || !any) {
        free(wanted);
        return NULL;
    }
    return wanted;
}

/* Every version that a record saw takes part: its code mentions names as well. */
static void add_versions(struct ptd_namespace *ns, const struct used_list *used)
{
    for (size_t i = 0; i < used->count; i++) {
        uint32_t module = ptd_namespace_module(ns, used->items[i].file);
        if (module != PTD_NS_NONE && used->items[i].version > 0)
            ptd_namespace_add(ns, module, used->items[i].version);
    }
}

static int start_impact(struct ptd_impact *impact, const struct used_list *used,
                        const unsigned char *wanted, struct ptd_err *err)
{
    PTD_CLEANUP_FREE struct ptd_impact_pair *pairs = ptd_xcalloc(used->count, sizeof(*pairs));
    size_t count = 0;
    ptd_namespace_init(&impact->ns, used->state);
    impact->namespace_made = true;
    add_versions(&impact->ns, used);
    if (ptd_namespace_load_calls(&impact->ns, err) < 0)
        return -1;
    for (size_t i = 0; i < used->count; i++) {
        if (!wanted[i])
            continue;
        uint32_t module = ptd_namespace_module(&impact->ns, used->items[i].file);
        pairs[count++] = (struct ptd_impact_pair){
            module, ptd_namespace_version(&impact->ns, module, used->items[i].version),
            used->items[i].changed};
    }
    ptd_impact_start(impact, pairs, count);
    return ptd_impact_fingerprints(impact, used->state->store, err);
}

static int judge_by_names(struct ptd_validity *out, const struct used_list *used,
                          struct ptd_err *err)
{
    struct ptd_err problem = {0};
    PTD_CLEANUP_FREE unsigned char *wanted = find_wanted(used, &problem);
    if (!wanted && problem.msg[0]) {
        if (err)
            *err = problem;
        return -1;
    }
    return wanted ? start_impact(&out->impact, used, wanted, err) : 0;
}

/* Which of two says more, as positions in `broken` + 1: a file itself rather than what follows from
 * it. */
static uint32_t clearer(const struct ptd_validity *v, uint32_t first, uint32_t other)
{
    if (!first || other == FOREIGN)
        return other;
    if (first == FOREIGN)
        return first;
    return v->broken[first - 1].derived && !v->broken[other - 1].derived ? other : first;
}

static int visit_depset(ptd_id id, const void *data, size_t len, void *arg)
{
    struct ptd_validity *v = arg;
    struct ptd_reader r = ptd_reader_init(data, len);
    uint32_t first = 0;
    uint64_t fingerprint = 0;
    grow_u32(&v->by_depset, &v->depset_size, (size_t)id);
    while (r.pos < r.end && !r.bad) {
        fingerprint += ptd_reader_varint(&r);
        if (fingerprint < v->fingerprint_size && v->by_fingerprint[fingerprint])
            first = clearer(v, first, v->by_fingerprint[fingerprint]);
    }
    v->by_depset[id] = r.bad || first == FOREIGN ? 0 : first + 1;
    if (v->impact.count && v->by_depset[id] == 1)
        ptd_impact_add_depset(&v->impact, id, data, len);
    return 0;
}

static int find(struct ptd_state *state, struct ptd_validity *out, struct ptd_err *err)
{
    struct used_list used = {.state = state};
    int result = ptd_store_each_used_version(state->store, visit_used, &used, err);
    for (size_t i = 0; result == 0 && i < used.count; i++)
        result = compare_pair(state, out, &used.items[i], err);
    if (result == 0)
        result = judge_by_names(out, &used, err);
    for (size_t i = 0; i < used.count; i++)
        free(used.items[i].changed);
    free(used.items);
    if (result == 0)
        result = ptd_store_each_depset(state->store, visit_depset, out, err);
    return result;
}

int ptd_validity_find(struct ptd_state *state, struct ptd_validity *out, struct ptd_err *err)
{
    *out = (struct ptd_validity){0};
    /* Otherwise a set written meanwhile could name fingerprints that were not compared. */
    if (ptd_store_begin_read(state->store, err) < 0)
        return -1;
    int result = find(state, out, err);
    ptd_store_rollback(state->store);
    return result == 0 ? ptd_state_save_parsed(state, err) : result;
}

void ptd_validity_release(struct ptd_validity *v)
{
    for (size_t i = 0; i < v->count; i++)
        free((char *)v->broken[i].what);
    free(v->broken);
    free(v->by_fingerprint);
    free(v->by_depset);
    ptd_impact_release(&v->impact);
    *v = (struct ptd_validity){0};
}

/* The broken dependency that stands for a change; made when it is first asked for. */
static const struct ptd_broken *broken_by(struct ptd_validity *v, struct ptd_impact_change *change)
{
    if (!change->reason) {
        v->broken = ptd_xgrow(v->broken, &v->cap, v->count + 1, sizeof(*v->broken));
        v->broken[v->count++] =
            (struct ptd_broken){.file = change->file, .what = ptd_xstrdup(change->what)};
        change->reason = (uint32_t)v->count;
    }
    return &v->broken[change->reason - 1];
}

const struct ptd_broken *ptd_validity_of(struct ptd_validity *v, const struct ptd_impact_node *node,
                                         const void *depsets, size_t len)
{
    static const struct ptd_broken lost = {.file = SIZE_MAX, .what = "lost from the database"};
    struct ptd_reader r = ptd_reader_init(depsets, len);
    if (len == 0) /* every record depends on something */
        return &lost;
    while (r.pos < r.end && !r.bad) {
        uint64_t id = ptd_reader_varint(&r);
        if (r.bad || id >= v->depset_size || v->by_depset[id] == 0)
            return &lost;
        if (v->by_depset[id] > 1)
            return &v->broken[v->by_depset[id] - 2];
    }
    if (!v->impact.count)
        return NULL;
    struct ptd_impact_change *change = ptd_impact_of(&v->impact, node, depsets, len);
    return change ? broken_by(v, change) : NULL;
}
