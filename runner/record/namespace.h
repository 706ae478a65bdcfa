/*
 * The definitions of all sources of the project, with their names resolved: what a change of a
 * definition can reach is found out here. Holds the present version of each file and those that
 * recorded tests saw.
 */
#ifndef PTD_RECORD_NAMESPACE_H
#define PTD_RECORD_NAMESPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"
#include "journal/journal.h"
#include "state/state.h"
#include "syntax/definitions.h"

#define PTD_NS_NONE UINT32_MAX

/* A function that was entered while the module was imported. */
struct ptd_ns_call {
    uint32_t line; /* of the module; 0: any */
    uint32_t module, version, block;
};

/* A name that a statement at module level binds. */
struct ptd_ns_binding {
    uint32_t name, definition;
};

struct ptd_ns_version {
    ptd_id id;
    bool now;                        /* what the file is at present */
    bool known;                      /* parsed; otherwise all below is empty */
    const struct ptd_blocks *blocks; /* borrowed from the state */
    struct ptd_definitions defs;
    uint32_t *names; /* owned: from names of `defs` to those of the namespace */
    uint32_t *roots; /* owned: per block, the name at module level that it is part of */
    struct ptd_ns_binding *bindings; /* owned; sorted by name, then definition */
    size_t binding_count;
    struct ptd_ns_call *calls; /* owned; sorted by line */
    size_t call_count, call_cap;
};

struct ptd_ns_module {
    size_t file;                     /* position in the state */
    const char *path;                /* borrowed from the state */
    uint32_t self;                   /* the last part of its dotted name */
    struct ptd_ns_version *versions; /* owned */
    size_t count, cap;
};

struct ptd_namespace {
    struct ptd_state *state; /* borrowed */
    struct ptd_ns_module *modules;
    size_t count, cap;
    uint32_t *by_file; /* position in the state → module + 1 */
    struct ptd_map names;
    struct ptd_map stems; /* last part of a dotted name → list of modules */
    struct ptd_u32s **stem_lists;
    size_t stem_cap;
    struct ptd_map resolved; /* (module, name of a module) → list of modules */
    struct ptd_u32s **resolved_lists;
    size_t resolved_cap;
    bool types_read;      /* something may read annotations that are not evaluated by themselves */
    bool hints_read;      /* something may read annotations of any kind, or show them */
    struct ptd_map hints; /* answers of ptd_hints_stay (record/hints.h) */
};

/* With the present versions of all sources. */
void ptd_namespace_init(struct ptd_namespace *ns, struct ptd_state *state);
void ptd_namespace_release(struct ptd_namespace *ns);
/* Also a version that a record saw; its index. Pointers to versions and modules stay valid only
 * until the next of these. */
uint32_t ptd_namespace_add(struct ptd_namespace *ns, uint32_t module, ptd_id version);
/* Reads what imports entered; call it when all versions are there. */
int ptd_namespace_load_calls(struct ptd_namespace *ns, struct ptd_err *err);

/* The module of a file, or PTD_NS_NONE. */
uint32_t ptd_namespace_module(const struct ptd_namespace *ns, ptd_id file);
uint32_t ptd_namespace_version(const struct ptd_namespace *ns, uint32_t module, ptd_id version);
uint32_t ptd_namespace_name(struct ptd_namespace *ns, const char *text);
const char *ptd_namespace_text(const struct ptd_namespace *ns, uint32_t name);

/* Modules that an import in `module` may mean: `text` as written, a name of the namespace.
 * Borrowed, valid as long as the namespace. */
const struct ptd_u32s *ptd_namespace_resolve(struct ptd_namespace *ns, uint32_t module,
                                             uint32_t text);
/* The module level bindings of a name in one version: [*first, *last). */
void ptd_namespace_bindings(const struct ptd_ns_version *version, uint32_t name, size_t *first,
                            size_t *last);
/* Calls made by lines first..last, and those by lines that are not known: two ranges. */
void ptd_namespace_calls(const struct ptd_ns_version *version, uint32_t first, uint32_t last,
                         size_t range[2]);

#endif
