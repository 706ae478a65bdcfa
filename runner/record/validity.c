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
        fingerprint, (size_t)(pair->file - pair->state->files), ptd_xstrdup(what)};
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
        bool whole = r.bad || code == PTD_DEP_WHOLE;
        uint32_t block = whole ? UINT32_MAX : ptd_codes_block(pair->state, pair->version, code);
        if (block >= pair->old->count) {
            add_broken(pair, fp->id, "content");
            return 0;
        }
        if (!pair->changed[block])
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

static int compare_pair(struct ptd_state *state, struct ptd_validity *out, ptd_id file_id,
                        ptd_id version, struct ptd_err *err)
{
    const struct ptd_state_file *file = ptd_state_by_id(state, file_id);
    struct pair pair = {.out = out, .state = state, .file = file, .version = version};
    if (file)
        pair.everything = describe_whole(state, file, version);
    if (file && file->kind == PTD_FILE_SOURCE && version > 0 && file->version != 0) {
        const struct ptd_blocks *now = ptd_state_blocks(state, file->version);
        pair.old = ptd_state_blocks(state, version);
        if (now && now->broken)
            pair.everything = "does not parse";
        if (pair.old && now && !pair.old->broken && !now->broken)
            pair.changed = compare_blocks(pair.old, now);
    }
    int result =
        ptd_store_each_fingerprint(state->store, file_id, version, visit_fingerprint, &pair, err);
    free(pair.changed);
    return result;
}

struct used {
    ptd_id file, version;
};

struct used_list {
    struct ptd_state *state;
    struct used *items;
    size_t count, cap;
};

static int visit_used(ptd_id file, ptd_id version, void *arg)
{
    struct used_list *list = arg;
    const struct ptd_state_file *f = ptd_state_by_id(list->state, file);
    if (f && f->version == version)
        return 0;
    list->items = ptd_xgrow(list->items, &list->cap, list->count + 1, sizeof(*list->items));
    list->items[list->count++] = (struct used){file, version};
    return 0;
}

static int visit_depset(ptd_id id, const void *data, size_t len, void *arg)
{
    struct ptd_validity *v = arg;
    struct ptd_reader r = ptd_reader_init(data, len);
    uint32_t first = 0;
    uint64_t fingerprint = 0;
    grow_u32(&v->by_depset, &v->depset_size, (size_t)id);
    while (r.pos < r.end && !r.bad && !first) {
        fingerprint += ptd_reader_varint(&r);
        if (fingerprint < v->fingerprint_size)
            first = v->by_fingerprint[fingerprint];
    }
    v->by_depset[id] = r.bad || first == FOREIGN ? 0 : first + 1;
    return 0;
}

static int find(struct ptd_state *state, struct ptd_validity *out, struct ptd_err *err)
{
    struct used_list used = {.state = state};
    int result = ptd_store_each_used_version(state->store, visit_used, &used, err);
    for (size_t i = 0; result == 0 && i < used.count; i++)
        result = compare_pair(state, out, used.items[i].file, used.items[i].version, err);
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
    return result;
}

void ptd_validity_release(struct ptd_validity *v)
{
    for (size_t i = 0; i < v->count; i++)
        free((char *)v->broken[i].what);
    free(v->broken);
    free(v->by_fingerprint);
    free(v->by_depset);
    *v = (struct ptd_validity){0};
}

const struct ptd_broken *ptd_validity_of(const struct ptd_validity *v, const void *depsets,
                                         size_t len)
{
    static const struct ptd_broken lost = {0, SIZE_MAX, "lost from the database"};
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
    return NULL;
}
