/*
 * The source tree as it is now: names and stat signatures, as fast as the kernel gives them.
 */
#ifndef PTD_CHANGE_TREE_H
#define PTD_CHANGE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"

struct ptd_stat_sig {
    uint64_t size;
    uint64_t mtime_ns;
    uint64_t ctime_ns;
    uint64_t ino;
};

struct ptd_tree_entry {
    const char *path; /* relative to the root, normalised; borrowed from the tree */
    struct ptd_stat_sig sig;
};

struct ptd_tree {
    struct ptd_tree_entry *entries; /* owned, sorted by path (strcmp) */
    size_t count;
    size_t unreadable; /* directories that could not be read, see `first_unreadable` */
    char first_unreadable[256];
    struct ptd_map paths; /* owns the path strings; value = index into entries */
};

struct ptd_tree_options {
    /* Extra file name endings to list besides those below (".txt"), NULL-terminated; may
     * be NULL. */
    const char *const *endings;
    /* Paths to list whether or not the walk comes by: relative to the root, may begin with "../",
     * or absolute; NULL-terminated; may be NULL. Listed under the name given here. Missing ones are
     * left out. */
    const char *const *also;
    /* A directory to skip, relative to the root: the cache directory; may be NULL. */
    const char *skip;
    /* Files that git ignores are left out whatever they are. */
    bool strict;
    /* Called for each directory before it is listed, with its path relative to the root; may be
     * NULL. */
    void (*directory)(const char *path, void *arg);
    void *directory_arg;
};

/*
 * Walks the tree below `root`. Listed are regular files (symbolic links followed) that Python or
 * pytest could load: *.py, extension modules (*.so), and conftest/pytest configuration files
 * (pytest.ini, .pytest.ini, pytest.toml, .pytest.toml, pyproject.toml, tox.ini, setup.cfg), plus
 * `endings` and `also`.
 *
 * Left out: `.git`, `.hg`, `.svn`, `__pycache__`, `node_modules`, `.tox`, `.nox`, `.mypy_cache`,
 * `.ruff_cache`, `.pytest_cache`, `*.egg-info`, directories with a pyvenv.cfg or a conda-meta, and
 * directories that git ignores (.gitignore files at every level, .git/info/exclude;
 * core.excludesFile is not read). An ignored *file* in a directory that is walked is still listed
 * when it ends in .py or .so: generated modules are ignored and imported all the same. So are
 * configuration files, but not files with one of `endings`.
 *
 * When `root` lies in a repository, the ignore files above it count up to the repository's top,
 * unless they ignore `root` itself. A nested repository (submodule) has only rules of its own.
 *
 * Links to directories are followed, each real directory (dev, inode) once: under its real name if
 * that is below `root`, else by the least link in the order of paths. A link to a directory above
 * `root` is not followed. Only directories and git's files are ever opened, and what vanishes
 * meanwhile is left out. Unreadable directories, and those whose path is too long to be opened,
 * are counted and skipped. Fails only when `root` itself cannot be read.
 */
int ptd_tree_scan(const char *root, const struct ptd_tree_options *options, struct ptd_tree *out,
                  struct ptd_err *err);
void ptd_tree_release(struct ptd_tree *tree);
/* Whether a file of this name would be listed, in a directory that is walked. */
bool ptd_tree_lists(const char *name, const struct ptd_tree_options *options);
/* NULL when it is not there. */
const struct ptd_tree_entry *ptd_tree_find(const struct ptd_tree *tree, const char *path);

bool ptd_stat_sig_equal(const struct ptd_stat_sig *a, const struct ptd_stat_sig *b);
/* A later change of the file could have got the same signature as the one that was seen at
 * `looked_at` (wall clock in ns), because time stamps are coarse: git's documentation of racy-git.
 */
bool ptd_stat_sig_racy(const struct ptd_stat_sig *sig, uint64_t looked_at);
/* stat(2) of one path (links followed); false when it is not a regular file or not there. */
bool ptd_stat_sig_of(const char *path, struct ptd_stat_sig *out);

#endif
