/* pyt-diff-passes: the client of the pass cache, for the engine (contract/exchange.h). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exchange/passes.h"

static int read_all(struct ptd_buf *out)
{
    for (;;) {
        ptd_buf_reserve(out, 65536);
        ssize_t got = read(STDIN_FILENO, out->data + out->len, 65536);
        if (got <= 0)
            return (int)got;
        out->len += (size_t)got;
    }
}

static int answer(const struct ptd_exchange_request *request, struct ptd_buf *out,
                  struct ptd_err *err)
{
    struct ptd_exchange_connection to;
    ptd_exchange_connect(&to, request->url, request->token, request->timeout_ms);
    int failed = request->publish ? ptd_exchange_publish(&to, request, err)
                                  : ptd_exchange_ask(&to, request, out, err);
    ptd_exchange_disconnect(&to);
    return failed;
}

int main(void)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT, out = PTD_BUF_INIT;
    struct ptd_exchange_request request = {0};
    struct ptd_err err = {0};
    int failed = read_all(&text) < 0 || ptd_exchange_request_read(&text, &request, &err) < 0 ||
                 answer(&request, &out, &err) < 0;
    ptd_exchange_request_release(&request);
    if (failed)
        printf(PTD_EXCHANGE_ERROR "%s\n", err.msg);
    else
        printf("%s" PTD_EXCHANGE_END "\n", out.data ? out.data : "");
    return fflush(stdout) != 0 || failed;
}
