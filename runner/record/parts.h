/*
 * A record taken apart: which parts of which files its test depends on, and through what.
 */
#ifndef PTD_RECORD_PARTS_H
#define PTD_RECORD_PARTS_H

#include "base/map.h"
#include "journal/journal.h"
#include "state/state.h"
#include "store/details.h"

/* One fingerprint. */
struct ptd_part {
    ptd_id fingerprint;
    ptd_id file, version; /* version: PTD_VERSION_UNKNOWN when nobody knows what was seen */
    uint64_t label;       /* enum ptd_label: the one that says most */
    uint32_t *codes;      /* owned; numbers of code objects (state/codes.h), or PTD_DEP_WHOLE */
    size_t count;
};

struct ptd_parts {
    struct ptd_part *items; /* owned */
    size_t count, cap;
    struct ptd_map by_fingerprint;
};

/* `depsets` and `labels` as in struct ptd_record. What is lost from the database is left out. */
int ptd_parts_read(struct ptd_store *store, const void *depsets, size_t depsets_len,
                   const void *labels, size_t labels_len, struct ptd_parts *out,
                   struct ptd_err *err);
/* Indices into the blocks of the part's version, ascending, each once, into `out`; PTD_DEP_WHOLE
 * for what cannot be told. */
void ptd_part_blocks(const struct ptd_part *part, struct ptd_state *state, struct ptd_u32s *out);
bool ptd_parts_has_file(const struct ptd_parts *parts, ptd_id file);
/* The distinct code objects of files, and these files, of those that `is_file` says are files. */
void ptd_parts_count(const struct ptd_parts *parts, bool (*is_file)(ptd_id file, void *arg),
                     void *arg, size_t *codes, size_t *files);
void ptd_parts_release(struct ptd_parts *parts);
/* Names of the fixtures that labels stand for. */
struct ptd_labels {
    struct ptd_map ids; /* id of a row of `label` → position in `names` */
    char **names;       /* owned */
    size_t count, cap;
};
int ptd_labels_load(struct ptd_labels *labels, struct ptd_store *store, struct ptd_err *err);
/* The name of a fixture's label, NULL when there is none. */
const char *ptd_labels_fixture(const struct ptd_labels *labels, uint64_t label);
void ptd_labels_release(struct ptd_labels *labels);
/* The test's own before its fixtures before what is shared by more tests. */
uint64_t ptd_label_rank(uint64_t label);

#endif
