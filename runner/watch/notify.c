#include "watch/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"

#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF |         \
     IN_ONLYDIR | IN_EXCL_UNLINK)

struct ptd_notify {
    int fd;
    bool full;
    char *root;             /* owned */
    struct ptd_map watched; /* path → watch descriptor; 0: not any more */
    char **paths;           /* by watch descriptor; owned, NULL: not any more */
    size_t cap;
};

struct ptd_notify *ptd_notify_new(const char *root, struct ptd_err *err)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) {
        ptd_err_sys(err, PTD_E_IO, "no inotify");
        return NULL;
    }
    struct ptd_notify *n = ptd_xcalloc(1, sizeof(*n));
    n->fd = fd;
    n->root = ptd_xstrdup(root);
    return n;
}

void ptd_notify_free(struct ptd_notify *n)
{
    if (!n)
        return;
    close(n->fd);
    for (size_t i = 0; i < n->cap; i++)
        free(n->paths[i]);
    free(n->paths);
    free(n->root);
    ptd_map_release(&n->watched);
    free(n);
}

int ptd_notify_fd(const struct ptd_notify *n)
{
    return n->fd;
}

bool ptd_notify_is_full(const struct ptd_notify *n)
{
    return n->full;
}

static void forget(struct ptd_notify *n, int wd)
{
    if (wd < 0 || (size_t)wd >= n->cap || !n->paths[wd])
        return;
    size_t at = ptd_map_find(&n->watched, n->paths[wd], strlen(n->paths[wd]));
    if (at != PTD_MAP_NONE && n->watched.entries[at].value == (uint64_t)wd)
        n->watched.entries[at].value = 0;
    free(n->paths[wd]);
    n->paths[wd] = NULL;
}

static void remember(struct ptd_notify *n, int wd, const char *path)
{
    size_t old = n->cap;
    forget(n, wd);
    if ((size_t)wd >= n->cap) {
        n->paths = ptd_xgrow(n->paths, &n->cap, (size_t)wd + 1, sizeof(*n->paths));
        memset(n->paths + old, 0, (n->cap - old) * sizeof(*n->paths));
    }
    n->paths[wd] = ptd_xstrdup(path);
    size_t at = ptd_map_puts(&n->watched, path, (uint64_t)wd);
    n->watched.entries[at].value = (uint64_t)wd;
}

void ptd_notify_add(struct ptd_notify *n, const char *path)
{
    if (ptd_map_get(&n->watched, path, 0))
        return;
    PTD_CLEANUP_FREE char *full = *path ? ptd_path_join(n->root, path) : ptd_xstrdup(n->root);
    int wd = inotify_add_watch(n->fd, full, EVENTS);
    if (wd > 0)
        remember(n, wd, path);
    else
        n->full = n->full || errno == ENOSPC || errno == ENOMEM;
}

static bool is_wanted(struct ptd_notify *n, const struct inotify_event *event,
                      bool (*wanted)(const char *path, void *arg), void *arg)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    if (event->mask & IN_IGNORED) {
        forget(n, event->wd);
        return false;
    }
    if (event->mask & IN_MOVE_SELF) {
        inotify_rm_watch(n->fd, event->wd); /* it has another name now */
        return true;
    }
    if (event->wd < 0 || (size_t)event->wd >= n->cap || !n->paths[event->wd] || !event->len)
        return false;
    PTD_CLEANUP_FREE char *path = ptd_path_join(n->paths[event->wd], event->name);
    return event->mask & IN_ISDIR || wanted(path, arg);
}

bool ptd_notify_take(struct ptd_notify *n, bool (*wanted)(const char *path, void *arg), void *arg)
{
    char data[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool any = false;
    ssize_t got;
    while ((got = read(n->fd, data, sizeof(data))) > 0) {
        for (const char *p = data; p < data + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)p;
            any = is_wanted(n, event, wanted, arg) || any;
            p += sizeof(*event) + event->len;
        }
    }
    return any;
}

bool ptd_notify_is_remote(const char *path)
{
    /* Magic numbers of statfs(2): nfs, smb, cifs, smb2, 9p, fuse, vboxsf, ceph, afs. */
    static const unsigned long types[] = {0x6969,     0x517b,     0xff534d42,
                                          0xfe534d42, 0x01021997, 0x65735546,
                                          0x786f4256, 0x00c36400, 0x5346414f};
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (((unsigned long)fs.f_type & 0xffffffffu) == types[i])
            return true;
    return false;
}
