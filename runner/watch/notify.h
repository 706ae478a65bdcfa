/*
 * Being told by the kernel that something happens below a directory (inotify). It only wakes: what
 * has really changed is found by comparing snapshots.
 */
#ifndef PTD_WATCH_NOTIFY_H
#define PTD_WATCH_NOTIFY_H

#include <stdbool.h>

#include "base/err.h"

struct ptd_notify;

/* NULL and *err when the kernel gives none. */
struct ptd_notify *ptd_notify_new(const char *root, struct ptd_err *err);
void ptd_notify_free(struct ptd_notify *notify);
/* Readable when something has happened. */
int ptd_notify_fd(const struct ptd_notify *notify);
/* Watches a directory, relative to the root; cheap when it is watched already. */
void ptd_notify_add(struct ptd_notify *notify, const char *path);
/* The kernel refuses to watch more: not everything is told any more. */
bool ptd_notify_is_full(const struct ptd_notify *notify);
/* Takes what has happened; whether any of it is of interest. Directories that come are, and so is
 * what was lost; of the rest `wanted` decides, by the path relative to the root. */
bool ptd_notify_take(struct ptd_notify *notify, bool (*wanted)(const char *path, void *arg),
                     void *arg);

/* Changes made on another machine are not told: NFS, SMB, shared folders of virtual machines. */
bool ptd_notify_is_remote(const char *path);

#endif
