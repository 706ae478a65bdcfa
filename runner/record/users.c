#include "record/users.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/deps.h"
#include "state/codes.h"

/* Sets of keys by the id of a fingerprint or a dependency set; a bit for each key. */
struct sets {
    struct ptd_map ids; /* id → position */
    unsigned char *bits;
    size_t width, cap;
};

struct finder {
    const struct ptd_users_request *request;
    struct ptd_users *out;
    struct ptd_map versions; /* that fingerprints of the file have: id → 0 */
    /* While the keys are collected: pairs of a fingerprint and the number of a key. */
    uint64_t (*pairs)[2];
    size_t pair_count, pair_cap;
    const struct ptd_blocks *blocks; /* of the version that is visited */
    ptd_id version;
    struct ptd_map entered; /* keys of its blocks that imports of modules entered */
    struct sets fingerprints, depsets;
    ptd_id last_node;
    struct ptd_map nodes; /* id of a test → position in `out` + 1 */
};

static unsigned char *bits_of(struct sets *sets, ptd_id id)
{
    bool added;
    size_t at = ptd_map_put(&sets->ids, &id, sizeof(id), sets->ids.count, &added);
    if (added) {
        size_t old = (sets->ids.count - 1) * sets->width;
        sets->bits = ptd_xgrow(sets->bits, &sets->cap, old + sets->width, 1);
        memset(sets->bits + old, 0, sets->width);
    }
    return sets->bits + sets->ids.entries[at].value * sets->width;
}

static const unsigned char *known_bits(const struct sets *sets, ptd_id id)
{
    size_t at = ptd_map_find(&sets->ids, &id, sizeof(id));
    return at == PTD_MAP_NONE ? NULL : sets->bits + sets->ids.entries[at].value * sets->width;
}

static int visit_used(ptd_id file, ptd_id version, void *arg)
{
    struct finder *f = arg;
    if (file == f->request->file)
        ptd_map_put(&f->versions, &version, sizeof(version), 0, NULL);
    return 0;
}

static void add_pair(struct finder *f, ptd_id fingerprint, const char *key)
{
    size_t at = ptd_map_puts(&f->out->keys, key, f->out->keys.count);
    f->pairs = ptd_xgrow(f->pairs, &f->pair_cap, f->pair_count + 1, sizeof(*f->pairs));
    f->pairs[f->pair_count][0] = (uint64_t)fingerprint;
    f->pairs[f->pair_count++][1] = f->out->keys.entries[at].value;
}

/* What imports entered is not in the fingerprints: it may reach all that import the file. */
static int visit_calls(const struct ptd_import_calls *row, void *arg)
{
    struct finder *f = arg;
    struct ptd_reader r = ptd_reader_init(row->calls, row->calls_len);
    if (row->callee_file != f->request->file || row->callee_version != f->version)
        return 0;
    while (f->blocks && r.pos < r.end && !r.bad) {
        uint32_t block =
            ptd_codes_block(f->request->state, f->version, (uint32_t)ptd_reader_varint(&r));
        ptd_reader_varint(&r);
        if (!r.bad && block < f->blocks->count)
            ptd_map_puts(&f->entered, f->blocks->items[block].key, 0);
    }
    return 0;
}

static void add_entered(struct finder *f, ptd_id fingerprint)
{
    for (size_t i = 0; i < f->entered.count; i++)
        add_pair(f, fingerprint, f->entered.entries[i].key);
}

static int visit_fingerprint(const struct ptd_fingerprint *fp, void *arg)
{
    struct finder *f = arg;
    struct ptd_reader r = ptd_reader_init(fp->codes, fp->codes_len);
    uint32_t code = 0;
    if (fp->version == PTD_VERSION_UNKNOWN)
        add_pair(f, fp->id, PTD_USERS_WHOLE);
    while (r.pos < r.end) {
        code += (uint32_t)ptd_reader_varint(&r);
        if (r.bad)
            break;
        if (code == 0)
            add_entered(f, fp->id);
        if (code == PTD_DEP_LAZY || code == PTD_DEP_BLUNT)
            continue; /* beside the module level */
        uint32_t block = f->blocks && code != PTD_DEP_WHOLE
                             ? ptd_codes_block(f->request->state, fp->version, code)
                             : PTD_DEP_WHOLE;
        bool known = f->blocks && block < f->blocks->count && !f->blocks->broken;
        add_pair(f, fp->id, known ? f->blocks->items[block].key : PTD_USERS_WHOLE);
    }
    return 0;
}

static int visit_depset(ptd_id id, const void *data, size_t len, void *arg)
{
    struct finder *f = arg;
    struct ptd_reader r = ptd_reader_init(data, len);
    ptd_id fingerprint = 0;
    while (r.pos < r.end) {
        fingerprint += (ptd_id)ptd_reader_varint(&r);
        const unsigned char *from = r.bad ? NULL : known_bits(&f->fingerprints, fingerprint);
        if (r.bad)
            break;
        if (!from)
            continue;
        unsigned char *to = bits_of(&f->depsets, id);
        for (size_t i = 0; i < f->depsets.width; i++)
            to[i] |= from[i];
    }
    return 0;
}

static int visit_node(const struct ptd_store_node *node, void *arg)
{
    struct finder *f = arg;
    if (!node->is_file)
        ptd_map_put(&f->nodes, &node->id, sizeof(node->id), 0, NULL);
    return 0;
}

static void add_user(struct finder *f, const struct ptd_record *row)
{
    struct ptd_reader r = ptd_reader_init(row->depsets, row->depsets_len);
    struct ptd_user *user = NULL;
    while (r.pos < r.end) {
        ptd_id id = (ptd_id)ptd_reader_varint(&r);
        const unsigned char *from = r.bad ? NULL : known_bits(&f->depsets, id);
        if (r.bad)
            return;
        if (!from)
            continue;
        if (!user) {
            struct ptd_users *out = f->out;
            out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
            user = &out->items[out->count++];
            *user = (struct ptd_user){row->node, NULL, ptd_xcalloc(f->depsets.width, 1)};
            size_t at = ptd_map_find(&f->nodes, &row->node, sizeof(row->node));
            f->nodes.entries[at].value = out->count;
        }
        for (size_t i = 0; i < f->depsets.width; i++)
            user->keys[i] |= from[i];
    }
}

static int visit_record(const struct ptd_record *row, void *arg)
{
    struct finder *f = arg;
    const struct ptd_map *chosen = f->request->chosen;
    if (chosen ? ptd_map_find(chosen, &row->id, sizeof(row->id)) == PTD_MAP_NONE
               : row->node == f->last_node)
        return 0;
    f->last_node = row->node;
    if (ptd_map_find(&f->nodes, &row->node, sizeof(row->node)) == PTD_MAP_NONE)
        return 0; /* of a file */
    f->out->total++;
    add_user(f, row);
    return 0;
}

static int visit_name(const struct ptd_store_node *node, void *arg)
{
    struct finder *f = arg;
    size_t at = ptd_map_find(&f->nodes, &node->id, sizeof(node->id));
    if (at != PTD_MAP_NONE && f->nodes.entries[at].value)
        f->out->items[f->nodes.entries[at].value - 1].nodeid = ptd_xstrdup(node->name);
    return 0;
}

static int compare_users(const void *a, const void *b)
{
    return strcmp(((const struct ptd_user *)a)->nodeid, ((const struct ptd_user *)b)->nodeid);
}

static int find_prints(struct finder *f, struct ptd_err *err)
{
    const struct ptd_users_request *q = f->request;
    if (ptd_store_each_used_version(q->state->store, visit_used, f, err) < 0)
        return -1;
    for (size_t i = 0; i < f->versions.count; i++) {
        ptd_id version;
        memcpy(&version, f->versions.entries[i].key, sizeof(version));
        f->blocks = version > 0 ? ptd_state_blocks(q->state, version) : NULL;
        f->version = version;
        ptd_map_release(&f->entered);
        f->entered = (struct ptd_map)PTD_MAP_INIT;
        if (ptd_store_each_import_calls(q->state->store, visit_calls, f, err) < 0 ||
            ptd_store_each_fingerprint(q->state->store, q->file, version, visit_fingerprint, f,
                                       err) < 0)
            return -1;
    }
    f->fingerprints.width = f->depsets.width = f->out->keys.count / 8 + 1;
    for (size_t i = 0; i < f->pair_count; i++)
        bits_of(&f->fingerprints, (ptd_id)f->pairs[i][0])[f->pairs[i][1] / 8] |=
            (unsigned char)(1u << (f->pairs[i][1] % 8));
    return 0;
}

int ptd_users_find(const struct ptd_users_request *request, struct ptd_users *out,
                   struct ptd_err *err)
{
    struct finder f = {.request = request, .out = out};
    *out = (struct ptd_users){0};
    if (ptd_store_begin_read(request->state->store, err) < 0)
        return -1;
    int failed = find_prints(&f, err) < 0 ||
                 ptd_store_each_depset(request->state->store, visit_depset, &f, err) < 0 ||
                 ptd_store_each_node(request->state->store, visit_node, &f, err) < 0 ||
                 ptd_store_each_record(request->state->store, request->environment, visit_record,
                                       &f, err) < 0 ||
                 ptd_store_each_node(request->state->store, visit_name, &f, err) < 0;
    ptd_store_rollback(request->state->store);
    free(f.pairs);
    free(f.fingerprints.bits);
    free(f.depsets.bits);
    ptd_map_release(&f.entered);
    ptd_map_release(&f.versions);
    ptd_map_release(&f.fingerprints.ids);
    ptd_map_release(&f.depsets.ids);
    ptd_map_release(&f.nodes);
    if (failed) {
        ptd_users_release(out);
        return -1;
    }
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), compare_users);
    return 0;
}

static bool has_key(const struct ptd_users *users, const struct ptd_user *user, const char *key)
{
    size_t at = ptd_map_find(&users->keys, key, strlen(key));
    if (at == PTD_MAP_NONE)
        return false;
    uint64_t bit = users->keys.entries[at].value;
    return user->keys[bit / 8] >> (bit % 8) & 1;
}

bool ptd_users_has(const struct ptd_users *users, const struct ptd_user *user, const char *key)
{
    return has_key(users, user, key) || has_key(users, user, PTD_USERS_WHOLE);
}

size_t ptd_users_count(const struct ptd_users *users, const char *key)
{
    size_t count = 0;
    for (size_t i = 0; i < users->count; i++)
        count += ptd_users_has(users, &users->items[i], key);
    return count;
}

void ptd_users_release(struct ptd_users *users)
{
    for (size_t i = 0; i < users->count; i++) {
        free(users->items[i].nodeid);
        free(users->items[i].keys);
    }
    free(users->items);
    ptd_map_release(&users->keys);
    *users = (struct ptd_users){0};
}
