/* Names of modules that something reaches, and how imports pass them on. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/deps.h"
#include "record/spread_internal.h"

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

void ptd_reach_init(struct ptd_reach *reach, size_t modules)
{
    *reach = (struct ptd_reach){0};
    reach->by_module = ptd_xcalloc(modules, sizeof(*reach->by_module));
    reach->whole = ptd_xcalloc(modules, 1);
}

void ptd_reach_release(struct ptd_reach *reach, size_t modules)
{
    for (size_t i = 0; reach->by_module && i < modules; i++)
        free(reach->by_module[i].items);
    free(reach->by_module);
    free(reach->whole);
    free(reach->attribute.items);
    ptd_map_release(&reach->names);
    ptd_map_release(&reach->followed);
}

/* Whether a function that an import called has this for adding to it only. */
bool ptd_reach_only_adds(const struct ptd_reach *reach, uint32_t module, uint32_t name,
                         uint32_t how)
{
    const uint32_t key[] = {module, name};
    size_t at = ptd_map_find(&reach->names, key, sizeof(key));
    return at != PTD_MAP_NONE && reach->names.entries[at].value && how & PTD_MENTION_CHANGED;
}

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
    return ptd_reach_only_adds(reach, module, name, PTD_MENTION_CHANGED);
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

void ptd_spread_instance(struct ptd_spread *s, uint32_t name)
{
    if (ptd_names_has(&s->instances, name))
        return;
    ptd_names_add(&s->instances, name);
    s->grew = true;
}

const struct ptd_u32s *ptd_spread_imported_module(const struct ptd_spread *s, uint32_t module,
                                                  const struct ptd_ns_version *v,
                                                  const struct ptd_import *im)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    ptd_buf_adds(&text, v->defs.names[im->module]);
    if (im->name != PTD_NO_NAME) {
        if (text.len && text.data[text.len - 1] != '.')
            ptd_buf_addc(&text, '.');
        ptd_buf_adds(&text, v->defs.names[im->name]);
    }
    return ptd_namespace_resolve(s->ns, module, ptd_namespace_name(s->ns, text.data));
}

/* Names that an import statement gets from a module in which they are reached. */
bool ptd_spread_imports(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at)
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
                ptd_spread_instance(s, v->names[im->as]);
            if (main && v->now && !is_bound_now(s, from->items[k], name))
                s->fails[at.module] = 1;
        }
    }
    return grew;
}
