#include "record/spread.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/deps.h"
#include "record/spread_internal.h"

#define ALIASES_MAX 20

/* ---- sets ---- */

bool ptd_names_has(const struct ptd_names_set *set, uint32_t name)
{
    return name < set->size && set->items[name];
}

void ptd_names_add(struct ptd_names_set *set, uint32_t name)
{
    if (name >= set->size) {
        size_t size = ((size_t)name + 64) * 2;
        set->items = ptd_xrealloc(set->items, size);
        memset(set->items + set->size, 0, size - set->size);
        set->size = size;
    }
    set->items[name] = 1;
}

bool ptd_reach_has(const struct ptd_reach *reach, uint32_t module, uint32_t name)
{
    const uint32_t key[] = {module, name};
    return ptd_names_has(&reach->attribute, name) &&
           ptd_map_find(&reach->names, key, sizeof(key)) != PTD_MAP_NONE;
}

bool ptd_reach_add(struct ptd_reach *reach, uint32_t module, uint32_t name, bool added_to)
{
    const uint32_t key[] = {module, name};
    bool added;
    size_t at = ptd_map_put(&reach->names, key, sizeof(key), added_to, &added);
    if (!added) {
        bool more = reach->names.entries[at].value && !added_to;
        reach->names.entries[at].value &= added_to;
        return more;
    }
    ptd_names_add(&reach->attribute, name);
    ptd_u32s_add(&reach->by_module[module], name);
    return true;
}

static void reach_release(struct ptd_reach *reach, size_t modules)
{
    for (size_t i = 0; reach->by_module && i < modules; i++)
        free(reach->by_module[i].items);
    free(reach->by_module);
    free(reach->whole);
    free(reach->attribute.items);
    ptd_map_release(&reach->names);
    ptd_map_release(&reach->followed);
}

void ptd_spread_init(struct ptd_spread *s, struct ptd_namespace *ns)
{
    *s = (struct ptd_spread){.ns = ns};
    s->reach.by_module = ptd_xcalloc(ns->count, sizeof(*s->reach.by_module));
    s->reach.whole = ptd_xcalloc(ns->count, 1);
    s->fails = ptd_xcalloc(ns->count, 1);
    s->first = ptd_xcalloc(ns->count, sizeof(*s->first));
    for (size_t m = 0; m < ns->count; m++) {
        s->first[m] = s->definitions;
        for (size_t k = 0; k < ns->modules[m].count; k++)
            s->definitions += ns->modules[m].versions[k].defs.count;
    }
    s->done = ptd_xcalloc(s->definitions, 1);
}

void ptd_spread_release(struct ptd_spread *s)
{
    size_t modules = s->ns ? s->ns->count : 0;
    reach_release(&s->reach, modules);
    for (size_t i = 0; i < s->rule_count; i++) {
        reach_release(&s->rules[i].touch, modules);
        free(s->rules[i].attributes.items);
        free(s->rules[i].added_to.items);
        free(s->rules[i].done);
    }
    free(s->fixtures.items);
    free(s->instances.items);
    free(s->modules.items);
    free(s->fails);
    free(s->first);
    free(s->done);
    *s = (struct ptd_spread){0};
}

/* Position of a definition in `done`. */
static size_t position(const struct ptd_spread *s, struct ptd_place_of at)
{
    size_t p = s->first[at.module];
    for (uint32_t k = 0; k < at.version; k++)
        p += s->ns->modules[at.module].versions[k].defs.count;
    return p + at.definition;
}

/* ---- mentions ---- */

/* Whose mentions are looked at. */
enum asker {
    BY_BLOCK,      /* a function that a test entered, or a value's definition */
    BY_HEADER,     /* a function's, which annotations do not make another one */
    BY_IMPORT_CALL /* a function that was called while its module was imported */
};

/* Whether a function that an import called has this for adding to it only. */
static bool only_adds(const struct ptd_reach *reach, uint32_t module, uint32_t name, uint32_t how)
{
    const uint32_t key[] = {module, name};
    size_t at = ptd_map_find(&reach->names, key, sizeof(key));
    return at != PTD_MAP_NONE && reach->names.entries[at].value && how & PTD_MENTION_CHANGED;
}

static bool is_mentioned(const struct ptd_spread *s, uint32_t module,
                         const struct ptd_ns_version *v, const struct ptd_mentions *m,
                         enum asker by)
{
    if (m->reflects & PTD_REFLECT_ANYTHING && s->reach.names.count)
        return true;
    if (m->reflects & PTD_REFLECT_GLOBALS && s->reach.by_module[module].count)
        return true;
    for (size_t i = 0; i < m->count; i++) {
        uint32_t name = v->names[m->items[i].name], how = m->items[i].how;
        if (!ptd_names_has(&s->reach.attribute, name))
            continue;
        if (how & (PTD_MENTION_ATTRIBUTE | PTD_MENTION_STRING) ||
            (how & PTD_MENTION_TYPE && s->ns->types_read) ||
            (how & PTD_MENTION_TYPE && by != BY_HEADER && ptd_names_has(&s->instances, name)) ||
            (how & PTD_MENTION_PARAMETER && ptd_names_has(&s->fixtures, name)) ||
            (how & PTD_MENTION_NAME && ptd_reach_has(&s->reach, module, name) &&
             !(by == BY_IMPORT_CALL && only_adds(&s->reach, module, name, how))))
            return true;
    }
    return false;
}

bool ptd_spread_is_mentioned(const struct ptd_spread *s, uint32_t module,
                             const struct ptd_ns_version *v, const struct ptd_mentions *m)
{
    return is_mentioned(s, module, v, m, BY_BLOCK);
}

static bool is_touched(const struct ptd_class_rule *rule, uint32_t module,
                       const struct ptd_ns_version *v, const struct ptd_mentions *m, enum asker by)
{
    if (m->reflects & PTD_REFLECT_ANYTHING)
        return true;
    for (size_t i = 0; i < m->count; i++) {
        uint32_t name = v->names[m->items[i].name], how = m->items[i].how;
        if (!ptd_names_has(&rule->touch.attribute, name))
            continue;
        if (how & (PTD_MENTION_ATTRIBUTE | PTD_MENTION_STRING | PTD_MENTION_PARAMETER) ||
            (how & PTD_MENTION_TYPE && by != BY_HEADER) ||
            (how & PTD_MENTION_NAME && ptd_reach_has(&rule->touch, module, name) &&
             !(by == BY_IMPORT_CALL && only_adds(&rule->touch, module, name, how))))
            return true;
    }
    return false;
}

bool ptd_rule_is_touched(const struct ptd_class_rule *rule, uint32_t module,
                         const struct ptd_ns_version *v, const struct ptd_mentions *m)
{
    return is_touched(rule, module, v, m, BY_BLOCK);
}

static bool is_named(const struct ptd_names_set *attributes, const struct ptd_ns_version *v,
                     const struct ptd_mentions *m)
{
    const uint32_t ways = PTD_MENTION_ATTRIBUTE | PTD_MENTION_SELF | PTD_MENTION_KEYWORD |
                          PTD_MENTION_STRING | PTD_MENTION_PARAMETER;
    for (size_t i = 0; i < m->count; i++)
        if (m->items[i].how & ways && ptd_names_has(attributes, v->names[m->items[i].name]))
            return true;
    return false;
}

bool ptd_rule_is_named(const struct ptd_class_rule *rule, const struct ptd_ns_version *v,
                       const struct ptd_mentions *m)
{
    return is_named(&rule->attributes, v, m) || is_named(&rule->added_to, v, m);
}

/* Functions and classes are no modules; what else a name is bound to may be one. */
static bool may_be_module(const struct ptd_ns_version *v, uint32_t name)
{
    size_t first, last;
    ptd_namespace_bindings(v, name, &first, &last);
    bool none = first == last;
    for (; first < last; first++) {
        const struct ptd_definition *d = &v->defs.items[v->bindings[first].definition];
        if (d->kind != PTD_DEFINES_FUNCTION && d->kind != PTD_DEFINES_CLASS)
            return true;
    }
    return none;
}

bool ptd_spread_has_module(const struct ptd_spread *s, const struct ptd_ns_version *v,
                           const struct ptd_mentions *m)
{
    for (size_t i = 0; i < m->count; i++) {
        uint32_t name = v->names[m->items[i].name], how = m->items[i].how;
        if (!ptd_names_has(&s->modules, name))
            continue;
        if (how & PTD_MENTION_MODULE || (how & PTD_MENTION_VALUE && may_be_module(v, name)))
            return true;
    }
    return false;
}

/* What a definition mentions itself, then what the functions mention that it called when its module
 * was imported: `test` is asked about each. */
typedef bool mention_test(const struct ptd_spread *s, const void *arg, uint32_t module,
                          const struct ptd_ns_version *v, const struct ptd_mentions *m,
                          enum asker by);

static bool calls_mention(const struct ptd_spread *s, const struct ptd_ns_version *v,
                          uint32_t first, uint32_t last, mention_test *test, const void *arg)
{
    size_t range[2];
    ptd_namespace_calls(v, first, last, range);
    for (size_t i = range[0]; i < range[1]; i++) {
        const struct ptd_ns_call *c = &v->calls[i];
        const struct ptd_ns_version *callee = &s->ns->modules[c->module].versions[c->version];
        if (callee->known && c->block < callee->defs.block_count &&
            test(s, arg, c->module, callee, &callee->defs.blocks[c->block], BY_IMPORT_CALL))
            return true;
    }
    return false;
}

/* Lines that are not known may be those of any statement that can call something. */
static bool may_call(const struct ptd_definition *d)
{
    return d->owner == PTD_NO_DEFINITION &&
           (d->flags & PTD_DEFINITION_RISKY || d->kind == PTD_DEFINES_CLASS);
}

/* `__all__` names what is exported, and needs nothing of it. */
static bool is_export_list(const struct ptd_ns_version *v, const struct ptd_definition *d)
{
    return d->kind == PTD_DEFINES_VALUE && d->bind_count == 1 &&
           strcmp(v->defs.names[d->binds[0]], "__all__") == 0 && !(d->flags & PTD_DEFINITION_RISKY);
}

static uint32_t calls_reflect(const struct ptd_spread *s, const struct ptd_ns_version *v,
                              uint32_t first, uint32_t last)
{
    size_t range[2];
    uint32_t reflects = 0;
    ptd_namespace_calls(v, first, last, range);
    for (size_t i = range[0]; i < range[1]; i++) {
        const struct ptd_ns_call *c = &v->calls[i];
        const struct ptd_ns_version *callee = &s->ns->modules[c->module].versions[c->version];
        if (callee->known && c->block < callee->defs.block_count)
            reflects |= callee->defs.blocks[c->block].reflects;
    }
    return reflects;
}

/* One of the functions gets modules that nobody names, maybe another looks up names in them. */
static bool gets_anything(const struct ptd_spread *s, const struct ptd_ns_version *v,
                          const struct ptd_definition *d)
{
    const uint32_t both = PTD_REFLECT_MODULES | PTD_REFLECT_ATTRIBUTES;
    uint32_t reflects = d->mentions.reflects | calls_reflect(s, v, d->line, d->end_line);
    if (may_call(d))
        reflects |= calls_reflect(s, v, 0, 0);
    return (reflects & both) == both;
}

static bool definition_mentions(const struct ptd_spread *s, struct ptd_place_of at,
                                mention_test *test, const void *arg)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    bool header = d->kind == PTD_DEFINES_FUNCTION || d->flags & PTD_DEFINITION_TYPES;
    enum asker by = header && !s->ns->types_read ? BY_HEADER : BY_BLOCK;
    if (d->kind != PTD_DEFINES_IMPORT && !is_export_list(v, d) &&
        test(s, arg, at.module, v, &d->mentions, by))
        return true;
    if (d->owner != PTD_NO_DEFINITION)
        return false;
    return calls_mention(s, v, d->line, d->end_line, test, arg) ||
           (may_call(d) && calls_mention(s, v, 0, 0, test, arg)) || gets_anything(s, v, d);
}

static bool test_reach(const struct ptd_spread *s, const void *arg, uint32_t module,
                       const struct ptd_ns_version *v, const struct ptd_mentions *m, enum asker by)
{
    (void)arg;
    return is_mentioned(s, module, v, m, by) ||
           (m->reflects & PTD_REFLECT_ATTRIBUTES && ptd_spread_has_module(s, v, m));
}

static bool test_touch(const struct ptd_spread *s, const void *arg, uint32_t module,
                       const struct ptd_ns_version *v, const struct ptd_mentions *m, enum asker by)
{
    (void)s;
    return is_touched(arg, module, v, m, by);
}

static bool test_named(const struct ptd_spread *s, const void *arg, uint32_t module,
                       const struct ptd_ns_version *v, const struct ptd_mentions *m, enum asker by)
{
    const struct ptd_class_rule *rule = arg;
    (void)s;
    (void)module;
    if (by == BY_IMPORT_CALL) /* those that add to it as well are not concerned */
        return m->reflects & PTD_REFLECT_ATTRIBUTES ? rule->attributes.size > 0
                                                    : is_named(&rule->attributes, v, m);
    return m->reflects & PTD_REFLECT_ATTRIBUTES || ptd_rule_is_named(rule, v, m);
}

/* ---- imports ---- */

static bool is_bound_now(const struct ptd_spread *s, uint32_t module, uint32_t name)
{
    const struct ptd_ns_module *m = &s->ns->modules[module];
    for (size_t k = 0; k < m->count; k++) {
        size_t first, last;
        if (!m->versions[k].now)
            continue;
        ptd_namespace_bindings(&m->versions[k], name, &first, &last);
        if (first < last)
            return true;
    }
    return false;
}

static bool only_added_to(const struct ptd_reach *reach, uint32_t module, uint32_t name)
{
    return only_adds(reach, module, name, PTD_MENTION_CHANGED);
}

/* Adds what a star import brings. */
static bool reach_star(struct ptd_reach *reach, uint32_t module, const struct ptd_u32s *from)
{
    bool grew = false;
    for (size_t i = 0; i < from->count; i++)
        for (size_t k = 0; k < reach->by_module[from->items[i]].count; k++)
            grew |= ptd_reach_add(reach, module, reach->by_module[from->items[i]].items[k], false);
    return grew;
}

static void add_instance(struct ptd_spread *s, uint32_t name)
{
    if (ptd_names_has(&s->instances, name))
        return;
    ptd_names_add(&s->instances, name);
    s->grew = true;
}

/* Names that an import statement gets from a module in which they are reached. */
static bool reach_imports(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    bool grew = false;
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *im = &d->imports[i];
        if (im->name == PTD_NO_NAME && im->as != PTD_NO_NAME)
            continue;
        const struct ptd_u32s *from = ptd_namespace_resolve(s->ns, at.module, v->names[im->module]);
        if (im->as == PTD_NO_NAME) {
            grew |= reach_star(reach, at.module, from);
            continue;
        }
        uint32_t name = v->names[im->name];
        for (size_t k = 0; k < from->count; k++) {
            if (!ptd_reach_has(reach, from->items[k], name))
                continue;
            bool main = reach == &s->reach;
            grew |= ptd_reach_add(reach, at.module, v->names[im->as],
                                  only_added_to(reach, from->items[k], name));
            if (main && ptd_names_has(&s->fixtures, name))
                ptd_names_add(&s->fixtures, v->names[im->as]);
            if (main && ptd_names_has(&s->instances, name))
                add_instance(s, v->names[im->as]);
            if (main && v->now && !is_bound_now(s, from->items[k], name))
                s->fails[at.module] = 1;
        }
    }
    return grew;
}

/* ---- effects ---- */

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

/* The names that it has in the modules which it was imported from. */
static void touch_imported(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at,
                           uint32_t name, unsigned depth)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *im = &d->imports[i];
        if (im->name == PTD_NO_NAME || im->as == PTD_NO_NAME || v->names[im->as] != name)
            continue;
        const struct ptd_u32s *from = ptd_namespace_resolve(s->ns, at.module, v->names[im->module]);
        for (size_t f = 0; f < from->count; f++)
            touch_data(s, reach, from->items[f], v->names[im->name], depth);
    }
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
                add_instance(s, name);
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
            const struct ptd_definition *d = ptd_place_definition(s->ns, at);
            touch_binding(s, reach, at, name, ways, depth);
            for (size_t i = 0; i < d->import_count; i++) {
                const struct ptd_import *im = &d->imports[i];
                if (im->name == PTD_NO_NAME || im->as == PTD_NO_NAME || v->names[im->as] != name)
                    continue;
                const struct ptd_u32s *from =
                    ptd_namespace_resolve(s->ns, module, v->names[im->module]);
                for (size_t f = 0; f < from->count; f++)
                    touch_named(s, reach, from->items[f], v->names[im->name], ways, depth - 1);
            }
        }
    }
}

/* The module that an import may bind, `import a.b` as well as `from a import b`. */
static const struct ptd_u32s *imported_module(struct ptd_spread *s, struct ptd_place_of at,
                                              const struct ptd_import *im)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    ptd_buf_adds(&text, v->defs.names[im->module]);
    if (im->name != PTD_NO_NAME) {
        if (text.len && text.data[text.len - 1] != '.')
            ptd_buf_addc(&text, '.');
        ptd_buf_adds(&text, v->defs.names[im->name]);
    }
    return ptd_namespace_resolve(s->ns, at.module, ptd_namespace_name(s->ns, text.data));
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
            const struct ptd_u32s *from = imported_module(s, at, &d->imports[e]);
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
    if (may_call(d))
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

/* ---- tainting ---- */

void ptd_spread_module(struct ptd_spread *s, uint32_t module)
{
    if (!s->reach.whole[module]) {
        s->reach.whole[module] = 1;
        s->grew = true;
    }
    s->fails[module] = 1;
}

void ptd_spread_bind(struct ptd_spread *s, uint32_t module, uint32_t name, bool fixture)
{
    if (ptd_reach_add(&s->reach, module, name, false))
        s->grew = true;
    add_instance(s, name);
    if (fixture && !ptd_names_has(&s->fixtures, name)) {
        ptd_names_add(&s->fixtures, name);
        s->grew = true;
    }
}

/* Names that somebody uses without mentioning them. */
static bool is_special_name(const char *name)
{
    static const char *const names[] = {"pytestmark",
                                        "pytest_plugins",
                                        "collect_ignore",
                                        "collect_ignore_glob",
                                        "__getattr__",
                                        "__dir__",
                                        "__path__",
                                        "__class__",
                                        "setUpModule",
                                        "setup_module",
                                        "setup_function",
                                        "tearDownModule",
                                        "teardown_module",
                                        "teardown_function",
                                        "load_tests",
                                        "__test__",
                                        NULL};
    if (strncmp(name, "pytest_", strlen("pytest_")) == 0)
        return true;
    for (const char *const *p = names; *p; p++)
        if (strcmp(name, *p) == 0)
            return true;
    return false;
}

static bool is_autouse(const struct ptd_ns_version *v, const struct ptd_definition *d)
{
    for (size_t i = 0; i < d->mentions.count; i++)
        if (d->mentions.items[i].how & PTD_MENTION_KEYWORD &&
            strcmp(v->defs.names[d->mentions.items[i].name], "autouse") == 0)
            return true;
    return false;
}

/* What makes a fixture says so, or takes the keyword `name`. */
static bool speaks_of_fixtures(struct ptd_spread *s, uint32_t module,
                               const struct ptd_ns_version *v, const struct ptd_definition *d,
                               const struct ptd_mentions *m)
{
    (void)s;
    (void)module;
    for (size_t i = 0; i < m->count; i++) {
        const char *text = v->defs.names[m->items[i].name];
        if (strstr(text, "fixture") || strstr(text, "Fixture") ||
            (d && m->items[i].how & PTD_MENTION_KEYWORD && strcmp(text, "name") == 0))
            return true;
    }
    return false;
}

/* @pytest.fixture(name="db") makes a fixture of another name than its function's. */
static void bind_fixture_names(struct ptd_spread *s, uint32_t module,
                               const struct ptd_ns_version *v, const struct ptd_definition *d)
{
    for (size_t i = 0; i < d->mentions.count; i++)
        if (d->mentions.items[i].how & PTD_MENTION_STRING)
            ptd_spread_bind(s, module, v->names[d->mentions.items[i].name], true);
}

/* Whether the body of a module does anything but define; adds what it imports. */
static bool has_own_effects(struct ptd_spread *s, uint32_t module, struct ptd_u32s *imported)
{
    const struct ptd_ns_module *m = &s->ns->modules[module];
    for (size_t k = 0; k < m->count; k++) {
        const struct ptd_ns_version *v = &m->versions[k];
        if (!v->known)
            return true;
        for (size_t i = 0; i < v->defs.count; i++) {
            const struct ptd_definition *d = &v->defs.items[i];
            if (d->kind == PTD_DEFINES_EFFECT)
                return true;
            for (size_t e = 0; e < d->import_count; e++) {
                const struct ptd_u32s *from =
                    ptd_namespace_resolve(s->ns, module, v->names[d->imports[e].module]);
                for (size_t f = 0; f < from->count; f++)
                    ptd_u32s_add(imported, from->items[f]);
            }
        }
    }
    return false;
}

/* An import that was added or removed runs a module and what that imports, or does not any more. */
static bool has_effects(struct ptd_spread *s, uint32_t module)
{
    unsigned char *seen = ptd_xcalloc(s->ns->count, 1);
    struct ptd_u32s todo = {0};
    bool found = false;
    ptd_u32s_add(&todo, module);
    while (todo.count && !found) {
        uint32_t next = todo.items[--todo.count];
        found = !seen[next] && has_own_effects(s, next, &todo);
        seen[next] = 1;
    }
    free(todo.items);
    free(seen);
    return found;
}

static void taint_import(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t calls[2];
    ptd_namespace_calls(v, d->line, d->end_line, calls);
    if (calls[0] != calls[1]) /* a library called back: for what, nobody knows */
        ptd_spread_module(s, at.module);
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *im = &d->imports[i];
        const struct ptd_u32s *from = ptd_namespace_resolve(s->ns, at.module, v->names[im->module]);
        for (size_t f = 0; f < from->count; f++)
            if (has_effects(s, from->items[f]))
                ptd_spread_module(s, at.module);
        if (im->as == PTD_NO_NAME)
            ptd_spread_module(s, at.module);
        else
            ptd_spread_bind(s, at.module, v->names[im->as], true);
    }
}

/* An assignment to an item or attribute of something: data is tainted by its name. */
static void taint_effect(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t before = s->reach.names.count;
    if (d->flags & PTD_DEFINITION_STORES && d->bind_count == 1) {
        uint32_t name = v->names[d->binds[0]];
        touch_data(s, &s->reach, at.module, name, ALIASES_MAX);
        if (s->reach.names.count != before || ptd_reach_has(&s->reach, at.module, name)) {
            if (d->flags & PTD_DEFINITION_CALLS)
                ptd_spread_effects(s, &s->reach, at);
            return;
        }
    }
    ptd_spread_module(s, at.module);
}

static bool is_listed(const struct ptd_namespace *ns, uint32_t module, uint32_t version,
                      uint32_t name)
{
    const struct ptd_ns_version *v = &ns->modules[module].versions[version];
    for (size_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        for (size_t k = 0; is_export_list(v, d) && k < d->mentions.count; k++)
            if (v->names[d->mentions.items[k].name] == name)
                return true;
    }
    return false;
}

/* A changed `__all__`: names that not every version of it has. */
static void taint_exports(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_ns_module *m = &s->ns->modules[at.module];
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    ptd_spread_bind(s, at.module, v->names[d->binds[0]], false);
    for (size_t i = 0; i < d->mentions.count; i++) {
        uint32_t name = v->names[d->mentions.items[i].name];
        bool everywhere = true;
        for (uint32_t k = 0; k < m->count; k++)
            everywhere &= is_listed(s->ns, at.module, k, name);
        if (!everywhere)
            ptd_spread_bind(s, at.module, name, false);
    }
}

static void taint_binding(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    if (is_export_list(v, d)) {
        taint_exports(s, at);
        return;
    }
    bool fixture = d->kind == PTD_DEFINES_FUNCTION && d->flags & PTD_DEFINITION_DECORATED;
    fixture |= d->flags & PTD_DEFINITION_SEVERAL;
    for (size_t i = 0; i < d->bind_count; i++) {
        if (!(d->flags & PTD_DEFINITION_TYPES))
            ptd_spread_bind(s, at.module, v->names[d->binds[i]], fixture);
        else if (ptd_reach_add(&s->reach, at.module, v->names[d->binds[i]], false))
            s->grew = true;
        if (is_special_name(v->defs.names[d->binds[i]]))
            ptd_spread_module(s, at.module);
    }
    if (fixture && ptd_spread_leads_to(s, at, speaks_of_fixtures))
        bind_fixture_names(s, at.module, v, d);
    if (fixture && is_autouse(v, d))
        ptd_spread_module(s, at.module);
    if (d->flags & (PTD_DEFINITION_CALLS | PTD_DEFINITION_STORES))
        ptd_spread_effects(s, &s->reach, at);
    size_t calls[2];
    ptd_namespace_calls(v, d->line, d->end_line, calls);
    if (d->kind == PTD_DEFINES_CLASS && (calls[0] != calls[1] || v->now))
        ptd_spread_effects(s, &s->reach, at);
}

static void taint(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t p = position(s, at);
    if (s->done[p])
        return;
    s->done[p] = 1;
    s->grew = true;
    if (d->flags & PTD_DEFINITION_RISKY || d->kind == PTD_DEFINES_CLASS)
        s->fails[at.module] = 1;
    if (d->owner != PTD_NO_DEFINITION)
        ptd_spread_class_item(s, at);
    else if (d->kind == PTD_DEFINES_EFFECT)
        taint_effect(s, at);
    else if (d->kind == PTD_DEFINES_IMPORT)
        taint_import(s, at);
    else
        taint_binding(s, at);
}

void ptd_spread_definition(struct ptd_spread *s, uint32_t module, uint32_t version,
                           uint32_t definition)
{
    const struct ptd_place_of at = {module, version, definition};
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    for (size_t i = 0; i < d->mentions.count; i++) /* the name may be missing */
        if (d->mentions.items[i].how & PTD_MENTION_NAME)
            s->fails[module] = 1;
    taint(s, at);
}

/* Taints the statement at a line of a module, or all that may call when the line is not known. */
static void taint_line(struct ptd_spread *s, uint32_t module, uint32_t version, uint32_t line)
{
    const struct ptd_ns_version *v = &s->ns->modules[module].versions[version];
    bool found = false;
    for (uint32_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        if (d->owner != PTD_NO_DEFINITION)
            continue;
        if (line ? line < d->line || line > d->end_line : !may_call(d))
            continue;
        taint(s, (struct ptd_place_of){module, version, i});
        found = true;
    }
    if (!found)
        ptd_spread_module(s, module);
}

bool ptd_spread_import_calls(struct ptd_spread *s, uint32_t module, uint32_t version,
                             const unsigned char *changed)
{
    bool any = false;
    for (uint32_t m = 0; m < s->ns->count; m++) {
        for (uint32_t k = 0; k < s->ns->modules[m].count; k++) {
            const struct ptd_ns_version *v = &s->ns->modules[m].versions[k];
            for (size_t i = 0; i < v->call_count; i++) {
                const struct ptd_ns_call *c = &v->calls[i];
                if (c->module != module || c->version != version || !changed[c->block])
                    continue;
                any = true;
                if (v->known)
                    taint_line(s, m, k, c->line);
                else
                    ptd_spread_module(s, m);
            }
        }
    }
    return any;
}

/* ---- following ---- */

/* Names that a module in which something is tainted is bound to. */
static void name_modules(struct ptd_spread *s)
{
    struct ptd_namespace *ns = s->ns;
    for (uint32_t m = 0; m < ns->count; m++) {
        if (s->reach.by_module[m].count)
            ptd_names_add(&s->modules, ns->modules[m].self);
    }
    for (uint32_t m = 0; m < ns->count; m++) {
        for (size_t k = 0; k < ns->modules[m].count; k++) {
            const struct ptd_ns_version *v = &ns->modules[m].versions[k];
            for (size_t i = 0; i < v->defs.count; i++) {
                const struct ptd_definition *d = &v->defs.items[i];
                for (size_t e = 0; e < d->import_count; e++) {
                    const struct ptd_import *im = &d->imports[e];
                    uint32_t last = im->name == PTD_NO_NAME ? im->module : im->name;
                    const char *text = v->defs.names[last];
                    const char *dot = strrchr(text, '.');
                    uint32_t part = ptd_namespace_name(ns, dot ? dot + 1 : text);
                    if (im->as != PTD_NO_NAME && ptd_names_has(&s->modules, part))
                        ptd_names_add(&s->modules, v->names[im->as]);
                }
            }
        }
    }
}

typedef void visit_definition(struct ptd_spread *s, void *arg, struct ptd_place_of at);

static void each_definition(struct ptd_spread *s, visit_definition *visit, void *arg)
{
    for (uint32_t m = 0; m < s->ns->count; m++) {
        for (uint32_t k = 0; k < s->ns->modules[m].count; k++) {
            size_t count = s->ns->modules[m].versions[k].defs.count;
            for (uint32_t i = 0; i < count; i++)
                visit(s, arg, (struct ptd_place_of){m, k, i});
        }
    }
}

static void follow_one(struct ptd_spread *s, void *arg, struct ptd_place_of at)
{
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    (void)arg;
    if (d->import_count && reach_imports(s, &s->reach, at))
        s->grew = true;
    if (!s->done[position(s, at)] && definition_mentions(s, at, test_reach, NULL))
        taint(s, at);
}

/* Who can have the class: spreads like a taint, but changes nothing by itself. */
static void touch_one(struct ptd_spread *s, void *arg, struct ptd_place_of at)
{
    struct ptd_class_rule *rule = arg;
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t p = position(s, at);
    if (d->import_count && reach_imports(s, &rule->touch, at))
        s->grew = true;
    if (rule->done[p] || !definition_mentions(s, at, test_touch, rule))
        return;
    rule->done[p] = 1;
    s->grew = true;
    if (definition_mentions(s, at, test_named, rule))
        taint(s, at);
    if (d->kind == PTD_DEFINES_EFFECT)
        rule->touch.whole[at.module] = 1;
    for (size_t i = 0; d->owner == PTD_NO_DEFINITION && i < d->bind_count; i++)
        ptd_reach_add(&rule->touch, at.module, v->names[d->binds[i]], false);
    if (d->owner != PTD_NO_DEFINITION) { /* `cart = Cart()` in a class: whoever has that class */
        uint32_t class = ptd_place_outermost(v, d->owner);
        for (size_t i = 0; i < v->defs.items[class].bind_count; i++)
            ptd_reach_add(&rule->touch, at.module, v->names[v->defs.items[class].binds[i]], false);
    }
    if (d->flags & PTD_DEFINITION_CALLS || d->kind == PTD_DEFINES_CLASS)
        ptd_spread_effects(s, &rule->touch, at);
}

/* The class's own definition is touched without mentioning itself. */
static void touch_own(struct ptd_spread *s, void *arg, struct ptd_place_of at)
{
    struct ptd_class_rule *rule = arg;
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    if (at.module == rule->module && d->owner == PTD_NO_DEFINITION && d->bind_count == 1 &&
        v->names[d->binds[0]] == rule->name && d->flags & PTD_DEFINITION_CALLS)
        ptd_spread_effects(s, &rule->touch, at);
}

/* `double = limit * 2` in the body of the class itself. */
static bool is_named_inside(const struct ptd_spread *s, const struct ptd_class_rule *rule,
                            struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    if (at.module != rule->module || d->owner == PTD_NO_DEFINITION)
        return false;
    const struct ptd_definition *class = &v->defs.items[ptd_place_outermost(v, d->owner)];
    if (class->bind_count != 1 || v->names[class->binds[0]] != rule->name)
        return false;
    for (size_t i = 0; i < d->mentions.count; i++)
        if (d->mentions.items[i].how & PTD_MENTION_NAME &&
            ptd_names_has(&rule->attributes, v->names[d->mentions.items[i].name]))
            return true;
    return false;
}

/* What is tainted later may be named by what was touched before. */
static void name_one(struct ptd_spread *s, void *arg, struct ptd_place_of at)
{
    struct ptd_class_rule *rule = arg;
    if (!s->done[position(s, at)] && is_named_inside(s, rule, at))
        taint(s, at);
    if (rule->done[position(s, at)] && !s->done[position(s, at)] &&
        definition_mentions(s, at, test_named, rule))
        taint(s, at);
}

void ptd_spread_run(struct ptd_spread *s)
{
    do {
        s->grew = false;
        name_modules(s);
        each_definition(s, follow_one, NULL);
        for (size_t i = 0; i < s->rule_count; i++) {
            each_definition(s, touch_own, &s->rules[i]);
            each_definition(s, touch_one, &s->rules[i]);
            each_definition(s, name_one, &s->rules[i]);
        }
    } while (s->grew);
}
