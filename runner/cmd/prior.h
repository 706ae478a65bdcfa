/*
 * What was known of each test when a run began: the outcome of the record that held.
 */
#ifndef PTD_CMD_PRIOR_H
#define PTD_CMD_PRIOR_H

#include "base/buf.h"
#include "base/map.h"
#include "cmd/workspace.h"
#include "record/ingest.h"
#include "report/outcomes.h"

/* Adds node id → id of the record * 256 + outcome + 1 for each test with a record that holds and is
 * known completely. */
void ptd_prior_make(const struct ptd_verdict *verdict, struct ptd_map *prior);
/* The `prior` of struct ptd_ingest_request; `arg` is such a map. */
int ptd_prior_outcome(const char *nodeid, ptd_id *record, void *arg);

/* Adds the lines about tests that came out otherwise with nothing changed; nothing for none. */
void ptd_flaky_lines(const struct ptd_ingest_result *result, struct ptd_buf *out);

#endif
