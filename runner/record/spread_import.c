/* Import statements that change. */
#include <stdlib.h>

#include "base/mem.h"
#include "record/deps.h"
#include "record/hints.h"
#include "record/known_types.h"
#include "record/spread_internal.h"

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

static void taint_imported(struct ptd_spread *s, struct ptd_place_of at,
                           const struct ptd_import *im)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_u32s *from = ptd_namespace_resolve(s->ns, at.module, v->names[im->module]);
    for (size_t f = 0; f < from->count; f++)
        if (has_effects(s, from->items[f]))
            ptd_spread_module(s, at.module);
    bool known = ptd_hints_import_known(s->ns, at.module, v, im);
    if (!known || !v->now) /* without it, others may fail */
        s->fails[at.module] = 1;
    if (im->as == PTD_NO_NAME)
        ptd_spread_module(s, at.module);
    else if (known && im->name != PTD_NO_NAME &&
             ptd_known_form(v->defs.names[im->module], v->defs.names[im->name]))
        s->grew |= ptd_reach_add(&s->reach, at.module, v->names[im->as], false);
    else
        ptd_spread_bind(s, at.module, v->names[im->as], true);
}

void ptd_spread_taint_import(struct ptd_spread *s, struct ptd_place_of at)
{
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t calls[2];
    ptd_namespace_calls(v, d->line, d->end_line, calls);
    if (calls[0] != calls[1]) /* a library called back: for what, nobody knows */
        ptd_spread_module(s, at.module);
    for (size_t i = 0; i < d->import_count; i++)
        taint_imported(s, at, &d->imports[i]);
}

static bool is_bound_once(const struct ptd_ns_version *v, uint32_t name)
{
    size_t first, last;
    ptd_namespace_bindings(v, name, &first, &last);
    return last - first == 1;
}

/* Whether a statement that runs before the definition needs the name. */
static bool is_needed_before(const struct ptd_ns_version *v, uint32_t definition, uint32_t name)
{
    for (uint32_t i = 0; i < definition; i++) {
        const struct ptd_mentions *m = &v->defs.items[i].mentions;
        for (size_t k = 0; k < m->count; k++)
            if (v->names[m->items[k].name] == name && m->items[k].how & PTD_MENTION_NAME)
                return true;
    }
    return false;
}

/* Whether a version imports the same thing by the same name, and nothing else is bound to it. */
static bool has_import(const struct ptd_ns_version *v, uint32_t module, uint32_t name, uint32_t as)
{
    for (uint32_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        for (size_t e = 0; d->owner == PTD_NO_DEFINITION && e < d->import_count; e++) {
            const struct ptd_import *im = &d->imports[e];
            if (d->kind == PTD_DEFINES_IMPORT && im->as != PTD_NO_NAME && v->names[im->as] == as &&
                v->names[im->module] == module &&
                (im->name == PTD_NO_NAME ? PTD_NS_NONE : v->names[im->name]) == name)
                return is_bound_once(v, as) && !(v->now && is_needed_before(v, i, as));
        }
    }
    return false;
}

void ptd_spread_import(struct ptd_spread *s, uint32_t module, uint32_t version, uint32_t definition,
                       const struct ptd_ns_version *other)
{
    const struct ptd_place_of at = {module, version, definition};
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    size_t calls[2];
    ptd_namespace_calls(v, d->line, d->end_line, calls);
    if (d->owner != PTD_NO_DEFINITION || calls[0] != calls[1]) {
        ptd_spread_definition(s, module, version, definition);
        return;
    }
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *im = &d->imports[i];
        uint32_t name = im->name == PTD_NO_NAME ? PTD_NS_NONE : v->names[im->name];
        if (im->as == PTD_NO_NAME || !is_bound_once(v, v->names[im->as]) ||
            !has_import(other, v->names[im->module], name, v->names[im->as]))
            taint_imported(s, at, im);
    }
}
