#include "record/hints.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "record/known_types.h"
#include "state/packages.h"

/* So many imports are followed to a class. */
#define IMPORTS_DEEP 4

/* An annotation's name in a function of a module. */
struct place {
    struct ptd_namespace *ns;
    uint32_t module;
    const struct ptd_ns_version *v;
    uint32_t function;
    const struct ptd_ns_version *old; /* or NULL */
};

/* What a name means where the function is made. */
enum meaning {
    UNSURE,
    BUILTIN, /* or nothing */
    BOUND,   /* by one class or import that has run by then */
};

static bool binds(const struct ptd_ns_version *v, const struct ptd_definition *d, uint32_t name)
{
    for (size_t i = 0; i < d->bind_count; i++)
        if (v->names[d->binds[i]] == name)
            return true;
    return false;
}

static uint32_t how_mentioned(const struct ptd_ns_version *v, const struct ptd_mentions *m,
                              uint32_t name)
{
    for (size_t i = 0; i < m->count; i++)
        if (v->names[m->items[i].name] == name)
            return m->items[i].how;
    return 0;
}

/* Whether something but a plain statement may bind the name in the module, or unbind it. */
static bool is_meddled_with(const struct ptd_ns_version *v, uint32_t name)
{
    const uint32_t anything = PTD_REFLECT_GLOBALS | PTD_REFLECT_ANYTHING;
    for (size_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        bool runs = d->kind == PTD_DEFINES_EFFECT || d->kind == PTD_DEFINES_BRANCHES;
        if (d->mentions.reflects & anything ||
            (runs && how_mentioned(v, &d->mentions, name) & PTD_MENTION_CHANGED))
            return true;
    }
    for (size_t i = 1; i < v->defs.block_count; i++) {
        const struct ptd_mentions *m = &v->defs.blocks[i];
        if (m->reflects & anything || how_mentioned(v, m, name) & PTD_MENTION_GLOBAL)
            return true;
    }
    return false;
}

static bool has_star(const struct ptd_ns_version *v)
{
    for (size_t i = 0; i < v->defs.count; i++)
        for (size_t k = 0; k < v->defs.items[i].import_count; k++)
            if (v->defs.items[i].imports[k].as == PTD_NO_NAME)
                return true;
    return false;
}

/* Whether the body of the class around a function binds the name. */
static bool is_bound_in_class(const struct ptd_ns_version *v, uint32_t function, uint32_t name)
{
    uint32_t owner = v->defs.items[function].owner;
    for (size_t i = 0; owner != PTD_NO_DEFINITION && i < v->defs.count; i++)
        if (v->defs.items[i].owner == owner && binds(v, &v->defs.items[i], name))
            return true;
    return false;
}

static uint32_t outermost(const struct ptd_ns_version *v, uint32_t definition)
{
    while (v->defs.items[definition].owner != PTD_NO_DEFINITION)
        definition = v->defs.items[definition].owner;
    return definition;
}

static enum meaning meaning_of(const struct ptd_ns_version *v, uint32_t function, uint32_t name,
                               const struct ptd_definition **by)
{
    size_t first, last;
    if (is_bound_in_class(v, function, name) || is_meddled_with(v, name))
        return UNSURE;
    ptd_namespace_bindings(v, name, &first, &last);
    if (first == last)
        return BUILTIN;
    uint32_t at = v->bindings[first].definition;
    *by = &v->defs.items[at];
    bool kind = (*by)->kind == PTD_DEFINES_CLASS || (*by)->kind == PTD_DEFINES_IMPORT;
    return last - first == 1 && kind && at < outermost(v, function) ? BOUND : UNSURE;
}

/* ---- classes of the project ---- */

/* Nothing can have made something else of it. */
static bool is_class(const struct ptd_definition *d)
{
    if (d->kind != PTD_DEFINES_CLASS || d->flags & PTD_DEFINITION_DECORATED)
        return false;
    for (size_t i = 0; i < d->mentions.count; i++)
        if (d->mentions.items[i].how & PTD_MENTION_KEYWORD) /* a metaclass */
            return false;
    return true;
}

static const struct ptd_ns_version *present(const struct ptd_namespace *ns, uint32_t module)
{
    const struct ptd_ns_module *m = &ns->modules[module];
    for (size_t k = 0; k < m->count; k++)
        if (m->versions[k].now && m->versions[k].known)
            return &m->versions[k];
    return NULL;
}

static const struct ptd_import *import_of(const struct ptd_ns_version *v,
                                          const struct ptd_definition *d, uint32_t name)
{
    const struct ptd_import *found = NULL;
    for (size_t i = 0; i < d->import_count; i++) {
        if (d->imports[i].as == PTD_NO_NAME || v->names[d->imports[i].as] != name)
            continue;
        if (found)
            return NULL;
        found = &d->imports[i];
    }
    return found;
}

static bool is_class_by_import(struct ptd_namespace *ns, uint32_t module,
                               const struct ptd_ns_version *v, const struct ptd_import *im,
                               unsigned depth);

/* Whether a module of the project has nothing but a class under the name. */
static bool is_class_in(struct ptd_namespace *ns, uint32_t module, uint32_t name, unsigned depth)
{
    const struct ptd_ns_version *v = present(ns, module);
    size_t first, last;
    if (!v || has_star(v) || is_meddled_with(v, name))
        return false;
    ptd_namespace_bindings(v, name, &first, &last);
    if (last - first != 1)
        return false;
    const struct ptd_definition *d = &v->defs.items[v->bindings[first].definition];
    if (d->kind != PTD_DEFINES_IMPORT)
        return is_class(d);
    const struct ptd_import *im = import_of(v, d, name);
    return im && depth && is_class_by_import(ns, module, v, im, depth - 1);
}

static bool is_class_by_import(struct ptd_namespace *ns, uint32_t module,
                               const struct ptd_ns_version *v, const struct ptd_import *im,
                               unsigned depth)
{
    if (im->name == PTD_NO_NAME)
        return false;
    const struct ptd_u32s *from = ptd_namespace_resolve(ns, module, v->names[im->module]);
    const char *text = v->defs.names[im->module];
    PTD_CLEANUP_FREE char *top = ptd_xstrndup(text, strcspn(text, "."));
    if (*top && !ptd_namespace_resolve(ns, module, ptd_namespace_name(ns, top))->count)
        return false; /* found by the last part of its name only */
    for (size_t i = 0; i < from->count; i++)
        if (from->items[i] == module || !is_class_in(ns, from->items[i], v->names[im->name], depth))
            return false;
    return from->count > 0;
}

/* ---- the old version ---- */

static uint32_t root_of(struct ptd_namespace *ns, const char *text)
{
    PTD_CLEANUP_FREE char *root = ptd_xstrndup(text, strcspn(text, "."));
    return ptd_namespace_name(ns, root);
}

static bool is_same(const struct place *p, const struct ptd_hint *a, const struct ptd_hint *b)
{
    return a->use == b->use && a->result == b->result && a->shape == b->shape &&
           a->count == b->count && p->v->names[a->name] == p->old->names[b->name];
}

static enum meaning meaning_in_old(struct place *p, uint32_t function, const struct ptd_hint *hint)
{
    const struct ptd_definition *by;
    return meaning_of(p->old, function, root_of(p->ns, p->old->defs.names[hint->name]), &by);
}

typedef bool hint_test(struct place *p, const void *arg, uint32_t function,
                       const struct ptd_hint *hint);

/* Whether the test holds for something that was evaluated in the old version. */
static bool any_old(struct place *p, hint_test *test, const void *arg)
{
    for (uint32_t i = 0; p->old && i < p->old->defs.count; i++) {
        const struct ptd_definition *d = &p->old->defs.items[i];
        for (size_t k = 0; k < d->hint_count; k++)
            if (test(p, arg, i, &d->hints[k]))
                return true;
    }
    return false;
}

static bool is_the_same(struct place *p, const void *arg, uint32_t function,
                        const struct ptd_hint *hint)
{
    return is_same(p, arg, hint) && meaning_in_old(p, function, hint) != UNSURE;
}

static bool was_done(struct place *p, const struct ptd_hint *hint)
{
    return any_old(p, is_the_same, hint);
}

/* list[...]: Python is 3.9 or later, where these take anything. */
static bool is_new_generic(struct place *p, const void *arg, uint32_t function,
                           const struct ptd_hint *hint)
{
    (void)arg;
    return hint->use == PTD_HINT_BASE &&
           ptd_known_builtin_generic(p->old->defs.names[hint->name]) &&
           meaning_in_old(p, function, hint) == BUILTIN;
}

/* A builtin type beside an operator `|`: Python is 3.10 or later. */
static bool is_new_union(struct place *p, const void *arg, uint32_t function,
                         const struct ptd_hint *hint)
{
    (void)arg;
    return hint->use == PTD_HINT_OPERAND && ptd_known_builtin(p->old->defs.names[hint->name]) &&
           meaning_in_old(p, function, hint) == BUILTIN;
}

/* ---- the standard library ---- */

static bool is_of_project(struct ptd_namespace *ns, uint32_t module, const char *name)
{
    return *name == '.' ||
           ptd_namespace_resolve(ns, module, ptd_namespace_name(ns, name))->count > 0;
}

static bool is_library(struct ptd_namespace *ns, uint32_t module, const char *name)
{
    PTD_CLEANUP_FREE char *top = ptd_xstrndup(name, strcspn(name, "."));
    return !is_of_project(ns, module, name) && !is_of_project(ns, module, top) &&
           (!ns->state->packages || ptd_packages_is_library(ns->state->packages, top) ||
            strcmp(name, "typing_extensions") == 0);
}

/* "t.Optional" with `import typing as t`: its module into `out`, and where its name begins in the
 * text; NULL when it is not of the library, or not known to be. */
static const char *find_library(struct place *p, const struct ptd_definition *by, const char *text,
                                struct ptd_buf *out)
{
    size_t root = strcspn(text, ".");
    PTD_CLEANUP_FREE char *name = ptd_xstrndup(text, root);
    const struct ptd_import *im = by->kind == PTD_DEFINES_IMPORT
                                      ? import_of(p->v, by, ptd_namespace_name(p->ns, name))
                                      : NULL;
    if (!im)
        return NULL;
    const char *module = p->v->defs.names[im->module], *last = strrchr(text, '.');
    ptd_buf_reset(out);
    if (im->name != PTD_NO_NAME && last) {
        return NULL; /* from collections import abc: abc.Iterable */
    } else if (im->name != PTD_NO_NAME) {
        ptd_buf_adds(out, module);
        last = p->v->defs.names[im->name];
    } else if (!last) {
        return NULL; /* a module */
    } else {
        /* `import a.b` binds a, `import a.b as c` the module itself. */
        bool itself = strncmp(module, name, root) != 0 || (module[root] && module[root] != '.');
        ptd_buf_adds(out, itself ? module : name);
        ptd_buf_add(out, text + root, (size_t)(last - text) - root);
        last++;
    }
    return is_library(p->ns, p->module, out->data) ? last : NULL;
}

static bool is_known(struct place *p, const struct ptd_definition *by, const struct ptd_hint *h)
{
    PTD_CLEANUP_BUF struct ptd_buf module = PTD_BUF_INIT;
    const char *name = find_library(p, by, p->v->defs.names[h->name], &module);
    if (!name)
        return false;
    if (h->use == PTD_HINT_WHOLE)
        return ptd_known_name(module.data, name);
    if (h->use == PTD_HINT_BASE)
        return ptd_known_generic(module.data, name, h->shape, h->count) ||
               (ptd_known_new_generic(module.data, name, h->shape) &&
                any_old(p, is_new_generic, NULL));
    return ptd_known_type(module.data, name);
}

bool ptd_hints_import_known(struct ptd_namespace *ns, uint32_t module,
                            const struct ptd_ns_version *v, const struct ptd_import *im)
{
    const char *from = v->defs.names[im->module];
    if (im->as == PTD_NO_NAME || strcmp(from, "typing_extensions") == 0 ||
        !is_library(ns, module, from))
        return false;
    if (im->name == PTD_NO_NAME)
        return strcmp(from, "typing") == 0;
    return ptd_known_name(from, v->defs.names[im->name]);
}

/* ---- single names ---- */

static bool is_bound_hint_known(struct place *p, const struct ptd_definition *by,
                                const struct ptd_hint *h, bool dotted)
{
    const char *text = p->v->defs.names[h->name];
    if (h->use == PTD_HINT_WHOLE && !dotted) /* it is there, that is all it needs */
        return true;
    if (has_star(p->v))
        return false;
    if (is_known(p, by, h))
        return true;
    if (h->use == PTD_HINT_BASE) { /* a class of the project may do anything */
        const struct ptd_import *im = import_of(p->v, by, root_of(p->ns, text));
        return im && !is_of_project(p->ns, p->module, p->v->defs.names[im->module]) &&
               was_done(p, h);
    }
    if (!dotted && h->use != PTD_HINT_WHOLE && is_class(by))
        return true;
    const struct ptd_import *im = dotted ? NULL : import_of(p->v, by, p->v->names[h->name]);
    return (im && is_class_by_import(p->ns, p->module, p->v, im, IMPORTS_DEEP)) || was_done(p, h);
}

static bool is_builtin_hint_known(struct place *p, const struct ptd_hint *h)
{
    if (!ptd_known_builtin(p->v->defs.names[h->name]))
        return false;
    if (h->use == PTD_HINT_WHOLE)
        return true;
    if (has_star(p->v))
        return false;
    return h->use != PTD_HINT_BASE || (ptd_known_builtin_generic(p->v->defs.names[h->name]) &&
                                       any_old(p, is_new_generic, NULL));
}

static bool is_harmless(struct place *p, const struct ptd_hint *h)
{
    const struct ptd_definition *by = NULL;
    if (h->use == PTD_HINT_OTHER)
        return false;
    if (h->use == PTD_HINT_UNION)
        return any_old(p, is_new_union, NULL);
    const char *text = p->v->defs.names[h->name];
    switch (meaning_of(p->v, p->function, root_of(p->ns, text), &by)) {
    case BOUND:
        return is_bound_hint_known(p, by, h, strchr(text, '.'));
    case BUILTIN:
        return is_builtin_hint_known(p, h);
    default:
        return false;
    }
}

/* Whether the same function had the name in the same place, whatever that is. */
static bool was_there(const struct place *p, uint32_t before, const struct ptd_hint *hint)
{
    const struct ptd_definition *d = &p->old->defs.items[before];
    for (size_t i = 0; hint->use < PTD_HINT_BASE && i < d->hint_count; i++)
        if (d->hints[i].use < PTD_HINT_BASE && is_same(p, hint, &d->hints[i]))
            return true;
    return false;
}

bool ptd_hints_hold(struct ptd_namespace *ns, uint32_t module, const struct ptd_ns_version *now,
                    uint32_t function, const struct ptd_ns_version *old, uint32_t before)
{
    struct place p = {ns, module, now, function, old};
    const struct ptd_definition *d = &now->defs.items[function];
    for (size_t i = 0; i < d->hint_count; i++)
        if (!was_there(&p, before, &d->hints[i]) && !is_harmless(&p, &d->hints[i]))
            return false;
    return true;
}

/* Whether a dotted text has the name as one of its parts. */
static bool has_part(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = text; at; at = strchr(at, '.')) {
        at += at > text;
        if (strncmp(at, name, len) == 0 && (at[len] == '\0' || at[len] == '.'))
            return true;
    }
    return false;
}

static bool find_stay(struct place *p, uint32_t name)
{
    const struct ptd_definition *d = &p->v->defs.items[p->function];
    PTD_CLEANUP_FREE char *text = ptd_xstrdup(ptd_namespace_text(p->ns, name));
    for (size_t i = 0; i < d->hint_count; i++) {
        const struct ptd_hint *h = &d->hints[i];
        bool concerned = h->name != PTD_NO_NAME && has_part(p->v->defs.names[h->name], text);
        if (h->use == PTD_HINT_OTHER || (concerned && !is_harmless(p, h)))
            return false;
    }
    return true;
}

bool ptd_hints_stay(struct ptd_namespace *ns, uint32_t module, const struct ptd_ns_version *v,
                    uint32_t function, uint32_t name)
{
    struct place p = {ns, module, v, function, NULL};
    const uint64_t key[] = {module, (uint64_t)(uintptr_t)v, function, name};
    bool added;
    if (!v->now)
        return true;
    size_t at = ptd_map_put(&ns->hints, key, sizeof(key), 0, &added);
    if (added) {
        bool stay = find_stay(&p, name);
        ns->hints.entries[at].value = stay;
    }
    return ns->hints.entries[at].value;
}
