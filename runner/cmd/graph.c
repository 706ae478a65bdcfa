/* `pyt-diff graph`: who imports whom. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/modules.h"

struct printing {
    const struct ptd_graph *g;
    const struct ptd_options *o;
    unsigned char *asked; /* per module: it was named, or nothing was; owned */
    unsigned char *seen;  /* scratch for closures; owned */
    uint32_t *list;       /* the neighbours at hand; owned */
    struct ptd_buf out;
};

/* What a module imports, or who imports it; with --transitive all there is. */
static size_t neighbours(struct printing *p, size_t module, bool importers)
{
    size_t count = 0;
    if (!p->o->transitive) {
        struct ptd_graph_list l =
            importers ? ptd_graph_importers(p->g, module) : ptd_graph_imports(p->g, module);
        for (size_t i = 0; i < l.count; i++)
            p->list[count++] = l.items[i];
        return count;
    }
    memset(p->seen, 0, p->g->count);
    p->seen[module] = 1;
    ptd_graph_close(p->g, importers, p->seen);
    for (size_t i = 0; i < p->g->count; i++)
        if (p->seen[i] && i != module)
            p->list[count++] = (uint32_t)i;
    return count;
}

static void add_text(struct printing *p, size_t module)
{
    ptd_buf_addf(&p->out, "%s\n", p->g->modules[module].path);
    size_t count = neighbours(p, module, p->o->reverse);
    for (size_t i = 0; i < count; i++)
        ptd_buf_addf(&p->out, "  %s\n", p->g->modules[p->list[i]].path);
}

static void add_paths(struct printing *p, const char *key, size_t module, bool importers)
{
    size_t count = neighbours(p, module, importers);
    ptd_buf_addf(&p->out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        ptd_buf_adds(&p->out, i ? "," : "");
        ptd_json_string(&p->out, p->g->modules[p->list[i]].path);
    }
    ptd_buf_addc(&p->out, ']');
}

static void add_json(struct printing *p, size_t module)
{
    PTD_CLEANUP_FREE char *name = ptd_graph_name(p->g, module);
    struct ptd_graph_list outside = ptd_graph_outside(p->g, module);
    ptd_buf_adds(&p->out, "{\"path\":");
    ptd_json_string(&p->out, p->g->modules[module].path);
    ptd_buf_adds(&p->out, ",\"name\":");
    ptd_json_string(&p->out, name);
    add_paths(p, "imports", module, false);
    add_paths(p, "imported_by", module, true);
    ptd_buf_adds(&p->out, ",\"outside\":[");
    for (size_t i = 0; i < outside.count; i++) {
        ptd_buf_adds(&p->out, i ? "," : "");
        ptd_json_string(&p->out, p->g->outside.entries[outside.items[i]].key);
    }
    ptd_buf_adds(&p->out, "]}");
}

/* The grammar of Graphviz: a string in double quotes, in which only these are escaped. */
static void add_dot_string(struct ptd_buf *out, const char *text)
{
    ptd_buf_addc(out, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            ptd_buf_addc(out, '\\');
        ptd_buf_addc(out, *p);
    }
    ptd_buf_addc(out, '"');
}

/* An arrow goes from who imports to what is imported. */
static void add_dot(struct printing *p, size_t module)
{
    const char *path = p->g->modules[module].path;
    size_t count = neighbours(p, module, p->o->reverse);
    ptd_buf_adds(&p->out, "  ");
    add_dot_string(&p->out, path);
    ptd_buf_adds(&p->out, ";\n");
    for (size_t i = 0; i < count; i++) {
        const char *other = p->g->modules[p->list[i]].path;
        ptd_buf_adds(&p->out, "  ");
        add_dot_string(&p->out, p->o->reverse ? other : path);
        ptd_buf_adds(&p->out, " -> ");
        add_dot_string(&p->out, p->o->reverse ? path : other);
        ptd_buf_adds(&p->out, ";\n");
    }
}

static void print(struct printing *p)
{
    const struct ptd_options *o = p->o;
    bool comma = false;
    if (o->json)
        ptd_buf_addf(&p->out, "{\"version\":1,\"transitive\":%s,\"modules\":[",
                     o->transitive ? "true" : "false");
    else if (o->dot)
        ptd_buf_adds(&p->out, "digraph imports {\n  rankdir=LR;\n  node [shape=box];\n");
    for (size_t i = 0; i < p->g->count; i++) {
        if (!p->asked[i])
            continue;
        if (o->json && comma)
            ptd_buf_addc(&p->out, ',');
        comma = true;
        (o->json ? add_json : o->dot ? add_dot : add_text)(p, i);
    }
    ptd_buf_adds(&p->out, o->json ? "]}\n" : o->dot ? "}\n" : "");
}

static int ask(struct printing *p, const struct ptd_modules *modules,
               const struct ptd_project *project, struct ptd_err *err)
{
    for (size_t i = 0; i < p->o->word_count; i++) {
        size_t at;
        if (ptd_modules_find(modules, project, p->o->words[i], &at, err) < 0)
            return -1;
        p->asked[at] = 1;
    }
    if (!p->o->word_count)
        memset(p->asked, 1, p->g->count);
    print(p);
    return ptd_cmd_answer(&p->out, err);
}

int ptd_cmd_graph(struct ptd_options *options, int *status, struct ptd_err *err)
{
    struct ptd_project project;
    struct ptd_modules modules;
    *status = 0;
    if (options->json && options->dot)
        return ptd_err_set(err, PTD_E_USAGE, "--json and --dot exclude each other");
    if (ptd_project_find(options, &project, err) < 0)
        return -1;
    int failed = ptd_modules_load(&project, &modules, err);
    if (!failed) {
        size_t count = modules.graph.count + 1;
        struct printing p = {.g = &modules.graph,
                             .o = options,
                             .asked = ptd_xcalloc(count, 1),
                             .seen = ptd_xcalloc(count, 1),
                             .list = ptd_xcalloc(count, sizeof(uint32_t))};
        failed = ask(&p, &modules, &project, err);
        free(p.asked);
        free(p.seen);
        free(p.list);
        ptd_buf_release(&p.out);
    }
    ptd_modules_release(&modules);
    ptd_project_release(&project);
    return failed;
}
