/* Finding git's own directory from a work tree, as far as the ignore rules need it. */
#ifndef PTD_CHANGE_GITREPO_H
#define PTD_CHANGE_GITREPO_H

#include <stdbool.h>

#include "base/buf.h"

/* Appends a regular file (a link only with `follow`) that is not absurdly large; false, and nothing
 * added, when there is none or it cannot be read. Never blocks on a FIFO. */
bool ptd_gitrepo_read(int dir_fd, const char *name, bool follow, struct ptd_buf *out);

/*
 * Whether the directory is the top of a git work tree: has a `.git` directory, or a `.git` file
 * that points to one (linked work trees, submodules). If so, appends the repository's info/exclude.
 */
bool ptd_gitrepo_at(int dir_fd, struct ptd_buf *exclude);

/* How many directories up from here the top of the work tree lies; -1 when this is none. Like git
 * stays on one file system. Appends info/exclude as above. */
int ptd_gitrepo_levels(int dir_fd, struct ptd_buf *exclude);

#endif
