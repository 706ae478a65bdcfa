/* file://: a directory that several machines see. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "transfer/backend.h"

static int local_path(const struct ptd_url *url, char **out, struct ptd_err *err)
{
    if (*url->host && strcmp(url->host, "localhost") != 0) {
        ptd_err_set(err, PTD_E_USAGE, "file://%s/... names another host", url->host);
        ptd_err_hint(err, "a local path has three slashes: file:///DIR/NAME.db");
        return -1;
    }
    *out = ptd_xasprintf("/%s", url->path);
    return 0;
}

/* A file is put in place by renaming, so each has an inode of its own. */
static char *etag_of(const struct stat *st)
{
    return ptd_xasprintf("%llu-%llu.%09ld-%llu", (unsigned long long)st->st_ino,
                         (unsigned long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                         (unsigned long long)st->st_size);
}

static int too_large(const struct ptd_transfer_limits *limits, struct ptd_err *err)
{
    ptd_err_set(err, PTD_E_NET, "it is larger than %llu MB",
                (unsigned long long)(limits->max_bytes >> 20));
    return ptd_err_hint(err, "PYT_DIFF_REMOTE_LIMIT sets how many MB are read");
}

static int copy(int from, int to, const char *name, uint64_t max, uint64_t *bytes,
                struct ptd_err *err)
{
    static char data[1 << 16];
    for (ssize_t n; (n = read(from, data, sizeof(data))) != 0;) {
        if (n < 0)
            return ptd_err_sys(err, PTD_E_IO, "cannot read %s", name);
        *bytes += (uint64_t)n;
        if (*bytes > max)
            return 1;
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(to, data + done, (size_t)(n - done))) < 0)
                return ptd_err_sys(err, PTD_E_IO, "cannot write %s", name);
    }
    return 0;
}

static int get(const struct ptd_url *url, struct ptd_transfer *t, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path = NULL;
    struct stat st;
    if (local_path(url, &path, err) < 0)
        return -1;
    PTD_CLEANUP_CLOSE int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0 && errno == ENOENT) {
        PTD_CLEANUP_FREE char *dir = ptd_path_dirname(path);
        if (access(dir, F_OK) < 0)
            return ptd_err_sys(err, PTD_E_NET, "cannot read the directory %s", dir);
        t->state = PTD_TRANSFER_ABSENT;
        return 0;
    }
    if (from < 0 || fstat(from, &st) < 0)
        return ptd_err_sys(err, PTD_E_NET, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return ptd_err_set(err, PTD_E_NET, "%s is no file", path);
    t->new_etag = etag_of(&st);
    if (t->etag && strcmp(t->etag, t->new_etag) == 0) {
        t->state = PTD_TRANSFER_UNCHANGED;
        return 0;
    }
    PTD_CLEANUP_CLOSE int to = open(t->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (to < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", t->path);
    int result = copy(from, to, path, t->limits.max_bytes, &t->bytes, err);
    return result > 0 ? too_large(&t->limits, err) : result;
}

static bool as_expected(const char *path, const char *etag)
{
    struct stat st;
    if (!etag)
        return true;
    if (stat(path, &st) < 0)
        return !*etag;
    PTD_CLEANUP_FREE char *now = etag_of(&st);
    return strcmp(now, etag) == 0;
}

/* Beside it first: a reader sees the old file or the new one. */
static int write_beside(const char *path, struct ptd_transfer *t, char **beside,
                        struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(path);
    PTD_CLEANUP_FREE char *name = ptd_xasprintf(".%s.XXXXXX", ptd_path_basename(path));
    *beside = ptd_path_join(dir, name);
    PTD_CLEANUP_CLOSE int from = open(t->path, O_RDONLY | O_CLOEXEC);
    PTD_CLEANUP_CLOSE int to = mkostemp(*beside, O_CLOEXEC);
    if (to < 0) {
        free(*beside);
        *beside = NULL;
        return ptd_err_sys(err, PTD_E_NET, "cannot write into %s", dir);
    }
    mode_t mask = umask(0);
    umask(mask);
    if (from < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot read %s", t->path);
    if (copy(from, to, *beside, UINT64_MAX, &t->bytes, err) != 0)
        return -1;
    if (fchmod(to, 0666 & ~mask) < 0 || fsync(to) < 0)
        return ptd_err_sys(err, PTD_E_NET, "cannot write %s", *beside);
    return 0;
}

static int put(const struct ptd_url *url, struct ptd_transfer *t, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path = NULL, *beside = NULL;
    struct stat st;
    if (local_path(url, &path, err) < 0)
        return -1;
    PTD_CLEANUP_FREE char *dir = ptd_path_dirname(path);
    int failed = write_beside(path, t, &beside, err);
    /* Between the look and the renaming; where a directory cannot be locked, the last one wins. */
    PTD_CLEANUP_CLOSE int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock >= 0)
        flock(lock, LOCK_EX);
    if (!failed && !as_expected(path, t->etag)) {
        t->state = PTD_TRANSFER_CONFLICT;
    } else if (!failed && (rename(beside, path) < 0 || stat(path, &st) < 0)) {
        failed = ptd_err_sys(err, PTD_E_NET, "cannot write %s", path);
    } else if (!failed) {
        t->new_etag = etag_of(&st);
    }
    if (beside && (failed || t->state == PTD_TRANSFER_CONFLICT))
        unlink(beside);
    return failed;
}

static int list(const struct ptd_url *url, struct ptd_names *out, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *path = NULL;
    if (local_path(url, &path, err) < 0)
        return -1;
    DIR *dir = opendir(path);
    if (!dir)
        return ptd_err_sys(err, PTD_E_NET, "cannot read %s", path);
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.') {
            PTD_CLEANUP_FREE char *name = ptd_url_encode(e->d_name, "");
            ptd_names_add(out, url->text, name);
        }
    closedir(dir);
    return 0;
}

const struct ptd_backend ptd_backend_file = {.get = get, .put = put, .list = list};
