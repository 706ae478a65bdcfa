/*
 * Who imports whom, as the modules of a session did: kept to explain records by, and for nothing
 * else.
 */
#ifndef PTD_RECORD_EDGES_H
#define PTD_RECORD_EDGES_H

#include "record/deps.h"

struct ptd_edge_list;

struct ptd_edges {
    struct ptd_map files;        /* id of an importing file → position in `items` */
    struct ptd_edge_list *items; /* owned */
    size_t count, cap;
};

/* What the modules of this process imported, and whose functions they entered meanwhile. */
void ptd_edges_add(struct ptd_edges *edges, const struct ptd_dep_context *c);
/* Writes those that the store does not have like this. */
int ptd_edges_save(struct ptd_edges *edges, struct ptd_store *store, struct ptd_err *err);
void ptd_edges_release(struct ptd_edges *edges);

#endif
