/* The numbers of one database in terms of another; what is missing there is made. */
#ifndef PTD_MERGE_MAP_H
#define PTD_MERGE_MAP_H

#include "base/buf.h"
#include "base/map.h"
#include "store/store.h"

struct ptd_merge_map {
    struct ptd_store *from, *into; /* borrowed */
    /* From a number here to one there; keys are the eight bytes of a ptd_id. */
    struct ptd_map files, versions, fingerprints, depsets, nodes, environments, labels, runs;
    struct ptd_map tests;  /* of the nodes: those that are tests; set by who maps them */
    struct ptd_map hashes; /* id of a version here → position in hash_list */
    struct ptd_hash128 *hash_list;
    size_t hash_count, hash_cap;
    struct ptd_map codes; /* id of a version here → position in code_lists */
    struct ptd_merge_codes *code_lists;
    size_t code_count, code_cap;
};

/* Reads the hashes of the contents. */
int ptd_merge_map_init(struct ptd_merge_map *map, struct ptd_store *from, struct ptd_store *into,
                       struct ptd_err *err);
void ptd_merge_map_release(struct ptd_merge_map *map);

void ptd_merge_map_put(struct ptd_map *ids, ptd_id from, ptd_id to);
/* 0 when it is not known. */
ptd_id ptd_merge_map_get(const struct ptd_map *ids, ptd_id from);
/* "The database is damaged": a number that leads nowhere. */
int ptd_merge_damaged(struct ptd_merge_map *map, const char *what, struct ptd_err *err);

/* A content with its blocks or source and its list of code objects. */
int ptd_merge_version(struct ptd_merge_map *map, ptd_id from, ptd_id *to, struct ptd_err *err);
/* A number in that list; 0 and what stands for more than one object stay as they are. */
int ptd_merge_code(struct ptd_merge_map *map, ptd_id version, uint32_t *code, struct ptd_err *err);
/* A dependency set with its fingerprints. */
int ptd_merge_depset(struct ptd_merge_map *map, ptd_id from, ptd_id *to, struct ptd_err *err);
/* The sets of a record and whose each of them is, in the order of the new numbers. */
int ptd_merge_sets(struct ptd_merge_map *map, const struct ptd_record *record,
                   struct ptd_buf *depsets, struct ptd_buf *labels, struct ptd_err *err);
/* Ids of files as they are stored in lists: ascending, each the difference to the one before. */
int ptd_merge_file_list(struct ptd_merge_map *map, const void *data, size_t len,
                        struct ptd_buf *out, struct ptd_err *err);

#endif
