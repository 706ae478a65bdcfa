/* What running a definition may have changed besides what it binds. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/deps.h"
#include "record/spread_internal.h"

#define ALIASES_MAX 20

/* As data; otherwise as code, by what is looked for in it (see touch_mentioned). */
#define FOLLOW_DATA 0

/* Whether a name is still to be followed that far; what it leads to is only ever added. */
static bool follow(struct ptd_reach *reach, uint32_t how, uint32_t module, uint32_t name,
                   unsigned depth)
{
    const uint32_t key[] = {how, module, name};
    bool added;
    size_t at = ptd_map_put(&reach->followed, key, sizeof(key), depth, &added);
    if (depth == 0 || (!added && reach->followed.entries[at].value >= depth))
        return false;
    reach->followed.entries[at].value = depth;
    return true;
}

/* Objects that others may add to; a decorator may have made one of a function. */
static bool is_data(const struct ptd_definition *d)
{
    return (d->kind == PTD_DEFINES_VALUE && d->flags & PTD_DEFINITION_MUTABLE) ||
           (d->kind == PTD_DEFINES_FUNCTION && d->flags & PTD_DEFINITION_CALLS) ||
           d->kind == PTD_DEFINES_BRANCHES;
}

static void touch_data(struct ptd_spread *s, struct ptd_reach *reach, uint32_t module,
                       uint32_t name, unsigned depth);
static void touch_aliases(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at,
                          unsigned depth);

/* The next modules that a definition imports a name from, and what it is called there; NULL: no
 * more. */
static const struct ptd_u32s *next_source(struct ptd_spread *s, struct ptd_place_of at,
                                          uint32_t name, size_t *next, uint32_t *there)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    while (*next < d->import_count) {
        const struct ptd_import *im = &d->imports[(*next)++];
        if (im->name == PTD_NO_NAME || im->as == PTD_NO_NAME || v->names[im->as] != name)
            continue;
        *there = v->names[im->name];
        return ptd_namespace_resolve(s->ns, at.module, v->names[im->module]);
    }
    return NULL;
}

static void touch_imported(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at,
                           uint32_t name, unsigned depth)
{
    const struct ptd_u32s *from;
    uint32_t there;
    for (size_t next = 0; (from = next_source(s, at, name, &next, &there));)
        for (size_t f = 0; f < from->count; f++)
            touch_data(s, reach, from->items[f], there, depth);
}

/* An object that is known by this name may have been changed. */
static void touch_data(struct ptd_spread *s, struct ptd_reach *reach, uint32_t module,
                       uint32_t name, unsigned depth)
{
    const struct ptd_ns_module *m = &s->ns->modules[module];
    if (!follow(reach, FOLLOW_DATA, module, name, depth))
        return;
    for (uint32_t k = 0; k < m->count; k++) {
        size_t first, last;
        ptd_namespace_bindings(&m->versions[k], name, &first, &last);
        for (; first < last; first++) {
            struct ptd_place_of at = {module, k, m->versions[k].bindings[first].definition};
            touch_imported(s, reach, at, name, depth - 1);
            if (!is_data(ptd_place_definition(s->ns, at)))
                continue;
            s->grew |= ptd_reach_add(reach, module, name, true);
            if (reach == &s->reach)
                ptd_spread_instance(s, name);
            touch_aliases(s, reach, at, depth - 1);
        }
    }
}

/* `ways`: PTD_MENTION_CHANGED, PTD_MENTION_RETURNED; one of them will do. */
static void touch_mentioned(struct ptd_spread *s, struct ptd_reach *reach, uint32_t module,
                            const struct ptd_ns_version *v, const struct ptd_mentions *m,
                            uint32_t ways)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->items[i].how & PTD_MENTION_NAME && m->items[i].how & ways)
            touch_data(s, reach, module, v->names[m->items[i].name], ALIASES_MAX);
}

/* Lists and the like in the body of a class, changed through self or cls in one of its methods. */
static void touch_class_data(struct ptd_spread *s, uint32_t module, uint32_t version,
                             uint32_t block)
{
    const struct ptd_ns_version *v = &s->ns->modules[module].versions[version];
    const struct ptd_mentions *m = &v->defs.blocks[block];
    for (uint32_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        if (d->owner == PTD_NO_DEFINITION || !is_data(d))
            continue;
        const struct ptd_definition *class = &v->defs.items[d->owner];
        if (class->owner != PTD_NO_DEFINITION || class->bind_count != 1 ||
            v->names[class->binds[0]] != v->roots[block])
            continue;
        for (size_t k = 0; k < d->bind_count; k++) {
            if (ptd_mentions_how(m, d->binds[k]) & PTD_MENTION_CHANGED) {
                ptd_spread_attributes(s, (struct ptd_place_of){module, version, d->owner}, d, true);
                break;
            }
        }
    }
}

static void touch_called(struct ptd_spread *s, struct ptd_reach *reach,
                         const struct ptd_ns_version *v, uint32_t first, uint32_t last,
                         uint32_t ways)
{
    size_t range[2];
    ptd_namespace_calls(v, first, last, range);
    for (size_t i = range[0]; i < range[1]; i++) {
        const struct ptd_ns_call *c = &v->calls[i];
        const struct ptd_ns_version *callee = &s->ns->modules[c->module].versions[c->version];
        if (!callee->known || c->block >= callee->defs.block_count)
            continue;
        touch_mentioned(s, reach, c->module, callee, &callee->defs.blocks[c->block], ways);
        if (reach == &s->reach && ways & PTD_MENTION_CHANGED)
            touch_class_data(s, c->module, c->version, c->block);
    }
}

/* How far calls are followed in what has not run yet. */
#define CALLS_DEEP 4

static void touch_named(struct ptd_spread *s, struct ptd_reach *reach, uint32_t module,
                        uint32_t name, uint32_t ways, unsigned depth);

/* Code that may be called by a name: what it changes, and what it calls in turn. */
static void touch_code(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at,
                       const struct ptd_mentions *m, uint32_t ways, unsigned depth)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    touch_mentioned(s, reach, at.module, v, m, ways);
    for (size_t i = 0; i < m->count; i++)
        if (m->items[i].how & PTD_MENTION_NAME)
            touch_named(s, reach, at.module, v->names[m->items[i].name], ways, depth - 1);
}

/* A function or class by its name: its blocks, and the header of the class (its bases). */
static void touch_binding(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at,
                          uint32_t name, uint32_t ways, unsigned depth)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    if (d->kind != PTD_DEFINES_FUNCTION && d->kind != PTD_DEFINES_CLASS)
        return;
    if (d->kind == PTD_DEFINES_CLASS)
        touch_code(s, reach, at, &d->mentions, ways, depth);
    for (uint32_t b = 1; b < v->defs.block_count; b++) {
        if (v->roots[b] != name)
            continue;
        touch_code(s, reach, at, &v->defs.blocks[b], ways, depth);
        if (reach == &s->reach && ways & PTD_MENTION_CHANGED)
            touch_class_data(s, at.module, at.version, b);
    }
}

static void touch_named(struct ptd_spread *s, struct ptd_reach *reach, uint32_t module,
                        uint32_t name, uint32_t ways, unsigned depth)
{
    const struct ptd_ns_module *m = &s->ns->modules[module];
    if (!follow(reach, ways, module, name, depth))
        return;
    for (uint32_t k = 0; k < m->count; k++) {
        const struct ptd_ns_version *v = &m->versions[k];
        size_t first, last;
        ptd_namespace_bindings(v, name, &first, &last);
        for (; first < last; first++) {
            struct ptd_place_of at = {module, k, v->bindings[first].definition};
            const struct ptd_u32s *from;
            uint32_t there;
            touch_binding(s, reach, at, name, ways, depth);
            for (size_t next = 0; (from = next_source(s, at, name, &next, &there));)
                for (size_t f = 0; f < from->count; f++)
                    touch_named(s, reach, from->items[f], there, ways, depth - 1);
        }
    }
}

void ptd_spread_data(struct ptd_spread *s, struct ptd_reach *reach, uint32_t module, uint32_t name)
{
    touch_data(s, reach, module, name, ALIASES_MAX);
}

/* `rest.register(...)` in a definition: functions of the modules that its own module imports. */
static void touch_attributes(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at,
                             uint32_t ways)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_mentions *m = &ptd_place_definition(s->ns, at)->mentions;
    for (size_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        for (size_t e = 0; e < d->import_count; e++) {
            if (d->imports[e].as == PTD_NO_NAME ||
                !(ptd_mentions_how(m, d->imports[e].as) & PTD_MENTION_NAME))
                continue;
            const struct ptd_u32s *from =
                ptd_spread_imported_module(s, at.module, v, &d->imports[e]);
            for (size_t f = 0; f < from->count; f++)
                for (size_t k = 0; k < m->count; k++)
                    if (m->items[k].how & PTD_MENTION_ATTRIBUTE)
                        touch_named(s, reach, from->items[f], v->names[m->items[k].name], ways,
                                    CALLS_DEEP - 1);
        }
    }
}

/* What a definition calls, recorded or told by names: the data that these change or hand out. */
static void touch_calls(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at,
                        uint32_t ways)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    if (v->now && !v->call_count) { /* it has not run yet: what it may call is told by names */
        touch_code(s, reach, at, &d->mentions, ways, CALLS_DEEP);
        touch_attributes(s, reach, at, ways);
    }
    touch_called(s, reach, v, d->line, d->end_line, ways);
    if (ptd_may_call(d))
        touch_called(s, reach, v, 0, 0, ways);
}

/* What a value may be another name for: what it is made of, or what a function has handed out. */
static void touch_aliases(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at,
                          unsigned depth)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    if (d->kind != PTD_DEFINES_VALUE)
        return;
    if (d->flags & PTD_DEFINITION_CALLS) {
        touch_calls(s, reach, at, PTD_MENTION_RETURNED);
        return;
    }
    for (size_t i = 0; i < d->mentions.count; i++) {
        uint32_t name = v->names[d->mentions.items[i].name], how = d->mentions.items[i].how;
        if (how & PTD_MENTION_VALUE)
            touch_data(s, reach, at.module, name, depth);
        for (uint32_t m = 0; how & PTD_MENTION_ATTRIBUTE && m < s->ns->count; m++)
            touch_data(s, reach, m, name, depth);
    }
}

void ptd_spread_effects(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at)
{
    const uint32_t ways = PTD_MENTION_CHANGED | PTD_MENTION_RETURNED;
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    touch_mentioned(s, reach, at.module, v, &ptd_place_definition(s->ns, at)->mentions, ways);
    touch_calls(s, reach, at, ways);
}

/* What was called at lines of a class that belong to no statement of its body. */
static void touch_makers(struct ptd_spread *s, struct ptd_place_of class)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, class);
    const struct ptd_definition *d = ptd_place_definition(s->ns, class);
    uint32_t line = d->line;
    for (uint32_t i = class.definition + 1; i < v->defs.count; i++) {
        const struct ptd_definition *item = &v->defs.items[i];
        if (item->owner == PTD_NO_DEFINITION)
            break;
        if (item->owner != class.definition)
            continue;
        if (line < item->line)
            touch_called(s, &s->reach, v, line, item->line - 1, PTD_MENTION_CHANGED);
        line = item->end_line + 1;
    }
    if (line <= d->end_line)
        touch_called(s, &s->reach, v, line, d->end_line, PTD_MENTION_CHANGED);
}

void ptd_spread_kept_class(struct ptd_spread *s, struct ptd_place_of class)
{
    const struct ptd_ns_module *m = &s->ns->modules[class.module];
    const struct ptd_definition *d = ptd_place_definition(s->ns, class);
    for (size_t i = 0; i < d->bind_count; i++) {
        uint32_t name = ptd_place_version(s->ns, class)->names[d->binds[i]];
        for (uint32_t k = 0; k < m->count; k++) { /* the present one may not have run yet */
            size_t first, last;
            ptd_namespace_bindings(&m->versions[k], name, &first, &last);
            for (; first < last; first++) {
                const struct ptd_place_of at = {class.module, k,
                                                m->versions[k].bindings[first].definition};
                if (ptd_place_definition(s->ns, at)->kind == PTD_DEFINES_CLASS)
                    touch_makers(s, at);
            }
        }
    }
}
