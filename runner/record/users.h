/*
 * Which tests depend on one file, and on which blocks of it.
 */
#ifndef PTD_RECORD_USERS_H
#define PTD_RECORD_USERS_H

#include "base/map.h"
#include "state/state.h"

/* Instead of the key of a block: all of the file. */
#define PTD_USERS_WHOLE "*"

struct ptd_users_request {
    struct ptd_state *state; /* or one that has a store only */
    ptd_id environment;
    ptd_id file;
    /* The records that count (keys: ids); NULL: the newest of each test. */
    const struct ptd_map *chosen;
};

struct ptd_user {
    ptd_id node;
    char *nodeid;        /* owned */
    unsigned char *keys; /* owned; a bit for each of `keys` */
};

struct ptd_users {
    struct ptd_map keys;    /* keys of blocks, "" the module level, "*" all of it → 0, 1, 2 ... */
    struct ptd_user *items; /* owned; by node id */
    size_t count, cap;
    size_t total; /* tests with a record, dependent or not */
};

int ptd_users_find(const struct ptd_users_request *request, struct ptd_users *out,
                   struct ptd_err *err);
/* Whether the test depends on the block, or on all of the file. */
bool ptd_users_has(const struct ptd_users *users, const struct ptd_user *user, const char *key);
size_t ptd_users_count(const struct ptd_users *users, const char *key);
void ptd_users_release(struct ptd_users *users);

#endif
