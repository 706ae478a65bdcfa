#include "passes/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "state/layout.h"

/* How a place is looked at. */
enum view {
    WHOLE = 'w',
    BLOCK = 'b',
    SOURCE = 's',
};

/* The part of a place, made when it is new; *made then. */
static uint32_t place(struct ptd_pass_parts *parts, size_t file, enum view view, const char *key,
                      struct ptd_buf *text, bool *made)
{
    const struct ptd_state_file *f = &parts->state->files[file];
    ptd_buf_addc(text, (char)('0' + (int)f->kind));
    ptd_buf_addc(text, (char)view);
    ptd_buf_add(text, f->path, strlen(f->path) + 1);
    ptd_buf_adds(text, key);
    size_t at = ptd_map_put(&parts->places, text->data, text->len, 0, made);
    parts->items = ptd_xgrow(parts->items, &parts->cap, at + 1, sizeof(*parts->items));
    return (uint32_t)at;
}

/* `text` has the place, `len` bytes of content follow. */
static void finish(struct ptd_pass_parts *parts, uint32_t number, struct ptd_buf *text,
                   const void *content, size_t len)
{
    ptd_buf_addc(text, '\0');
    if (content)
        ptd_buf_add(text, content, len);
    parts->items[number] =
        (struct ptd_pass_part){.hash = ptd_hash128(text->data, text->len), .unknown = !content};
}

/* Not there, which is a content like others. */
static const char absent[] = "absent";

/* It is there and could not be read, or was being written to. */
static bool is_unreadable(const struct ptd_state_file *f)
{
    bool file = f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE;
    return f->unreadable || (file && f->version == PTD_VERSION_FOREIGN && f->hashed_at == 0);
}

/* ---- what the tree does not have ---- */

/* Modules of CPython 3.8 to 3.14 that may be part of the interpreter, where no directory lists
 * them. */
static const char *const built_in[] = {
    "_abc",         "_ast",         "_codecs",   "_collections", "_functools", "_imp",
    "_io",          "_locale",      "_operator", "_signal",      "_sre",       "_stat",
    "_string",      "_suggestions", "_symtable", "_sysconfig",   "_thread",    "_tokenize",
    "_tracemalloc", "_typing",      "_warnings", "_weakref",     "atexit",     "builtins",
    "errno",        "faulthandler", "gc",        "itertools",    "marshal",    "posix",
    "pwd",          "sys",          "time",      "xxsubtype",
};

static bool is_library(const struct ptd_pass_parts *parts, const char *name)
{
    for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
        if (strcmp(built_in[i], name) == 0)
            return true;
    const struct ptd_packages *installed = parts->state->packages;
    return installed && ptd_map_get(&installed->library, name, 0) != 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Adds the keys that `filter` lets through, sorted, each with a NUL. */
static void add_names(struct ptd_buf *out, const struct ptd_map *names,
                      bool (*filter)(const char *name, const void *arg), const void *arg)
{
    const char **sorted = ptd_xcalloc(names->count + 1, sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->entries[i].key, "__pycache__") != 0 &&
            (!filter || filter(names->entries[i].key, arg)))
            sorted[count++] = names->entries[i].key;
    qsort(sorted, count, sizeof(char *), compare_names);
    for (size_t i = 0; i < count; i++)
        ptd_buf_add(out, sorted[i], strlen(sorted[i]) + 1);
    ptd_buf_addc(out, '\0');
    free(sorted);
}

static bool is_top_level(const char *name, const void *nothing)
{
    (void)nothing;
    return !strchr(name, '.');
}

static bool is_of_library(const char *name, const void *parts)
{
    return !strchr(name, '.') && is_library(parts, name);
}

static uint32_t special(struct ptd_pass_parts *parts, const char *name,
                        const struct ptd_buf *content)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    size_t at = ptd_map_puts(&parts->places, name, 0);
    parts->items = ptd_xgrow(parts->items, &parts->cap, at + 1, sizeof(*parts->items));
    ptd_buf_adds(&text, name);
    finish(parts, (uint32_t)at, &text, content->data, content->len);
    return (uint32_t)at;
}

void ptd_pass_parts_open(struct ptd_pass_parts *parts, struct ptd_state *state)
{
    PTD_CLEANUP_BUF struct ptd_buf library = PTD_BUF_INIT, folders = PTD_BUF_INIT,
                                   names = PTD_BUF_INIT;
    static const struct ptd_map none = PTD_MAP_INIT;
    *parts = (struct ptd_pass_parts){.state = state};
    ptd_state_derived_hash(state, PTD_FILE_IMPORT, ""); /* makes the providers */
    if (state->packages)
        ptd_packages_load(state->packages);
    const struct ptd_map *modules = state->packages ? &state->packages->library : &none;
    const struct ptd_map *provided = state->packages ? &state->packages->provided : &none;
    for (size_t i = 0; i < state->providers.count; i++) {
        const char *name = state->providers.entries[i].key, *dot = strchr(name, '.');
        if (dot)
            ptd_map_put(&parts->packages, name, (size_t)(dot - name), 1, NULL);
    }
    add_names(&folders, &parts->packages, NULL, NULL);
    add_names(&library, modules, NULL, NULL);
    add_names(&library, &state->providers, is_of_library, parts);
    add_names(&library, provided, is_of_library, parts);
    add_names(&names, &state->providers, is_top_level, NULL);
    add_names(&names, provided, NULL, NULL);
    parts->library = special(parts, "library", &library);
    parts->folders = special(parts, "folders", &folders);
    parts->names = special(parts, "names", &names);
}

/* The part for everybody that says that the tree has no module of this name; UINT32_MAX: none. */
static uint32_t absent_from_tree(const struct ptd_pass_parts *parts, const char *name, bool coarse)
{
    const char *dot = strchr(name, '.');
    if (!dot)
        return is_library(parts, name) ? parts->library : coarse ? parts->names : UINT32_MAX;
    size_t at = ptd_map_find(&parts->packages, name, (size_t)(dot - name));
    return at == PTD_MAP_NONE ? parts->folders : UINT32_MAX;
}

/* The same of distributions, which have none of this name. */
static uint32_t absent_from_packages(const struct ptd_pass_parts *parts, const char *name,
                                     bool coarse)
{
    const struct ptd_packages *installed = parts->state->packages;
    if (!installed || ptd_map_get(&installed->provided, name, 0))
        return UINT32_MAX;
    return is_library(parts, name) ? parts->library : coarse ? parts->names : UINT32_MAX;
}

static uint32_t absence(const struct ptd_pass_parts *parts, const struct ptd_state_file *f,
                        bool coarse)
{
    static const char module[] = PTD_PACKAGES_MODULE;
    if (f->kind == PTD_FILE_PACKAGES && strncmp(f->path, module, strlen(module)) == 0)
        return absent_from_packages(parts, f->path + strlen(module), coarse);
    struct ptd_hash128 none = ptd_hash128("", 0);
    bool nowhere = f->kind == PTD_FILE_IMPORT && ptd_hash128_equal(&f->hash, &none);
    return nowhere ? absent_from_tree(parts, f->path, coarse) : UINT32_MAX;
}

uint32_t ptd_pass_part_whole(struct ptd_pass_parts *parts, size_t file, bool coarse)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    bool made;
    const struct ptd_state_file *f = &parts->state->files[file];
    uint32_t number = absence(parts, f, coarse);
    if (number != UINT32_MAX)
        return number;
    number = place(parts, file, WHOLE, "", &text, &made);
    if (!made)
        return number;
    if (is_unreadable(f))
        finish(parts, number, &text, NULL, 0);
    else if (f->version == 0)
        finish(parts, number, &text, absent, sizeof(absent));
    else
        finish(parts, number, &text, &f->hash, sizeof(f->hash));
    return number;
}

/* What a source holds now; NULL when that cannot be told. */
static const struct ptd_blocks *present(struct ptd_pass_parts *parts, size_t file)
{
    const struct ptd_state_file *f = &parts->state->files[file];
    return is_unreadable(f) ? NULL : ptd_state_blocks(parts->state, f->version);
}

static const struct ptd_map *index_of(struct ptd_pass_parts *parts, size_t file,
                                      const struct ptd_blocks *blocks)
{
    bool made;
    size_t at = ptd_map_put(&parts->sources, &file, sizeof(file), 0, &made);
    if (!made)
        return &parts->blocks[at];
    parts->blocks = ptd_xgrow(parts->blocks, &parts->block_cap, at + 1, sizeof(*parts->blocks));
    parts->blocks[at] = (struct ptd_map)PTD_MAP_INIT;
    for (size_t i = 0; i < blocks->count; i++)
        ptd_map_puts(&parts->blocks[at], blocks->items[i].key, i + 1);
    return &parts->blocks[at];
}

static void add_block(struct ptd_buf *out, const struct ptd_block *block)
{
    ptd_buf_addc(out, (char)('0' + (int)block->kind));
    for (int shift = 0; shift < 64; shift += 8)
        ptd_buf_addc(out, (char)(block->checksum >> shift));
}

uint32_t ptd_pass_part_block(struct ptd_pass_parts *parts, size_t file, const char *key)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT, content = PTD_BUF_INIT;
    bool made;
    uint32_t number = place(parts, file, BLOCK, key, &text, &made);
    if (!made)
        return number;
    if (parts->state->files[file].version == 0) {
        finish(parts, number, &text, absent, sizeof(absent));
        return number;
    }
    const struct ptd_blocks *blocks = present(parts, file);
    if (!blocks) {
        finish(parts, number, &text, NULL, 0);
        return number;
    }
    uint64_t at = ptd_map_get(index_of(parts, file, blocks), key, 0);
    if (blocks->broken)
        add_block(&content, &blocks->items[0]); /* stands for all of it */
    else if (at)
        add_block(&content, &blocks->items[at - 1]);
    else
        ptd_buf_adds(&content, absent);
    finish(parts, number, &text, content.data, content.len);
    return number;
}

uint32_t ptd_pass_part_source(struct ptd_pass_parts *parts, size_t file)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT, content = PTD_BUF_INIT;
    bool made;
    uint32_t number = place(parts, file, SOURCE, "", &text, &made);
    if (!made)
        return number;
    if (parts->state->files[file].version == 0) {
        finish(parts, number, &text, absent, sizeof(absent));
        return number;
    }
    const struct ptd_blocks *blocks = present(parts, file);
    for (size_t i = 0; blocks && i < blocks->count; i++) {
        ptd_buf_add(&content, blocks->items[i].key, strlen(blocks->items[i].key) + 1);
        add_block(&content, &blocks->items[i]);
    }
    finish(parts, number, &text, content.data, content.len);
    return number;
}

void ptd_pass_parts_release(struct ptd_pass_parts *parts)
{
    for (size_t i = 0; i < parts->sources.count; i++)
        ptd_map_release(&parts->blocks[i]);
    free(parts->blocks);
    free(parts->items);
    ptd_map_release(&parts->sources);
    ptd_map_release(&parts->places);
    ptd_map_release(&parts->packages);
    *parts = (struct ptd_pass_parts){0};
}
