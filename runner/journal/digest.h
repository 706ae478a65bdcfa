/*
 * What is kept of a journal when its session is recorded: which code each scope entered, what it
 * imports and uses, and whose scope it is. In varints and NUL-terminated strings; docs/FORMAT.md
 * has the form.
 */
#ifndef PTD_JOURNAL_DIGEST_H
#define PTD_JOURNAL_DIGEST_H

#include "journal/journal.h"

void ptd_journal_digest(const struct ptd_journal *journal, struct ptd_buf *out);
/* Everything from the reader is checked; -1, and `out` empty, when it does not make sense. Strings
 * are borrowed from the reader's bytes; to be released as a journal is. */
int ptd_journal_from_digest(struct ptd_reader *r, struct ptd_journal *out);

#endif
