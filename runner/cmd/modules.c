#include "cmd/modules.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "cmd/workspace.h"
#include "config/nearest.h"
#include "store/store.h"

int ptd_modules_load(const struct ptd_project *project, struct ptd_modules *out,
                     struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *skip = ptd_project_skipped(project);
    PTD_CLEANUP_FREE char *path = ptd_path_join(project->cache_dir, "imports.cache");
    struct ptd_tree_options options = {.skip = skip};
    *out = (struct ptd_modules){0};
    if (ptd_tree_scan(project->rootdir, &options, &out->tree, err) < 0)
        return -1;
    ptd_graph_cache_load(path, project->rootdir, &out->tree, &out->cache);
    /* Where nothing can be written, it is parsed again. */
    if (out->cache.changed && ptd_store_make_directory(project->cache_dir, NULL) == 0)
        ptd_graph_cache_save(&out->cache, path, NULL);
    ptd_graph_make(&out->cache, &out->graph);
    return 0;
}

void ptd_modules_release(struct ptd_modules *modules)
{
    ptd_graph_release(&modules->graph);
    ptd_graph_cache_release(&modules->cache);
    ptd_tree_release(&modules->tree);
}

int ptd_modules_find(const struct ptd_modules *modules, const struct ptd_project *project,
                     const char *word, size_t *out, struct ptd_err *err)
{
    const struct ptd_graph *g = &modules->graph;
    PTD_CLEANUP_FREE char *relative = ptd_project_relative(project, word);
    *out = ptd_graph_find(g, relative);
    if (*out == SIZE_MAX)
        *out = ptd_graph_find(g, word);
    if (*out != SIZE_MAX)
        return 0;
    PTD_CLEANUP_FREE const char **names = ptd_xcalloc(g->count + 1, sizeof(char *));
    for (size_t i = 0; i < g->count; i++)
        names[i] = g->modules[i].path;
    const char *near = ptd_nearest_find(relative, names, g->count, 4);
    ptd_err_set(err, PTD_E_USAGE, "\"%s\" is no Python source of the project", word);
    return near ? ptd_err_hint(err, "did you mean %s?", near) : -1;
}
