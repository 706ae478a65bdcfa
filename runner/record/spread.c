#include "record/spread.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/deps.h"
#include "record/spread_internal.h"

void ptd_spread_init(struct ptd_spread *s, struct ptd_namespace *ns)
{
    *s = (struct ptd_spread){.ns = ns};
    ptd_reach_init(&s->reach, ns->count);
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
    ptd_reach_release(&s->reach, modules);
    for (size_t i = 0; i < s->rule_count; i++) {
        ptd_reach_release(&s->rules[i].touch, modules);
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
    ptd_spread_instance(s, name);
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

/* An assignment to an item or attribute of something: data is tainted by its name. */
static void taint_effect(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t before = s->reach.names.count;
    if (d->flags & PTD_DEFINITION_STORES && d->bind_count == 1) {
        uint32_t name = v->names[d->binds[0]];
        ptd_spread_data(s, &s->reach, at.module, name);
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
        for (size_t k = 0; ptd_is_export_list(v, d) && k < d->mentions.count; k++)
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
        if (everywhere)
            continue;
        ptd_spread_bind(s, at.module, name, false);
        if (v->now) /* `import *` fails when the module has no such name */
            s->fails[at.module] = 1;
    }
}

static void taint_binding(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    if (ptd_is_export_list(v, d)) {
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
    if (d->kind == PTD_DEFINES_CLASS || d->flags & PTD_DEFINITION_SEVERAL)
        ptd_spread_by_base(s, &s->reach, at);
}

static void taint(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t p = position(s, at);
    if (s->done[p])
        return;
    s->done[p] = 1;
    s->grew = true;
    if ((d->flags & PTD_DEFINITION_RISKY &&
         (d->kind != PTD_DEFINES_IMPORT || d->owner != PTD_NO_DEFINITION)) ||
        d->kind == PTD_DEFINES_CLASS)
        s->fails[at.module] = 1;
    if (d->owner != PTD_NO_DEFINITION)
        ptd_spread_class_item(s, at);
    else if (d->kind == PTD_DEFINES_EFFECT)
        taint_effect(s, at);
    else if (d->kind == PTD_DEFINES_IMPORT)
        ptd_spread_taint_import(s, at);
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
        if (line ? line < d->line || line > d->end_line : !ptd_may_call(d))
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
    if (d->import_count && ptd_spread_imports(s, &s->reach, at))
        s->grew = true;
    if (!s->done[position(s, at)] && ptd_spread_mentions(s, at, ptd_asks_reach, NULL))
        taint(s, at);
}

/* Who can have the class: spreads like a taint, but changes nothing by itself. */
static void touch_one(struct ptd_spread *s, void *arg, struct ptd_place_of at)
{
    struct ptd_class_rule *rule = arg;
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t p = position(s, at);
    if (d->import_count && ptd_spread_imports(s, &rule->touch, at))
        s->grew = true;
    if (rule->done[p] || !ptd_spread_mentions(s, at, ptd_asks_touch, rule))
        return;
    rule->done[p] = 1;
    s->grew = true;
    if (ptd_spread_mentions(s, at, ptd_asks_named, rule))
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
        ptd_spread_mentions(s, at, ptd_asks_named, rule))
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
