/* What git prints, read: pure, and safe with any bytes. */
#ifndef PTD_CHANGE_GIT_PARSE_H
#define PTD_CHANGE_GIT_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define PTD_GIT_ID 65 /* hexadecimal digits of an object's name, and a NUL */

enum ptd_git_mode {
    PTD_GIT_NONE,
    PTD_GIT_FILE,
    PTD_GIT_LINK,
    PTD_GIT_SUBMODULE,
};

/* One path that differs. */
struct ptd_git_entry {
    char *path; /* owned; relative to the top of the work tree */
    enum ptd_git_mode old_mode, new_mode;
    char old_id[PTD_GIT_ID], new_id[PTD_GIT_ID]; /* zeros: not known */
    bool unmerged;
};

struct ptd_git_entries {
    struct ptd_git_entry *items; /* owned */
    size_t count, cap;
};

/* Adds what `git diff --raw -z --no-abbrev --no-renames` prints; -1 when it is not that. */
int ptd_git_parse_raw(const void *data, size_t len, struct ptd_git_entries *out,
                      struct ptd_err *err);
/* Adds what `git ls-files -z` prints, as new ones; a directory ends in a slash. */
void ptd_git_parse_names(const void *data, size_t len, struct ptd_git_entries *out);
void ptd_git_entries_release(struct ptd_git_entries *entries);

/* One object in what `git cat-file --batch` prints. */
struct ptd_git_object {
    const char *data; /* borrowed */
    size_t len;
    bool found;
};
/* Takes the next object from *pos; 0, or -1 at the end and for what is no such output. */
int ptd_git_parse_object(const char **pos, const char *end, struct ptd_git_object *out);

#endif
