/* The two questions of the protocol (contract/passes.h), in portions that any server takes. */
#ifndef PTD_EXCHANGE_PASSES_H
#define PTD_EXCHANGE_PASSES_H

#include "contract/passes.h"
#include "exchange/connection.h"
#include "exchange/request.h"

/* Adds the answer for the engine: a line for each item that passed before. */
int ptd_exchange_ask(struct ptd_exchange_connection *to, const struct ptd_exchange_request *request,
                     struct ptd_buf *out, struct ptd_err *err);
int ptd_exchange_publish(struct ptd_exchange_connection *to,
                         const struct ptd_exchange_request *request, struct ptd_err *err);

/* The answer to the question for `count` keys: marks in `passed` those items[i] whose node id is in
 * the list of key number keys[i]. Fails for what is no such answer. */
int ptd_exchange_read_answer(const char *text, size_t len, size_t count,
                             const unsigned char (*nodes)[PTD_PASS_NODE], const size_t *keys,
                             size_t items, unsigned char *passed, struct ptd_err *err);

#endif
