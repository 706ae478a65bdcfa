/*
 * The server's database: SQLite 3, write-ahead log. Tables:
 *
 *   project(id, name)       whose passes are kept apart
 *   token(id, name, hash, project_id, read_only, created, expires, revoked)
 *                           hash = SHA-256 of the token, times in seconds since 1970
 *   pass(project_id, key, node, day)
 *                           a test (16 bytes) that passed with these dependencies (32 bytes); day =
 *                           when it was last published or asked for, in days since 1970
 *
 * One connection belongs to one thread; any number of them, also of other processes, may be open. A
 * transaction that was committed is on the disk (synchronous = FULL).
 */
#ifndef PTD_SERVE_DATABASE_H
#define PTD_SERVE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "contract/passes.h"

#define PTD_SERVE_HASH 32

struct ptd_serve_db;

/* Made when it is missing. Fails with PTD_E_STORE; a file of another program is left alone. */
int ptd_serve_db_open(const char *path, struct ptd_serve_db **out, struct ptd_err *err);
void ptd_serve_db_close(struct ptd_serve_db *db); /* NULL is allowed */
int ptd_serve_db_begin(struct ptd_serve_db *db, struct ptd_err *err);
/* What is read until the rollback is of one moment. */
int ptd_serve_db_begin_read(struct ptd_serve_db *db, struct ptd_err *err);
int ptd_serve_db_commit(struct ptd_serve_db *db, struct ptd_err *err);
void ptd_serve_db_rollback(struct ptd_serve_db *db);

struct ptd_serve_token {
    int64_t id;
    int64_t project;
    const char *name;         /* borrowed until the next call */
    const char *project_name; /* the same */
    bool read_only;
    int64_t created;
    int64_t expires; /* 0: never */
    int64_t revoked; /* 0: it is not */
};

/* Fails with PTD_E_USAGE when the name is taken. */
int ptd_serve_token_insert(struct ptd_serve_db *db, const char *name, const char *project,
                           const unsigned char hash[PTD_SERVE_HASH], bool read_only,
                           int64_t expires, struct ptd_err *err);
/* *found false: there is no such token. */
int ptd_serve_token_find(struct ptd_serve_db *db, const unsigned char hash[PTD_SERVE_HASH],
                         struct ptd_serve_token *out, bool *found, struct ptd_err *err);
/* *found false: there is none of this name that was not revoked before. */
int ptd_serve_token_revoke(struct ptd_serve_db *db, const char *name, bool *found,
                           struct ptd_err *err);
/* In the order in which they were made; `visit` returns 0 to go on. */
int ptd_serve_token_each(struct ptd_serve_db *db,
                         int (*visit)(const struct ptd_serve_token *, void *), void *arg,
                         struct ptd_err *err);

/* Adds the node ids (PTD_PASS_NODE bytes each) that passed under a key; *day is the least of
 * theirs, left alone when there is none. */
int ptd_serve_pass_query(struct ptd_serve_db *db, int64_t project,
                         const unsigned char key[PTD_PASS_KEY], struct ptd_buf *nodes, int64_t *day,
                         struct ptd_err *err);
/* In a transaction. */
int ptd_serve_pass_put(struct ptd_serve_db *db, int64_t project,
                       const unsigned char key[PTD_PASS_KEY],
                       const unsigned char node[PTD_PASS_NODE], int64_t day, struct ptd_err *err);
/* Those of a key were asked for today. */
int ptd_serve_pass_touch(struct ptd_serve_db *db, int64_t project,
                         const unsigned char key[PTD_PASS_KEY], int64_t day, struct ptd_err *err);
/* Deletes at most `limit` that were not used since `day`; how many is in *count. */
int ptd_serve_pass_prune(struct ptd_serve_db *db, int64_t day, int limit, int *count,
                         struct ptd_err *err);

#endif
