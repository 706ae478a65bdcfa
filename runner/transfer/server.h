/* One exchange with a server of baselines: http/call.h with the module's limits, and hints. */
#ifndef PTD_TRANSFER_SERVER_H
#define PTD_TRANSFER_SERVER_H

#include "contract/transfer.h"
#include "http/call.h"

/* `limits` are filled in. */
int ptd_server_call(struct ptd_http_call *call, const struct ptd_transfer_limits *limits,
                    struct ptd_err *err);
int ptd_server_refused(const struct ptd_http_call *call, struct ptd_err *err);

#endif
