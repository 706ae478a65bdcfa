/*
 * Session directories: <cache>/sessions/<name>, locked while their pyt-diff lives. One without a
 * living owner is left over from a crash; its journals hold every test that had finished.
 */
#ifndef PTD_CMD_LEFTOVER_H
#define PTD_CMD_LEFTOVER_H

#include <stdbool.h>

#include "base/err.h"
#include "cmd/workspace.h"
#include "record/ingest.h"

struct ptd_session_dir {
    char *path; /* owned, absolute */
    int lock;   /* descriptor of its lock file */
};

/* What has to be known of a session to ingest it later; written as "session.txt" into its
 * directory. */
struct ptd_session_facts {
    bool baseline;
    bool complete;            /* looked at every file in `scope` */
    bool may_look_again;      /* the workspace's own session: not one that was left over */
    const char *const *scope; /* paths on the command line, or NULL; borrowed, not written */
    char *commit;             /* or NULL */
    struct ptd_map *prior;    /* see cmd/prior.h; or NULL; borrowed, not written */
    char **ignored;           /* files that the plan leaves out; owned, not written */
    size_t ignored_count;
};

void ptd_session_facts_release(struct ptd_session_facts *facts);

int ptd_session_dir_make(const struct ptd_workspace *w, const struct ptd_session_facts *facts,
                         struct ptd_session_dir *out, struct ptd_err *err);
/* Removes it with what is in it. */
void ptd_session_dir_remove(struct ptd_session_dir *dir);
/* Leaves it for the next start. */
void ptd_session_dir_leave(struct ptd_session_dir *dir);

/* Turns a session's journals into records and says what was wrong with them. */
int ptd_session_ingest(struct ptd_workspace *w, const char *dir,
                       const struct ptd_session_facts *facts, struct ptd_ingest_result *result,
                       struct ptd_err *err);

/* Ingests and removes what earlier runs left. Needs w->store and w->environment. */
int ptd_leftover_ingest(struct ptd_workspace *w, struct ptd_err *err);

#endif
