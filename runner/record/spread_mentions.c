/* Who mentions what is reached. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/deps.h"
#include "record/hints.h"
#include "record/spread_internal.h"

/* How far a name is followed from module to module. */
#define IMPORTS_DEEP 8

/* `any`: the ways of mentioning that need not be resolved. */
static bool gets(const struct ptd_reach *reach, uint32_t module, uint32_t name, uint32_t how,
                 uint32_t any, enum ptd_asker by)
{
    return how & any ||
           (how & PTD_MENTION_NAME && ptd_reach_has(reach, module, name) &&
            !(by == PTD_BY_IMPORT_CALL && ptd_reach_only_adds(reach, module, name, how)));
}

/* The definition that has these mentions. */
static uint32_t definition_with(const struct ptd_ns_version *v, const struct ptd_mentions *m)
{
    const char *at = (const char *)m - offsetof(struct ptd_definition, mentions);
    return (uint32_t)((const struct ptd_definition *)at - v->defs.items);
}

/* An annotation that nobody reads: the function is what it was, if it can still be made. To code
 * that runs it tells what comes. */
static bool is_idle(const struct ptd_spread *s, uint32_t module, const struct ptd_ns_version *v,
                    const struct ptd_mentions *m, uint32_t name, enum ptd_asker by)
{
    if (s->ns->hints_read)
        return false;
    return by == PTD_BY_HEADER ? ptd_hints_stay(s->ns, module, v, definition_with(v, m), name)
                               : !ptd_names_has(&s->instances, name);
}

static bool is_mentioned(const struct ptd_spread *s, uint32_t module,
                         const struct ptd_ns_version *v, const struct ptd_mentions *m,
                         enum ptd_asker by)
{
    if (m->reflects & PTD_REFLECT_ANYTHING && s->reach.names.count)
        return true;
    if (m->reflects & PTD_REFLECT_GLOBALS && s->reach.by_module[module].count)
        return true;
    for (size_t i = 0; i < m->count; i++) {
        uint32_t name = v->names[m->items[i].name];
        if (!ptd_names_has(&s->reach.attribute, name))
            continue;
        if (m->items[i].how & PTD_MENTION_HINT && is_idle(s, module, v, m, name, by))
            continue;
        uint32_t any = PTD_MENTION_ATTRIBUTE | PTD_MENTION_STRING;
        if (s->ns->types_read || (by != PTD_BY_HEADER && ptd_names_has(&s->instances, name)))
            any |= PTD_MENTION_TYPE;
        if (ptd_names_has(&s->fixtures, name))
            any |= PTD_MENTION_PARAMETER;
        if (gets(&s->reach, module, name, m->items[i].how, any, by))
            return true;
    }
    return false;
}

bool ptd_spread_is_mentioned(const struct ptd_spread *s, uint32_t module,
                             const struct ptd_ns_version *v, const struct ptd_mentions *m)
{
    return is_mentioned(s, module, v, m, PTD_BY_BLOCK);
}

static bool is_touched(const struct ptd_class_rule *rule, uint32_t module,
                       const struct ptd_ns_version *v, const struct ptd_mentions *m,
                       enum ptd_asker by)
{
    uint32_t any = PTD_MENTION_ATTRIBUTE | PTD_MENTION_STRING | PTD_MENTION_PARAMETER |
                   (by == PTD_BY_HEADER ? 0 : PTD_MENTION_TYPE);
    if (m->reflects & PTD_REFLECT_ANYTHING)
        return true;
    for (size_t i = 0; i < m->count; i++) {
        uint32_t name = v->names[m->items[i].name];
        if (ptd_names_has(&rule->touch.attribute, name) &&
            gets(&rule->touch, module, name, m->items[i].how, any, by))
            return true;
    }
    return false;
}

bool ptd_rule_is_touched(const struct ptd_class_rule *rule, uint32_t module,
                         const struct ptd_ns_version *v, const struct ptd_mentions *m)
{
    return is_touched(rule, module, v, m, PTD_BY_BLOCK);
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

static bool is_any_tainted(const struct ptd_spread *s, const struct ptd_u32s *modules)
{
    for (size_t i = 0; i < modules->count; i++)
        if (s->reach.by_module[modules->items[i]].count)
            return true;
    return false;
}

static bool may_be_tainted_module(const struct ptd_spread *s, uint32_t module,
                                  const struct ptd_ns_version *v, uint32_t name, unsigned depth);

/* Whether one of these modules binds the name to what may be a tainted module. */
static bool has_tainted_module(const struct ptd_spread *s, const struct ptd_u32s *modules,
                               uint32_t name, unsigned depth)
{
    for (size_t i = 0; i < modules->count; i++) {
        const struct ptd_ns_module *m = &s->ns->modules[modules->items[i]];
        for (size_t k = 0; k < m->count; k++) {
            size_t first, last;
            ptd_namespace_bindings(&m->versions[k], name, &first, &last);
            if (first < last && (depth == 0 || may_be_tainted_module(s, modules->items[i],
                                                                     &m->versions[k], name, depth)))
                return true;
        }
    }
    return false;
}

/* `import a.b` binds a. */
static bool binds_top(const struct ptd_ns_version *v, const struct ptd_import *im)
{
    const char *module = v->defs.names[im->module], *as = v->defs.names[im->as];
    size_t len = strlen(as);
    return im->name == PTD_NO_NAME && strncmp(module, as, len) == 0 && module[len] == '.';
}

/* Whether an import may bind the name to a module that is tainted: the one that it spells, unless
 * it is a name in another one. What is not seen may be any. */
static bool imports_tainted(const struct ptd_spread *s, uint32_t module,
                            const struct ptd_ns_version *v, const struct ptd_definition *d,
                            uint32_t name, unsigned depth)
{
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *im = &d->imports[i];
        if (im->as == PTD_NO_NAME || v->names[im->as] != name)
            continue;
        const struct ptd_u32s *found = ptd_spread_imported_module(s, module, v, im);
        if (binds_top(v, im) || found->count == 0 || is_any_tainted(s, found))
            return true;
        if (im->name != PTD_NO_NAME &&
            has_tainted_module(s, ptd_namespace_resolve(s->ns, module, v->names[im->module]),
                               v->names[im->name], depth - 1))
            return true;
    }
    return false;
}

/* Functions and classes are no modules; what else a name is bound to may be one. */
static bool may_be_tainted_module(const struct ptd_spread *s, uint32_t module,
                                  const struct ptd_ns_version *v, uint32_t name, unsigned depth)
{
    size_t first, last;
    ptd_namespace_bindings(v, name, &first, &last);
    bool none = first == last;
    for (; first < last; first++) {
        const struct ptd_definition *d = &v->defs.items[v->bindings[first].definition];
        bool simple = d->kind == PTD_DEFINES_FUNCTION || d->kind == PTD_DEFINES_CLASS;
        if (d->kind == PTD_DEFINES_IMPORT ? imports_tainted(s, module, v, d, name, depth) : !simple)
            return true;
    }
    return none;
}

bool ptd_spread_has_module(const struct ptd_spread *s, uint32_t module,
                           const struct ptd_ns_version *v, const struct ptd_mentions *m)
{
    for (size_t i = 0; i < m->count; i++) {
        uint32_t name = v->names[m->items[i].name], how = m->items[i].how;
        if (!ptd_names_has(&s->modules, name))
            continue;
        if (how & PTD_MENTION_MODULE ||
            (how & PTD_MENTION_VALUE && may_be_tainted_module(s, module, v, name, IMPORTS_DEEP)))
            return true;
    }
    return false;
}

static bool calls_mention(const struct ptd_spread *s, const struct ptd_ns_version *v,
                          uint32_t first, uint32_t last, ptd_mention_test *test, const void *arg)
{
    size_t range[2];
    ptd_namespace_calls(v, first, last, range);
    for (size_t i = range[0]; i < range[1]; i++) {
        const struct ptd_ns_call *c = &v->calls[i];
        const struct ptd_ns_version *callee = &s->ns->modules[c->module].versions[c->version];
        if (callee->known && c->block < callee->defs.block_count &&
            test(s, arg, c->module, callee, &callee->defs.blocks[c->block], PTD_BY_IMPORT_CALL))
            return true;
    }
    return false;
}

/* Lines that are not known may be those of any statement that can call something. */
bool ptd_may_call(const struct ptd_definition *d)
{
    return d->owner == PTD_NO_DEFINITION &&
           (d->flags & PTD_DEFINITION_RISKY || d->kind == PTD_DEFINES_CLASS);
}

/* `__all__` names what is exported, and needs nothing of it. */
bool ptd_is_export_list(const struct ptd_ns_version *v, const struct ptd_definition *d)
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
    if (ptd_may_call(d))
        reflects |= calls_reflect(s, v, 0, 0);
    return (reflects & both) == both;
}

bool ptd_spread_mentions(const struct ptd_spread *s, struct ptd_place_of at, ptd_mention_test *test,
                         const void *arg)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    bool header = d->kind == PTD_DEFINES_FUNCTION || d->flags & PTD_DEFINITION_TYPES;
    enum ptd_asker by = header && !s->ns->types_read ? PTD_BY_HEADER : PTD_BY_BLOCK;
    if (d->kind != PTD_DEFINES_IMPORT && !ptd_is_export_list(v, d) &&
        test(s, arg, at.module, v, &d->mentions, by))
        return true;
    if (d->owner != PTD_NO_DEFINITION)
        return false;
    return calls_mention(s, v, d->line, d->end_line, test, arg) ||
           (ptd_may_call(d) && calls_mention(s, v, 0, 0, test, arg)) || gets_anything(s, v, d);
}

bool ptd_asks_reach(const struct ptd_spread *s, const void *arg, uint32_t module,
                    const struct ptd_ns_version *v, const struct ptd_mentions *m, enum ptd_asker by)
{
    (void)arg;
    return is_mentioned(s, module, v, m, by) ||
           (m->reflects & PTD_REFLECT_ATTRIBUTES && ptd_spread_has_module(s, module, v, m));
}

bool ptd_asks_touch(const struct ptd_spread *s, const void *arg, uint32_t module,
                    const struct ptd_ns_version *v, const struct ptd_mentions *m, enum ptd_asker by)
{
    (void)s;
    return is_touched(arg, module, v, m, by);
}

bool ptd_asks_named(const struct ptd_spread *s, const void *arg, uint32_t module,
                    const struct ptd_ns_version *v, const struct ptd_mentions *m, enum ptd_asker by)
{
    const struct ptd_class_rule *rule = arg;
    (void)s;
    (void)module;
    if (by == PTD_BY_IMPORT_CALL) /* those that add to it as well are not concerned */
        return m->reflects & PTD_REFLECT_ATTRIBUTES ? rule->attributes.size > 0
                                                    : is_named(&rule->attributes, v, m);
    return m->reflects & PTD_REFLECT_ATTRIBUTES || ptd_rule_is_named(rule, v, m);
}
