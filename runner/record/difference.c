#include "record/difference.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/order.h"
#include "record/hints.h"

/* Names have other numbers in another version, so those of the namespace are used. */
static void add_bound(const struct ptd_ns_version *v, const struct ptd_definition *d,
                      struct ptd_buf *key)
{
    PTD_CLEANUP_FREE uint32_t *names = ptd_xcalloc(d->bind_count, sizeof(uint32_t));
    for (size_t i = 0; i < d->bind_count; i++)
        names[i] = v->names[d->binds[i]];
    if (d->bind_count)
        qsort(names, d->bind_count, sizeof(uint32_t), ptd_order_u32);
    ptd_buf_add(key, names, d->bind_count * sizeof(uint32_t));
}

static void add_key(const struct ptd_ns_version *v, uint32_t at, struct ptd_buf *key)
{
    const struct ptd_definition *d = &v->defs.items[at];
    if (d->owner != PTD_NO_DEFINITION)
        add_key(v, d->owner, key);
    ptd_buf_addc(key, '/');
    if (d->kind == PTD_DEFINES_EFFECT || d->bind_count == 0) {
        ptd_buf_addc(key, '!');
        ptd_buf_add(key, &d->checksum, sizeof(d->checksum));
        return;
    }
    add_bound(v, d, key);
    for (size_t i = 0; i < d->import_count; i++) {
        uint32_t module = v->names[d->imports[i].module];
        ptd_buf_add(key, &module, sizeof(module));
    }
}

/* Keys of all definitions, and for each its place in `keys`; the second of equals has a number
 * behind. */
static uint32_t *index_keys(const struct ptd_ns_version *v, struct ptd_map *keys)
{
    PTD_CLEANUP_MAP struct ptd_map seen = PTD_MAP_INIT;
    PTD_CLEANUP_BUF struct ptd_buf key = PTD_BUF_INIT;
    uint32_t *of = ptd_xcalloc(v->defs.count, sizeof(uint32_t));
    for (size_t i = 0; i < v->defs.count; i++) {
        ptd_buf_reset(&key);
        add_key(v, (uint32_t)i, &key);
        bool added;
        size_t at = ptd_map_put(&seen, key.data, key.len, 0, &added);
        if (!added) {
            uint64_t number = ++seen.entries[at].value;
            ptd_buf_addc(&key, '#');
            ptd_buf_add(&key, &number, sizeof(number));
        }
        of[i] = (uint32_t)ptd_map_put(keys, key.data, key.len, i, NULL);
    }
    return of;
}

static void add_different(struct ptd_difference *out, bool now, uint32_t definition)
{
    out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
    out->items[out->count++] = (struct ptd_different){now, definition};
}

static bool mentions(const struct ptd_ns_version *v, const struct ptd_definition *d, uint32_t name)
{
    uint32_t how = 0;
    for (size_t i = 0; i < d->mentions.count; i++)
        if (v->names[d->mentions.items[i].name] == name)
            how = d->mentions.items[i].how;
    return how & PTD_MENTION_NAME;
}

/* A function that nothing beside it needs while the module runs may stand anywhere. */
static bool is_movable(const struct ptd_ns_version *v, uint32_t at)
{
    const struct ptd_definition *d = &v->defs.items[at];
    if (d->kind == PTD_DEFINES_IMPORT || d->kind == PTD_DEFINES_NOTHING)
        return true;
    if (d->kind != PTD_DEFINES_FUNCTION || d->flags & PTD_DEFINITION_DECORATED ||
        d->flags & PTD_DEFINITION_CALLS || d->bind_count != 1)
        return false;
    uint32_t name = v->names[d->binds[0]];
    for (size_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *other = &v->defs.items[i];
        if (i == at)
            continue;
        for (size_t k = 0; other->owner == d->owner && k < other->bind_count; k++)
            if (v->names[other->binds[k]] == name)
                return false;
        if (mentions(v, other, name))
            return false;
    }
    return true;
}

static bool is_in_order(const struct ptd_ns_version *old, const uint32_t *in_now)
{
    uint32_t last = 0;
    for (size_t i = 0; i < old->defs.count; i++) {
        if (in_now[i] == PTD_NS_NONE)
            continue;
        if (in_now[i] < last)
            return false;
        last = in_now[i];
    }
    return true;
}

/* Whether a definition needs a name that is bound only behind it. */
static bool needs_later(const struct ptd_ns_version *v, uint32_t at)
{
    const struct ptd_mentions *m = &v->defs.items[at].mentions;
    uint32_t from = at;
    while (v->defs.items[from].owner != PTD_NO_DEFINITION)
        from = v->defs.items[from].owner;
    for (size_t i = 0; i < m->count; i++) {
        size_t first, last;
        if (!(m->items[i].how & PTD_MENTION_NAME))
            continue;
        ptd_namespace_bindings(v, v->names[m->items[i].name], &first, &last);
        if (first < last && v->bindings[first].definition > from)
            return true;
    }
    return false;
}

/* Matched definitions that changed places; in a class it is the class that changed. */
static void compare_order(const struct ptd_ns_version *old, const struct ptd_ns_version *now,
                          const uint32_t *in_now, struct ptd_difference *out)
{
    PTD_CLEANUP_FREE uint32_t *last = ptd_xcalloc(old->defs.count + 1, sizeof(uint32_t));
    for (size_t i = 0; i < old->defs.count; i++) {
        uint32_t owner = old->defs.items[i].owner, at = in_now[i];
        uint32_t *before = &last[owner == PTD_NO_DEFINITION ? old->defs.count : owner];
        if (at != PTD_NS_NONE && needs_later(now, at) && !needs_later(old, (uint32_t)i))
            out->reordered = true;
        if (at == PTD_NS_NONE || (at + 1 < *before && is_movable(old, (uint32_t)i)))
            continue;
        if (at + 1 >= *before) {
            /* What may be moved must not make others look moved. */
            if (!is_movable(old, (uint32_t)i))
                *before = at + 1;
        } else if (owner == PTD_NO_DEFINITION) {
            out->reordered = true;
        } else {
            add_different(out, false, owner);
        }
    }
}

/* The interpreter, or what decorates the class, may look at the header of such a method. */
static bool is_looked_at(const struct ptd_ns_version *v, const struct ptd_definition *d)
{
    const char *name = d->bind_count ? v->defs.names[d->binds[0]] : "";
    return d->owner != PTD_NO_DEFINITION && strncmp(name, "__", 2) == 0 &&
           v->defs.items[d->owner].flags & PTD_DEFINITION_DECORATED;
}

static bool is_same(struct ptd_namespace *ns, uint32_t module, const struct ptd_ns_version *old,
                    const struct ptd_ns_version *now, uint32_t before, uint32_t after)
{
    const struct ptd_definition *a = &old->defs.items[before], *b = &now->defs.items[after];
    if (a->kind != b->kind)
        return false;
    if (a->checksum == b->checksum)
        return true;
    return a->kind == PTD_DEFINES_FUNCTION && a->plain == b->plain && !ns->hints_read &&
           !is_looked_at(now, b) && ptd_hints_hold(ns, module, now, after, old, before);
}

void ptd_difference_find(struct ptd_namespace *ns, uint32_t module,
                         const struct ptd_ns_version *old, const struct ptd_ns_version *now,
                         struct ptd_difference *out)
{
    PTD_CLEANUP_MAP struct ptd_map keys = PTD_MAP_INIT, now_keys = PTD_MAP_INIT;
    *out = (struct ptd_difference){0};
    PTD_CLEANUP_FREE uint32_t *of_old = index_keys(old, &keys);
    free(index_keys(now, &now_keys));
    PTD_CLEANUP_FREE uint32_t *in_now = ptd_xcalloc(old->defs.count, sizeof(uint32_t));
    PTD_CLEANUP_FREE unsigned char *matched = ptd_xcalloc(now->defs.count, 1);
    for (size_t i = 0; i < old->defs.count; i++) {
        const struct ptd_map_entry *key = &keys.entries[of_old[i]];
        size_t found = ptd_map_find(&now_keys, key->key, key->len);
        in_now[i] = found < now_keys.count ? (uint32_t)now_keys.entries[found].value : PTD_NS_NONE;
        if (in_now[i] == PTD_NS_NONE) {
            add_different(out, false, (uint32_t)i);
            continue;
        }
        matched[in_now[i]] = 1;
        if (is_same(ns, module, old, now, (uint32_t)i, in_now[i]))
            continue;
        add_different(out, false, (uint32_t)i);
        add_different(out, true, in_now[i]);
    }
    for (size_t i = 0; i < now->defs.count; i++)
        if (!matched[i])
            add_different(out, true, (uint32_t)i);
    if (!is_in_order(old, in_now))
        compare_order(old, now, in_now, out);
}

void ptd_difference_release(struct ptd_difference *difference)
{
    free(difference->items);
    *difference = (struct ptd_difference){0};
}
