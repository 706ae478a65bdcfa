/* What of a pass leaves the machine: contract/exchange.h has the formulas. */
#ifndef PTD_EXCHANGE_SECRET_H
#define PTD_EXCHANGE_SECRET_H

#include "contract/passes.h"
#include "exchange/request.h"

struct ptd_exchange_hashes {
    unsigned char key[PTD_PASS_KEY];
    unsigned char node[PTD_PASS_NODE];
};

void ptd_exchange_hash(const struct ptd_exchange_request *request,
                       const struct ptd_exchange_item *item, struct ptd_exchange_hashes *out);

#endif
