/*
 * What a change of definitions reaches by names. A changed definition taints the names that it
 * binds; a definition that mentions a tainted name, or that called a function which does while its
 * module was imported, is tainted with its own names, and so on. What cannot be followed by names
 * (a statement with effects) taints its whole module. A change in a class is a rule: it reaches
 * whoever mentions the attribute and touches the class.
 */
#ifndef PTD_RECORD_SPREAD_H
#define PTD_RECORD_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/difference.h"
#include "record/namespace.h"

/* Beyond this many classes whole classes are tainted. */
#define PTD_CLASS_RULES 24

/* A growing set of names. */
struct ptd_names_set {
    unsigned char *items; /* owned; by name */
    size_t size;
};

/* Names of modules that something reaches. */
struct ptd_reach {
    struct ptd_map names; /* (module, name) → 1: only because it was added to, see ptd_reach_add */
    struct ptd_u32s *by_module;     /* owned */
    struct ptd_names_set attribute; /* names that some module has it under */
    unsigned char *whole;           /* owned; modules in which everything counts */
    struct ptd_map followed; /* (how, module, name) whose effects are in it → steps they were
                                followed */
};

struct ptd_class_rule {
    uint32_t module, name;
    struct ptd_reach touch; /* who can have the class or an instance */
    struct ptd_names_set attributes;
    struct ptd_names_set added_to; /* attributes whose objects something was added to */
    unsigned char *done;           /* owned; definitions that were taken into `touch` */
};

struct ptd_spread {
    struct ptd_namespace *ns; /* borrowed */
    struct ptd_reach reach;
    struct ptd_names_set fixtures; /* tainted names that a parameter may mean */
    /* Tainted names of what there may be an instance of: an annotation tells that one comes. */
    struct ptd_names_set instances;
    struct ptd_names_set modules; /* names that a tainted module itself is bound to */
    struct ptd_class_rule rules[PTD_CLASS_RULES];
    size_t rule_count;
    unsigned char *fails; /* owned; modules whose import may fail now */
    unsigned char *done;  /* owned; definitions that are tainted */
    size_t *first;        /* owned; per module: its first definition in `done` */
    size_t definitions;
    bool grew;
};

void ptd_spread_init(struct ptd_spread *s, struct ptd_namespace *ns);
void ptd_spread_release(struct ptd_spread *s);

/* Where the change begins: a definition; a whole module; functions that imports entered. */
void ptd_spread_definition(struct ptd_spread *s, uint32_t module, uint32_t version,
                           uint32_t definition);
/* An import statement of which `other`, the version that this one is compared with, may have a
 * part: with that, nothing begins. */
void ptd_spread_import(struct ptd_spread *s, uint32_t module, uint32_t version, uint32_t definition,
                       const struct ptd_ns_version *other);
void ptd_spread_module(struct ptd_spread *s, uint32_t module);
/* `changed`: per block of the version. True when an import entered one. */
bool ptd_spread_import_calls(struct ptd_spread *s, uint32_t module, uint32_t version,
                             const unsigned char *changed);
/* Follows the names until nothing is added. */
void ptd_spread_run(struct ptd_spread *s);

bool ptd_names_has(const struct ptd_names_set *set, uint32_t name);
bool ptd_reach_has(const struct ptd_reach *reach, uint32_t module, uint32_t name);
/* Whether code of `module` that mentions this gets at something reached. */
bool ptd_spread_is_mentioned(const struct ptd_spread *s, uint32_t module,
                             const struct ptd_ns_version *v, const struct ptd_mentions *m);
bool ptd_rule_is_touched(const struct ptd_class_rule *rule, uint32_t module,
                         const struct ptd_ns_version *v, const struct ptd_mentions *m);
/* Whether one of the attributes is mentioned by name. */
bool ptd_rule_is_named(const struct ptd_class_rule *rule, const struct ptd_ns_version *v,
                       const struct ptd_mentions *m);
/* Whether code of `module` that mentions this has a module that is tainted as a value. */
bool ptd_spread_has_module(const struct ptd_spread *s, uint32_t module,
                           const struct ptd_ns_version *v, const struct ptd_mentions *m);

#endif
