/* Shared by the files of the spread only. */
#ifndef PTD_RECORD_SPREAD_INTERNAL_H
#define PTD_RECORD_SPREAD_INTERNAL_H

#include "record/spread.h"

/* A definition with where it is. */
struct ptd_place_of {
    uint32_t module, version, definition;
};

static inline const struct ptd_ns_version *ptd_place_version(const struct ptd_namespace *ns,
                                                             struct ptd_place_of at)
{
    return &ns->modules[at.module].versions[at.version];
}

static inline const struct ptd_definition *ptd_place_definition(const struct ptd_namespace *ns,
                                                                struct ptd_place_of at)
{
    return &ptd_place_version(ns, at)->defs.items[at.definition];
}

/* The class at module level that a definition in a class is in, or itself. */
static inline uint32_t ptd_place_outermost(const struct ptd_ns_version *v, uint32_t definition)
{
    while (v->defs.items[definition].owner != PTD_NO_DEFINITION)
        definition = v->defs.items[definition].owner;
    return definition;
}

void ptd_names_add(struct ptd_names_set *set, uint32_t name);
/* True when that is new. `added_to`: the object is what it was, something was added to it; whoever
 * only adds to it as well is not concerned. */
bool ptd_reach_add(struct ptd_reach *reach, uint32_t module, uint32_t name, bool added_to);
/* A class attribute or another statement in a class body changed. */
void ptd_spread_class_item(struct ptd_spread *s, struct ptd_place_of at);
/* Taints the class itself. */
void ptd_spread_whole_class(struct ptd_spread *s, struct ptd_place_of class);
/* The class is another one: where the code that ran when it was made (metaclass, decorator,
 * `__init_subclass__`) may have put it. */
void ptd_spread_kept_class(struct ptd_spread *s, struct ptd_place_of class);
/* Who asks a base for its subclasses gets at the class without its name. */
void ptd_spread_by_base(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of class);
/* A rule for some attributes of a class at module level. */
void ptd_spread_attributes(struct ptd_spread *s, struct ptd_place_of class,
                           const struct ptd_definition *item, bool added_to);
/* What running the definition may have changed besides what it binds, added to `reach`. */
void ptd_spread_effects(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at);
void ptd_spread_bind(struct ptd_spread *s, uint32_t module, uint32_t name, bool fixture);
/* An import statement is another: with all names that it binds. */
void ptd_spread_taint_import(struct ptd_spread *s, struct ptd_place_of at);

/* Whose mentions are looked at. */
enum ptd_asker {
    PTD_BY_BLOCK,      /* a function that a test entered, or a value's definition */
    PTD_BY_HEADER,     /* a function's, which annotations do not make another one */
    PTD_BY_IMPORT_CALL /* a function that was called while its module was imported */
};

/* What a definition mentions itself, then what the functions mention that it called when its module
 * was imported: `test` is asked about each. */
typedef bool ptd_mention_test(const struct ptd_spread *s, const void *arg, uint32_t module,
                              const struct ptd_ns_version *v, const struct ptd_mentions *m,
                              enum ptd_asker by);

/* Says whether it holds for a definition: for its mentions, for those of functions that it called
 * when its module was imported, or because these get at everything. */
bool ptd_spread_mentions(const struct ptd_spread *s, struct ptd_place_of at, ptd_mention_test *test,
                         const void *arg);
/* Something reached; something that touches the class of a rule (`arg`); one of its attributes. */
ptd_mention_test ptd_asks_reach, ptd_asks_touch, ptd_asks_named;
/* Lines that are not known may be those of any statement that can call something. */
bool ptd_may_call(const struct ptd_definition *d);
/* `__all__` names what is exported, and needs nothing of it. */
bool ptd_is_export_list(const struct ptd_ns_version *v, const struct ptd_definition *d);

void ptd_reach_init(struct ptd_reach *reach, size_t modules);
void ptd_reach_release(struct ptd_reach *reach, size_t modules);
/* Whether a function that an import called has this for adding to it only. */
bool ptd_reach_only_adds(const struct ptd_reach *reach, uint32_t module, uint32_t name,
                         uint32_t how);
/* Names that an import statement gets from a module in which they are reached. */
bool ptd_spread_imports(struct ptd_spread *s, struct ptd_reach *reach, struct ptd_place_of at);
/* The modules that an import may bind, `import a.b` as well as `from a import b`; none: what it
 * binds is of another project, or no module. */
const struct ptd_u32s *ptd_spread_imported_module(const struct ptd_spread *s, uint32_t module,
                                                  const struct ptd_ns_version *v,
                                                  const struct ptd_import *im);
/* Somebody may have an instance of what is tainted by this name. */
void ptd_spread_instance(struct ptd_spread *s, uint32_t name);
/* An object that is known by this name may have been changed. */
void ptd_spread_data(struct ptd_spread *s, struct ptd_reach *reach, uint32_t module, uint32_t name);

/* Asked about the mentions of a definition, or of a block (`d` is NULL). */
typedef bool ptd_lead_test(struct ptd_spread *s, uint32_t module, const struct ptd_ns_version *v,
                           const struct ptd_definition *d, const struct ptd_mentions *m);
/* Whether it holds for a definition, or for anything that this and what it mentions by name, in the
 * project, lead to. */
bool ptd_spread_leads_to(struct ptd_spread *s, struct ptd_place_of at, ptd_lead_test *test);

#endif
