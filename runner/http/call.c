#include "http/call.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/retry.h"

#define ERROR_MAX    ((size_t)64 << 10)
#define REDIRECTIONS 5
#define SLOWEST      1 /* bytes per second: less is no progress */
#define SOON         2 /* seconds that one waits for who has no time */

struct ptd_http {
    CURL *curl;
};

/* One try. */
struct attempt {
    struct ptd_http_call *call;
    CURL *curl;
    FILE *save, *send;
    struct curl_slist *headers;
    char problem[CURL_ERROR_SIZE];
    int write_errno;
    bool too_large;
};

static bool is_success(long status)
{
    return status >= 200 && status < 300;
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct attempt *a = arg;
    struct ptd_http_call *call = a->call;
    long status = 0;
    curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
    size_t len = size * n;
    bool good = is_success(status);
    if (!good) {
        size_t room = ERROR_MAX - call->answer.len;
        ptd_buf_add(&call->answer, data, len < room ? len : room);
        return len;
    }
    call->bytes += len;
    if (call->bytes > call->limits.max_bytes) {
        a->too_large = true;
        return 0;
    }
    if (!a->save) {
        ptd_buf_add(&call->answer, data, len);
        return len;
    }
    if (fwrite(data, 1, len, a->save) == len)
        return len;
    a->write_errno = errno;
    return 0;
}

static size_t give_body(char *data, size_t size, size_t n, void *arg)
{
    struct attempt *a = arg;
    return fread(data, 1, size * n, a->send);
}

/* A body that has to be sent again, to a place that the server named. */
static int rewind_body(void *arg, curl_off_t offset, int origin)
{
    struct attempt *a = arg;
    return origin == SEEK_SET && fseek(a->send, (long)offset, SEEK_SET) == 0 ? CURL_SEEKFUNC_OK
                                                                             : CURL_SEEKFUNC_FAIL;
}

static void forget_headers(struct ptd_http_call *call)
{
    free(call->etag);
    free(call->location);
    free(call->region);
    call->etag = call->location = call->region = NULL;
}

static void keep(char **slot, const char *line, size_t len, const char *name)
{
    size_t n = strlen(name);
    if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
        return;
    const char *value = line + n + 1, *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr("\r\n \t", end[-1]))
        end--;
    free(*slot);
    *slot = ptd_xstrndup(value, (size_t)(end - value));
}

static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
    struct attempt *a = arg;
    size_t len = size * n;
    if (len > 5 && memcmp(data, "HTTP/", 5) == 0)
        forget_headers(a->call); /* what a redirection said is over */
    keep(&a->call->etag, data, len, "etag");
    keep(&a->call->location, data, len, "location");
    keep(&a->call->region, data, len, "x-amz-bucket-region");
    return len;
}

static void set_security(CURL *curl, const struct ptd_http_call *call)
{
    static const char *const bundles[] = {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    bool https = strncmp(call->url, "https:", 6) == 0;
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "http,https");
    for (size_t i = call->aws_region ? 0 : 1; i < 3; i++) {
        const char *file = getenv(bundles[i]);
        if (file && *file) {
            curl_easy_setopt(curl, CURLOPT_CAINFO, file);
            break;
        }
    }
    if (call->user)
        curl_easy_setopt(curl, CURLOPT_USERNAME, call->user);
    if (call->password)
        curl_easy_setopt(curl, CURLOPT_PASSWORD, call->password);
    if (call->aws_region) {
        PTD_CLEANUP_FREE char *scope = ptd_xasprintf("aws:amz:%s:s3", call->aws_region);
        curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, scope);
    }
}

static void set_limits(CURL *curl, const struct ptd_http_limits *limits)
{
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, limits->connect_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, limits->total_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, limits->stall_seconds);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->max_bytes);
}

static void set_body(struct attempt *a)
{
    const struct ptd_http_call *call = a->call;
    CURL *curl = a->curl;
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    if (a->send) {
        struct stat st;
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(curl, CURLOPT_READDATA, a);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, a);
        if (fstat(fileno(a->send), &st) == 0)
            curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)st.st_size);
    } else if (call->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    }
}

static void set_headers(struct attempt *a)
{
    for (const char *const *h = a->call->headers; h && *h; h++)
        a->headers = curl_slist_append(a->headers, *h);
    curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, a->headers);
    curl_easy_setopt(a->curl, CURLOPT_USERAGENT, "pyt-diff/" PTD_VERSION);
    curl_easy_setopt(a->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(a->curl, CURLOPT_HEADERDATA, a);
}

/* What an earlier try left. */
static void forget(struct ptd_http_call *call)
{
    ptd_buf_reset(&call->answer);
    forget_headers(call);
    call->bytes = 0;
    call->status = 0;
    call->failure = PTD_HTTP_ANSWERED;
}

static CURLcode perform(struct attempt *a)
{
    struct ptd_http_call *call = a->call;
    CURL *curl = a->curl;
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, a->problem);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    if (call->follow) {
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTIONS);
    }
    set_limits(curl, &call->limits);
    set_security(curl, call);
    set_headers(a);
    set_body(a);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &call->status);
    if (a->send)
        call->bytes = (uint64_t)ftell(a->send);
    return code;
}

static bool worth_it(const struct ptd_http_call *call, CURLcode code, long asked)
{
    long status = call->status;
    if (call->limits.only_when_asked)
        return code == CURLE_OK && (status == 429 || status == 503) && asked > 0 && asked <= SOON;

    switch (code) {
    case CURLE_OK:
        return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
    case CURLE_COULDNT_CONNECT:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static int no_answer(struct attempt *a, CURLcode code, struct ptd_err *err)
{
    struct ptd_http_call *call = a->call;
    const char *problem = *a->problem ? a->problem : curl_easy_strerror(code);
    if (a->write_errno) {
        call->failure = PTD_HTTP_NO_FILE;
        errno = a->write_errno;
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", call->save_path);
    }
    if (a->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        call->failure = PTD_HTTP_TOO_LARGE;
        return ptd_err_set(err, PTD_E_NET, "the answer is larger than %llu MB",
                           (unsigned long long)(call->limits.max_bytes >> 20));
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        call->failure = PTD_HTTP_TOO_SLOW;
        return ptd_err_set(err, PTD_E_NET, "no progress for too long (%s)", problem);
    }
    bool untrusted = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
    call->failure = untrusted ? PTD_HTTP_UNTRUSTED : PTD_HTTP_UNREACHED;
    return ptd_err_set(err, PTD_E_NET, "%s", problem);
}

static int open_files(struct attempt *a, struct ptd_err *err)
{
    struct ptd_http_call *call = a->call;
    call->failure = PTD_HTTP_NO_FILE;
    if (call->save_path && !(a->save = fopen(call->save_path, "wbe")))
        return ptd_err_sys(err, PTD_E_IO, "cannot write %s", call->save_path);
    if (call->send_path && !(a->send = fopen(call->send_path, "rbe")))
        return ptd_err_sys(err, PTD_E_IO, "cannot read %s", call->send_path);
    call->failure = PTD_HTTP_ANSWERED;
    return 0;
}

/* 1: again. */
static int try_once(CURL *curl, struct ptd_http_call *call, bool last, long *asked,
                    struct ptd_err *err)
{
    struct attempt a = {.call = call, .curl = curl};
    int result = -1;
    forget(call);
    if (open_files(&a, err) == 0) {
        CURLcode code = perform(&a);
        curl_off_t wait = 0;
        curl_easy_getinfo(a.curl, CURLINFO_RETRY_AFTER, &wait);
        *asked = (long)wait;
        if (a.save && fflush(a.save) != 0 && code == CURLE_OK) {
            a.write_errno = errno;
            code = CURLE_WRITE_ERROR;
        }
        if (!last && worth_it(call, code, *asked))
            result = 1;
        else
            result = code == CURLE_OK ? 0 : no_answer(&a, code, err);
    }
    if (a.save)
        fclose(a.save);
    if (a.send)
        fclose(a.send);
    curl_easy_reset(curl); /* it has seen what goes now */
    curl_slist_free_all(a.headers);
    return result;
}

static int try_often(CURL *curl, struct ptd_http_call *call, struct ptd_err *err)
{
    int tries = call->limits.tries > 0 ? call->limits.tries : 1;
    for (int i = 1;; i++) {
        long asked = 0;
        int result = try_once(curl, call, i >= tries, &asked, err);
        if (result <= 0) {
            if (result < 0 && err && i > 1 && err->code == PTD_E_NET) {
                size_t n = strlen(err->msg);
                snprintf(err->msg + n, sizeof(err->msg) - n, " (%d tries)", i);
            }
            return result;
        }
        ptd_retry_wait(i, asked);
    }
}

struct ptd_http *ptd_http_open(void)
{
    struct ptd_http *http = ptd_xcalloc(1, sizeof(*http));
    http->curl = curl_easy_init();
    return http;
}

void ptd_http_close(struct ptd_http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    free(http);
}

int ptd_http_call(struct ptd_http *http, struct ptd_http_call *call, struct ptd_err *err)
{
    struct ptd_http *own = http ? NULL : ptd_http_open();
    CURL *curl = http ? http->curl : own->curl;
    int result = curl ? try_often(curl, call, err)
                      : ptd_err_set(err, PTD_E_INTERNAL, "libcurl cannot be used");
    ptd_http_close(own);
    return result;
}

void ptd_http_release(struct ptd_http_call *call)
{
    forget(call);
    ptd_buf_release(&call->answer);
}

int ptd_http_refused(const struct ptd_http_call *call, struct ptd_err *err)
{
    long status = call->status;
    if (status >= 300 && status < 400)
        return ptd_err_set(err, PTD_E_NET, "the server redirects to %s (HTTP %ld)",
                           call->location ? call->location : "nowhere", status);
    const char *what = status == 401   ? "the server wants other credentials"
                       : status == 403 ? "access is denied"
                       : status == 404 ? "nothing is there"
                       : status >= 500 ? "the server failed"
                                       : "the server refused";
    return ptd_err_set(err, PTD_E_NET, "%s (HTTP %ld)", what, status);
}

const char *ptd_http_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}
