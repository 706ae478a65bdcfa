/*
 * Who imported a file, from what ingest kept about the modules of the last sessions.
 */
#ifndef PTD_RECORD_IMPORTERS_H
#define PTD_RECORD_IMPORTERS_H

#include "base/map.h"
#include "store/details.h"

struct ptd_importer {
    ptd_id from, to;
    bool entered; /* the import of `from` entered functions of `to`; else it imported it */
};

struct ptd_importers {
    struct ptd_importer *items; /* owned; by `to`, then `from` */
    size_t count, cap;
};

int ptd_importers_load(struct ptd_store *store, struct ptd_importers *out, struct ptd_err *err);
void ptd_importers_release(struct ptd_importers *importers);

/*
 * The shortest way by which `file` was imported, among the files in `inside` (keys: ids): writes
 * the importers, nearest first, at most `max`; their number. The way ends at `root`, or, when that
 * does not lead there, at a file that none of them imports. *whole: it ends so.
 */
size_t ptd_importers_way(const struct ptd_importers *importers, ptd_id file, ptd_id root,
                         const struct ptd_map *inside, ptd_id *out, size_t max, bool *whole);
/* A file in `inside` whose import entered functions of `file`; 0: none is known. */
ptd_id ptd_importers_entered_by(const struct ptd_importers *importers, ptd_id file,
                                const struct ptd_map *inside);

#endif
