/*
 * Writer of the journal (see contract/journal.h). Records collect in memory until a commit hands
 * them to the file in one write(). One journal per process; called with the GIL held, except for
 * _forked.
 *
 * After the first failure nothing more is written, the file ends behind the last whole batch, and
 * `ptd_journal_failed` tells why: tests without a record simply run again.
 */
#ifndef PTD_EMBED_JOURNAL_WRITE_H
#define PTD_EMBED_JOURNAL_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The file itself appears with the first commit. `dir` must be absolute. */
void ptd_journal_open(const char *dir);

/* Makes the file now; false when that fails. */
bool ptd_journal_create(void);
/* Of the file, absolute; "" before there is one. */
const char *ptd_journal_path(void);
const char *ptd_journal_name(void);

/*
 * From now on this is the journal of a started process (contract/board.h): a new file, in which
 * each record counts as soon as it is complete. What was pending is dropped: it is the parent's.
 * `dir` may be NULL after a fork. A failure is noted on the board.
 */
void ptd_journal_follow(const char *dir);

/* One record: begin, its fields in order, end. */
void ptd_journal_begin(uint32_t type);
void ptd_journal_u32(uint32_t value);
void ptd_journal_u64(uint64_t value);
void ptd_journal_bytes(const char *text, size_t len); /* with its length in front */
void ptd_journal_u32s(const uint32_t *values, size_t count);
void ptd_journal_end(void);

void ptd_journal_commit(void);

/* Nothing more is written: after a fork the file belongs to the parent. */
void ptd_journal_forked(void);

/* NULL while all is well, else what went wrong. */
const char *ptd_journal_failed(void);

#endif
