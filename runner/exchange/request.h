/* The engine's request, taken apart. */
#ifndef PTD_EXCHANGE_REQUEST_H
#define PTD_EXCHANGE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "contract/exchange.h"

struct ptd_exchange_item {
    const char *digest; /* 32 digits; not NUL-terminated */
    const char *nodeid;
};

struct ptd_exchange_request {
    struct ptd_buf text; /* owned; all strings lie in it */
    bool publish;
    const char *url, *token, *salt, *machine, *counts;
    long timeout_ms;
    struct ptd_exchange_item *items; /* owned */
    size_t count, cap;
};

/* Takes over `text`, also when it fails; release in both cases. */
int ptd_exchange_request_read(struct ptd_buf *text, struct ptd_exchange_request *out,
                              struct ptd_err *err);
void ptd_exchange_request_release(struct ptd_exchange_request *request);

#endif
