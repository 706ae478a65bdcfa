/*
 * Which Python sources of the project import which: told from their import statements, without
 * running anything. What code imports by a computed name is not in it.
 */
#ifndef PTD_GRAPH_GRAPH_H
#define PTD_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "graph/cache.h"

/* Positions in ascending order, each once. */
struct ptd_graph_list {
    const uint32_t *items; /* borrowed */
    size_t count;
};

struct ptd_graph {
    const struct ptd_graph_entry *modules; /* borrowed from the cache; by path */
    size_t count;
    struct ptd_map paths;                  /* path → position */
    uint32_t *imports, *importers;         /* owned: all lists behind each other */
    size_t *imports_from, *importers_from; /* owned: where the list of a module begins */
    struct ptd_map outside;                /* names of modules that are not the project's */
    uint32_t *outside_names;               /* owned: all lists */
    size_t *outside_from;
};

/* The cache has to outlive the graph. */
void ptd_graph_make(const struct ptd_graph_cache *cache, struct ptd_graph *out);
void ptd_graph_release(struct ptd_graph *graph);

/* What a module imports: the modules, the packages that they are in among them. */
struct ptd_graph_list ptd_graph_imports(const struct ptd_graph *graph, size_t module);
struct ptd_graph_list ptd_graph_importers(const struct ptd_graph *graph, size_t module);
/* Top-level names that are nobody's in the project: positions in `outside`. */
struct ptd_graph_list ptd_graph_outside(const struct ptd_graph *graph, size_t module);
/* SIZE_MAX: there is no such module. */
size_t ptd_graph_find(const struct ptd_graph *graph, const char *path);
/* "shop.cart": from the first directory that is no package. Owned. */
char *ptd_graph_name(const struct ptd_graph *graph, size_t module);

/* Marks in `seen` (a byte for each module) everything that the marked ones import, or, with
 * `importers`, that imports them, transitively. */
void ptd_graph_close(const struct ptd_graph *graph, bool importers, unsigned char *seen);

#endif
