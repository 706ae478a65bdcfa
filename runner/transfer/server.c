#include "transfer/server.h"

static int hint(enum ptd_http_failure failure, struct ptd_err *err)
{
    static const char *const hints[] = {
        [PTD_HTTP_TOO_LARGE] = "is that the right address? PYT_DIFF_REMOTE_LIMIT sets how many MB "
                               "may travel",
        [PTD_HTTP_TOO_SLOW] = "PYT_DIFF_REMOTE_TIMEOUT sets how many seconds may pass without "
                              "progress; --offline goes without the server",
        [PTD_HTTP_UNTRUSTED] = "its certificate is checked against those that this system trusts "
                               "(Debian's package ca-certificates); --offline goes without it",
        [PTD_HTTP_UNREACHED] = "is the address right, and the server up? --offline goes without it",
    };
    return hints[failure] ? ptd_err_hint(err, "%s", hints[failure]) : -1;
}

int ptd_server_call(struct ptd_http_call *call, const struct ptd_transfer_limits *limits,
                    struct ptd_err *err)
{
    call->limits = (struct ptd_http_limits){
        .max_bytes = limits->max_bytes,
        .connect_ms = limits->connect_seconds * 1000L,
        .total_ms = limits->total_seconds * 1000L,
        .stall_seconds = limits->stall_seconds,
        .tries = limits->tries,
    };
    return ptd_http_call(NULL, call, err) < 0 ? hint(call->failure, err) : 0;
}

int ptd_server_refused(const struct ptd_http_call *call, struct ptd_err *err)
{
    long status = call->status;
    ptd_http_refused(call, err);
    if (status >= 300 && status < 400)
        return ptd_err_hint(err, "give the address that it names");
    if (status == 401 || status == 403)
        return ptd_err_hint(err, "put user:password@ into the URL, or a token into "
                                 "PYT_DIFF_REMOTE_TOKEN");
    return ptd_err_hint(err, "%s",
                        status >= 500 ? "try again later; --offline goes without the server"
                                      : "is the address right?");
}
