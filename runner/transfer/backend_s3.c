/*
 * s3://BUCKET/KEY: AWS and what is compatible with it. libcurl signs (Signature Version 4); the
 * rest of its 7.88 wants the hash of the content in a header and parameters in order.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "transfer/aws.h"
#include "transfer/backend.h"
#include "transfer/limits.h"
#include "transfer/server.h"

/* One exchange. */
struct exchange {
    struct ptd_aws aws;
    const struct ptd_url *url;
    const char *key, *query; /* borrowed; query NULL: none */
    char *address;           /* owned */
    char *host, *token, *condition;
    const char *headers[6];
    struct ptd_http_call call;
    struct ptd_transfer_limits limits; /* filled in */
    char code[64];                     /* of S3's error document, "" when there is none */
};

static const char *partition(const char *region)
{
    return strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
}

/* As a part of a host's name; with dots the certificate would not fit. */
static bool fits_host(const char *bucket)
{
    for (const char *p = bucket; *p; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
            return false;
    return *bucket != '\0';
}

static void make_address(struct exchange *x)
{
    const struct ptd_aws *aws = &x->aws;
    const char *bucket = x->url->host;
    bool in_path = aws->path_style || (!aws->style_said && !fits_host(bucket));
    PTD_CLEANUP_FREE char *base =
        aws->endpoint ? ptd_xstrdup(aws->endpoint)
                      : ptd_xasprintf("https://s3.%s.%s", aws->region, partition(aws->region));
    PTD_CLEANUP_FREE char *key = ptd_url_encode(x->key, "/");
    while (*base && base[strlen(base) - 1] == '/')
        base[strlen(base) - 1] = '\0';
    const char *host = strstr(base, "://");
    host = host ? host + 3 : base;
    free(x->address);
    free(x->host);
    if (in_path)
        x->address = ptd_xasprintf("%s/%s/%s%s%s", base, bucket, key, x->query ? "?" : "",
                                   x->query ? x->query : "");
    else
        x->address = ptd_xasprintf("%.*s%s.%s/%s%s%s", (int)(host - base), base, bucket, host, key,
                                   x->query ? "?" : "", x->query ? x->query : "");
    const char *named = strstr(x->address, "://") + 3;
    /* With the port, which libcurl 7.88 leaves out of what it signs. */
    x->host = ptd_xasprintf("Host: %.*s", (int)strcspn(named, "/"), named);
}

static void make_call(struct exchange *x)
{
    size_t n = 0;
    make_address(x);
    x->headers[n++] = x->host;
    /* The way is protected by TLS; so the body need not be read twice. */
    x->headers[n++] = "x-amz-content-sha256: UNSIGNED-PAYLOAD";
    if (x->aws.token && !x->token)
        x->token = ptd_xasprintf("x-amz-security-token: %s", x->aws.token);
    if (x->token)
        x->headers[n++] = x->token;
    if (x->condition)
        x->headers[n++] = x->condition;
    x->headers[n] = NULL;
    x->call.url = x->address;
    x->call.headers = x->headers;
    x->call.user = x->aws.key;
    x->call.password = x->aws.secret;
    x->call.aws_region = x->aws.region;
}

/* The text of the first element of this name; "" when there is none. */
static void element(const char *xml, const char *name, char *out, size_t size)
{
    PTD_CLEANUP_FREE char *open = ptd_xasprintf("<%s>", name);
    const char *start = xml ? strstr(xml, open) : NULL;
    *out = '\0';
    if (start) {
        start += strlen(open);
        snprintf(out, size, "%.*s", (int)strcspn(start, "<"), start);
    }
}

/* The bucket is elsewhere than we thought, and the server says where. */
static bool other_region(struct exchange *x)
{
    char region[64];
    element(x->call.answer.data, "Region", region, sizeof(region));
    const char *named = x->call.region ? x->call.region : region;
    bool moved = x->call.status == 301 || x->call.status == 307 || x->call.status == 400;
    if (!moved || !*named || strcmp(named, x->aws.region) == 0)
        return false;
    char *copy = ptd_xstrdup(named);
    free(x->aws.region);
    x->aws.region = copy;
    return true;
}

static int perform(struct exchange *x, struct ptd_err *err)
{
    for (int again = 1;; again = 0) {
        make_call(x);
        if (ptd_server_call(&x->call, &x->limits, err) < 0)
            return -1;
        element(x->call.answer.data, "Code", x->code, sizeof(x->code));
        if (!again || !other_region(x))
            return 0;
    }
}

static int open_exchange(struct exchange *x, const struct ptd_url *url, struct ptd_err *err)
{
    x->url = url;
    x->key = url->path;
    if (*url->host)
        return ptd_aws_load(&x->aws, err);
    ptd_err_set(err, PTD_E_USAGE, "there is no bucket in the URL");
    return ptd_err_hint(err, "s3://BUCKET/KEY");
}

static void close_exchange(struct exchange *x)
{
    ptd_http_release(&x->call);
    ptd_aws_release(&x->aws);
    free(x->address);
    free(x->host);
    free(x->token);
    free(x->condition);
}

/* What S3's error codes ask for (Amazon S3 API Reference, "Error responses"). */
static const struct {
    const char *code, *what, *hint;
} refusals[] = {
    {"NoSuchBucket", "there is no such bucket", "make it, or correct the URL"},
    {"AccessDenied", "access is denied",
     "the key needs s3:GetObject, s3:PutObject and s3:ListBucket; without the last one S3 says the "
     "same when nothing is there"},
    {"InvalidAccessKeyId", "the access key is not known there",
     "check AWS_ACCESS_KEY_ID or the profile, and AWS_ENDPOINT_URL"},
    {"SignatureDoesNotMatch", "the secret key is wrong",
     "check AWS_SECRET_ACCESS_KEY or the profile"},
    {"ExpiredToken", "the session token has expired", "get new credentials and run it again"},
    {"InvalidToken", "the session token is not valid", "get new credentials and run it again"},
    {"TokenRefreshRequired", "the session token has expired",
     "get new credentials and run it again"},
    {"RequestTimeTooSkewed", "this machine's clock is wrong", "set the clock"},
    {"AuthorizationHeaderMalformed", "the region is wrong", "set AWS_REGION to that of the bucket"},
    {"PermanentRedirect", "the bucket is in another region or at another address",
     "set AWS_REGION or AWS_ENDPOINT_URL"},
    {"TemporaryRedirect", "the bucket is moving to another address", "try again later"},
    {"EntityTooLarge", "the server takes no file of this size", "see its limits"},
};

static int refused(const struct exchange *x, struct ptd_err *err)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (strcmp(refusals[i].code, x->code) != 0)
            continue;
        ptd_err_set(err, PTD_E_NET, "%s (S3: %s)", refusals[i].what, x->code);
        return ptd_err_hint(err, "%s", refusals[i].hint);
    }
    if (!*x->code || !isalpha((unsigned char)*x->code)) {
        ptd_http_refused(&x->call, err);
        bool login = x->call.status == 401 || x->call.status == 403;
        return ptd_err_hint(err, "%s",
                            login ? "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                                    "the profile"
                                  : "is AWS_ENDPOINT_URL right?");
    }
    return ptd_err_set(err, PTD_E_NET, "S3 refused: %s (HTTP %ld)", x->code, x->call.status);
}

static int get(const struct ptd_url *url, struct ptd_transfer *t, struct ptd_err *err)
{
    struct exchange x = {.call = {.method = "GET", .save_path = t->path}, .limits = t->limits};
    if (t->etag && *t->etag)
        x.condition = ptd_xasprintf("If-None-Match: %s", t->etag);
    int failed = open_exchange(&x, url, err) < 0 || perform(&x, err) < 0;
    if (!failed && x.call.status == 304)
        t->state = PTD_TRANSFER_UNCHANGED;
    else if (!failed && x.call.status == 404 && strcmp(x.code, "NoSuchKey") == 0)
        t->state = PTD_TRANSFER_ABSENT;
    else if (!failed && x.call.status != 200)
        failed = refused(&x, err);
    t->bytes = x.call.bytes;
    t->new_etag = ptd_xstrdup(x.call.etag ? x.call.etag : "");
    close_exchange(&x);
    return failed ? -1 : 0;
}

static int put(const struct ptd_url *url, struct ptd_transfer *t, struct ptd_err *err)
{
    struct exchange x = {.call = {.method = "PUT", .send_path = t->path}, .limits = t->limits};
    if (t->etag)
        x.condition = ptd_xasprintf("%s: %s", *t->etag ? "If-Match" : "If-None-Match",
                                    *t->etag ? t->etag : "*");
    int failed = open_exchange(&x, url, err) < 0 || perform(&x, err) < 0;
    bool raced = x.call.status == 412 || x.call.status == 409 ||
                 (x.call.status == 404 && strcmp(x.code, "NoSuchKey") == 0);
    if (!failed && raced)
        t->state = PTD_TRANSFER_CONFLICT;
    else if (!failed && (x.call.status < 200 || x.call.status > 299))
        failed = refused(&x, err);
    t->bytes = x.call.bytes;
    t->new_etag = ptd_xstrdup(x.call.etag ? x.call.etag : "");
    close_exchange(&x);
    return failed ? -1 : 0;
}

/* The keys of one page; *next: where to go on, owned, NULL at the end. */
static void read_page(const char *xml, const struct ptd_url *url, struct ptd_names *out,
                      char **next)
{
    static const char open[] = "<Key>";
    for (const char *p = xml; p && (p = strstr(p, open));) {
        p += sizeof(open) - 1;
        PTD_CLEANUP_FREE char *key = ptd_url_decode(p, strcspn(p, "<"));
        size_t n = strlen(url->path);
        if (strncmp(key, url->path, n) != 0)
            continue;
        PTD_CLEANUP_FREE char *name = ptd_url_encode(key + n, "");
        ptd_names_add(out, url->text, name);
    }
    char token[2048];
    element(xml, "NextContinuationToken", token, sizeof(token));
    *next = *token ? ptd_xstrdup(token) : NULL;
}

static int list(const struct ptd_url *url, struct ptd_names *out, struct ptd_err *err)
{
    struct ptd_transfer_limits limits = {.connect_seconds = 0};
    struct exchange x = {.call = {.method = "GET"}};
    PTD_CLEANUP_FREE char *prefix = ptd_url_encode(url->path, "");
    char *next = NULL;
    if (ptd_limits_fill(&limits, &x.limits, err) < 0)
        return -1;
    int failed = open_exchange(&x, url, err);
    do {
        PTD_CLEANUP_FREE char *token = next ? ptd_url_encode(next, "") : NULL;
        PTD_CLEANUP_FREE char *query = ptd_xasprintf(
            "%s%s%sdelimiter=%%2F&encoding-type=url&list-type=2&prefix=%s",
            token ? "continuation-token=" : "", token ? token : "", token ? "&" : "", prefix);
        free(next);
        next = NULL;
        x.key = "";
        x.query = query;
        failed = failed || perform(&x, err) < 0;
        if (!failed && x.call.status != 200)
            failed = refused(&x, err);
        if (!failed)
            read_page(x.call.answer.data, url, out, &next);
    } while (next && !failed);
    free(next);
    close_exchange(&x);
    return failed ? -1 : 0;
}

const struct ptd_backend ptd_backend_s3 = {.get = get, .put = put, .list = list};
