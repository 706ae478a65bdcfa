#include "record/once.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "record/once_decorators.h"
#include "record/once_holders.h"
#include "record/once_names.h"

struct ptd_once {
    struct ptd_dep_context *deps; /* borrowed */
    struct ptd_suspect *items;    /* owned */
    size_t count, cap;
    struct ptd_once_names names;
    struct ptd_once_holder *holders; /* owned; per suspect */
    struct ptd_once_set *by_scope;   /* owned; per scope, of those that are asked for again */
    bool *scope_made;                /* owned */
    uint32_t *module_files;          /* owned: files with suspects for everybody who imports them */
    size_t module_count;
    struct ptd_once_set anonymous; /* those that serve under names that cannot be told */
};

/* ---- suspects ---- */

/* The function around a block: "f" of "f.<locals>.g"; 0 when it is at module or class level. */
static uint32_t parent_of(const struct ptd_blocks *blocks, uint32_t block)
{
    static const char mark[] = ".<locals>.";
    if (!blocks || block >= blocks->count)
        return 0;
    const char *key = blocks->items[block].key, *last = NULL;
    for (const char *p = key; (p = strstr(p, mark)); p++)
        last = p;
    size_t len = last ? (size_t)(last - key) : 0;
    for (uint32_t i = block; len && i-- > 1;)
        if (strncmp(blocks->items[i].key, key, len) == 0 && !blocks->items[i].key[len])
            return i;
    return 0;
}

/* A word that begins like this; 0: anything but a function's own name and its decorators. */
static bool has_word(const char *names, char first, size_t len)
{
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        bool fits = first ? *p == first : n && *p != '@' && *p != '%';
        if (fits && (len == 0 || n == len))
            return true;
        p += n;
        p += *p == ' ';
    }
    return false;
}

/* "test_a.<locals>.view": what the functions in a test set is for that test. */
static bool is_in_test(const char *path, const struct ptd_blocks *blocks, uint32_t block)
{
    const char *key = blocks && block < blocks->count ? blocks->items[block].key : "";
    const char *locals = strstr(key, ".<locals>.");
    const char *name = locals;
    while (name && name > key && name[-1] != '.')
        name--;
    return locals && strncmp(name, "test", 4) == 0 && strstr(ptd_path_basename(path), "test");
}

/* The code object of a scope that may keep something, and the names in its label: the rest of it.
 * NULL: it does not. */
static const char *names_in_label(const struct ptd_journal *j, uint32_t scope, uint32_t *code)
{
    char *names;
    if (j->scopes[scope].kind != PTD_SCOPE_ONCE)
        return NULL;
    unsigned long number = strtoul(j->scopes[scope].label, &names, 10);
    if (names == j->scopes[scope].label || number >= j->code_count)
        return NULL; /* not by this tracer */
    names += *names == ' ';
    *code = (uint32_t)number;
    return has_word(names, '@', 0) || has_word(names, 0, 0) ? names : NULL;
}

void ptd_once_suspects(const struct ptd_journal *j, struct ptd_u32s *scopes)
{
    uint32_t code;
    for (uint32_t i = 0; i < j->scope_count; i++)
        if (names_in_label(j, i, &code))
            ptd_dep_reach(j, i, scopes);
    ptd_u32s_sort(scopes);
}

static void add_suspect(struct ptd_once *o, uint32_t scope)
{
    const struct ptd_journal *j = o->deps->journal;
    uint32_t code;
    const char *names = names_in_label(j, scope, &code);
    if (!names)
        return; /* no source is parsed for it */
    uint32_t file = j->codes[code].file, block;
    const struct ptd_blocks *blocks = ptd_once_blocks(&o->names, file);
    block = ptd_once_code_block(&o->names, code);
    if (is_in_test(j->files[file].path, blocks, block))
        return;
    bool decorated = has_word(names, '@', 0) && !ptd_once_decorator_is_plain(&o->names, names);
    if (!decorated && !has_word(names, 0, 0))
        return;
    o->items = ptd_xgrow(o->items, &o->cap, o->count + 1, sizeof(*o->items));
    o->items[o->count++] = (struct ptd_suspect){
        .scope = scope,
        .code = code,
        .file = file,
        .block = block,
        .parent = parent_of(blocks, block),
        .names = names,
        .decorated = decorated,
        .any = has_word(names, '*', 1),
    };
}

/* What must be known of each test is made once. */
static void summarize(struct ptd_once *o)
{
    const struct ptd_journal *j = o->deps->journal;
    o->by_scope = ptd_xcalloc(j->scope_count, sizeof(*o->by_scope));
    o->scope_made = ptd_xcalloc(j->scope_count, sizeof(*o->scope_made));
    o->module_files = ptd_xcalloc(j->file_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < j->file_count; i++)
        if (o->names.files[i].module.words)
            o->module_files[o->module_count++] = i;
    uint64_t *bits = ptd_xcalloc(o->names.words, sizeof(uint64_t));
    for (size_t i = 0; i < o->count; i++)
        if (o->items[i].any)
            bits[i / 64] |= (uint64_t)1 << (i % 64);
    o->anonymous.words = bits;
}

struct ptd_once *ptd_once_new(struct ptd_dep_context *deps)
{
    const struct ptd_journal *j = deps->journal;
    struct ptd_once *o = ptd_xcalloc(1, sizeof(*o));
    o->deps = deps;
    ptd_once_names_init(&o->names, deps);
    for (uint32_t i = 0; i < j->scope_count; i++)
        add_suspect(o, i);
    if (o->count == 0) {
        ptd_once_names_release(&o->names);
        free(o->items);
        free(o);
        return NULL;
    }
    ptd_once_names_follow(&o->names, o->items, o->count);
    o->holders = ptd_once_holders(&o->names);
    summarize(o);
    return o;
}

void ptd_once_free(struct ptd_once *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->deps->journal->scope_count; i++)
        free(o->by_scope[i].words);
    ptd_once_holders_free(o->holders, o->count);
    ptd_once_names_release(&o->names);
    free(o->by_scope);
    free(o->scope_made);
    free(o->module_files);
    free(o->anonymous.words);
    free(o->items);
    free(o);
}

/* ---- whom they serve ---- */

static void add_codes(struct ptd_once *o, uint32_t scope, struct ptd_once_set *out)
{
    const struct ptd_journal *j = o->deps->journal;
    const struct ptd_u32s *codes = &j->scopes[scope].codes;
    for (size_t i = 0; i < codes->count; i++) {
        uint32_t code = codes->items[i], file = j->codes[code].file;
        if (!o->names.files[file].blocks)
            continue; /* nothing in it concerns a suspect */
        ptd_once_unite(
            out, ptd_once_names_of_block(&o->names, file, ptd_once_code_block(&o->names, code)),
            o->names.words);
    }
}

/* Suspects that the code of a scope enters or mentions. */
static void add_scope(struct ptd_once *o, uint32_t scope, struct ptd_once_set *out)
{
    if (o->deps->journal->scopes[scope].kind == PTD_SCOPE_TEST) {
        add_codes(o, scope, out); /* nobody else asks for it */
        return;
    }
    if (!o->scope_made[scope]) {
        o->scope_made[scope] = true;
        add_codes(o, scope, &o->by_scope[scope]);
    }
    ptd_once_unite(out, o->by_scope[scope].words, o->names.words);
}

/* Of a test's own header: the parts of "file::Class::test[parameters]". */
static void add_header(const struct ptd_once *o, const char *nodeid, struct ptd_once_set *out)
{
    for (const char *p = strstr(nodeid, "::"); p; p = strstr(p, "::")) {
        p += 2;
        const char *end = strstr(p, "::");
        size_t len = end ? (size_t)(end - p) : strcspn(p, "[");
        ptd_once_unite(out, ptd_once_names_of_variable(&o->names, p, len), o->names.words);
        if (p[len] == '[')
            break;
    }
}

/* One test, or what else has scopes. */
struct charge {
    struct ptd_once *once;
    unsigned char *seen;     /* owned; per file: imported, transitively */
    struct ptd_once_set may; /* suspects that are entered or mentioned */
    struct ptd_once_set done;
    struct ptd_u32s *scopes;
};

static void see_files(struct charge *c, uint32_t scope)
{
    struct ptd_u32s files = {0};
    ptd_dep_scope_files(c->once->deps, scope, &files);
    ptd_dep_closure_mark(c->once->deps, &files, c->seen);
    free(files.items);
}

static void add_modules(struct charge *c)
{
    struct ptd_once *o = c->once;
    for (size_t i = 0; i < o->module_count; i++)
        if (c->seen[o->module_files[i]])
            ptd_once_unite(&c->may, o->names.files[o->module_files[i]].module.words,
                           o->names.words);
    ptd_once_unite(&c->may, o->anonymous.words, o->names.words);
}

/* The suspect's scope, and those of the suspects that ran within it. */
static void add_suspect_scopes(struct charge *c, uint32_t scope)
{
    const struct ptd_journal *j = c->once->deps->journal;
    struct ptd_u32s todo = {0};
    ptd_u32s_add(&todo, scope);
    while (todo.count) {
        uint32_t at = todo.items[--todo.count];
        bool known = false;
        for (size_t i = 0; i < c->scopes->count && !known; i++)
            known = c->scopes->items[i] == at;
        if (known)
            continue;
        ptd_u32s_add(c->scopes, at);
        see_files(c, at);
        add_scope(c->once, at, &c->may);
        for (size_t i = 0; i < j->scopes[at].uses.count; i++)
            ptd_u32s_add(&todo, j->scopes[at].uses.items[i]);
    }
    free(todo.items);
}

/* Whether something that outlives a test and keeps what the suspect did is within reach. */
static bool is_held(const struct charge *c, size_t at)
{
    const struct ptd_once_holder *holder = &c->once->holders[at];
    if (!holder->bound || holder->everywhere)
        return true;
    for (size_t i = 0; i < holder->modules.count; i++)
        if (c->seen[holder->modules.items[i]])
            return true;
    for (size_t i = 0; i < holder->scopes.count; i++)
        for (size_t k = 0; k < c->scopes->count; k++)
            if (c->scopes->items[k] == holder->scopes.items[i])
                return true;
    return false;
}

/* Those that may be meant and are of a module that is imported; what they serve may be kept by
 * others in turn. */
static bool take_suspects(struct charge *c)
{
    struct ptd_once *o = c->once;
    bool changed = false;
    for (size_t w = 0; w < o->names.words; w++) {
        for (uint64_t left = c->may.words[w] & ~c->done.words[w]; left; left &= left - 1) {
            size_t at = w * 64 + (size_t)__builtin_ctzll(left);
            if (!c->seen[o->items[at].file] || !is_held(c, at))
                continue;
            c->done.words[w] |= (uint64_t)1 << (at % 64);
            add_suspect_scopes(c, o->items[at].scope);
            changed = true;
        }
    }
    return changed;
}

void ptd_once_add(struct ptd_once *o, const unsigned char *imported, const char *nodeid,
                  struct ptd_u32s *scopes)
{
    if (!o)
        return;
    size_t file_count = o->deps->journal->file_count;
    struct charge c = {.once = o, .seen = ptd_xcalloc(file_count, 1), .scopes = scopes};
    c.may.words = ptd_xcalloc(o->names.words, sizeof(uint64_t));
    c.done.words = ptd_xcalloc(o->names.words, sizeof(uint64_t));
    if (imported)
        memcpy(c.seen, imported, file_count);
    for (size_t i = 0; i < scopes->count; i++) {
        add_scope(o, scopes->items[i], &c.may);
        see_files(&c, scopes->items[i]);
    }
    if (nodeid)
        add_header(o, nodeid, &c.may);
    do
        add_modules(&c);
    while (take_suspects(&c));
    free(c.seen);
    free(c.may.words);
    free(c.done.words);
}
