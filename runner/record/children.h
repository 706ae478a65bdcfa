/*
 * Processes that tests started: what they left in the session directory becomes part of the journal
 * of the process that ran the tests, as scopes that its scopes use.
 *
 * What a process did in an epoch (contract/board.h) goes to the scopes that were open then, and to
 * the fixtures and imports under which the process, or one that it descends from, was started:
 * those may hand it to tests that come later. A forked process has in addition what the process
 * that it was forked from had done.
 */
#ifndef PTD_RECORD_CHILDREN_H
#define PTD_RECORD_CHILDREN_H

#include <stddef.h>

#include "journal/journal.h"

/*
 * `journals` are all of the session. Those of started processes are taken out and released; what is
 * left is counted in *count.
 */
void ptd_children_unite(const char *session_dir, struct ptd_journal *journals, size_t *count);

#endif
