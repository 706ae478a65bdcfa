/* The import graph of the project: `pyt-diff graph`, and what `affected` names. */
#ifndef PTD_CMD_MODULES_H
#define PTD_CMD_MODULES_H

#include "config/options.h"
#include "config/project.h"
#include "graph/graph.h"

struct ptd_modules {
    struct ptd_tree tree;
    struct ptd_graph_cache cache;
    struct ptd_graph graph;
};

/* Looks at the tree, parses what is not known yet, and keeps it for the next time where that can
 * be written. Starts no Python and needs none. */
int ptd_modules_load(const struct ptd_project *project, struct ptd_modules *out,
                     struct ptd_err *err);
void ptd_modules_release(struct ptd_modules *modules);
/* A path of the command line as the graph spells it; owned. Fails with the nearest name as the hint
 * when there is no such module. */
int ptd_modules_find(const struct ptd_modules *modules, const struct ptd_project *project,
                     const char *word, size_t *out, struct ptd_err *err);

int ptd_cmd_graph(struct ptd_options *options, int *status, struct ptd_err *err);

#endif
