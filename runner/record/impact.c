#include "record/impact.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/annotations.h"
#include "record/deps.h"
#include "state/codes.h"

#define RULE_BITS 8

static uint64_t touch_bit(size_t rule)
{
    return (uint64_t)1 << (RULE_BITS + 2 * rule);
}

static uint64_t named_bit(size_t rule)
{
    return (uint64_t)2 << (RULE_BITS + 2 * rule);
}

/* ---- what changed, in words ---- */

static void describe_definition(const struct ptd_ns_version *v, const struct ptd_definition *d,
                                struct ptd_buf *out)
{
    const char *name = d->bind_count ? v->defs.names[d->binds[0]] : NULL;
    if (d->kind == PTD_DEFINES_EFFECT || !name) {
        ptd_buf_addf(out, "module level: statement with effects, line %u", d->line);
        return;
    }
    if (d->kind == PTD_DEFINES_NOTHING) {
        ptd_buf_addf(out, "docstring, line %u", d->line);
        return;
    }
    if (d->owner != PTD_NO_DEFINITION) {
        const struct ptd_definition *class = &v->defs.items[d->owner];
        ptd_buf_addf(out, "class attribute %s.%s",
                     class->bind_count ? v->defs.names[class->binds[0]] : "", name);
        return;
    }
    if (d->kind == PTD_DEFINES_IMPORT)
        ptd_buf_addf(out, "import of %s", name);
    else if (d->kind == PTD_DEFINES_FUNCTION)
        ptd_buf_addf(out, "header of function %s", name);
    else if (d->kind == PTD_DEFINES_CLASS)
        ptd_buf_addf(out, "header of class %s", name);
    else
        ptd_buf_adds(out, name);
}

static void describe(const struct ptd_ns_version *old, const struct ptd_ns_version *now,
                     const struct ptd_difference *diff, struct ptd_buf *out)
{
    size_t count = 0;
    for (size_t i = 0; i < diff->count; i++)
        count += diff->items[i].now;
    if (out->len)
        return;
    if (diff->count == 0) {
        ptd_buf_adds(out, diff->reordered ? "order of definitions" : "code run by an import");
        return;
    }
    const struct ptd_different *first = &diff->items[0];
    const struct ptd_ns_version *v = first->now ? now : old;
    describe_definition(v, &v->defs.items[first->definition], out);
    size_t others = count > 0 ? count - 1 : diff->count - 1;
    if (others)
        ptd_buf_addf(out, " and %zu more", others);
}

/* ---- the changes ---- */

static struct ptd_ns_version *present_version(struct ptd_namespace *ns, uint32_t module,
                                              uint32_t *index)
{
    struct ptd_ns_module *m = &ns->modules[module];
    for (size_t k = 0; k < m->count; k++) {
        *index = (uint32_t)k;
        if (m->versions[k].now)
            return &m->versions[k];
    }
    return NULL;
}

static void first_block(const struct ptd_ns_version *v, const unsigned char *changed,
                        struct ptd_buf *out)
{
    for (size_t i = 1; changed && i < v->blocks->count; i++) {
        if (!changed[i])
            continue;
        ptd_buf_adds(out, v->blocks->items[i].key);
        return;
    }
}

static void begin_definition(struct ptd_spread *spread, const struct ptd_impact_pair *pair,
                             const struct ptd_different *d, const struct ptd_ns_version *old,
                             const struct ptd_ns_version *now)
{
    const struct ptd_ns_version *v = d->now ? now : old;
    uint32_t version = (uint32_t)(v - spread->ns->modules[pair->module].versions);
    if (v->defs.items[d->definition].kind == PTD_DEFINES_IMPORT)
        ptd_spread_import(spread, pair->module, version, d->definition, d->now ? old : now);
    else
        ptd_spread_definition(spread, pair->module, version, d->definition);
}

static void begin_pair(struct ptd_impact *impact, struct ptd_spread *spread,
                       const struct ptd_impact_pair *pair, struct ptd_buf *what)
{
    struct ptd_namespace *ns = &impact->ns;
    uint32_t present = 0;
    const struct ptd_ns_version *old = &ns->modules[pair->module].versions[pair->version];
    const struct ptd_ns_version *now = present_version(ns, pair->module, &present);
    struct ptd_difference diff;
    if (!now || !now->known || !old->known) {
        ptd_spread_module(spread, pair->module);
        return;
    }
    ptd_difference_find(ns, pair->module, old, now, &diff);
    if (diff.reordered)
        ptd_spread_module(spread, pair->module);
    for (size_t i = 0; i < diff.count; i++)
        begin_definition(spread, pair, &diff.items[i], old, now);
    if (diff.count || diff.reordered)
        describe(old, now, &diff, what);
    if (pair->changed &&
        ptd_spread_import_calls(spread, pair->module, pair->version, pair->changed) && !what->len)
        first_block(old, pair->changed, what);
    ptd_difference_release(&diff);
}

void ptd_impact_start(struct ptd_impact *impact, const struct ptd_impact_pair *pairs, size_t count)
{
    PTD_CLEANUP_BUF struct ptd_buf what = PTD_BUF_INIT;
    impact->ns.types_read = ptd_annotations_are_read(&impact->ns);
    impact->ns.hints_read = impact->ns.types_read || ptd_annotations_are_shown(&impact->ns);
    for (size_t i = 0; i < count; i++) {
        size_t at = i < PTD_CHANGES ? i : PTD_CHANGES - 1;
        struct ptd_impact_change *c = &impact->changes[at];
        const uint32_t key[] = {pairs[i].module, pairs[i].version};
        if (at == impact->count) {
            ptd_spread_init(&c->spread, &impact->ns);
            c->file = impact->ns.modules[pairs[i].module].file;
            impact->count++;
        }
        ptd_map_put(&impact->pairs, key, sizeof(key), at, NULL);
        ptd_buf_reset(&what);
        begin_pair(impact, &c->spread, &pairs[i], &what);
        if (!c->what)
            c->what = ptd_xstrdup(what.len ? what.data : "module level");
    }
    for (size_t i = 0; i < impact->count; i++)
        ptd_spread_run(&impact->changes[i].spread);
}

/* ---- blocks ---- */

/* "Cart.total#1" → the name behind the first dot, or none. */
static uint32_t second_part(struct ptd_namespace *ns, const char *key)
{
    const char *dot = strchr(key, '.');
    if (!dot || dot[1] == '<')
        return PTD_NS_NONE;
    PTD_CLEANUP_FREE char *name = ptd_xstrndup(dot + 1, strcspn(dot + 1, ".#"));
    return ptd_namespace_name(ns, name);
}

static uint64_t find_block(struct ptd_impact *impact, const struct ptd_spread *s, uint32_t module,
                           const struct ptd_ns_version *v, uint32_t block)
{
    const struct ptd_mentions *m = &v->defs.blocks[block];
    uint64_t mask = 0;
    if (ptd_spread_is_mentioned(s, module, v, m) ||
        ptd_reach_has(&s->reach, module, v->roots[block]))
        mask |= PTD_IMPACT_REACHED;
    if (m->reflects & PTD_REFLECT_ATTRIBUTES)
        mask |= PTD_IMPACT_REFLECTS;
    if (m->reflects & PTD_REFLECT_MODULES || ptd_spread_has_module(s, module, v, m))
        mask |= PTD_IMPACT_MODULE;
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct ptd_class_rule *rule = &s->rules[i];
        bool inside = ptd_reach_has(&rule->touch, module, v->roots[block]);
        if (inside || ptd_rule_is_touched(rule, module, v, m))
            mask |= touch_bit(i);
        uint32_t part =
            inside ? second_part(&impact->ns, v->blocks->items[block].key) : PTD_NS_NONE;
        if (ptd_rule_is_named(rule, v, m) ||
            (part != PTD_NS_NONE &&
             (ptd_names_has(&rule->attributes, part) || ptd_names_has(&rule->added_to, part))))
            mask |= named_bit(i);
    }
    return mask;
}

/* Many fingerprints have the same blocks: each is judged once. */
static uint64_t judge_block(struct ptd_impact *impact, const struct ptd_spread *s, uint32_t module,
                            const struct ptd_ns_version *v, uint32_t block)
{
    const uint64_t key[] = {(uint64_t)(uintptr_t)s, (uint64_t)(uintptr_t)v, block};
    bool added;
    size_t at = ptd_map_put(&impact->judged, key, sizeof(key), 0, &added);
    if (added) {
        uint64_t mask = find_block(impact, s, module, v, block);
        impact->judged.entries[at].value = mask;
    }
    return impact->judged.entries[at].value;
}

/* Of what the file has as such, whichever of its blocks were used. */
static uint64_t judge_module(const struct ptd_spread *s, uint32_t module)
{
    uint64_t mask = 0;
    if (s->reach.whole[module])
        mask |= PTD_IMPACT_REACHED;
    if (s->fails[module])
        mask |= PTD_IMPACT_FAILS;
    for (size_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].touch.whole[module])
            mask |= touch_bit(i);
    return mask;
}

/* All of a file: its definitions as well as its blocks. */
static uint64_t judge_whole(struct ptd_impact *impact, const struct ptd_spread *s, uint32_t module,
                            const struct ptd_ns_version *v)
{
    uint64_t mask = 0;
    if (s->reach.by_module[module].count || !v->known)
        mask |= PTD_IMPACT_REACHED;
    for (size_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].touch.by_module[module].count)
            mask |= touch_bit(i) | named_bit(i);
    for (uint32_t i = 1; v->known && i < v->defs.block_count; i++)
        mask |= judge_block(impact, s, module, v, i);
    return mask;
}

static uint64_t judge_marker(struct ptd_impact *impact, const struct ptd_spread *s, uint32_t module,
                             const struct ptd_ns_version *v, uint32_t code)
{
    if (code == PTD_DEP_LAZY)
        return s->fails[module] ? PTD_IMPACT_REACHED : 0;
    return judge_whole(impact, s, module, v);
}

static uint64_t judge(struct ptd_impact *impact, const struct ptd_spread *s, uint32_t module,
                      const struct ptd_ns_version *v, const struct ptd_fingerprint *fp)
{
    uint64_t mask = judge_module(s, module);
    struct ptd_reader r = ptd_reader_init(fp->codes, fp->codes_len);
    uint32_t code = 0;
    while (r.pos < r.end) {
        code += (uint32_t)ptd_reader_varint(&r);
        if (r.bad)
            return PTD_IMPACT_REACHED;
        if (code >= PTD_DEP_LAZY) {
            mask |= judge_marker(impact, s, module, v, code);
            continue;
        }
        uint32_t block = code ? ptd_codes_block(impact->ns.state, v->id, code) : 0;
        if (!v->known || block >= v->defs.block_count)
            mask |= PTD_IMPACT_REACHED;
        else if (block > 0)
            mask |= judge_block(impact, s, module, v, block);
    }
    return mask;
}

/* ---- fingerprints, sets, records ---- */

static void grow(uint64_t **masks, uint32_t **has, size_t *size, size_t need, size_t changes)
{
    if (need < *size)
        return;
    size_t want = need * 2 + 64;
    *masks = ptd_xrealloc(*masks, want * changes * sizeof(uint64_t));
    *has = ptd_xrealloc(*has, want * sizeof(uint32_t));
    memset(*masks + *size * changes, 0, (want - *size) * changes * sizeof(uint64_t));
    memset(*has + *size, 0, (want - *size) * sizeof(uint32_t));
    *size = want;
}

static int visit_fingerprint(const struct ptd_fingerprint *fp, void *arg)
{
    struct ptd_impact *impact = arg;
    if (fp->id <= 0)
        return 0;
    grow(&impact->fingerprints, &impact->fingerprint_has, &impact->fingerprint_size, (size_t)fp->id,
         impact->count);
    uint32_t module = ptd_namespace_module(&impact->ns, fp->file);
    if (module == PTD_NS_NONE)
        return 0;
    uint32_t version = ptd_namespace_version(&impact->ns, module, fp->version);
    uint64_t *masks = &impact->fingerprints[(size_t)fp->id * impact->count];
    if (version == PTD_NS_NONE)
        return 0; /* of an unknown version: never valid anyway */
    const struct ptd_ns_version *v = &impact->ns.modules[module].versions[version];
    for (size_t i = 0; i < impact->count; i++)
        masks[i] = judge(impact, &impact->changes[i].spread, module, v, fp);
    const uint32_t key[] = {module, version};
    size_t at = ptd_map_find(&impact->pairs, key, sizeof(key));
    if (at != PTD_MAP_NONE)
        impact->fingerprint_has[fp->id] = 1u << impact->pairs.entries[at].value;
    return 0;
}

int ptd_impact_fingerprints(struct ptd_impact *impact, struct ptd_store *store, struct ptd_err *err)
{
    return ptd_store_every_fingerprint(store, visit_fingerprint, impact, err);
}

void ptd_impact_add_depset(struct ptd_impact *impact, ptd_id id, const void *data, size_t len)
{
    struct ptd_reader r = ptd_reader_init(data, len);
    uint64_t fingerprint = 0;
    grow(&impact->depsets, &impact->depset_has, &impact->depset_size, (size_t)id, impact->count);
    uint64_t *masks = &impact->depsets[(size_t)id * impact->count];
    while (r.pos < r.end && !r.bad) {
        fingerprint += ptd_reader_varint(&r);
        if (fingerprint >= impact->fingerprint_size)
            continue;
        impact->depset_has[id] |= impact->fingerprint_has[fingerprint];
        for (size_t i = 0; i < impact->count; i++)
            masks[i] |= impact->fingerprints[fingerprint * impact->count + i];
    }
}

/* The next name of a node id: "Class" and "test" of "path::Class::test[x]"; PTD_NS_NONE: no more.
 */
static uint32_t next_name(struct ptd_impact *impact, const char **at)
{
    const char *colons = strstr(*at, "::");
    if (!colons)
        return PTD_NS_NONE;
    *at = colons + 2;
    size_t len = strcspn(*at, "[:");
    size_t name = ptd_map_find(&impact->ns.names, *at, len);
    return name == PTD_MAP_NONE ? PTD_NS_NONE - 1 : (uint32_t)name;
}

/* A test mentions itself, also when it was skipped before anything of it ran. */
static uint64_t judge_names(struct ptd_impact *impact, const struct ptd_spread *s, uint32_t module,
                            const char *id)
{
    uint64_t mask = 0;
    uint32_t first = next_name(impact, &id);
    uint32_t second = first == PTD_NS_NONE ? first : next_name(impact, &id);
    if (ptd_reach_has(&s->reach, module, first))
        mask |= PTD_IMPACT_REACHED;
    for (size_t i = 0; i < s->rule_count; i++) {
        if (ptd_reach_has(&s->rules[i].touch, module, first))
            mask |= touch_bit(i);
        if (ptd_names_has(&s->rules[i].attributes, second))
            mask |= named_bit(i);
    }
    return mask;
}

/* The tests in a file may be others when anything that it defines is. */
static bool changes_file(const struct ptd_spread *s, uint32_t module)
{
    if (s->reach.by_module[module].count || s->reach.whole[module])
        return true;
    for (size_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].touch.by_module[module].count)
            return true;
    return false;
}

static bool is_hit(const struct ptd_spread *s, uint64_t mask, bool is_file)
{
    if (mask & PTD_IMPACT_REACHED || (is_file && mask & PTD_IMPACT_FAILS))
        return true;
    if (mask & PTD_IMPACT_REFLECTS && mask & PTD_IMPACT_MODULE)
        return true;
    for (size_t i = 0; i < s->rule_count; i++)
        if (mask & touch_bit(i) && (mask & named_bit(i) || mask & PTD_IMPACT_REFLECTS))
            return true;
    return false;
}

struct ptd_impact_change *ptd_impact_of(struct ptd_impact *impact,
                                        const struct ptd_impact_node *node, const void *depsets,
                                        size_t len)
{
    uint64_t masks[PTD_CHANGES] = {0};
    uint32_t has = 0;
    struct ptd_reader r = ptd_reader_init(depsets, len);
    while (r.pos < r.end && !r.bad) {
        uint64_t id = ptd_reader_varint(&r);
        if (r.bad || id >= impact->depset_size)
            continue;
        has |= impact->depset_has[id];
        for (size_t i = 0; i < impact->count; i++)
            masks[i] |= impact->depsets[id * impact->count + i];
    }
    uint32_t module = ptd_namespace_module(&impact->ns, node->file);
    for (size_t i = 0; i < impact->count; i++) {
        struct ptd_impact_change *c = &impact->changes[i];
        if (!(has >> i & 1))
            continue;
        if (module != PTD_NS_NONE && !node->is_file)
            masks[i] |= judge_names(impact, &c->spread, module, node->name);
        if (is_hit(&c->spread, masks[i], node->is_file) ||
            (node->is_file && module != PTD_NS_NONE && changes_file(&c->spread, module)))
            return c;
    }
    return NULL;
}

void ptd_impact_release(struct ptd_impact *impact)
{
    for (size_t i = 0; i < impact->count; i++) {
        ptd_spread_release(&impact->changes[i].spread);
        free(impact->changes[i].what);
    }
    if (impact->namespace_made)
        ptd_namespace_release(&impact->ns);
    ptd_map_release(&impact->pairs);
    ptd_map_release(&impact->judged);
    free(impact->fingerprints);
    free(impact->fingerprint_has);
    free(impact->depsets);
    free(impact->depset_has);
    *impact = (struct ptd_impact){0};
}
