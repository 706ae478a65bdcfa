#include "exchange/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define DIGEST_DIGITS 32

static int bad(struct ptd_err *err)
{
    return ptd_err_set(err, PTD_E_INTERNAL, "the request cannot be understood");
}

static int take_item(char *line, struct ptd_exchange_request *out)
{
    if (strspn(line, "0123456789abcdef") != DIGEST_DIGITS || line[DIGEST_DIGITS] != ' ')
        return -1;
    out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
    out->items[out->count++] = (struct ptd_exchange_item){line, line + DIGEST_DIGITS + 1};
    return 0;
}

int ptd_exchange_request_read(struct ptd_buf *text, struct ptd_exchange_request *out,
                              struct ptd_err *err)
{
    char *lines[PTD_EXCHANGE_LINES] = {NULL};
    *out = (struct ptd_exchange_request){.text = *text};
    *text = (struct ptd_buf)PTD_BUF_INIT;
    char *at = out->text.data, *end = at + out->text.len;
    for (size_t number = 0; at < end; number++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop || memchr(at, '\0', (size_t)(stop - at)))
            return bad(err);
        *stop = '\0';
        if (number < PTD_EXCHANGE_LINES)
            lines[number] = at;
        else if (take_item(at, out) < 0)
            return bad(err);
        if (number + 1 == PTD_EXCHANGE_LINES) {
            out->publish = strcmp(lines[0], PTD_EXCHANGE_PUBLISH) == 0;
            out->url = lines[1];
            out->token = lines[2];
            out->timeout_ms = strtol(lines[3], NULL, 10);
            out->salt = lines[4];
            out->machine = lines[5];
            out->counts = lines[6];
        }
        at = stop + 1;
    }
    if (!lines[0] || !out->url || out->timeout_ms <= 0 ||
        (!out->publish && strcmp(lines[0], PTD_EXCHANGE_ASK) != 0))
        return bad(err);
    return 0;
}

void ptd_exchange_request_release(struct ptd_exchange_request *request)
{
    ptd_buf_release(&request->text);
    free(request->items);
    *request = (struct ptd_exchange_request){0};
}
