/*
 * --pass-cache: tests that passed elsewhere with exactly the dependencies that they have now are
 * left out, and what passes here is told to the server. passes/book.h says what "exactly" means.
 *
 * Nothing here makes a run fail but wrong settings: a server that cannot be reached or says no is a
 * warning, and everything affected runs.
 */
#ifndef PTD_CMD_PASS_CACHE_H
#define PTD_CMD_PASS_CACHE_H

#include <stdbool.h>

#include "base/map.h"
#include "cmd/workspace.h"
#include "record/ingest.h"

struct ptd_pass_cache {
    char *url; /* owned; NULL: there is none, and all below does nothing */
    char *token, *salt;
    int timeout; /* seconds */
    bool ask, publish;
    bool failed;           /* it could not be used once, and is not tried again */
    struct ptd_map passed; /* node ids */
};

/* From options, environment and configuration. Fails with PTD_E_USAGE for values that are wrong. */
int ptd_pass_cache_open(struct ptd_pass_cache *cache, const struct ptd_workspace *w,
                        struct ptd_err *err);
void ptd_pass_cache_release(struct ptd_pass_cache *cache);

/* Asks for the tests that are selected because no record holds; true when some have passed. */
bool ptd_pass_cache_ask(struct ptd_pass_cache *cache, struct ptd_workspace *w,
                        const struct ptd_verdict *verdict);
/* The `passed` of struct ptd_select_how; `cache` is a struct ptd_pass_cache. */
bool ptd_pass_cache_has(const char *nodeid, void *cache);
/* Tells what of this run has passed; `left_out`: tests that did not run because of the cache. */
void ptd_pass_cache_publish(struct ptd_pass_cache *cache, struct ptd_workspace *w,
                            const struct ptd_ingest_result *result, size_t left_out);

#endif
