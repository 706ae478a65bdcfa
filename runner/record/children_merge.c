#include "record/children_merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Numbers that both have: those of the parent that a child was forked from. */
static bool inherit(uint32_t **out, size_t *count, size_t total, uint32_t base,
                    const uint32_t *parent, size_t parent_count)
{
    *out = ptd_xcalloc(total + 1, sizeof(uint32_t));
    *count = total;
    for (uint32_t i = 0; i < base && base <= parent_count; i++)
        (*out)[i] = parent ? parent[i] : i;
    return base <= parent_count;
}

/* `parent` is NULL for the owner, whose numbers stay. */
static bool make_ids(const struct ptd_journal *c, const struct ptd_merge_ids *owner,
                     const struct ptd_merge_ids *parent, struct ptd_merge_ids *out)
{
    const struct ptd_merge_ids *p = parent ? parent : owner;
    *out = (struct ptd_merge_ids){.journal = c->name};
    bool files = inherit(&out->files, &out->file_count, c->file_count, c->base_files, p->files,
                         p->file_count);
    bool codes = inherit(&out->codes, &out->code_count, c->code_count, c->base_codes, p->codes,
                         p->code_count);
    bool names = inherit(&out->names, &out->name_count, c->name_count, c->base_names, p->names,
                         p->name_count);
    bool scopes = inherit(&out->scopes, &out->scope_count, c->scope_count, c->base_scopes,
                          p->scopes, p->scope_count);
    return files && codes && names && scopes;
}

static void release_ids(struct ptd_merge_ids *ids)
{
    free(ids->files);
    free(ids->codes);
    free(ids->names);
    free(ids->scopes);
}

/* What installed packages need of each other is the same for all processes. */
static bool is_installed(const struct ptd_journal_scope *scope)
{
    return scope->kind == PTD_SCOPE_SESSION && strcmp(scope->label, PTD_SCOPE_LABEL_INSTALLED) == 0;
}

static bool find_installed(const struct ptd_journal *j, uint32_t *out)
{
    for (size_t i = 0; i < j->scope_count; i++) {
        if (!is_installed(&j->scopes[i]))
            continue;
        *out = (uint32_t)i;
        return true;
    }
    return false;
}

static void add_definitions(struct ptd_journal *to, const struct ptd_journal *c,
                            struct ptd_merge_ids *ids)
{
    for (size_t i = c->base_files; i < c->file_count; i++) {
        to->files = ptd_xgrow(to->files, &to->file_cap, to->file_count + 1, sizeof(*to->files));
        to->files[to->file_count] = c->files[i];
        ids->files[i] = (uint32_t)to->file_count++;
    }
    for (size_t i = c->base_codes; i < c->code_count; i++) {
        to->codes = ptd_xgrow(to->codes, &to->code_cap, to->code_count + 1, sizeof(*to->codes));
        to->codes[to->code_count] = c->codes[i];
        to->codes[to->code_count].file = ids->files[c->codes[i].file];
        ids->codes[i] = (uint32_t)to->code_count++;
    }
    for (size_t i = c->base_names; i < c->name_count; i++) {
        to->names = ptd_xgrow(to->names, &to->name_cap, to->name_count + 1, sizeof(*to->names));
        to->names[to->name_count] = c->names[i];
        ids->names[i] = (uint32_t)to->name_count++;
    }
    for (size_t i = c->base_scopes; i < c->scope_count; i++) {
        const struct ptd_journal_scope *s = &c->scopes[i];
        if (is_installed(s) && find_installed(to, &ids->scopes[i]))
            continue;
        to->scopes =
            ptd_xgrow(to->scopes, &to->scope_cap, to->scope_count + 1, sizeof(*to->scopes));
        /* A child has no session of its own, that every test would depend on. */
        to->scopes[to->scope_count] = (struct ptd_journal_scope){
            .kind = s->kind == PTD_SCOPE_SESSION ? PTD_SCOPE_CHILD : s->kind,
            .file = s->file == PTD_J_NO_FILE ? PTD_J_NO_FILE : ids->files[s->file],
            .label = s->label};
        ids->scopes[i] = (uint32_t)to->scope_count++;
    }
}

static void add_numbers(struct ptd_u32s *to, const struct ptd_u32s *from, const uint32_t *ids,
                        size_t width)
{
    to->items = ptd_xgrow(to->items, &to->cap, to->count + from->count, sizeof(uint32_t));
    for (size_t i = 0; i < from->count; i++)
        to->items[to->count + i] = i % width ? from->items[i] : ids[from->items[i]];
    to->count += from->count;
}

static void add_contents(struct ptd_journal *to, const struct ptd_journal *c,
                         const struct ptd_merge_ids *ids)
{
    for (size_t i = 0; i < c->scope_count; i++) {
        const struct ptd_journal_scope *from = &c->scopes[i];
        struct ptd_journal_scope *scope = &to->scopes[ids->scopes[i]];
        scope->flags |= from->flags;
        add_numbers(&scope->codes, &from->codes, ids->codes, 1);
        add_numbers(&scope->uses, &from->uses, ids->scopes, 1);
        add_numbers(&scope->imports, &from->imports, ids->files, 1);
        add_numbers(&scope->names, &from->names, ids->names, 1);
        add_numbers(&scope->pairs, &from->pairs, ids->codes, 2);
    }
    for (size_t i = 0; i < c->fact_count; i++) {
        if (strcmp(c->facts[i].key, "path") != 0)
            continue;
        to->facts = ptd_xgrow(to->facts, &to->fact_cap, to->fact_count + 1, sizeof(*to->facts));
        to->facts[to->fact_count++] = c->facts[i];
    }
}

static void take_strings(struct ptd_journal *to, struct ptd_journal *c)
{
    to->strings =
        ptd_xgrow(to->strings, &to->string_cap, to->string_count + c->string_count, sizeof(char *));
    if (c->string_count)
        memcpy(to->strings + to->string_count, c->strings, c->string_count * sizeof(char *));
    to->string_count += c->string_count;
    c->string_count = 0;
}

static void add_child(struct ptd_merge *merge, struct ptd_journal *owner, struct ptd_journal *c,
                      struct ptd_merge_ids *ids)
{
    add_definitions(owner, c, ids);
    add_contents(owner, c, ids);
    for (size_t i = 0; i < c->follow_count; i++) {
        merge->follows = ptd_xgrow(merge->follows, &merge->follow_cap, merge->follow_count + 1,
                                   sizeof(*merge->follows));
        merge->follows[merge->follow_count] = c->follows[i];
        merge->follows[merge->follow_count++].scope = ids->scopes[c->follows[i].scope];
    }
    take_strings(owner, c);
    merge->damaged = merge->damaged || c->damaged;
    merge->children = ptd_xgrow(merge->children, &merge->child_cap, merge->child_count + 1,
                                sizeof(*merge->children));
    merge->children[merge->child_count++] = *ids;
}

/* NULL when it was not merged (yet). */
static const struct ptd_merge_ids *find_parent(const struct ptd_merge *merge, const char *name)
{
    for (size_t i = merge->child_count; i-- > 0;)
        if (strcmp(merge->children[i].journal, name) == 0)
            return &merge->children[i];
    return NULL;
}

/* False when its parent was not merged yet. */
static bool try_child(struct ptd_merge *merge, struct ptd_journal *owner,
                      const struct ptd_merge_ids *own, struct ptd_journal *c)
{
    bool of_owner = !c->forked_from || strcmp(c->forked_from, owner->name) == 0;
    const struct ptd_merge_ids *parent = of_owner ? NULL : find_parent(merge, c->forked_from);
    struct ptd_merge_ids ids;
    if (!of_owner && !parent)
        return false;
    /* The owner died before it wrote what this one goes on from, in a test that did not finish. */
    if (!make_ids(c, own, parent, &ids)) {
        release_ids(&ids);
        return true;
    }
    add_child(merge, owner, c, &ids);
    return true;
}

void ptd_merge_children(struct ptd_merge *merge, struct ptd_journal *owner,
                        struct ptd_journal *journals, size_t count)
{
    struct ptd_merge_ids own = {.file_count = owner->file_count,
                                .code_count = owner->code_count,
                                .name_count = owner->name_count,
                                .scope_count = owner->scope_count};
    PTD_CLEANUP_FREE unsigned char *done = ptd_xcalloc(count + 1, 1);
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        done[i] = !journals[i].child ||
                  strcmp(ptd_journal_fact_get(&journals[i], "owner", ""), owner->name) != 0;
        left += !done[i];
    }
    for (bool progress = true; left && progress;) {
        progress = false;
        for (size_t i = 0; i < count; i++) {
            if (done[i] || !try_child(merge, owner, &own, &journals[i]))
                continue;
            done[i] = 1;
            left--;
            progress = true;
        }
    }
    if (left)
        merge->damaged = true;
}

void ptd_merge_release(struct ptd_merge *merge)
{
    for (size_t i = 0; i < merge->child_count; i++)
        release_ids(&merge->children[i]);
    free(merge->children);
    free(merge->follows);
    *merge = (struct ptd_merge){0};
}
