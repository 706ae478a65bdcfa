/* Changes in the bodies of classes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "record/spread_internal.h"

#define ANCESTORS_MAX 20

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* Bases from outside that do not look at what is in a class. */
static bool is_plain_base(const char *name)
{
    static const char *const names[] = {"object", "ABC", "Generic", "Protocol", "Exception", NULL};
    return is_one_of(name, names) || ptd_path_ends_with(name, "Error") ||
           ptd_path_ends_with(name, "Exception") || ptd_path_ends_with(name, "Warning");
}

static bool has_item(const struct ptd_ns_version *v, uint32_t class, const char *name)
{
    for (size_t i = class + 1; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        for (size_t k = 0; d->owner == class && k < d->bind_count; k++)
            if (strcmp(v->defs.names[d->binds[k]], name) == 0)
                return true;
    }
    return false;
}

static bool is_plain_class(struct ptd_spread *s, struct ptd_place_of at, unsigned depth);

/* Whether a name of a module means a plain class wherever it is bound. */
static bool is_plain_binding(struct ptd_spread *s, uint32_t module, uint32_t name, unsigned depth);

static bool is_plain_import(struct ptd_spread *s, uint32_t module, const struct ptd_ns_version *v,
                            const struct ptd_definition *d, uint32_t name, unsigned depth)
{
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *im = &d->imports[i];
        if (im->as == PTD_NO_NAME || v->names[im->as] != name)
            continue;
        if (im->name == PTD_NO_NAME)
            return false;
        uint32_t taken = v->names[im->name];
        const struct ptd_u32s *from = ptd_namespace_resolve(s->ns, module, v->names[im->module]);
        bool found = false;
        for (size_t k = 0; k < from->count; k++) {
            if (from->items[k] == module)
                continue; /* `from typing import X` in a typing.py of one's own means the other */
            if (depth == 0 || !is_plain_binding(s, from->items[k], taken, depth - 1))
                return false;
            found = true;
        }
        return found || is_plain_base(ptd_namespace_text(s->ns, taken));
    }
    return false;
}

static bool is_plain_binding(struct ptd_spread *s, uint32_t module, uint32_t name, unsigned depth)
{
    bool found = false;
    for (uint32_t k = 0; k < s->ns->modules[module].count; k++) {
        const struct ptd_ns_version *v = &s->ns->modules[module].versions[k];
        size_t first, last;
        ptd_namespace_bindings(v, name, &first, &last);
        for (; first < last; first++) {
            uint32_t at = v->bindings[first].definition;
            const struct ptd_definition *d = &v->defs.items[at];
            bool plain = d->kind == PTD_DEFINES_CLASS
                             ? is_plain_class(s, (struct ptd_place_of){module, k, at}, depth)
                             : d->kind == PTD_DEFINES_IMPORT &&
                                   is_plain_import(s, module, v, d, name, depth);
            if (!plain)
                return false;
            found = true;
        }
    }
    return found || is_plain_base(ptd_namespace_text(s->ns, name));
}

static bool has_text(const struct ptd_ns_version *v, const struct ptd_mentions *m,
                     const char *const *words)
{
    for (size_t i = 0; i < m->count; i++)
        if (is_one_of(v->defs.names[m->items[i].name], words))
            return true;
    return false;
}

/* Whether a function that was called while a class was made got at the class: by a hook, or through
 * the frame. What its body calls only makes values. */
static bool sees_class(const struct ptd_ns_version *v, uint32_t block)
{
    static const char *const hooks[] = {"__set_name__", "__init_subclass__", "__prepare__",
                                        "__mro_entries__", NULL};
    static const char *const frames[] = {"_getframe", "currentframe", "f_locals", "stack", NULL};
    if (!v->known || block >= v->defs.block_count)
        return true;
    const char *key = v->blocks->items[block].key;
    for (const char *const *p = hooks; *p; p++)
        if (strstr(key, *p))
            return true;
    return has_text(v, &v->defs.blocks[block], frames);
}

/* Nothing looks at what is in the class, or runs when it is made or derived from. */
static bool is_plain_class(struct ptd_spread *s, struct ptd_place_of at, unsigned depth)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t calls[2];
    if (depth == 0 || d->flags & (PTD_DEFINITION_DECORATED | PTD_DEFINITION_CALLS) ||
        has_item(v, at.definition, "__init_subclass__"))
        return false;
    ptd_namespace_calls(v, 0, 0, calls);
    if (calls[0] != calls[1])
        return false;
    ptd_namespace_calls(v, d->line, d->end_line, calls);
    for (size_t i = calls[0]; i < calls[1]; i++) {
        const struct ptd_ns_call *c = &v->calls[i];
        if (sees_class(&s->ns->modules[c->module].versions[c->version], c->block))
            return false;
    }
    for (size_t i = 0; i < d->mentions.count; i++) {
        const struct ptd_mention *m = &d->mentions.items[i];
        const char *text = v->defs.names[m->name];
        if (m->how & PTD_MENTION_KEYWORD)
            return false;
        if (m->how & PTD_MENTION_ATTRIBUTE && !is_plain_base(text))
            return false;
        if (m->how & PTD_MENTION_VALUE &&
            !is_plain_binding(s, at.module, v->names[m->name], depth - 1))
            return false;
    }
    return true;
}

/* Used by the interpreter, by pytest or unittest, or by whoever takes anything of its kind. */
static bool is_special_item(const char *name)
{
    static const char *const names[] = {"setUp",        "tearDown",
                                        "setUpClass",   "tearDownClass",
                                        "setup_method", "teardown_method",
                                        "setup_class",  "teardown_class",
                                        "setup",        "teardown",
                                        "asyncSetUp",   "asyncTearDown",
                                        "runTest",      "pytestmark",
                                        "keys",         "items",
                                        "get",          "read",
                                        "write",        "close",
                                        "fileno",       "flush",
                                        "seek",         "tell",
                                        "readline",     "readinto",
                                        "readable",     "writable",
                                        "seekable",     "isatty",
                                        "encoding",     "errors",
                                        "name",         "mode",
                                        "closed",       "default",
                                        "emit",         "run",
                                        "send",         "recv",
                                        "throw",        "mro",
                                        "values",       "update",
                                        "copy",         NULL};
    size_t n = strlen(name);
    bool dunder = n > 4 && strncmp(name, "__", 2) == 0 && strcmp(name + n - 2, "__") == 0;
    return (dunder && strcmp(name, "__doc__") != 0) || is_one_of(name, names);
}

static bool has_special_bind(const struct ptd_ns_version *v, const struct ptd_definition *d)
{
    for (size_t i = 0; i < d->bind_count; i++)
        if (is_special_item(v->defs.names[d->binds[i]]))
            return true;
    return false;
}

void ptd_spread_by_base(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of class)
{
    const struct ptd_definition *d = ptd_place_definition(s->ns, class);
    if (d->mentions.count)
        ptd_names_add(&reach->attribute, ptd_namespace_name(s->ns, "__subclasses__"));
}

static struct ptd_class_rule *rule_of(struct ptd_spread *s, uint32_t module, uint32_t name)
{
    for (size_t i = 0; i < s->rule_count; i++)
        if (s->rules[i].module == module && s->rules[i].name == name)
            return &s->rules[i];
    if (s->rule_count == PTD_CLASS_RULES)
        return NULL;
    struct ptd_class_rule *rule = &s->rules[s->rule_count++];
    *rule = (struct ptd_class_rule){.module = module, .name = name};
    ptd_reach_init(&rule->touch, s->ns->count);
    rule->done = ptd_xcalloc(s->definitions, 1);
    ptd_reach_add(&rule->touch, module, name, false);
    return rule;
}

void ptd_spread_whole_class(struct ptd_spread *s, struct ptd_place_of class)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, class);
    const struct ptd_definition *d = ptd_place_definition(s->ns, class);
    for (size_t i = 0; i < d->bind_count; i++)
        ptd_spread_bind(s, class.module, v->names[d->binds[i]], false);
    ptd_spread_by_base(s, &s->reach, class);
}

void ptd_spread_attributes(struct ptd_spread *s, struct ptd_place_of class,
                           const struct ptd_definition *item, bool added_to)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, class);
    const struct ptd_definition *d = ptd_place_definition(s->ns, class);
    if (d->bind_count == 0)
        return;
    struct ptd_class_rule *rule = rule_of(s, class.module, v->names[d->binds[0]]);
    if (!rule) {
        ptd_spread_whole_class(s, class);
        return;
    }
    ptd_spread_by_base(s, &rule->touch, class);
    struct ptd_names_set *set = added_to ? &rule->added_to : &rule->attributes;
    for (size_t i = 0; i < item->bind_count; i++) {
        uint32_t name = v->names[item->binds[i]];
        if (ptd_names_has(set, name))
            continue;
        ptd_names_add(set, name);
        s->grew = true;
    }
}

/* Whether what is bound by a call may be told of the class (`__set_name__`), and do anything with
 * it: of the project that is seen, of others only the standard library is known not to. */
static bool may_take_class(struct ptd_spread *s, uint32_t module, const struct ptd_ns_version *v,
                           const struct ptd_definition *d, const struct ptd_mentions *m)
{
    static const char *const words[] = {"__set_name__", "_getframe",     "currentframe",
                                        "__import__",   "import_module", NULL};
    if (m->reflects & (PTD_REFLECT_ANYTHING | PTD_REFLECT_GLOBALS) || has_text(v, m, words))
        return true;
    for (size_t i = 0; d && i < d->bind_count; i++)
        if (strcmp(v->defs.names[d->binds[i]], "__set_name__") == 0)
            return true;
    for (size_t i = 0; d && i < d->import_count; i++) {
        const char *text = ptd_namespace_text(s->ns, v->names[d->imports[i].module]);
        PTD_CLEANUP_FREE char *top = ptd_xstrndup(text, strcspn(text, "."));
        if (!ptd_namespace_resolve(s->ns, module, v->names[d->imports[i].module])->count &&
            (!s->ns->state->packages || !ptd_packages_is_library(s->ns->state->packages, top)))
            return true;
    }
    return false;
}

static bool is_part_of_plain_class(struct ptd_spread *s, struct ptd_place_of class,
                                   struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, class);
    const struct ptd_definition *item = ptd_place_definition(s->ns, at);
    bool simple = item->kind == PTD_DEFINES_VALUE || item->kind == PTD_DEFINES_FUNCTION ||
                  item->kind == PTD_DEFINES_NOTHING;
    return simple && item->owner == class.definition && !has_special_bind(v, item) &&
           is_plain_class(s, class, ANCESTORS_MAX) &&
           !(item->flags & PTD_DEFINITION_CALLS && ptd_spread_leads_to(s, at, may_take_class));
}

void ptd_spread_class_item(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *item = ptd_place_definition(s->ns, at);
    struct ptd_place_of class = at;
    class.definition = ptd_place_outermost(v, at.definition);
    if (item->kind == PTD_DEFINES_EFFECT) {
        ptd_spread_module(s, at.module);
        return;
    }
    bool doc = item->kind == PTD_DEFINES_NOTHING && item->owner == class.definition;
    if (doc || is_part_of_plain_class(s, class, at)) {
        ptd_spread_attributes(s, class, item, false);
    } else {
        ptd_spread_whole_class(s, class);
        ptd_spread_kept_class(s, class);
    }
    if (item->flags & PTD_DEFINITION_CALLS)
        ptd_spread_effects(s, &s->reach, at);
}
