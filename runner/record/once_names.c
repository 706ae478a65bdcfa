#include "record/once_names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/once_holders.h"

#define AS_VARIABLE  (PTD_MENTION_NAME | PTD_MENTION_PARAMETER)
#define AS_ATTRIBUTE (PTD_MENTION_ATTRIBUTE | PTD_MENTION_SELF)

bool ptd_once_unite(struct ptd_once_set *set, const uint64_t *more, size_t words)
{
    bool changed = false;
    if (!more)
        return false;
    if (!set->words)
        set->words = ptd_xcalloc(words, sizeof(uint64_t));
    for (size_t i = 0; i < words; i++) {
        changed = changed || (more[i] & ~set->words[i]);
        set->words[i] |= more[i];
    }
    return changed;
}

static bool add_one(struct ptd_once_names *n, struct ptd_once_set *set, size_t suspect)
{
    uint64_t bit = (uint64_t)1 << (suspect % 64);
    if (!set->words)
        set->words = ptd_xcalloc(n->words, sizeof(uint64_t));
    bool changed = !(set->words[suspect / 64] & bit);
    set->words[suspect / 64] |= bit;
    return changed;
}

static struct ptd_once_name *name_of(struct ptd_once_names *n, const char *text, size_t len)
{
    size_t at = ptd_map_put(&n->index, text, len, 0, NULL);
    size_t old = n->cap;
    if (at >= old) {
        n->names = ptd_xgrow(n->names, &n->cap, at + 1, sizeof(*n->names));
        memset(n->names + old, 0, (n->cap - old) * sizeof(*n->names));
    }
    return &n->names[at];
}

/* ---- files ---- */

static struct ptd_once_file *file_of(struct ptd_once_names *n, uint32_t file)
{
    struct ptd_once_file *f = &n->files[file];
    const struct ptd_dep_file *of = &n->deps->files[file];
    if (f->sought)
        return f;
    f->sought = true;
    if (!of->source || of->version <= 0)
        return f;
    f->blocks = ptd_state_blocks(n->deps->state, of->version);
    if (!f->blocks || f->blocks->broken)
        return f;
    f->known = ptd_definitions_read(f->blocks->definitions.data, f->blocks->definitions.len,
                                    &f->definitions) == 0;
    if (f->known && f->definitions.block_count != f->blocks->count) {
        ptd_definitions_release(&f->definitions);
        f->known = false;
    }
    f->by_block = ptd_xcalloc(f->blocks->count, sizeof(*f->by_block));
    f->block_made = ptd_xcalloc(f->blocks->count, sizeof(*f->block_made));
    return f;
}

const struct ptd_blocks *ptd_once_blocks(struct ptd_once_names *n, uint32_t file)
{
    return file_of(n, file)->blocks;
}

uint32_t ptd_once_code_block(struct ptd_once_names *n, uint32_t code)
{
    const struct ptd_journal_code *k = &n->deps->journal->codes[code];
    const struct ptd_blocks *blocks = n->files[k->file].blocks;
    if (!blocks)
        return PTD_DEP_WHOLE; /* not parsed, so far */
    if (!n->code_blocks[code])
        n->code_blocks[code] = (uint32_t)ptd_blocks_locate(blocks, k->line, k->name) + 1;
    return n->code_blocks[code] - 1;
}

static void resolve_names(struct ptd_once_names *n, struct ptd_once_file *f)
{
    const struct ptd_definitions *d = &f->definitions;
    if (f->names && f->names_of == n->index.count)
        return;
    if (!f->names)
        f->names = ptd_xcalloc(d->name_count, sizeof(uint32_t));
    for (size_t i = 0; i < d->name_count; i++) {
        if (!f->names[i]) {
            size_t at = ptd_map_find(&n->index, d->names[i], strlen(d->names[i]));
            f->names[i] = at == PTD_MAP_NONE ? 0 : (uint32_t)at + 1;
        }
    }
    f->names_of = n->index.count;
}

/* Whether a suspect sets that attribute of another module: "g.x" in its label. */
static bool sets_attribute(const char *names, const char *attribute)
{
    for (const char *p = names; p && *p;) {
        size_t len = strcspn(p, " ");
        const char *dot = memchr(p, '.', len);
        if (dot && dot > p && strncmp(dot + 1, attribute, (size_t)(p + len - dot - 1)) == 0 &&
            !attribute[p + len - dot - 1])
            return true;
        p += len;
        p += *p == ' ';
    }
    return false;
}

/* Suspects that these mentions lead to. Who replaces an attribute of a module (names `own` in its
 * label, or NULL) only mentions it to put it back. */
static void mentioned(struct ptd_once_names *n, struct ptd_once_file *f,
                      const struct ptd_mentions *mentions, const char *own,
                      struct ptd_once_set *out)
{
    resolve_names(n, f);
    for (size_t i = 0; i < mentions->count; i++) {
        const struct ptd_mention *m = &mentions->items[i];
        if (!f->names[m->name] || sets_attribute(own, f->definitions.names[m->name]))
            continue;
        const struct ptd_once_name *name = &n->names[f->names[m->name] - 1];
        if (m->how & (AS_VARIABLE | PTD_MENTION_STRING | PTD_MENTION_ATTRIBUTE))
            ptd_once_unite(out, name->plain.words, n->words);
        if (m->how & (AS_ATTRIBUTE | PTD_MENTION_STRING))
            ptd_once_unite(out, name->attribute.words, n->words);
    }
}

/* ---- following names ---- */

/* Read without anybody mentioning them: what they say concerns the whole file. */
static bool is_for_all(const char *name)
{
    return strncmp(name, "pytest", 6) == 0 || strncmp(name, "__", 2) == 0;
}

/* Lists of names: they keep nothing. */
static bool is_list_of_names(const char *name)
{
    return strcmp(name, "__all__") == 0 || strcmp(name, "__slots__") == 0;
}

static bool bind(struct ptd_once_names *n, struct ptd_once_file *f, const struct ptd_definition *d,
                 const char *text, const uint64_t *suspects)
{
    if (!suspects || is_list_of_names(text))
        return false;
    if (is_for_all(text))
        return ptd_once_unite(&f->module, suspects, n->words);
    struct ptd_once_name *name = name_of(n, text, strlen(text));
    bool changed = ptd_once_unite(&name->attribute, suspects, n->words);
    if (d->owner == PTD_NO_DEFINITION)
        changed = ptd_once_unite(&name->plain, suspects, n->words) || changed;
    return changed;
}

/* `from m import f as g`; without another name there is nothing new. */
static bool follow_imports(struct ptd_once_names *n, struct ptd_once_file *f,
                           const struct ptd_definition *d)
{
    bool changed = false;
    for (size_t i = 0; i < d->import_count; i++) {
        const struct ptd_import *import = &d->imports[i];
        if (import->name == PTD_NO_NAME || import->as == PTD_NO_NAME || import->name == import->as)
            continue;
        const char *from = f->definitions.names[import->name];
        size_t at = ptd_map_find(&n->index, from, strlen(from));
        if (at == PTD_MAP_NONE)
            continue;
        struct ptd_once_set copy = {0}; /* the array of names may move */
        ptd_once_unite(&copy, n->names[at].plain.words, n->words);
        changed = bind(n, f, d, f->definitions.names[import->as], copy.words) || changed;
        free(copy.words);
    }
    return changed;
}

static bool follow_definition(struct ptd_once_names *n, struct ptd_once_file *f,
                              const struct ptd_definition *d)
{
    if (d->kind == PTD_DEFINES_IMPORT)
        return follow_imports(n, f, d);
    struct ptd_once_set found = {0};
    bool changed = false;
    mentioned(n, f, &d->mentions, NULL, &found);
    if (d->kind == PTD_DEFINES_EFFECT || (found.words && d->bind_count == 0))
        changed = ptd_once_unite(&f->module, found.words, n->words);
    for (size_t i = 0; found.words && i < d->bind_count; i++)
        changed = bind(n, f, d, f->definitions.names[d->binds[i]], found.words) || changed;
    if (d->import_count)
        changed = follow_imports(n, f, d) || changed;
    free(found.words);
    return changed;
}

/* Whether a source has one of the names in it, wherever. */
static bool has_name(const struct ptd_once_names *n, const char *text, size_t len)
{
    const char *end = text + len;
    for (const char *p = text; p < end;) {
        const char *from = p;
        while (p < end && (isalnum((unsigned char)*p) || *p == '_' || (unsigned char)*p >= 0x80))
            p++;
        if (p > from && ptd_map_find(&n->index, from, (size_t)(p - from)) != PTD_MAP_NONE)
            return true;
        p += p == from;
    }
    return false;
}

/* Most files are only imported and were never parsed: only those that may mention a name are now.
 */
static bool may_mention(struct ptd_once_names *n, uint32_t file)
{
    const struct ptd_dep_file *f = &n->deps->files[file];
    PTD_CLEANUP_BUF struct ptd_buf source = PTD_BUF_INIT;
    bool found = false;
    if (n->files[file].sought)
        return n->files[file].known;
    if (f->version <= 0 || n->files[file].silent_of == n->index.count + 1)
        return false;
    if (ptd_store_get_source(n->deps->state->store, f->version, &source, &found, NULL) < 0)
        return false;
    if (!found || has_name(n, source.data, source.len))
        return true;
    n->files[file].silent_of = n->index.count + 1;
    return false;
}

static void follow_all(struct ptd_once_names *n)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < n->deps->journal->file_count; i++) {
            if (!may_mention(n, i) || !file_of(n, i)->known)
                continue;
            struct ptd_once_file *f = &n->files[i];
            for (size_t k = 0; k < f->definitions.count; k++)
                changed = follow_definition(n, f, &f->definitions.items[k]) || changed;
        }
    }
}

/* ---- where names begin ---- */

static bool is_method(const struct ptd_once_names *n, const struct ptd_suspect *s)
{
    const struct ptd_blocks *blocks = n->files[s->file].blocks;
    const char *key = blocks && s->block < blocks->count ? blocks->items[s->block].key : "";
    const char *dot = strrchr(key, '.');
    return dot && (dot - key < 8 || strncmp(dot - 8, "<locals>", 8) != 0);
}

static bool mentions_proxies(const struct ptd_definitions *d, const struct ptd_mentions *mentions)
{
    for (size_t i = 0; i < mentions->count; i++)
        if (strcmp(d->names[mentions->items[i].name], "LocalProxy") == 0)
            return true;
    return false;
}

/* What is set in a proxy belongs to what it stands for, such as the request that is handled. */
static void find_proxies(struct ptd_once_names *n)
{
    name_of(n, "LocalProxy", strlen("LocalProxy"));
    for (uint32_t i = 0; i < n->deps->journal->file_count; i++) {
        if (!may_mention(n, i) || !file_of(n, i)->known)
            continue;
        const struct ptd_definitions *d = &n->files[i].definitions;
        for (size_t k = 0; k < d->count; k++)
            for (size_t b = 0;
                 d->items[k].kind == PTD_DEFINES_VALUE && b < d->items[k].bind_count &&
                 mentions_proxies(d, &d->items[k].mentions);
                 b++)
                ptd_map_puts(&n->proxies, d->names[d->items[k].binds[b]], 1);
    }
}

/* Whether it is a name that something is kept under. */
static bool begin_name(struct ptd_once_names *n, size_t at, const char *word, size_t len)
{
    const struct ptd_suspect *s = &n->items[at];
    const char *dot = memchr(word, '.', len);
    if (ptd_map_find(&n->proxies, word, dot ? (size_t)(dot - word) : len) != PTD_MAP_NONE)
        return false;
    if (dot && dot > word) {
        len -= (size_t)(dot - word);
        word = dot;
    }
    bool own = word[0] == '@', attribute = word[0] == '.';
    /* A variable of a function around it: known to its siblings only. */
    if (strchr(":*$!", word[0]) || (own && s->parent && s->decorated))
        return true;
    if (word[0] == '%' || (own && !s->decorated))
        return false;
    word += own || attribute;
    len -= own || attribute;
    struct ptd_once_name *name = name_of(n, word, len);
    add_one(n, &name->attribute, at);
    if (!attribute && !(own && is_method(n, s)))
        add_one(n, &name->plain, at);
    return true;
}

/* Sources that mention the class are to be looked at, whatever else they mention. */
static void begin_class(struct ptd_once_names *n, const struct ptd_suspect *s)
{
    const struct ptd_blocks *blocks = n->files[s->file].blocks;
    const char *key = blocks && s->block < blocks->count ? blocks->items[s->block].key : "";
    const char *end = strrchr(key, '.'), *from = end;
    while (from && from > key && from[-1] != '.')
        from--;
    if (from && !s->parent)
        name_of(n, from, (size_t)(end - from));
}

static void begin_names(struct ptd_once_names *n, size_t at)
{
    bool keeps = false;
    begin_class(n, &n->items[at]);
    for (const char *p = n->items[at].names; *p;) {
        size_t len = strcspn(p, " ");
        keeps = (len && begin_name(n, at, p, len)) || keeps;
        p += len;
        p += *p == ' ';
    }
    n->items[at].inert = !keeps;
}

/* A function that keeps something for a function in it, and ran while a module was imported. */
static void add_parents_at_import(struct ptd_once_names *n)
{
    const struct ptd_journal *j = n->deps->journal;
    bool needed = false;
    for (size_t i = 0; i < n->count; i++)
        needed = needed || (n->items[i].decorated && n->items[i].parent);
    for (size_t i = 0; needed && i < j->scope_count; i++) {
        const struct ptd_journal_scope *scope = &j->scopes[i];
        if (scope->kind != PTD_SCOPE_MODULE || scope->file == PTD_J_NO_FILE)
            continue;
        for (size_t k = 0; k < scope->pairs.count; k += 2) {
            uint32_t code = scope->pairs.items[k], file = j->codes[code].file;
            uint32_t block = ptd_once_code_block(n, code);
            for (size_t s = 0; s < n->count; s++)
                if (n->items[s].decorated && n->items[s].parent && n->items[s].file == file &&
                    n->items[s].parent == block)
                    add_one(n, &n->files[scope->file].module, s);
        }
    }
}

void ptd_once_names_init(struct ptd_once_names *n, struct ptd_dep_context *deps)
{
    *n = (struct ptd_once_names){.deps = deps};
    n->files = ptd_xcalloc(deps->journal->file_count, sizeof(*n->files));
    n->code_blocks = ptd_xcalloc(deps->journal->code_count, sizeof(*n->code_blocks));
}

void ptd_once_names_follow(struct ptd_once_names *n, struct ptd_suspect *items, size_t count)
{
    n->items = items;
    n->count = count;
    n->words = count / 64 + 1;
    find_proxies(n);
    for (size_t i = 0; i < count; i++)
        begin_names(n, i);
    add_parents_at_import(n);
    follow_all(n);
}

void ptd_once_names_release(struct ptd_once_names *n)
{
    for (size_t i = 0; n->files && i < n->deps->journal->file_count; i++) {
        struct ptd_once_file *f = &n->files[i];
        for (size_t k = 0; f->by_block && k < f->blocks->count; k++)
            free(f->by_block[k].words);
        if (f->known)
            ptd_definitions_release(&f->definitions);
        free(f->by_block);
        free(f->block_made);
        free(f->names);
        free(f->module.words);
    }
    for (size_t i = 0; i < n->index.count; i++) {
        free(n->names[i].plain.words);
        free(n->names[i].attribute.words);
    }
    free(n->files);
    free(n->code_blocks);
    free(n->names);
    ptd_map_release(&n->index);
    ptd_map_release(&n->proxies);
}

/* ---- blocks ---- */

/* "f.<locals>.g" is below "f". */
static bool is_below(const char *key, const char *parent)
{
    size_t len = strlen(parent);
    return strncmp(key, parent, len) == 0 && strncmp(key + len, ".<locals>.", 10) == 0;
}

static bool mentions_name(const struct ptd_once_file *f, uint32_t block, const char *word,
                          size_t len)
{
    const struct ptd_mentions *mentions = &f->definitions.blocks[block];
    for (size_t i = 0; i < mentions->count; i++) {
        const char *name = f->definitions.names[mentions->items[i].name];
        if (strncmp(name, word, len) == 0 && !name[len])
            return true;
    }
    return false;
}

/* Variables of a function around it, read by another function there. */
static bool is_sibling(const struct ptd_once_file *f, const struct ptd_suspect *s, uint32_t block)
{
    if (!s->parent || !is_below(f->blocks->items[block].key, f->blocks->items[s->parent].key))
        return false;
    for (const char *p = s->names; *p;) {
        size_t len = strcspn(p, " ");
        if (*p == ':' && mentions_name(f, block, p + 1, len - 1))
            return true;
        p += len;
        p += *p == ' ';
    }
    return false;
}

static void add_of_file(struct ptd_once_names *n, uint32_t file, uint32_t block,
                        struct ptd_once_set *out)
{
    struct ptd_once_file *f = &n->files[file];
    uint32_t reflects = f->known ? f->definitions.blocks[block].reflects : 0;
    for (size_t i = 0; i < n->count; i++) {
        const struct ptd_suspect *s = &n->items[i];
        if (s->file != file || s->inert)
            continue;
        uint32_t seen_by = PTD_REFLECT_ANYTHING | PTD_REFLECT_GLOBALS |
                           (is_method(n, s) ? PTD_REFLECT_ATTRIBUTES : 0);
        if (s->block == block || (s->decorated && s->parent && s->parent == block) ||
            (reflects & seen_by && !s->parent && !ptd_once_is_bound(s->names)) ||
            (f->known && is_sibling(f, s, block)))
            add_one(n, out, i);
    }
}

static const char *names_of_suspect(const struct ptd_once_names *n, uint32_t file, uint32_t block)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->items[i].file == file && n->items[i].block == block)
            return n->items[i].names;
    return NULL;
}

const uint64_t *ptd_once_names_of_block(struct ptd_once_names *n, uint32_t file, uint32_t block)
{
    struct ptd_once_file *f = &n->files[file];
    if (!f->by_block || block >= f->blocks->count)
        return NULL;
    if (!f->block_made[block]) {
        f->block_made[block] = true;
        add_of_file(n, file, block, &f->by_block[block]);
        if (f->known)
            mentioned(n, f, &f->definitions.blocks[block], names_of_suspect(n, file, block),
                      &f->by_block[block]);
    }
    return f->by_block[block].words;
}

const uint64_t *ptd_once_names_of_variable(const struct ptd_once_names *n, const char *name,
                                           size_t len)
{
    size_t at = ptd_map_find(&n->index, name, len);
    return at == PTD_MAP_NONE ? NULL : n->names[at].plain.words;
}
