/* What code leads to by the names that it mentions. */
#include "base/map.h"
#include "record/spread_internal.h"

struct walk {
    struct ptd_spread *s;
    ptd_lead_test *test;
    struct ptd_map seen; /* (module, name): those that were met, in this order */
    size_t next;         /* of them is to be looked up */
};

static void push(struct walk *w, uint32_t module, uint32_t name)
{
    const uint32_t key[] = {module, name};
    bool added;
    ptd_map_put(&w->seen, key, sizeof(key), (uint64_t)module << 32 | name, &added);
}

static bool look(struct walk *w, uint32_t module, const struct ptd_ns_version *v,
                 const struct ptd_definition *d, const struct ptd_mentions *m)
{
    if (!v->known || w->test(w->s, module, v, d, m))
        return true;
    for (size_t i = 0; i < m->count; i++)
        if (m->items[i].how & PTD_MENTION_NAME)
            push(w, module, v->names[m->items[i].name]);
    return false;
}

/* A definition with what is in it: the body of a class, the code of functions. */
static bool look_into(struct walk *w, uint32_t module, const struct ptd_ns_version *v,
                      uint32_t definition, uint32_t name)
{
    const struct ptd_definition *d = &v->defs.items[definition];
    if (look(w, module, v, d, &d->mentions))
        return true;
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *im = &d->imports[i];
        if (im->name == PTD_NO_NAME || (im->as != PTD_NO_NAME && v->names[im->as] != name))
            continue;
        const struct ptd_u32s *from = ptd_namespace_resolve(w->s->ns, module, v->names[im->module]);
        for (size_t k = 0; k < from->count; k++)
            push(w, from->items[k], im->as == PTD_NO_NAME ? name : v->names[im->name]);
    }
    for (uint32_t i = definition + 1; d->kind == PTD_DEFINES_CLASS && i < v->defs.count; i++)
        if (ptd_place_outermost(v, i) == definition &&
            look(w, module, v, &v->defs.items[i], &v->defs.items[i].mentions))
            return true;
    for (uint32_t b = 1; b < v->defs.block_count; b++)
        if (v->roots[b] == name && look(w, module, v, NULL, &v->defs.blocks[b]))
            return true;
    return false;
}

static bool look_up(struct walk *w, uint32_t module, uint32_t name)
{
    for (size_t k = 0; k < w->s->ns->modules[module].count; k++) {
        const struct ptd_ns_version *v = &w->s->ns->modules[module].versions[k];
        size_t first, last;
        ptd_namespace_bindings(v, name, &first, &last);
        for (; first < last; first++)
            if (look_into(w, module, v, v->bindings[first].definition, name))
                return true;
    }
    return false;
}

bool ptd_spread_leads_to(struct ptd_spread *s, struct ptd_place_of at, ptd_lead_test *test)
{
    struct walk w = {.s = s, .test = test};
    const struct ptd_ns_version *v = ptd_place_version(s->ns, at);
    const struct ptd_definition *d = ptd_place_definition(s->ns, at);
    bool found = look(&w, at.module, v, d, &d->mentions);
    while (!found && w.next < w.seen.count) {
        uint64_t place = w.seen.entries[w.next++].value;
        found = look_up(&w, (uint32_t)(place >> 32), (uint32_t)place);
    }
    ptd_map_release(&w.seen);
    return found;
}
