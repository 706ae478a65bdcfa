#include "record/once_holders.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool ptd_once_is_bound(const char *names)
{
    bool own = false, property = true;
    for (const char *p = names; *p;) {
        size_t len = strcspn(p, " ");
        if (*p == '%')
            property = property && len > 8 && strncmp(p + len - 8, "property", 8) == 0;
        else if (*p == '@')
            own = true;
        else if (*p != ':' && *p != '$')
            return false;
        p += len;
        p += *p == ' ';
    }
    return !own || property;
}

static const char *key_of(const struct ptd_once_names *n, uint32_t file, uint32_t block)
{
    const struct ptd_blocks *blocks = n->files[file].blocks;
    return blocks && block < blocks->count ? blocks->items[block].key : "";
}

/* Length of "C" in "C.prop"; 0 when it is no method of a class at module level. */
static size_t class_length(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot && !strstr(key, "<locals>") ? (size_t)(dot - key) : 0;
}

/* Whether that code is part of what keeps: a method of the class, or the function around it. */
static bool is_of_holder(const struct ptd_once_names *n, const struct ptd_suspect *s, uint32_t file,
                         uint32_t block)
{
    if (s->file != file || block == PTD_DEP_WHOLE)
        return false;
    if (s->parent)
        return block == s->parent;
    const char *own = key_of(n, file, s->block), *key = key_of(n, file, block);
    size_t len = class_length(own);
    return len && strncmp(own, key, len + 1) == 0;
}

static void note(struct ptd_once_holder *holder, const struct ptd_journal *j, uint32_t scope)
{
    const struct ptd_journal_scope *s = &j->scopes[scope];
    bool of_file = s->kind == PTD_SCOPE_MODULE || s->kind == PTD_SCOPE_COLLECT;
    if (s->kind == PTD_SCOPE_SESSION || (of_file && s->file == PTD_J_NO_FILE))
        holder->everywhere = true;
    else
        ptd_u32s_add(of_file ? &holder->modules : &holder->scopes, of_file ? s->file : scope);
}

static void look_at_code(struct ptd_once_names *n, struct ptd_once_holder *holders, uint32_t scope,
                         uint32_t code)
{
    const struct ptd_journal *j = n->deps->journal;
    uint32_t file = j->codes[code].file;
    if (!n->files[file].has_bound)
        return;
    uint32_t block = ptd_once_code_block(n, code);
    for (size_t i = 0; i < n->count; i++)
        if (holders[i].bound && is_of_holder(n, &n->items[i], file, block))
            note(&holders[i], j, scope);
}

/* A suspect that is bound itself makes nothing that lasts longer than its holder. */
static bool may_make(const struct ptd_journal *j, uint32_t scope)
{
    const struct ptd_journal_scope *s = &j->scopes[scope];
    if (s->kind == PTD_SCOPE_ONCE) {
        const char *names = s->label + strcspn(s->label, " ");
        return !ptd_once_is_bound(names + (*names == ' '));
    }
    return s->kind != PTD_SCOPE_TEST;
}

static void look_at_scopes(struct ptd_once_names *n, struct ptd_once_holder *holders)
{
    const struct ptd_journal *j = n->deps->journal;
    for (uint32_t i = 0; i < j->scope_count; i++) {
        if (!may_make(j, i))
            continue;
        for (size_t k = 0; k < j->scopes[i].codes.count; k++)
            look_at_code(n, holders, i, j->scopes[i].codes.items[k]);
        for (size_t k = 0; k < j->scopes[i].pairs.count; k += 2)
            look_at_code(n, holders, i, j->scopes[i].pairs.items[k]);
    }
}

/* ---- what definitions say ---- */

static bool mentions_one_of(const struct ptd_definitions *d,
                            const struct ptd_definition *definition, const struct ptd_map *names)
{
    for (size_t i = 0; i < definition->mentions.count; i++) {
        const char *name = d->names[definition->mentions.items[i].name];
        if (ptd_map_find(names, name, strlen(name)) != PTD_MAP_NONE)
            return true;
    }
    return false;
}

/* Adds subclasses to the names of a class; whether there was a new one. */
static bool add_subclasses(const struct ptd_definitions *d, struct ptd_map *names)
{
    size_t before = names->count;
    for (size_t i = 0; i < d->count; i++) {
        const struct ptd_definition *definition = &d->items[i];
        if (definition->kind != PTD_DEFINES_CLASS || !mentions_one_of(d, definition, names))
            continue;
        for (size_t k = 0; k < definition->bind_count; k++)
            ptd_map_puts(names, d->names[definition->binds[k]], 1);
    }
    return names->count > before;
}

static bool has_instance(const struct ptd_definitions *d, const struct ptd_map *names)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct ptd_definition *definition = &d->items[i];
        bool makes = definition->kind == PTD_DEFINES_VALUE ||
                     definition->kind == PTD_DEFINES_BRANCHES ||
                     definition->kind == PTD_DEFINES_EFFECT;
        if (makes && definition->flags & PTD_DEFINITION_CALLS &&
            mentions_one_of(d, definition, names))
            return true;
    }
    return false;
}

/* Then an instance that was made has been seen. */
static bool has_constructor(const struct ptd_blocks *blocks, const char *key, size_t len)
{
    for (size_t i = 0; i < blocks->count; i++)
        if (strncmp(blocks->items[i].key, key, len + 1) == 0 &&
            strcmp(blocks->items[i].key + len + 1, "__init__") == 0)
            return true;
    return false;
}

static void look_at_definitions(struct ptd_once_names *n, const struct ptd_suspect *s,
                                struct ptd_once_holder *holder)
{
    PTD_CLEANUP_MAP struct ptd_map names = PTD_MAP_INIT;
    const char *key = key_of(n, s->file, s->block);
    size_t len = class_length(key), from = len;
    while (from > 0 && key[from - 1] != '.')
        from--;
    if (!len || has_constructor(n->files[s->file].blocks, key, len))
        return;
    ptd_map_put(&names, key + from, len - from, 1, NULL);
    size_t count = n->deps->journal->file_count;
    for (bool again = true; again;) {
        again = false;
        for (uint32_t i = 0; i < count; i++)
            again =
                (n->files[i].known && add_subclasses(&n->files[i].definitions, &names)) || again;
    }
    for (uint32_t i = 0; i < count; i++)
        if (n->files[i].known && has_instance(&n->files[i].definitions, &names))
            ptd_u32s_add(&holder->modules, i);
}

struct ptd_once_holder *ptd_once_holders(struct ptd_once_names *n)
{
    struct ptd_once_holder *holders = ptd_xcalloc(n->count, sizeof(*holders));
    bool any = false;
    for (size_t i = 0; i < n->count; i++) {
        const struct ptd_suspect *s = &n->items[i];
        holders[i].bound = ptd_once_is_bound(s->names) &&
                           (s->parent || class_length(key_of(n, s->file, s->block)));
        n->files[s->file].has_bound |= holders[i].bound;
        any = any || holders[i].bound;
    }
    if (!any)
        return holders;
    look_at_scopes(n, holders);
    for (size_t i = 0; i < n->count; i++) {
        if (holders[i].bound && !n->items[i].parent)
            look_at_definitions(n, &n->items[i], &holders[i]);
        ptd_u32s_sort(&holders[i].modules);
        ptd_u32s_sort(&holders[i].scopes);
    }
    return holders;
}

void ptd_once_holders_free(struct ptd_once_holder *holders, size_t count)
{
    for (size_t i = 0; holders && i < count; i++) {
        free(holders[i].modules.items);
        free(holders[i].scopes.items);
    }
    free(holders);
}
