/*
 * Which recorded dependencies a change of definitions reaches. There are at most PTD_CHANGES
 * changes; each is one file that is not what some records saw (the last one stands for all the
 * others when there are more). A record is judged by the union of its dependency sets: by the
 * changes of files that it has, and by what its blocks mention of these.
 */
#ifndef PTD_RECORD_IMPACT_H
#define PTD_RECORD_IMPACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "record/namespace.h"
#include "record/spread.h"
#include "store/store.h"

#define PTD_CHANGES 16

/* What a fingerprint, set or record has of one change: bits. Two more per class rule. */
enum ptd_impact_bit {
    PTD_IMPACT_REACHED = 1,  /* mentions something that is tainted, or enters it */
    PTD_IMPACT_REFLECTS = 2, /* looks up attributes by computed names */
    PTD_IMPACT_MODULE = 4,   /* has a tainted module as a value */
    PTD_IMPACT_FAILS = 8,    /* imports a module whose import may fail now */
};

struct ptd_impact_change {
    struct ptd_spread spread;
    size_t file;     /* position in the state of the first file */
    char *what;      /* owned: which definition it began with */
    uint32_t reason; /* position in ptd_validity.broken + 1; 0: not made yet */
};

/* One used version that is not the present one. */
struct ptd_impact_pair {
    uint32_t module, version; /* of the namespace */
    unsigned char *changed;   /* borrowed until ptd_impact_find returns: per block */
};

struct ptd_impact {
    struct ptd_namespace ns;
    bool namespace_made;
    struct ptd_impact_change changes[PTD_CHANGES];
    size_t count;
    struct ptd_map pairs;  /* (module, version) → change */
    struct ptd_map judged; /* (change, version, block) → mask */
    /* By id; `count` masks each. */
    uint64_t *fingerprints;
    uint32_t *fingerprint_has;
    size_t fingerprint_size;
    uint64_t *depsets;
    uint32_t *depset_has;
    size_t depset_size;
};

/* What a record is of: its own names count as mentioned. */
struct ptd_impact_node {
    const char *name; /* "path::Class::test[x]", or the path of a file */
    ptd_id file;
    bool is_file;
};

/* `pairs`: those whose module level differs, or of which an import entered a changed function. The
 * namespace is made and has all used versions. */
void ptd_impact_start(struct ptd_impact *impact, const struct ptd_impact_pair *pairs, size_t count);
/* Judges every fingerprint, then a set. */
int ptd_impact_fingerprints(struct ptd_impact *impact, struct ptd_store *store,
                            struct ptd_err *err);
void ptd_impact_add_depset(struct ptd_impact *impact, ptd_id id, const void *fingerprints,
                           size_t len);
/* The change that a record with these sets (varints) does not survive, or NULL. */
struct ptd_impact_change *ptd_impact_of(struct ptd_impact *impact,
                                        const struct ptd_impact_node *node, const void *depsets,
                                        size_t len);
void ptd_impact_release(struct ptd_impact *impact);

#endif
