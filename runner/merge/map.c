#include "merge/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/order.h"
#include "state/code_list.h"
#include "store/details.h"
#include "store/transplant.h"

/* Numbers from here on stand for no single code object (record/deps.h). */
#define FIRST_SPECIAL 0xfffffff0u

/* Of one content: the new number of each code object of its list here. */
struct ptd_merge_codes {
    uint32_t *to; /* owned */
    size_t count;
};

/* Numbers to be sorted. */
struct numbers {
    uint64_t *items;
    size_t count, cap;
};

static void numbers_add(struct numbers *n, uint64_t value)
{
    n->items = ptd_xgrow(n->items, &n->cap, n->count + 1, sizeof(*n->items));
    n->items[n->count++] = value;
}

void ptd_merge_map_put(struct ptd_map *ids, ptd_id from, ptd_id to)
{
    ptd_map_put(ids, &from, sizeof(from), (uint64_t)to, NULL);
}

ptd_id ptd_merge_map_get(const struct ptd_map *ids, ptd_id from)
{
    size_t at = ptd_map_find(ids, &from, sizeof(from));
    return at == PTD_MAP_NONE ? 0 : (ptd_id)ids->entries[at].value;
}

int ptd_merge_damaged(struct ptd_merge_map *map, const char *what, struct ptd_err *err)
{
    ptd_err_set(err, PTD_E_STORE, "%s is damaged: %s", ptd_store_path(map->from), what);
    if (err)
        err->sys_errno = EBADMSG;
    return -1;
}

static int see_version(ptd_id id, const struct ptd_hash128 *hash, void *arg)
{
    struct ptd_merge_map *map = arg;
    map->hash_list = ptd_xgrow(map->hash_list, &map->hash_cap, map->hash_count + 1, sizeof(*hash));
    map->hash_list[map->hash_count] = *hash;
    ptd_map_put(&map->hashes, &id, sizeof(id), map->hash_count++, NULL);
    return 0;
}

int ptd_merge_map_init(struct ptd_merge_map *map, struct ptd_store *from, struct ptd_store *into,
                       struct ptd_err *err)
{
    *map = (struct ptd_merge_map){.from = from, .into = into};
    return ptd_store_each_version(from, see_version, map, err);
}

void ptd_merge_map_release(struct ptd_merge_map *map)
{
    struct ptd_map *const maps[] = {&map->files,   &map->versions, &map->fingerprints,
                                    &map->depsets, &map->nodes,    &map->environments,
                                    &map->labels,  &map->runs,     &map->hashes,
                                    &map->codes,   &map->tests};
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        ptd_map_release(maps[i]);
    for (size_t i = 0; i < map->code_count; i++)
        free(map->code_lists[i].to);
    free(map->code_lists);
    free(map->hash_list);
}

/* What was learnt by parsing, else the source that can be parsed. */
static int copy_content(struct ptd_merge_map *map, ptd_id from, ptd_id to, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf data = PTD_BUF_INIT, known = PTD_BUF_INIT;
    bool has_blocks, has_source, had_blocks;
    if (ptd_store_get_blocks(map->into, to, &known, &had_blocks, err) < 0 ||
        ptd_store_get_blocks(map->from, from, &data, &has_blocks, err) < 0)
        return -1;
    if (had_blocks)
        return 0;
    if (has_blocks)
        return ptd_store_set_blocks(map->into, to, data.data, data.len, err);
    if (ptd_store_get_source(map->from, from, &data, &has_source, err) < 0)
        return -1;
    return has_source ? ptd_store_set_source(map->into, to, data.data, data.len, err) : 0;
}

/* The list there gets what only the list here has. */
static int unite_codes(struct ptd_merge_map *map, ptd_id from, ptd_id to, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf here = PTD_BUF_INIT, there = PTD_BUF_INIT, all = PTD_BUF_INIT;
    PTD_CLEANUP_MAP struct ptd_map old = PTD_MAP_INIT, list = PTD_MAP_INIT;
    if (ptd_store_get_codes(map->from, from, &here, err) < 0 ||
        ptd_store_get_codes(map->into, to, &there, err) < 0)
        return -1;
    if (ptd_code_list_read(&old, &here) < 0 || ptd_code_list_read(&list, &there) < 0)
        return ptd_merge_damaged(map, "a list of code objects", err);
    size_t known = list.count;
    struct ptd_merge_codes codes = {ptd_xcalloc(old.count + 1, sizeof(uint32_t)), old.count};
    for (size_t i = 0; i < old.count; i++) {
        const char *name;
        uint32_t line;
        ptd_code_list_key(&old.entries[i], &line, &name);
        codes.to[i] =
            (uint32_t)ptd_code_list_add(&list, line, name, old.entries[i].len - sizeof(line)) + 1;
    }
    map->code_lists =
        ptd_xgrow(map->code_lists, &map->code_cap, map->code_count + 1, sizeof(*map->code_lists));
    map->code_lists[map->code_count] = codes;
    ptd_map_put(&map->codes, &from, sizeof(from), map->code_count++, NULL);
    if (list.count == known)
        return 0;
    ptd_code_list_write(&list, &all);
    return ptd_store_set_codes(map->into, to, all.data, all.len, err);
}

int ptd_merge_version(struct ptd_merge_map *map, ptd_id from, ptd_id *to, struct ptd_err *err)
{
    bool parsed;
    *to = from == PTD_VERSION_UNKNOWN ? from : ptd_merge_map_get(&map->versions, from);
    if (*to)
        return 0;
    size_t at = ptd_map_find(&map->hashes, &from, sizeof(from));
    if (at == PTD_MAP_NONE)
        return ptd_merge_damaged(map, "a content is missing", err);
    const struct ptd_hash128 *hash = &map->hash_list[map->hashes.entries[at].value];
    if (ptd_store_version(map->into, hash, true, to, &parsed, err) < 0 ||
        copy_content(map, from, *to, err) < 0 || unite_codes(map, from, *to, err) < 0)
        return -1;
    ptd_merge_map_put(&map->versions, from, *to);
    return 0;
}

int ptd_merge_code(struct ptd_merge_map *map, ptd_id version, uint32_t *code, struct ptd_err *err)
{
    if (*code == 0 || *code >= FIRST_SPECIAL)
        return 0;
    size_t at = ptd_map_find(&map->codes, &version, sizeof(version));
    const struct ptd_merge_codes *codes =
        at == PTD_MAP_NONE ? NULL : &map->code_lists[map->codes.entries[at].value];
    if (!codes || *code > codes->count)
        return ptd_merge_damaged(map, "a code object is missing", err);
    *code = codes->to[*code - 1];
    return 0;
}

static int map_codes(struct ptd_merge_map *map, const struct ptd_fingerprint *fp,
                     struct ptd_buf *out, struct ptd_err *err)
{
    struct ptd_reader r = ptd_reader_init(fp->codes, fp->codes_len);
    struct numbers numbers = {0};
    uint32_t code = 0;
    int failed = 0;
    while (r.pos < r.end && !failed) {
        code += (uint32_t)ptd_reader_varint(&r);
        uint32_t there = code;
        failed = r.bad ? ptd_merge_damaged(map, "a fingerprint", err)
                       : ptd_merge_code(map, fp->version, &there, err);
        numbers_add(&numbers, there);
    }
    ptd_buf_add_ascending(out, numbers.items, numbers.count);
    free(numbers.items);
    return failed;
}

static int map_fingerprint(struct ptd_merge_map *map, ptd_id from, ptd_id *to, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT, codes = PTD_BUF_INIT;
    struct ptd_fingerprint fp;
    ptd_id version;
    bool found;
    *to = ptd_merge_map_get(&map->fingerprints, from);
    if (*to)
        return 0;
    if (ptd_store_fingerprint_get(map->from, from, &fp, &blob, &found, err) < 0)
        return -1;
    ptd_id file = found ? ptd_merge_map_get(&map->files, fp.file) : 0;
    if (!file)
        return ptd_merge_damaged(map, "a dependency is missing", err);
    if (ptd_merge_version(map, fp.version, &version, err) < 0 ||
        map_codes(map, &fp, &codes, err) < 0 ||
        ptd_store_fingerprint(map->into, file, version, codes.data, codes.len, to, err) < 0)
        return -1;
    ptd_merge_map_put(&map->fingerprints, from, *to);
    return 0;
}

int ptd_merge_depset(struct ptd_merge_map *map, ptd_id from, ptd_id *to, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT, out = PTD_BUF_INIT;
    struct numbers numbers = {0};
    uint64_t id = 0;
    bool found;
    *to = ptd_merge_map_get(&map->depsets, from);
    if (*to)
        return 0;
    if (ptd_store_depset_get(map->from, from, &blob, &found, err) < 0)
        return -1;
    struct ptd_reader r = ptd_reader_init(blob.data, blob.len);
    int failed = found ? 0 : ptd_merge_damaged(map, "a dependency set is missing", err);
    while (r.pos < r.end && !failed) {
        ptd_id there = 0;
        id += ptd_reader_varint(&r);
        failed = r.bad ? ptd_merge_damaged(map, "a dependency set", err)
                       : map_fingerprint(map, (ptd_id)id, &there, err);
        numbers_add(&numbers, (uint64_t)there);
    }
    ptd_buf_add_ascending(&out, numbers.items, numbers.count);
    free(numbers.items);
    if (failed || ptd_store_depset(map->into, out.data, out.len, to, err) < 0)
        return -1;
    ptd_merge_map_put(&map->depsets, from, *to);
    return 0;
}

struct set {
    uint64_t id, label;
};

static int order_sets(const void *a, const void *b)
{
    const struct set *x = a, *y = b;
    int by_id = ptd_order_u64(&x->id, &y->id);
    return by_id ? by_id : ptd_order_u64(&x->label, &y->label);
}

static uint64_t map_label(const struct ptd_merge_map *map, uint64_t label)
{
    if (label < PTD_LABEL_FIXTURE)
        return label;
    ptd_id there = ptd_merge_map_get(&map->labels, (ptd_id)(label - PTD_LABEL_FIXTURE));
    return there ? (uint64_t)there + PTD_LABEL_FIXTURE : PTD_LABEL_UNKNOWN;
}

int ptd_merge_sets(struct ptd_merge_map *map, const struct ptd_record *record,
                   struct ptd_buf *depsets, struct ptd_buf *labels, struct ptd_err *err)
{
    struct ptd_reader r = ptd_reader_init(record->depsets, record->depsets_len);
    struct ptd_reader whose = ptd_reader_init(record->labels, record->labels_len);
    struct set *sets = NULL;
    size_t count = 0, cap = 0;
    int failed = 0;
    while (r.pos < r.end && !failed) {
        ptd_id there = 0, id = (ptd_id)ptd_reader_varint(&r);
        uint64_t label = whose.pos < whose.end ? ptd_reader_varint(&whose) : PTD_LABEL_UNKNOWN;
        failed = r.bad ? ptd_merge_damaged(map, "a record", err)
                       : ptd_merge_depset(map, id, &there, err);
        sets = ptd_xgrow(sets, &cap, count + 1, sizeof(*sets));
        sets[count++] = (struct set){(uint64_t)there, map_label(map, label)};
    }
    if (count)
        qsort(sets, count, sizeof(*sets), order_sets);
    for (size_t i = 0; i < count && !failed; i++) {
        if (i && sets[i].id == sets[i - 1].id)
            continue;
        ptd_buf_add_varint(depsets, sets[i].id);
        ptd_buf_add_varint(labels, sets[i].label);
    }
    free(sets);
    return failed;
}

int ptd_merge_file_list(struct ptd_merge_map *map, const void *data, size_t len,
                        struct ptd_buf *out, struct ptd_err *err)
{
    struct ptd_reader r = ptd_reader_init(data, len);
    struct numbers numbers = {0};
    uint64_t id = 0;
    int failed = 0;
    while (r.pos < r.end && !failed) {
        id += ptd_reader_varint(&r);
        ptd_id there = r.bad ? 0 : ptd_merge_map_get(&map->files, (ptd_id)id);
        failed = there ? 0 : ptd_merge_damaged(map, "a list of files", err);
        numbers_add(&numbers, (uint64_t)there);
    }
    ptd_buf_add_ascending(out, numbers.items, numbers.count);
    free(numbers.items);
    return failed;
}
