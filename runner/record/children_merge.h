/*
 * The journals of started processes as a part of their owner's: their files, code, names and scopes
 * get numbers of the owner's.
 */
#ifndef PTD_RECORD_CHILDREN_MERGE_H
#define PTD_RECORD_CHILDREN_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"

/* The owner's number for each of the child's. */
struct ptd_merge_ids {
    const char *journal;                      /* name; borrowed */
    uint32_t *files, *codes, *names, *scopes; /* owned */
    size_t file_count, code_count, name_count, scope_count;
};

struct ptd_merge {
    struct ptd_merge_ids *children; /* owned */
    size_t child_count, child_cap;
    struct ptd_journal_follow *follows; /* owned; their scopes are the owner's */
    size_t follow_count, follow_cap;
    bool damaged; /* a journal does not make sense */
};

/* Adds the children of `owner` among `journals`; takes over their strings. */
void ptd_merge_children(struct ptd_merge *merge, struct ptd_journal *owner,
                        struct ptd_journal *journals, size_t count);
void ptd_merge_release(struct ptd_merge *merge);

#endif
