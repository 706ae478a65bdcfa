/*
 * The baseline that a team shares: fetched before a run, and merged beneath what is recorded here;
 * put back after it.
 */
#ifndef PTD_CMD_REMOTE_BASELINE_H
#define PTD_CMD_REMOTE_BASELINE_H

#include <stdbool.h>

#include "base/err.h"
#include "config/options.h"
#include "config/project.h"

struct ptd_remote_baseline {
    char *url;   /* owned; NULL: none is configured, or --offline */
    char *shown; /* owned; the URL as it may be shown */
    char *etag;  /* owned; of what is there; NULL: not known, "": the place has none */
    bool absent; /* nothing is there */
};

/*
 * Looks whether what is there differs from what was fetched last, and merges it into the database
 * in `project->cache_dir`, which is made when it is missing. Any failure is an error: the run would
 * silently be another one. Nothing happens when no place is configured.
 */
int ptd_remote_baseline_load(struct ptd_remote_baseline *remote, const struct ptd_project *project,
                             const struct ptd_options *options, struct ptd_err *err);
/* --upload: puts what is recorded now in its place. What somebody else has put there meanwhile is
 * fetched and merged first. */
int ptd_remote_baseline_save(struct ptd_remote_baseline *remote, const struct ptd_project *project,
                             const struct ptd_options *options, struct ptd_err *err);
void ptd_remote_baseline_release(struct ptd_remote_baseline *remote);

#endif
