#include "record/namespace.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "record/deps.h"
#include "state/codes.h"

uint32_t ptd_namespace_name(struct ptd_namespace *ns, const char *text)
{
    return (uint32_t)ptd_map_puts(&ns->names, text, 0);
}

const char *ptd_namespace_text(const struct ptd_namespace *ns, uint32_t name)
{
    return ns->names.entries[name].key;
}

uint32_t ptd_namespace_module(const struct ptd_namespace *ns, ptd_id file)
{
    const struct ptd_state_file *f = ptd_state_by_id(ns->state, file);
    uint32_t number = f ? ns->by_file[f - ns->state->files] : 0;
    return number ? number - 1 : PTD_NS_NONE;
}

uint32_t ptd_namespace_version(const struct ptd_namespace *ns, uint32_t module, ptd_id version)
{
    const struct ptd_ns_module *m = &ns->modules[module];
    for (size_t i = 0; i < m->count; i++)
        if (m->versions[i].id == version)
            return (uint32_t)i;
    return PTD_NS_NONE;
}

/* ---- versions ---- */

static int compare_binding(const void *pa, const void *pb)
{
    const struct ptd_ns_binding *a = pa, *b = pb;
    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    return a->definition < b->definition ? -1 : a->definition > b->definition;
}

static void collect_bindings(struct ptd_ns_version *v)
{
    size_t count = 0;
    for (size_t i = 0; i < v->defs.count; i++)
        count += v->defs.items[i].bind_count;
    v->bindings = ptd_xcalloc(count, sizeof(*v->bindings));
    for (size_t i = 0; i < v->defs.count; i++) {
        const struct ptd_definition *d = &v->defs.items[i];
        for (size_t k = 0; d->owner == PTD_NO_DEFINITION && k < d->bind_count; k++)
            v->bindings[v->binding_count++] =
                (struct ptd_ns_binding){v->names[d->binds[k]], (uint32_t)i};
    }
    if (v->binding_count)
        qsort(v->bindings, v->binding_count, sizeof(*v->bindings), compare_binding);
}

/* "Cart.total", "f.<locals>.g#1", "f#1": what the key begins with. */
static uint32_t root_of(struct ptd_namespace *ns, const char *key)
{
    PTD_CLEANUP_FREE char *root = ptd_xstrndup(key, strcspn(key, ".#"));
    return ptd_namespace_name(ns, root);
}

static void read_version(struct ptd_namespace *ns, struct ptd_ns_version *v)
{
    v->blocks = ptd_state_blocks(ns->state, v->id);
    if (!v->blocks || v->blocks->broken ||
        ptd_definitions_read(v->blocks->definitions.data, v->blocks->definitions.len, &v->defs) < 0)
        return;
    if (v->defs.block_count != v->blocks->count) {
        ptd_definitions_release(&v->defs);
        return;
    }
    v->known = true;
    v->names = ptd_xcalloc(v->defs.name_count, sizeof(uint32_t));
    for (size_t i = 0; i < v->defs.name_count; i++)
        v->names[i] = ptd_namespace_name(ns, v->defs.names[i]);
    v->roots = ptd_xcalloc(v->blocks->count, sizeof(uint32_t));
    for (size_t i = 0; i < v->blocks->count; i++)
        v->roots[i] = root_of(ns, v->blocks->items[i].key);
    collect_bindings(v);
}

uint32_t ptd_namespace_add(struct ptd_namespace *ns, uint32_t module, ptd_id version)
{
    struct ptd_ns_module *m = &ns->modules[module];
    uint32_t at = ptd_namespace_version(ns, module, version);
    if (at != PTD_NS_NONE)
        return at;
    m->versions = ptd_xgrow(m->versions, &m->cap, m->count + 1, sizeof(*m->versions));
    struct ptd_ns_version *v = &m->versions[m->count];
    *v =
        (struct ptd_ns_version){.id = version, .now = ns->state->files[m->file].version == version};
    read_version(ns, v);
    return (uint32_t)m->count++;
}

/* ---- modules ---- */

/* Length of the path without ".py" or "/__init__.py". */
static size_t dotted_len(const char *path)
{
    size_t len = strlen(path);
    if (strcmp(path, "__init__.py") == 0)
        return 0;
    if (ptd_path_ends_with(path, "/__init__.py"))
        return len - strlen("/__init__.py");
    return ptd_path_ends_with(path, ".py") ? len - strlen(".py") : len;
}

static uint32_t last_part(struct ptd_namespace *ns, const char *path, size_t len)
{
    size_t from = len;
    while (from > 0 && path[from - 1] != '/')
        from--;
    PTD_CLEANUP_FREE char *part = ptd_xstrndup(path + from, len - from);
    return ptd_namespace_name(ns, part);
}

/* Each list is an allocation of its own: callers hold one while they ask for others. */
static struct ptd_u32s *list_of(struct ptd_map *map, struct ptd_u32s ***lists, size_t *cap,
                                const void *key, size_t len, bool *added)
{
    size_t at = ptd_map_put(map, key, len, map->count, added);
    size_t index = (size_t)map->entries[at].value;
    if (*added) {
        *lists = ptd_xgrow(*lists, cap, index + 1, sizeof(**lists));
        (*lists)[index] = ptd_xcalloc(1, sizeof(***lists));
    }
    return (*lists)[index];
}

static void add_module(struct ptd_namespace *ns, size_t file)
{
    const struct ptd_state_file *f = &ns->state->files[file];
    bool added;
    ns->modules = ptd_xgrow(ns->modules, &ns->cap, ns->count + 1, sizeof(*ns->modules));
    struct ptd_ns_module *m = &ns->modules[ns->count];
    *m = (struct ptd_ns_module){.file = file, .path = f->path};
    m->self = last_part(ns, f->path, dotted_len(f->path));
    ptd_u32s_add(
        list_of(&ns->stems, &ns->stem_lists, &ns->stem_cap, &m->self, sizeof(m->self), &added),
        (uint32_t)ns->count);
    ns->by_file[file] = (uint32_t)++ns->count;
    if (f->version != 0)
        ptd_namespace_add(ns, (uint32_t)ns->count - 1, f->version);
}

void ptd_namespace_init(struct ptd_namespace *ns, struct ptd_state *state)
{
    *ns = (struct ptd_namespace){.state = state};
    ns->by_file = ptd_xcalloc(state->count, sizeof(uint32_t));
    for (size_t i = 0; i < state->count; i++)
        if (state->files[i].kind == PTD_FILE_SOURCE)
            add_module(ns, i);
}

static void release_version(struct ptd_ns_version *v)
{
    ptd_definitions_release(&v->defs);
    free(v->names);
    free(v->roots);
    free(v->bindings);
    free(v->calls);
}

static void release_lists(struct ptd_u32s **lists, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(lists[i]->items);
        free(lists[i]);
    }
    free(lists);
}

void ptd_namespace_release(struct ptd_namespace *ns)
{
    for (size_t i = 0; i < ns->count; i++) {
        for (size_t k = 0; k < ns->modules[i].count; k++)
            release_version(&ns->modules[i].versions[k]);
        free(ns->modules[i].versions);
    }
    free(ns->modules);
    free(ns->by_file);
    release_lists(ns->stem_lists, ns->stems.count);
    release_lists(ns->resolved_lists, ns->resolved.count);
    ptd_map_release(&ns->names);
    ptd_map_release(&ns->stems);
    ptd_map_release(&ns->resolved);
    ptd_map_release(&ns->hints);
    *ns = (struct ptd_namespace){0};
}

/* ---- calls ---- */

static struct ptd_ns_version *find_version(struct ptd_namespace *ns, ptd_id file, ptd_id version,
                                           uint32_t *module, uint32_t *index)
{
    *module = ptd_namespace_module(ns, file);
    if (*module == PTD_NS_NONE)
        return NULL;
    *index = ptd_namespace_version(ns, *module, version);
    return *index == PTD_NS_NONE ? NULL : &ns->modules[*module].versions[*index];
}

static int visit_calls(const struct ptd_import_calls *row, void *arg)
{
    struct ptd_namespace *ns = arg;
    uint32_t module, version, own, own_version;
    struct ptd_ns_version *v = find_version(ns, row->file, row->version, &own, &own_version);
    const struct ptd_ns_version *callee =
        find_version(ns, row->callee_file, row->callee_version, &module, &version);
    if (!v || !callee)
        return 0;
    struct ptd_reader r = ptd_reader_init(row->calls, row->calls_len);
    while (r.pos < r.end && !r.bad) {
        uint64_t number = ptd_reader_varint(&r), line = ptd_reader_varint(&r);
        if (r.bad || line > UINT32_MAX || number > UINT32_MAX)
            break;
        uint32_t block = ptd_codes_block(ns->state, row->callee_version, (uint32_t)number);
        if (block == 0 || block == UINT32_MAX)
            continue;
        v->calls = ptd_xgrow(v->calls, &v->call_cap, v->call_count + 1, sizeof(*v->calls));
        v->calls[v->call_count++] = (struct ptd_ns_call){(uint32_t)line, module, version, block};
    }
    return 0;
}

static int compare_call(const void *pa, const void *pb)
{
    const struct ptd_ns_call *a = pa, *b = pb;
    return a->line < b->line ? -1 : a->line > b->line;
}

int ptd_namespace_load_calls(struct ptd_namespace *ns, struct ptd_err *err)
{
    if (ptd_store_each_import_calls(ns->state->store, visit_calls, ns, err) < 0)
        return -1;
    for (size_t i = 0; i < ns->count; i++) {
        for (size_t k = 0; k < ns->modules[i].count; k++) {
            struct ptd_ns_version *v = &ns->modules[i].versions[k];
            if (v->call_count)
                qsort(v->calls, v->call_count, sizeof(*v->calls), compare_call);
        }
    }
    return 0;
}

static size_t first_call(const struct ptd_ns_version *v, uint32_t line)
{
    size_t low = 0, high = v->call_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (v->calls[mid].line < line)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void ptd_namespace_calls(const struct ptd_ns_version *v, uint32_t first, uint32_t last,
                         size_t range[2])
{
    range[0] = first_call(v, first);
    range[1] = last == UINT32_MAX ? v->call_count : first_call(v, last + 1);
}

void ptd_namespace_bindings(const struct ptd_ns_version *v, uint32_t name, size_t *first,
                            size_t *last)
{
    size_t low = 0, high = v->binding_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (v->bindings[mid].name < name)
            low = mid + 1;
        else
            high = mid;
    }
    *first = *last = low;
    while (*last < v->binding_count && v->bindings[*last].name == name)
        ++*last;
}

/* ---- imports ---- */

/* Whether the dotted path of a module is `wanted` (with slashes), or ends in it. */
static bool is_called(const char *path, const char *wanted, bool whole)
{
    size_t len = dotted_len(path), n = strlen(wanted);
    if (n > len || memcmp(path + len - n, wanted, n) != 0)
        return false;
    return len == n || (!whole && path[len - n - 1] == '/');
}

/* The directory that `dots` leading dots mean in a module, NULL when above the root. Owned. */
static char *base_directory(const char *path, size_t dots)
{
    char *dir = ptd_path_dirname(path);
    for (; dots > 1; dots--) {
        if (!dir[0]) {
            free(dir);
            return NULL;
        }
        char *up = ptd_path_dirname(dir);
        free(dir);
        dir = up;
    }
    return dir;
}

static void find_modules(struct ptd_namespace *ns, uint32_t module, const char *text,
                         struct ptd_u32s *out)
{
    size_t dots = strspn(text, ".");
    PTD_CLEANUP_FREE char *rest = ptd_xstrdup(text + dots);
    for (char *p = rest; *p; p++)
        *p = *p == '.' ? '/' : *p;
    PTD_CLEANUP_FREE char *base = dots ? base_directory(ns->modules[module].path, dots) : NULL;
    PTD_CLEANUP_FREE char *full = NULL;
    if (dots && !base)
        return;
    if (!dots)
        full = ptd_xstrdup(rest);
    else
        full = rest[0] ? ptd_path_join(base, rest) : ptd_xstrdup(base);
    uint32_t stem = last_part(ns, full, strlen(full));
    size_t at = ptd_map_find(&ns->stems, &stem, sizeof(stem));
    if (at == PTD_MAP_NONE)
        return;
    const struct ptd_u32s *list = ns->stem_lists[ns->stems.entries[at].value];
    for (size_t i = 0; i < list->count; i++)
        if (is_called(ns->modules[list->items[i]].path, full, dots != 0))
            ptd_u32s_add(out, list->items[i]);
    /* The package may be installed under another name than that of its directory. */
    for (size_t i = 0; !dots && !out->count && strchr(full, '/') && i < list->count; i++)
        ptd_u32s_add(out, list->items[i]);
}

const struct ptd_u32s *ptd_namespace_resolve(struct ptd_namespace *ns, uint32_t module,
                                             uint32_t text)
{
    const uint32_t key[] = {module, text};
    bool added;
    struct ptd_u32s *list =
        list_of(&ns->resolved, &ns->resolved_lists, &ns->resolved_cap, key, sizeof(key), &added);
    if (added)
        find_modules(ns, module, ptd_namespace_text(ns, text), list);
    return list;
}
