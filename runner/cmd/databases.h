/*
 * The databases that words of the command line name: a file (which may be packed with zstd), a
 * directory with several, a URL, or a URL that ends in "/" with several. What lies elsewhere, or is
 * packed, is fetched into a temporary directory.
 */
#ifndef PTD_CMD_DATABASES_H
#define PTD_CMD_DATABASES_H

#include <stddef.h>

#include "base/err.h"
#include "cmd/scratch.h"
#include "contract/transfer.h"
#include "store/store.h"

struct ptd_database {
    char *name;              /* owned; as it is to be called */
    char *path;              /* owned; a local file */
    struct ptd_store *store; /* owned; NULL until it is opened */
};

struct ptd_databases {
    struct ptd_database *items; /* owned */
    size_t count, cap;
    struct ptd_scratch scratch;         /* made when it is needed */
    const struct ptd_transfer_api *api; /* borrowed; NULL until it is needed */
};

/* The module that talks to servers, loaded when it is first asked for. */
int ptd_databases_api(struct ptd_databases *list, struct ptd_err *err);
/* Adds what `word` names; PTD_E_USAGE when that is nothing. */
int ptd_databases_add(struct ptd_databases *list, const char *word, struct ptd_err *err);
/* Opens all of them for reading. */
int ptd_databases_open(struct ptd_databases *list, struct ptd_err *err);
void ptd_databases_release(struct ptd_databases *list);

#endif
