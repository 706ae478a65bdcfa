#include "record/deps_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define VARIABLE     "env:"
#define DISTRIBUTION "dist:"

/* What one top-level module of an installed package entails. */
struct module {
    struct ptd_u32s edges; /* names of the journal that it asked for */
    struct ptd_deps items; /* all that follows, when `known` */
    struct ptd_deps variables;
    bool known;
};

/* Who asks for a name. */
enum asker {
    ASKER_INSTALLED,
    ASKER_SESSION,
    ASKER_OTHER,
    ASKERS,
};

/* What a name of the journal entails for one of these. */
struct entailed {
    struct ptd_deps items;
    bool known;
};

struct ptd_dep_names {
    struct ptd_map modules; /* top-level name → position in `list` */
    struct module *list;
    size_t count, cap;
    struct entailed *entailed; /* ASKERS per name of the journal; owned */
};

/* ---- what installed packages asked for ---- */

static struct module *module_of(struct ptd_dep_names *names, const char *top, size_t len)
{
    bool added;
    size_t at = ptd_map_put(&names->modules, top, len, names->count, &added);
    if (added) {
        names->list = ptd_xgrow(names->list, &names->cap, names->count + 1, sizeof(struct module));
        names->list[names->count++] = (struct module){0};
    }
    return &names->list[names->modules.entries[at].value];
}

static bool is_installed(const struct ptd_journal_scope *scope)
{
    return scope->kind == PTD_SCOPE_SESSION && strcmp(scope->label, PTD_SCOPE_LABEL_INSTALLED) == 0;
}

static struct ptd_dep_names *names_of(struct ptd_dep_context *c)
{
    const struct ptd_journal *j = c->journal;
    if (c->names)
        return c->names;
    c->names = ptd_xcalloc(1, sizeof(*c->names));
    c->names->entailed = ptd_xcalloc(j->name_count * ASKERS, sizeof(struct entailed));
    for (size_t i = 0; i < j->scope_count; i++) {
        const struct ptd_journal_scope *scope = &j->scopes[i];
        for (size_t k = 0; is_installed(scope) && k < scope->names.count; k++) {
            const char *name = j->names[scope->names.items[k]];
            const char *edge = strchr(name, '>');
            if (edge)
                ptd_u32s_add(&module_of(c->names, name, (size_t)(edge - name))->edges,
                             scope->names.items[k]);
        }
    }
    return c->names;
}

void ptd_dep_names_release(struct ptd_dep_context *c)
{
    for (size_t i = 0; c->names && i < c->names->count; i++) {
        free(c->names->list[i].edges.items);
        ptd_deps_release(&c->names->list[i].items);
        ptd_deps_release(&c->names->list[i].variables);
    }
    for (size_t i = 0; c->names && i < c->journal->name_count * ASKERS; i++)
        ptd_deps_release(&c->names->entailed[i].items);
    if (c->names) {
        free(c->names->entailed);
        free(c->names->list);
        ptd_map_release(&c->names->modules);
    }
    free(c->names);
    c->names = NULL;
}

/* ---- single facts ---- */

/* A fact as the session saw it: of one that was interrupted, only what the journal says is known.
 */
static int add_fact(struct ptd_dep_context *c, enum ptd_file_kind kind, const char *path,
                    struct ptd_deps *out, struct ptd_err *err)
{
    size_t at;
    if (ptd_state_add(c->state, kind, path, &at, err) < 0)
        return -1;
    bool everything = kind == PTD_FILE_ENVIRONMENT && strcmp(path, PTD_VARIABLES_ALL) == 0;
    if (everything ? c->state->variables_unknown : c->state->facts_unknown)
        ptd_dep_set_version(c, at, PTD_VERSION_UNKNOWN);
    ptd_deps_add(out, at, 0);
    return 0;
}

/* "HASH:NAME", where the value counts that the session was started with: another one was set by
 * code. *at: where the state has it, left alone when it is no dependency. */
static int find_variable(struct ptd_dep_context *c, const char *text, size_t *at,
                         struct ptd_err *err)
{
    struct ptd_state *state = c->state;
    const char *colon = strchr(text, ':');
    if (!colon || !colon[1] || ptd_variables_ignored(&state->variables, colon + 1))
        return 0;
    uint64_t value = strtoull(text, NULL, 16);
    struct ptd_hash128 seen = ptd_variables_content(*text == '-' ? NULL : &value);
    struct ptd_hash128 given = ptd_variables_hash(&state->variables, colon + 1);
    ptd_id version;
    bool parsed;
    /* What pytest sets is known to be set by code. */
    if (state->variables_unknown ? strncmp(colon + 1, "PYTEST_", 7) == 0
                                 : !ptd_hash128_equal(&seen, &given))
        return 0;
    if (ptd_state_add(state, PTD_FILE_ENVIRONMENT, colon + 1, at, err) < 0 ||
        ptd_store_version(state->store, &seen, true, &version, &parsed, err) < 0)
        return -1;
    ptd_dep_set_version(c, *at, version);
    return 0;
}

/* Many tests read the same few. */
static int add_variable(struct ptd_dep_context *c, const char *text, struct ptd_deps *out,
                        struct ptd_err *err)
{
    if (strcmp(text, PTD_VARIABLES_ALL) == 0)
        return add_fact(c, PTD_FILE_ENVIRONMENT, PTD_VARIABLES_ALL, out, err);
    size_t len = strlen(text), known = ptd_map_find(&c->variables, text, len), at = SIZE_MAX;
    if (known != PTD_MAP_NONE)
        at = (size_t)c->variables.entries[known].value;
    else if (find_variable(c, text, &at, err) < 0)
        return -1;
    else
        ptd_map_put(&c->variables, text, len, at, NULL);
    if (at != SIZE_MAX)
        ptd_deps_add(out, at, 0);
    return 0;
}

static int add_named(struct ptd_dep_context *c, const char *prefix, const char *name,
                     struct ptd_deps *out, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path = ptd_xasprintf("%s%s", prefix, name);
    return add_fact(c, PTD_FILE_PACKAGES, path, out, err);
}

static int add_distribution(struct ptd_dep_context *c, const char *name, struct ptd_deps *out,
                            struct ptd_err *err)
{
    if (strcmp(name, "*") == 0)
        return add_fact(c, PTD_FILE_PACKAGES, PTD_PACKAGES_ALL, out, err);
    PTD_CLEANUP_FREE char *normal = ptd_packages_normalize(name, strlen(name));
    return add_named(c, PTD_PACKAGES_NAMED, normal, out, err);
}

/* ---- modules of installed packages ---- */

/* Modules and distributions that are reached, each once; "x" and "dist:x". */
struct walk {
    struct ptd_dep_context *c;
    struct ptd_map seen; /* also what is still to be looked at: in order of insertion */
    struct module *into;
};

static void reach(struct walk *walk, const char *prefix, const char *name)
{
    PTD_CLEANUP_FREE char *key = ptd_xasprintf("%s%s", prefix, name);
    ptd_map_puts(&walk->seen, key, 1);
}

static void reach_requirements(struct walk *walk, const struct ptd_distribution *d)
{
    struct ptd_packages *packages = walk->c->state->packages;
    for (size_t i = 0; i < d->requirement_count; i++) {
        const struct ptd_requirement *r = &d->requirements[i];
        if (!r->conditional || ptd_packages_find(packages, r->name))
            reach(walk, DISTRIBUTION, r->name);
    }
}

/* Those that have the module; an editable one is part of the sources. */
static void reach_providers(struct walk *walk, const char *module)
{
    struct ptd_packages *packages = walk->c->state->packages;
    ptd_packages_load(packages);
    if (ptd_map_get(&packages->provided, module, 0) == 0)
        return;
    for (size_t i = 0; i < packages->count; i++)
        if (!packages->items[i].editable && ptd_distribution_provides(&packages->items[i], module))
            reach_requirements(walk, &packages->items[i]);
}

static int visit_edge(struct walk *walk, const char *target, struct ptd_err *err)
{
    if (strncmp(target, VARIABLE, strlen(VARIABLE)) == 0)
        return add_variable(walk->c, target + strlen(VARIABLE), &walk->into->variables, err);
    /* Everything that is installed, asked by a package on its own account: entry points of its
     * plugins, which are modules that it imports, and so known. */
    if (strncmp(target, DISTRIBUTION "*", strlen(DISTRIBUTION) + 1) != 0)
        reach(walk, "", target);
    return 0;
}

static int visit(struct walk *walk, const char *key, struct ptd_err *err)
{
    struct ptd_dep_context *c = walk->c;
    struct ptd_packages *packages = c->state->packages;
    if (strncmp(key, DISTRIBUTION, strlen(DISTRIBUTION)) == 0) {
        const char *name = key + strlen(DISTRIBUTION);
        const struct ptd_distribution *d = ptd_packages_find(packages, name);
        if (d && !d->editable)
            reach_requirements(walk, d);
        return add_distribution(c, name, &walk->into->items, err);
    }
    if (ptd_packages_is_library(packages, key))
        return 0;
    if (add_named(c, PTD_PACKAGES_MODULE, key, &walk->into->items, err) < 0)
        return -1;
    reach_providers(walk, key);
    size_t at = ptd_map_find(&c->names->modules, key, strlen(key));
    if (at == PTD_MAP_NONE)
        return 0;
    const struct ptd_u32s *edges = &c->names->list[c->names->modules.entries[at].value].edges;
    for (size_t i = 0; i < edges->count; i++)
        if (visit_edge(walk, strchr(c->journal->names[edges->items[i]], '>') + 1, err) < 0)
            return -1;
    return 0;
}

/* All that follows from asking for the top-level module `top`. */
static int find_module(struct ptd_dep_context *c, const char *top, size_t len, struct module *into,
                       struct ptd_err *err)
{
    struct walk walk = {.c = c, .into = into};
    int result = 0;
    ptd_map_put(&walk.seen, top, len, 1, NULL);
    for (size_t i = 0; result == 0 && i < walk.seen.count; i++)
        result = visit(&walk, walk.seen.entries[i].key, err);
    ptd_map_release(&walk.seen);
    return result;
}

static void add_deps(struct ptd_deps *out, const struct ptd_deps *more)
{
    for (size_t i = 0; i < more->count; i++)
        ptd_deps_add(out, (size_t)(more->items[i] >> 32), (uint32_t)more->items[i]);
}

/* Modules that hand out what others brought: no telling what is wanted of them. */
static bool lists_distributions(const char *top, size_t len)
{
    static const char *const names[] = {"pkg_resources", "importlib_metadata"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strlen(names[i]) == len && strncmp(names[i], top, len) == 0)
            return true;
    return false;
}

static int add_module(struct ptd_dep_context *c, const char *name, bool session,
                      struct ptd_deps *out, struct ptd_err *err)
{
    size_t len = strcspn(name, ".");
    if (!len || !c->state->packages)
        return 0;
    if (!session && lists_distributions(name, len) &&
        add_fact(c, PTD_FILE_PACKAGES, PTD_PACKAGES_ALL, out, err) < 0)
        return -1;
    size_t at = (size_t)(module_of(names_of(c), name, len) - c->names->list);
    if (!c->names->list[at].known) {
        struct module found = {0};
        if (find_module(c, name, len, &found, err) < 0) {
            ptd_deps_release(&found.items);
            ptd_deps_release(&found.variables);
            return -1;
        }
        c->names->list[at].items = found.items;
        c->names->list[at].variables = found.variables;
        c->names->list[at].known = true;
    }
    add_deps(out, &c->names->list[at].items);
    if (!session) /* what pytest's plugins read when they are loaded is their own affair */
        add_deps(out, &c->names->list[at].variables);
    return 0;
}

/* ---- who provides a module of the project ---- */

static int add_provider(struct ptd_dep_context *c, const char *name, size_t len,
                        struct ptd_deps *out, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *key = ptd_xstrndup(name, len);
    size_t at;
    if (ptd_state_add(c->state, PTD_FILE_IMPORT, key, &at, err) < 0)
        return -1;
    ptd_deps_add(out, at, 0);
    return 0;
}

/* "a" and "a.b" and "b.c" of "a.b.c". */
static int add_providers(struct ptd_dep_context *c, const char *name, struct ptd_deps *out,
                         struct ptd_err *err)
{
    const char *parent = NULL;
    for (const char *p = name; *p;) {
        size_t n = strcspn(p, ".");
        const char *from = parent ? parent : p;
        if (n && add_provider(c, from, (size_t)(p + n - from), out, err) < 0)
            return -1;
        parent = p;
        p += n + (p[n] == '.');
    }
    return 0;
}

/* ---- names of a scope ---- */

static int add_one(struct ptd_dep_context *c, const char *name, enum asker asker,
                   struct ptd_deps *out, struct ptd_err *err)
{
    if (strchr(name, '>'))
        return 0; /* for those who import the package */
    if (strncmp(name, VARIABLE, strlen(VARIABLE)) == 0)
        return add_variable(c, name + strlen(VARIABLE), out, err);
    if (strncmp(name, DISTRIBUTION, strlen(DISTRIBUTION)) == 0)
        return add_distribution(c, name + strlen(DISTRIBUTION), out, err);
    if (add_providers(c, name, out, err) < 0)
        return -1;
    if (asker == ASKER_INSTALLED)
        return 0;
    return add_module(c, name, asker == ASKER_SESSION, out, err);
}

/* Many scopes ask for the same names. */
int ptd_dep_names_add(struct ptd_dep_context *c, uint32_t scope, struct ptd_deps *out,
                      struct ptd_err *err)
{
    const struct ptd_journal_scope *s = &c->journal->scopes[scope];
    enum asker asker = is_installed(s)                ? ASKER_INSTALLED
                       : s->kind == PTD_SCOPE_SESSION ? ASKER_SESSION
                                                      : ASKER_OTHER;
    const struct ptd_dep_names *names = s->names.count ? names_of(c) : NULL;
    for (size_t i = 0; i < s->names.count; i++) {
        uint32_t name = s->names.items[i];
        struct entailed *e = &names->entailed[name * ASKERS + asker];
        if (!e->known && add_one(c, c->journal->names[name], asker, &e->items, err) < 0)
            return -1;
        e->known = true;
        add_deps(out, &e->items);
    }
    return 0;
}

int ptd_dep_names_session(struct ptd_dep_context *c, struct ptd_deps *out, struct ptd_err *err)
{
    return add_fact(c, PTD_FILE_PACKAGES, PTD_PACKAGES_PLUGINS, out, err) < 0 ||
                   add_fact(c, PTD_FILE_PACKAGES, PTD_PACKAGES_SITE, out, err) < 0 ||
                   add_fact(c, PTD_FILE_ENVIRONMENT, PTD_VARIABLES_ALWAYS, out, err) < 0 ||
                   add_fact(c, PTD_FILE_RULE, "", out, err) < 0
               ? -1
               : 0;
}

/* ---- rules ---- */

/* Bit 0 of a file's marks: the others say which rules concern it. */
static uint64_t *marks_of(struct ptd_dep_context *c, size_t at)
{
    const struct ptd_rules *rules = &c->state->rules;
    size_t words = rules->count / 64 + 1;
    if (at >= c->rule_mark_count) {
        size_t count = c->state->count + 64;
        c->rule_marks = ptd_xrealloc(c->rule_marks, count * words * sizeof(uint64_t));
        memset(c->rule_marks + c->rule_mark_count * words, 0,
               (count - c->rule_mark_count) * words * sizeof(uint64_t));
        c->rule_mark_count = count;
    }
    uint64_t *marks = c->rule_marks + at * words;
    if (marks[0] & 1)
        return marks;
    marks[0] |= 1;
    const struct ptd_state_file *f = &c->state->files[at];
    bool real = f->kind == PTD_FILE_SOURCE || f->kind == PTD_FILE_OPAQUE;
    for (size_t i = 0; real && i < rules->count; i++)
        if (ptd_rule_concerns(&rules->items[i], f->path))
            marks[(i + 1) / 64] |= (uint64_t)1 << ((i + 1) % 64);
    return marks;
}

int ptd_dep_rules_add(struct ptd_dep_context *c, struct ptd_deps *items, struct ptd_err *err)
{
    const struct ptd_rules *rules = &c->state->rules;
    size_t words = rules->count / 64 + 1, count = items->count, last = SIZE_MAX;
    if (!rules->count)
        return 0;
    PTD_CLEANUP_FREE uint64_t *found = ptd_xcalloc(words, sizeof(uint64_t));
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)(items->items[i] >> 32);
        const uint64_t *marks = at == last ? NULL : marks_of(c, at);
        for (size_t w = 0; marks && w < words; w++)
            found[w] |= marks[w];
        last = at;
    }
    for (size_t i = 0; i < rules->count; i++)
        if (found[(i + 1) / 64] >> ((i + 1) % 64) & 1 &&
            add_fact(c, PTD_FILE_RULE, rules->items[i].left, items, err) < 0)
            return -1;
    return 0;
}
