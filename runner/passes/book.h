/*
 * What records depend on, in terms that are the same on every machine: the key of the pass cache.
 *
 * A record becomes a *list* of parts. A part is a place with what is there now: a function or the
 * module level of a source with its checksum, another file with its content, or a fact (an
 * environment variable, an installed distribution, the files that could provide a module ...). The
 * digest of a list covers places and contents. So when a test has passed and its record, which has
 * all that it depended on, gives a digest, then whoever comes to the same digest, from whatever
 * record, has the same list with the same contents: the test would do the same.
 *
 * There are two lists of a record: `fine`, by functions; and `coarse`, by files with all that is in
 * them but for comments and layout, which stays the same when a change makes the test use other
 * parts of the same files.
 *
 * What an import of a module entered belongs to every test that has the module, although records do
 * not name it (store/store.h, struct ptd_import_calls).
 */
#ifndef PTD_PASSES_BOOK_H
#define PTD_PASSES_BOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/hash.h"
#include "base/map.h"
#include "journal/journal.h"
#include "state/state.h"
#include "store/details.h"

struct ptd_pass_book;

/* The state is borrowed and has to stay as it is. */
int ptd_pass_book_open(struct ptd_state *state, struct ptd_pass_book **out, struct ptd_err *err);
void ptd_pass_book_close(struct ptd_pass_book *book); /* NULL is allowed */

struct ptd_pass_lists {
    struct ptd_u32s fine, coarse; /* numbers of parts, each once; owned */
    bool known;   /* false: something cannot be told, or may be another thing on another machine */
    bool current; /* what the record saw is what is there now */
};

/* `depsets` as in struct ptd_record. */
int ptd_pass_book_lists(struct ptd_pass_book *book, const void *depsets, size_t len,
                        struct ptd_pass_lists *out, struct ptd_err *err);
void ptd_pass_lists_release(struct ptd_pass_lists *lists);

struct ptd_hash128 ptd_pass_book_digest(const struct ptd_pass_book *book,
                                        const struct ptd_u32s *list);
/* Whether all of `part` is in `whole`. */
bool ptd_pass_book_covers(struct ptd_pass_book *book, const struct ptd_u32s *whole,
                          const struct ptd_u32s *part);

#endif
