#include "exchange/http.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define MAX_ANSWER ((size_t)64 << 20)

struct ptd_exchange_http {
    CURL *curl;
    struct curl_slist *headers;
    const char *url;
    char reason[CURL_ERROR_SIZE];
};

static int out_of_memory(struct ptd_err *err)
{
    return ptd_err_set(err, PTD_E_IO, "libcurl cannot be used");
}

int ptd_exchange_http_open(const char *url, const char *token, long timeout_ms,
                           struct ptd_exchange_http **out, struct ptd_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return out_of_memory(err);
    struct ptd_exchange_http *http = ptd_xcalloc(1, sizeof(*http));
    PTD_CLEANUP_FREE char *authorization = ptd_xasprintf("Authorization: Bearer %s", token);
    http->url = url;
    http->curl = curl_easy_init();
    http->headers = curl_slist_append(NULL, authorization);
    *out = http;
    if (!http->curl || !http->headers)
        return out_of_memory(err);
    /* The list grows in place: its head stays. */
    curl_slist_append(http->headers, "Content-Type: application/json");
    curl_slist_append(http->headers, "Expect:");
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(http->curl, CURLOPT_USERAGENT, "pyt-diff/" PTD_VERSION);
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(http->curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, http->reason);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(http->curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(http->curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    return 0;
}

static size_t receive(char *data, size_t size, size_t count, void *arg)
{
    struct ptd_buf *answer = arg;
    if (answer->len + size * count > MAX_ANSWER)
        return 0;
    ptd_buf_add(answer, data, size * count);
    return size * count;
}

static int post_once(struct ptd_exchange_http *http, const char *path, const struct ptd_buf *body,
                     struct ptd_buf *answer, long *status, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *url = ptd_xasprintf("%s%s", http->url, path);
    http->reason[0] = '\0';
    curl_easy_setopt(http->curl, CURLOPT_URL, url);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body->data);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, answer);
    CURLcode code = curl_easy_perform(http->curl);
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, status);
    if (code == CURLE_OK)
        return 0;
    return ptd_err_set(err, PTD_E_IO, "%s",
                       http->reason[0] ? http->reason : curl_easy_strerror(code));
}

/* Busy, and to be asked again soon. */
static bool worth_waiting(struct ptd_exchange_http *http, long status)
{
    curl_off_t seconds = 0;
    if (status != 429 && status != 503)
        return false;
    curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds < 1 || seconds > 2)
        return false;
    sleep((unsigned)seconds);
    return true;
}

/* "401 Token Expired": what a server says is shown as far as it is one line of text. */
static int refused(long status, const struct ptd_buf *answer, struct ptd_err *err)
{
    size_t len = 0;
    while (len < answer->len && len < 80 && answer->data[len] >= ' ' && answer->data[len] < 0x7f)
        len++;
    return ptd_err_set(err, PTD_E_IO, "the server answers %ld%s%.*s", status, len ? " " : "",
                       (int)len, len ? answer->data : "");
}

int ptd_exchange_http_post(struct ptd_exchange_http *http, const char *path,
                           const struct ptd_buf *body, struct ptd_buf *answer, struct ptd_err *err)
{
    long status = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        ptd_buf_reset(answer);
        if (post_once(http, path, body, answer, &status, err) < 0)
            return -1;
        if (attempt || !worth_waiting(http, status))
            break;
    }
    return status == 200 ? 0 : refused(status, answer, err);
}

void ptd_exchange_http_close(struct ptd_exchange_http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->headers);
    free(http);
}
