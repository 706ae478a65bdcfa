/* Shared by the files of the merge only. */
#ifndef PTD_MERGE_INTERNAL_H
#define PTD_MERGE_INTERNAL_H

#include "merge/map.h"
#include "merge/merge.h"
#include "store/details.h"

/* One of the databases with its numbers. */
struct ptd_merge_source {
    struct ptd_merge_input *input; /* borrowed */
    struct ptd_merge_map map;
    uint64_t last_run; /* when its newest run was recorded */
};

/* Who imports whom, as it is to be written. */
struct ptd_merge_edges {
    ptd_id file, version;
    struct ptd_buf imported, entered;
};

struct ptd_merge_work {
    const struct ptd_merge_request *request;
    struct ptd_store *into;
    struct ptd_merge_source *sources; /* owned; the oldest first */
    size_t count;
    uint64_t own_baseline;  /* of `into` itself: when its last baseline was recorded */
    struct ptd_map current; /* files of `into` → their present content */
    struct ptd_merge_edges *edges;
    size_t edge_count, edge_cap;
    struct ptd_map edge_index; /* id of a file → position in `edges` */
};

/* Maps the runs of all sources, which `into` then has. *added: how many are new to it. */
int ptd_merge_runs(struct ptd_merge_work *work, size_t *added, struct ptd_err *err);
/* Everything that is no record. */
int ptd_merge_rows(struct ptd_merge_work *work, struct ptd_merge_source *source,
                   struct ptd_err *err);
/* What is known of the project's habits: of all sources together. */
int ptd_merge_habits(struct ptd_merge_work *work, struct ptd_err *err);
int ptd_merge_edges_load(struct ptd_merge_work *work, struct ptd_err *err);
int ptd_merge_edges_save(struct ptd_merge_work *work, struct ptd_err *err);
void ptd_merge_edges_release(struct ptd_merge_work *work);

#endif
