#include "lines/coverage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "contract/journal.h"
#include "journal/lines.h"
#include "lines/datafile.h"
#include "lines/unexecuted.h"

/* What a name finally stands for: a link keeps pointing where it does. Owned. */
static char *target_of(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : ptd_xstrdup(path);
}

static char *directory_of(const char *path)
{
    char *dir = ptd_path_dirname(path);
    if (*dir)
        return dir;
    free(dir);
    return ptd_xstrdup(".");
}

static int refuse(struct ptd_err *err, const char *path, const char *why)
{
    return ptd_err_set(err, PTD_E_USAGE, "--line-coverage: %s %s", path, why);
}

static int check_existing(const char *path, const struct stat *st, struct ptd_err *err)
{
    if (S_ISDIR(st->st_mode)) {
        refuse(err, path, "is a directory");
        return ptd_err_hint(err, "name a file, for instance %s/.coverage", path);
    }
    if (!S_ISREG(st->st_mode))
        return refuse(err, path, "is not a regular file");
    if (access(path, W_OK) < 0)
        return ptd_err_sys(err, PTD_E_USAGE, "--line-coverage: cannot write %s", path);
    if (st->st_size && !ptd_datafile_is(path)) {
        refuse(err, path, "exists and is no data file of coverage.py");
        return ptd_err_hint(err, "it is left as it is; name another file, or delete it");
    }
    return 0;
}

int ptd_coverage_check(const char *path, struct ptd_err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && check_existing(path, &st, err) < 0)
        return -1;
    PTD_CLEANUP_FREE char *target = target_of(path);
    PTD_CLEANUP_FREE char *dir = directory_of(target);
    if (access(dir, W_OK | X_OK) == 0)
        return 0;
    return ptd_err_sys(err, PTD_E_USAGE, "--line-coverage: cannot write into %s", dir);
}

static int add_journal(struct ptd_datafile *file, const char *path,
                       struct ptd_coverage_result *result, struct ptd_err *err)
{
    struct ptd_lines_sink sink = {ptd_datafile_context, ptd_datafile_lines, file};
    struct ptd_lines_found found;
    if (ptd_lines_read(path, &sink, &found, err) < 0)
        return -1;
    result->written |= found.on;
    result->torn += found.torn;
    result->unended += !found.ended;
    if (found.problem[0])
        memcpy(result->problem, found.problem, sizeof(found.problem));
    return 0;
}

static int add_journals(struct ptd_datafile *file, const char *session_dir,
                        struct ptd_coverage_result *result, struct ptd_err *err)
{
    DIR *dir = opendir(session_dir);
    int failed = 0;
    if (!dir)
        return ptd_err_sys(err, PTD_E_IO, "cannot read %s", session_dir);
    for (struct dirent *e; !failed && (e = readdir(dir));) {
        PTD_CLEANUP_FREE char *path = ptd_path_join(session_dir, e->d_name);
        if (ptd_path_ends_with(e->d_name, PTD_JOURNAL_SUFFIX))
            failed = add_journal(file, path, result, err);
    }
    closedir(dir);
    return failed;
}

/* As the file that it takes the place of, else as the user wants new files. */
static void set_mode(const char *temporary, const char *target)
{
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = stat(target, &st) == 0 ? st.st_mode & 0777 : 0666 & ~mask;
    int failed = chmod(temporary, mode);
    (void)failed; /* SQLite's own default remains */
}

static int put_in_place(const char *temporary, const char *target, struct ptd_err *err)
{
    set_mode(temporary, target);
    PTD_CLEANUP_CLOSE int fd = open(temporary, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0 || rename(temporary, target) < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", target);
    return 0;
}

int ptd_coverage_write(const char *session_dir, const char *root, const char *path,
                       const char *made_by, struct ptd_coverage_result *result, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *target = target_of(path);
    PTD_CLEANUP_FREE char *dir = directory_of(target);
    PTD_CLEANUP_FREE char *temporary =
        ptd_xasprintf("%s/.%s.%ld.tmp", dir, ptd_path_basename(target), (long)getpid());
    struct ptd_datafile *file;
    *result = (struct ptd_coverage_result){0};
    if (ptd_datafile_make(temporary, made_by, &file, err) < 0) {
        unlink(temporary);
        return -1;
    }
    int failed = add_journals(file, session_dir, result, err);
    if (!failed)
        failed = ptd_unexecuted_find(root, ptd_datafile_touch, file, err);
    failed = ptd_datafile_close(file, !failed, err) < 0 || failed;
    if (!failed && result->written)
        failed = put_in_place(temporary, target, err) < 0;
    if (failed || !result->written)
        unlink(temporary);
    return failed ? -1 : 0;
}
