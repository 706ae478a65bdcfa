/* The client of the pass cache as a process (contract/exchange.h). */
#ifndef PTD_CMD_PASS_CLIENT_H
#define PTD_CMD_PASS_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

/* Sends the request and waits for the answer, from which the last line ("end") is taken. */
int ptd_pass_client_run(const struct ptd_buf *request, struct ptd_buf *answer, struct ptd_err *err);

#endif
