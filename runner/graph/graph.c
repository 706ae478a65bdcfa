#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/order.h"
#include "base/path.h"

/* Something at the top level: a module, or a directory with modules in it. */
struct provider {
    const char *path; /* of the module without ".py", or of the directory; borrowed */
    uint32_t next;    /* the next of this name + 1 */
};

struct list {
    uint32_t *items; /* owned */
    size_t count, cap;
};

struct making {
    struct ptd_graph *g;
    struct ptd_map names;       /* top-level name → first provider + 1 */
    struct ptd_map bases;       /* paths of providers, each once */
    struct ptd_map directories; /* directories with modules below them */
    struct provider *providers; /* owned */
    size_t provider_count, provider_cap;
    struct list found; /* of the module at hand */
    struct list outside;
    struct ptd_buf path; /* scratch */
};

static void push(struct list *list, uint32_t value)
{
    list->items = ptd_xgrow(list->items, &list->cap, list->count + 1, sizeof(uint32_t));
    list->items[list->count++] = value;
}

static size_t unique(struct list *list)
{
    size_t kept = 0;
    if (list->count)
        qsort(list->items, list->count, sizeof(uint32_t), ptd_order_u32);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || list->items[i] != list->items[i - 1])
            list->items[kept++] = list->items[i];
    return list->count = kept;
}

/* ---- what there is ---- */

static size_t find_with(struct making *m, const char *path, size_t len, const char *tail)
{
    ptd_buf_reset(&m->path);
    ptd_buf_add(&m->path, path, len);
    ptd_buf_adds(&m->path, len || *tail != '/' ? tail : tail + 1);
    return ptd_graph_find(m->g, m->path.data);
}

static bool is_package(struct making *m, const char *path, size_t len)
{
    return find_with(m, path, len, "/__init__.py") != SIZE_MAX;
}

/* path[0..len) can be imported as name. */
static void provide(struct making *m, const char *path, size_t len, const char *name,
                    size_t name_len)
{
    bool added;
    size_t base = ptd_map_put(&m->bases, path, len, 0, &added);
    if (!added)
        return;
    size_t at = ptd_map_put(&m->names, name, name_len, 0, NULL);
    m->providers =
        ptd_xgrow(m->providers, &m->provider_cap, m->provider_count + 1, sizeof(*m->providers));
    m->providers[m->provider_count++] =
        (struct provider){m->bases.entries[base].key, (uint32_t)m->names.entries[at].value};
    m->names.entries[at].value = m->provider_count;
}

/* Directories that are no packages may be searched for top-level modules. */
static void provide_parts(struct making *m, const char *path)
{
    const char *start = path;
    for (const char *slash;; start = slash + 1) {
        slash = strchr(start, '/');
        size_t above = start > path ? (size_t)(start - path) - 1 : 0;
        bool searched = !is_package(m, path, above) || above == 0;
        if (!slash)
            slash = path + strlen(path) - strlen(".py");
        else
            ptd_map_put(&m->directories, path, (size_t)(slash - path), 0, NULL);
        if (searched && strncmp(start, "__init__.py", 11) != 0)
            provide(m, path, (size_t)(slash - path), start, (size_t)(slash - start));
        if (*slash != '/')
            return;
    }
}

/* ---- names ---- */

static bool is_directory(const struct making *m, const char *path, size_t len)
{
    return ptd_map_find(&m->directories, path, len) != PTD_MAP_NONE;
}

/* The file of a module, or of a package: SIZE_MAX when it has none. */
static size_t module_at(struct making *m, const char *path, size_t len)
{
    size_t package = find_with(m, path, len, "/__init__.py");
    return package != SIZE_MAX ? package : find_with(m, path, len, ".py");
}

/*
 * Follows a dotted name from a directory or module: adds the files on the way, that of `base`
 * itself included; true when it leads to the end. The path that it led to is in `at`.
 */
static bool follow(struct making *m, const char *base, const char *dotted, struct ptd_buf *at,
                   struct list *found)
{
    ptd_buf_reset(at);
    ptd_buf_adds(at, base);
    for (;;) {
        size_t file = module_at(m, at->data ? at->data : "", at->len);
        if (file != SIZE_MAX)
            push(found, (uint32_t)file);
        else if (at->len && !is_directory(m, at->data, at->len))
            return false;
        if (!*dotted)
            return true;
        size_t n = strcspn(dotted, ".");
        if (at->len)
            ptd_buf_addc(at, '/');
        ptd_buf_add(at, dotted, n);
        dotted += n + (dotted[n] == '.');
    }
}

/* What a statement takes from the module: it may be a module as well. */
static void take_name(struct making *m, const struct ptd_buf *at, const char *name,
                      struct list *found)
{
    PTD_CLEANUP_BUF struct ptd_buf path = PTD_BUF_INIT;
    if (!*name || *name == '*')
        return;
    if (at->len)
        ptd_buf_addf(&path, "%s/", at->data);
    ptd_buf_adds(&path, name);
    size_t file = module_at(m, path.data, path.len);
    if (file != SIZE_MAX)
        push(found, (uint32_t)file);
}

/* Of several that fit, which one Python finds depends on sys.path: beside the importing module
 * first, then where projects have their sources, else any. */
static int preference(const char *importer, const char *base)
{
    static const char *const usual[] = {"", "src", "lib"};
    PTD_CLEANUP_FREE char *here = ptd_path_dirname(importer);
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(base);
    if (strcmp(here, dir) == 0)
        return 0;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        if (strcmp(dir, usual[i]) == 0)
            return 1;
    return 2;
}

/* Keeps the best of what was found so far; equals are united. */
static void unite(struct list *best, int *rank, const struct list *found, int its)
{
    if (its < *rank) {
        best->count = 0;
        *rank = its;
    }
    for (size_t i = 0; its == *rank && i < found->count; i++)
        push(best, found->items[i]);
}

static void resolve_absolute(struct making *m, const char *importer, const char *module,
                             const char *name)
{
    PTD_CLEANUP_BUF struct ptd_buf at = PTD_BUF_INIT;
    struct list best = {0}, part = {0}, found = {0};
    size_t n = strcspn(module, "."), first = ptd_map_find(&m->names, module, n);
    int rank = 9, part_rank = 9;
    if (first == PTD_MAP_NONE) {
        push(&m->outside, (uint32_t)ptd_map_put(&m->g->outside, module, n, 0, NULL));
        return;
    }
    for (uint64_t i = m->names.entries[first].value; i; i = m->providers[i - 1].next) {
        const char *base = m->providers[i - 1].path;
        int its = preference(importer, base);
        found.count = 0;
        if (follow(m, base, module + n + (module[n] == '.'), &at, &found)) {
            take_name(m, &at, name, &found);
            unite(&best, &rank, &found, its);
        } else {
            unite(&part, &part_rank, &found, its);
        }
    }
    const struct list *all = rank < 9 ? &best : &part;
    for (size_t i = 0; i < all->count; i++)
        push(&m->found, all->items[i]);
    free(best.items);
    free(part.items);
    free(found.items);
}

/* The packages that a package is in. */
static void add_packages_around(struct making *m, const char *dir)
{
    for (size_t len = strlen(dir); len > 0;) {
        while (len > 0 && dir[len - 1] != '/')
            len--;
        len -= len > 0;
        size_t file = len ? find_with(m, dir, len, "/__init__.py") : SIZE_MAX;
        if (file == SIZE_MAX)
            return;
        push(&m->found, (uint32_t)file);
    }
}

static void resolve_relative(struct making *m, const char *importer, const char *module,
                             const char *name)
{
    PTD_CLEANUP_BUF struct ptd_buf at = PTD_BUF_INIT;
    size_t dots = strspn(module, ".");
    char *dir = ptd_path_dirname(importer);
    for (size_t i = 1; i < dots && *dir; i++) {
        char *up = ptd_path_dirname(dir);
        free(dir);
        dir = up;
    }
    add_packages_around(m, dir);
    follow(m, dir, module + dots, &at, &m->found);
    take_name(m, &at, name, &m->found);
    free(dir);
}

static void resolve_module(struct making *m, const struct ptd_graph_entry *e)
{
    m->found.count = m->outside.count = 0;
    const char *first = e->imports_len ? e->imports : "";
    for (const char *p = first, *end = p + e->imports_len; p < end;) {
        const char *module = p, *name = p + strlen(p) + 1;
        p = name + strlen(name) + 1;
        if (*module == '.')
            resolve_relative(m, e->path, module, name);
        else
            resolve_absolute(m, e->path, module, name);
    }
}

/* ---- the graph ---- */

/* Without the module itself. */
static void store_list(struct list *list, size_t but, uint32_t **items, size_t *count, size_t *cap)
{
    unique(list);
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] == but)
            continue;
        *items = ptd_xgrow(*items, cap, *count + 1, sizeof(uint32_t));
        (*items)[(*count)++] = list->items[i];
    }
}

static void turn_round(struct ptd_graph *g)
{
    size_t edges = g->imports_from[g->count];
    g->importers = ptd_xcalloc(edges + 1, sizeof(uint32_t));
    g->importers_from = ptd_xcalloc(g->count + 2, sizeof(size_t));
    for (size_t i = 0; i < edges; i++)
        g->importers_from[g->imports[i] + 2]++;
    for (size_t i = 2; i <= g->count; i++)
        g->importers_from[i] += g->importers_from[i - 1];
    for (size_t from = 0; from < g->count; from++)
        for (size_t i = g->imports_from[from]; i < g->imports_from[from + 1]; i++)
            g->importers[g->importers_from[g->imports[i] + 1]++] = (uint32_t)from;
}

void ptd_graph_make(const struct ptd_graph_cache *cache, struct ptd_graph *out)
{
    *out = (struct ptd_graph){.modules = cache->items, .count = cache->count};
    struct making m = {.g = out};
    size_t edges = 0, cap = 0, names = 0, name_cap = 0;
    for (size_t i = 0; i < out->count; i++)
        ptd_map_puts(&out->paths, cache->items[i].path, i);
    for (size_t i = 0; i < out->count; i++)
        provide_parts(&m, cache->items[i].path);
    out->imports_from = ptd_xcalloc(out->count + 1, sizeof(size_t));
    out->outside_from = ptd_xcalloc(out->count + 1, sizeof(size_t));
    for (size_t i = 0; i < out->count; i++) {
        resolve_module(&m, &cache->items[i]);
        store_list(&m.found, i, &out->imports, &edges, &cap);
        store_list(&m.outside, SIZE_MAX, &out->outside_names, &names, &name_cap);
        out->imports_from[i + 1] = edges;
        out->outside_from[i + 1] = names;
    }
    turn_round(out);
    free(m.found.items);
    free(m.outside.items);
    free(m.providers);
    ptd_map_release(&m.names);
    ptd_map_release(&m.bases);
    ptd_map_release(&m.directories);
    ptd_buf_release(&m.path);
}

void ptd_graph_release(struct ptd_graph *g)
{
    free(g->imports);
    free(g->importers);
    free(g->imports_from);
    free(g->importers_from);
    free(g->outside_names);
    free(g->outside_from);
    ptd_map_release(&g->paths);
    ptd_map_release(&g->outside);
    *g = (struct ptd_graph){0};
}

static struct ptd_graph_list list_at(const uint32_t *items, const size_t *from, size_t at)
{
    return (struct ptd_graph_list){items ? items + from[at] : NULL, from[at + 1] - from[at]};
}

struct ptd_graph_list ptd_graph_imports(const struct ptd_graph *g, size_t module)
{
    return list_at(g->imports, g->imports_from, module);
}

struct ptd_graph_list ptd_graph_importers(const struct ptd_graph *g, size_t module)
{
    return list_at(g->importers, g->importers_from, module);
}

struct ptd_graph_list ptd_graph_outside(const struct ptd_graph *g, size_t module)
{
    return list_at(g->outside_names, g->outside_from, module);
}

size_t ptd_graph_find(const struct ptd_graph *g, const char *path)
{
    uint64_t at = ptd_map_get(&g->paths, path, UINT64_MAX);
    return at == UINT64_MAX ? SIZE_MAX : (size_t)at;
}

char *ptd_graph_name(const struct ptd_graph *g, size_t module)
{
    const char *path = g->modules[module].path;
    char *dir = ptd_path_dirname(path);
    while (*dir) {
        PTD_CLEANUP_FREE char *init = ptd_path_join(dir, "__init__.py");
        if (ptd_graph_find(g, init) == SIZE_MAX)
            break;
        char *up = ptd_path_dirname(dir);
        free(dir);
        dir = up;
    }
    size_t skip = *dir ? strlen(dir) + 1 : 0, len = strlen(path);
    free(dir);
    len -= ptd_path_ends_with(path + skip, "/__init__.py") ? strlen("/__init__.py") : strlen(".py");
    char *name = ptd_xstrndup(path + skip, len - skip);
    for (char *p = name; *p; p++)
        *p = *p == '/' ? '.' : *p;
    return name;
}

void ptd_graph_close(const struct ptd_graph *g, bool importers, unsigned char *seen)
{
    uint32_t *queue = ptd_xcalloc(g->count + 1, sizeof(uint32_t));
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++)
        if (seen[i])
            queue[count++] = (uint32_t)i;
    for (size_t at = 0; at < count; at++) {
        struct ptd_graph_list next =
            importers ? ptd_graph_importers(g, queue[at]) : ptd_graph_imports(g, queue[at]);
        for (size_t i = 0; next.items && i < next.count; i++) {
            if (seen[next.items[i]])
                continue;
            seen[next.items[i]] = 1;
            queue[count++] = next.items[i];
        }
    }
    free(queue);
}
