/*
 * Which files differ between two states of a git work tree, and what they were in the earlier one.
 * Submodules that are checked out are looked into.
 */
#ifndef PTD_CHANGE_GIT_DIFFERENCE_H
#define PTD_CHANGE_GIT_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "change/git.h"
#include "change/git_parse.h"

enum ptd_git_kind {
    PTD_GIT_SINCE,   /* from a commit to the work tree, with files that git does not know yet */
    PTD_GIT_STAGED,  /* from HEAD to the index */
    PTD_GIT_WORKING, /* from the index to the work tree, with files that git does not know yet */
};

struct ptd_git_base {
    char *name;              /* owned: "main", "origin/main", as asked for */
    char commit[PTD_GIT_ID]; /* where HEAD and it parted */
};

/* The merge base of HEAD and `ref`, or, with NULL, the default branch: what origin/HEAD stands for,
 * else origin/main, origin/master, main or master. Fails with the reason in words. */
int ptd_git_merge_base(const struct ptd_git *git, const char *ref, struct ptd_git_base *out,
                       struct ptd_err *err);
void ptd_git_base_release(struct ptd_git_base *base);

enum ptd_git_was {
    PTD_GIT_WAS_ABSENT,
    PTD_GIT_WAS_CONTENT,
    PTD_GIT_WAS_UNKNOWN, /* something that git cannot tell, or does not have: a link, a submodule's
                            commit that is not there, a merge that is not finished */
};

struct ptd_git_old {
    char *path; /* owned; absolute */
    enum ptd_git_was was;
    bool below;          /* the same of everything below the path */
    size_t repository;   /* position in `repositories` */
    char id[PTD_GIT_ID]; /* of a content */
};

struct ptd_git_difference {
    struct ptd_git_old *items; /* owned */
    size_t count, cap;
    struct ptd_git *repositories; /* owned; the first is the one that was asked */
    size_t repository_count, repository_cap;
};

/* `commit` is used by PTD_GIT_SINCE only. */
int ptd_git_difference_find(const struct ptd_git *git, enum ptd_git_kind kind, const char *commit,
                            struct ptd_git_difference *out, struct ptd_err *err);
/*
 * Reads the contents of those items that `wanted` has a byte for, and calls `visit` for each, once;
 * `object.found` is false when git does not have it. The content is valid during the call.
 */
int ptd_git_difference_read(const struct ptd_git_difference *difference,
                            const unsigned char *wanted,
                            void (*visit)(size_t item, const struct ptd_git_object *object,
                                          void *arg),
                            void *arg, struct ptd_err *err);
void ptd_git_difference_release(struct ptd_git_difference *difference);

#endif
