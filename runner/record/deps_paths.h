/*
 * Dependencies on files that tests read, list and look for: the accesses of a journal.
 */
#ifndef PTD_RECORD_DEPS_PATHS_H
#define PTD_RECORD_DEPS_PATHS_H

#include "record/deps.h"

/* Adds the paths that the process of this journal changed itself. */
void ptd_dep_paths_written(const struct ptd_journal *journal, struct ptd_map *written);
/* Fills c->paths: brings what was looked at into the state, with the version that was seen. */
int ptd_dep_paths_resolve(struct ptd_dep_context *c, struct ptd_err *err);
/* What one scope looked at. */
void ptd_dep_paths_add(const struct ptd_dep_context *c, uint32_t scope, struct ptd_deps *out);

#endif
