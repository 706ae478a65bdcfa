#include "serve/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/rates.h"
#include "serve/tokens.h"

#define IDLE_SECONDS 30 /* that a connection may be silent */
/* Requests that are held in memory at the same time, as a multiple of the largest allowed. */
#define BODIES_AT_ONCE 8
/* Of an answer: whoever asks for more has to ask for fewer keys at a time. */
#define MAX_ANSWER ((size_t)64 << 20)

struct ptd_serve_http {
    struct MHD_Daemon *daemon;
    struct ptd_serve_writer *writer; /* borrowed */
    struct ptd_serve_rates *rates;
    const char *database;
    size_t max_request;
    bool log;
    pthread_key_t readers; /* of each thread: its connection to the database */
    atomic_bool draining;
    atomic_size_t requests; /* open */
    atomic_size_t bodies;   /* bytes set aside for them */
};

struct endpoint;

struct request {
    struct ptd_serve_http *http;
    struct MHD_Connection *connection;
    const char *method, *url; /* of libmicrohttpd */
    const struct endpoint *endpoint;
    struct ptd_serve_token token;
    uint64_t started;
    unsigned status; /* 0: not decided */
    size_t reserved; /* of `bodies` */
    bool waiting;    /* for the writer */
    struct ptd_buf body, answer;
    struct ptd_serve_job job;
};

struct endpoint {
    const char *method, *url;
    bool open; /* to everybody */
    bool writes;
    void (*act)(struct request *r);
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The answer is a line of text. */
static void refuse(struct request *r, unsigned status, const char *text)
{
    r->status = status;
    ptd_buf_reset(&r->answer);
    ptd_buf_addf(&r->answer, "%s\n", text);
}

static void fail(struct request *r, const struct ptd_err *err)
{
    fprintf(stderr, "pyt-diff serve: error: %s\n", err->msg);
    refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "The database cannot be used");
}

/* The connection of this thread, NULL when it cannot be opened: then the request is refused. */
static struct ptd_serve_db *reader(struct request *r)
{
    struct ptd_serve_db *db = pthread_getspecific(r->http->readers);
    struct ptd_err err = {0};
    if (!db && ptd_serve_db_open(r->http->database, &db, &err) < 0)
        fail(r, &err);
    else
        pthread_setspecific(r->http->readers, db);
    return db;
}

static void close_reader(void *db)
{
    ptd_serve_db_close(db);
}

/* ---- what is asked for ---- */

static void describe(struct request *r)
{
    static const char text[] =
        "This is a pass cache: tests that passed, by what they depended on.\n\n"
        "POST " PTD_PASS_QUERY "\n"
        "    {\"test_file_hashes\": [KEY, ...]} -> {\"node_ids\": [[NODE, ...], ...]}\n"
        "POST " PTD_PASS_PUBLISH "\n"
        "    {\"passed_node_ids_per_test_file\": {KEY: [NODE, ...], ...}} -> {}\n\n"
        "KEY has 64, NODE 32 hexadecimal digits. Both need the header"
        " \"Authorization: Bearer TOKEN\".\n";
    r->status = MHD_HTTP_OK;
    ptd_buf_adds(&r->answer, text);
}

static void free_job(struct ptd_serve_job *job)
{
    ptd_wire_keys_release(&job->used);
    free(job);
}

/* That they were asked for keeps passes from being deleted; nobody waits for it. */
static void note_use(struct request *r, struct ptd_wire_keys *keys)
{
    struct ptd_serve_job *job = ptd_xcalloc(1, sizeof(*job));
    job->project = r->token.project;
    job->used = *keys;
    job->done = free_job;
    *keys = (struct ptd_wire_keys){0};
    if (!ptd_serve_writer_add(r->http->writer, job))
        free_job(job);
}

static int collect(struct ptd_serve_db *db, struct request *r, const struct ptd_wire_keys *keys,
                   int64_t *day, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf nodes = PTD_BUF_INIT;
    ptd_buf_adds(&r->answer, "{\"node_ids\":[");
    for (size_t i = 0; i < keys->count && r->answer.len <= MAX_ANSWER; i++) {
        ptd_buf_reset(&nodes);
        if (ptd_serve_pass_query(db, r->token.project, keys->items[i], &nodes, day, err) < 0)
            return -1;
        if (i)
            ptd_buf_addc(&r->answer, ',');
        ptd_wire_write_nodes(nodes.data, nodes.len, &r->answer);
    }
    ptd_buf_adds(&r->answer, "]}\n");
    return 0;
}

static void query(struct request *r)
{
    struct ptd_wire_keys keys;
    struct ptd_err err = {0};
    struct ptd_serve_db *db = reader(r);
    int64_t today = ptd_serve_today(), day = today;
    if (!db)
        return;
    if (ptd_wire_read_query(r->body.data, r->body.len, &keys, &err) < 0) {
        refuse(r, MHD_HTTP_UNPROCESSABLE_CONTENT, err.msg);
        return;
    }
    r->status = MHD_HTTP_OK;
    if (ptd_serve_db_begin_read(db, &err) < 0 || collect(db, r, &keys, &day, &err) < 0)
        fail(r, &err);
    ptd_serve_db_rollback(db);
    if (r->answer.len > MAX_ANSWER)
        refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "The answer is too large, ask for fewer hashes");
    else if (day < today)
        note_use(r, &keys);
    ptd_wire_keys_release(&keys);
}

/* On the writer's thread. */
static void written(struct ptd_serve_job *job)
{
    struct request *r = job->arg;
    MHD_resume_connection(r->connection);
}

static void publish(struct request *r)
{
    struct ptd_err err = {0};
    if (ptd_wire_read_publish(r->body.data, r->body.len, &r->job.passes, &err) < 0) {
        refuse(r, MHD_HTTP_UNPROCESSABLE_CONTENT, err.msg);
        return;
    }
    r->job.project = r->token.project;
    r->job.done = written;
    r->job.arg = r;
    r->waiting = true;
    MHD_suspend_connection(r->connection);
    if (ptd_serve_writer_add(r->http->writer, &r->job))
        return;
    r->job.failed = true;
    MHD_resume_connection(r->connection);
}

static const struct endpoint endpoints[] = {
    {"POST", PTD_PASS_QUERY, false, false, query}, {"POST", PTD_PASS_PUBLISH, false, true, publish},
    {"GET", "/", true, false, describe},           {"GET", "/api", true, false, describe},
    {"GET", "/api/", true, false, describe},
};
#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))

/* ---- whether it may be asked for ---- */

static void find_endpoint(struct request *r)
{
    bool known = false;
    for (size_t i = 0; i < ENDPOINTS; i++) {
        if (strcmp(r->url, endpoints[i].url) != 0)
            continue;
        known = true;
        if (strcmp(r->method, endpoints[i].method) == 0)
            r->endpoint = &endpoints[i];
    }
    if (!known)
        refuse(r, MHD_HTTP_NOT_FOUND, "Not Found, see /api/");
    else if (!r->endpoint)
        refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed, see /api/");
}

static void admit(struct request *r)
{
    static const char *const reasons[] = {
        [PTD_SERVE_UNKNOWN] = "Invalid Token",
        [PTD_SERVE_EXPIRED] = "Token Expired",
        [PTD_SERVE_REVOKED] = "Token Revoked",
    };
    static const char scheme[] = "Bearer ";
    enum ptd_serve_admission how;
    struct ptd_err err = {0};
    const char *header =
        MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    if (!header || strncmp(header, scheme, strlen(scheme)) != 0) {
        refuse(r, MHD_HTTP_UNAUTHORIZED, "Unauthorized");
        return;
    }
    struct ptd_serve_db *db = reader(r);
    if (!db)
        return;
    if (ptd_serve_admit(db, header + strlen(scheme), &r->token, &how, &err) < 0)
        fail(r, &err);
    else if (how != PTD_SERVE_ADMITTED)
        refuse(r, MHD_HTTP_UNAUTHORIZED, reasons[how]);
    else if (!ptd_serve_rates_take(r->http->rates, r->token.id, r->started))
        refuse(r, MHD_HTTP_TOO_MANY_REQUESTS, "Too Many Requests");
    else if (r->endpoint->writes && r->token.read_only)
        refuse(r, MHD_HTTP_FORBIDDEN, "This token may not publish");
}

/* Sets memory aside for the body; *length is what the client announces. */
static void reserve_body(struct request *r, size_t *length)
{
    const char *text =
        MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    *length = text ? strtoull(text, NULL, 10) : 0;
    if (!text && strcmp(r->method, "POST") == 0) {
        *length = SIZE_MAX;
        refuse(r, MHD_HTTP_LENGTH_REQUIRED, "Length Required");
    } else if (*length > r->http->max_request) {
        refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "Request Entity Too Large");
    } else {
        r->reserved = *length;
        size_t all = atomic_fetch_add(&r->http->bodies, *length) + *length;
        if (all > r->http->max_request * BODIES_AT_ONCE)
            refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Server overloaded, try again later");
    }
}

static enum MHD_Result send_answer(struct request *r)
{
    size_t len = r->answer.len;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, ptd_buf_steal(&r->answer), MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    bool json = r->status == MHD_HTTP_OK && r->endpoint && !r->endpoint->open;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            json ? "application/json" : "text/plain; charset=utf-8");
    if (r->status == MHD_HTTP_TOO_MANY_REQUESTS || r->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    if (r->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                strncmp(r->url, "/api/v1/", 8) == 0 ? "POST" : "GET");
    if (atomic_load(&r->http->draining))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result result = MHD_queue_response(r->connection, r->status, response);
    MHD_destroy_response(response);
    return result;
}

/* The headers are there. What is refused is still read, so that the client reads the answer; but
 * not when it is too long. */
static enum MHD_Result open_request(struct ptd_serve_http *http, struct MHD_Connection *connection,
                                    const char *url, const char *method, void **state)
{
    struct request *r = ptd_xcalloc(1, sizeof(*r));
    size_t length = 0;
    *r = (struct request){
        .http = http, .connection = connection, .method = method, .url = url, .started = now_ns()};
    *state = r;
    atomic_fetch_add(&http->requests, 1);
    if (atomic_load(&http->draining))
        refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Shutting down, try again later");
    if (!r->status)
        find_endpoint(r);
    if (!r->status && !r->endpoint->open)
        admit(r);
    if (!r->status)
        reserve_body(r, &length);
    return length > http->max_request ? send_answer(r) : MHD_YES;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    struct request *r = *state;
    (void)version;
    if (!r)
        return open_request(arg, connection, url, method, state);
    if (*size) {
        if (!r->status)
            ptd_buf_add(&r->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (r->waiting) {
        r->status = MHD_HTTP_OK;
        ptd_buf_adds(&r->answer, "{}\n");
        if (r->job.failed)
            refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Nothing was stored, try again later");
        return send_answer(r);
    }
    if (!r->status) {
        ptd_buf_reserve(&r->body, 1);
        r->endpoint->act(r);
    }
    return r->waiting ? MHD_YES : send_answer(r);
}

static void close_request(void *arg, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode why)
{
    struct ptd_serve_http *http = arg;
    struct request *r = *state;
    (void)connection, (void)why;
    if (!r)
        return;
    if (http->log)
        fprintf(stderr, "pyt-diff serve: %s %s %u %.1f ms\n", r->method, r->url, r->status,
                (double)(now_ns() - r->started) / 1e6);
    atomic_fetch_sub(&http->bodies, r->reserved);
    ptd_buf_release(&r->body);
    ptd_buf_release(&r->answer);
    ptd_wire_passes_release(&r->job.passes);
    free(r);
    *state = NULL;
    atomic_fetch_sub(&http->requests, 1);
}

/* ---- the daemon ---- */

static unsigned thread_count(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 2 ? 2 : processors > 8 ? 8 : (unsigned)processors;
}

int ptd_serve_http_start(const struct ptd_serve_arguments *a, int socket,
                         struct ptd_serve_writer *writer, struct ptd_serve_http **out,
                         struct ptd_err *err)
{
    struct ptd_serve_http *http = ptd_xcalloc(1, sizeof(*http));
    http->writer = writer;
    http->rates = ptd_serve_rates_new(a->max_rate);
    http->database = a->database;
    http->max_request = (size_t)a->max_request << 20;
    http->log = a->verbosity > 0;
    pthread_key_create(&http->readers, close_reader);
    unsigned threads = thread_count();
    /* Each thread of the pool takes its share of the connections. */
    unsigned connections = (a->max_clients + threads - 1) / threads * threads;
    http->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
        handle, http, MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_THREAD_POOL_SIZE, threads,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED, close_request, http, MHD_OPTION_END);
    if (!http->daemon) {
        close(socket);
        ptd_serve_http_stop(http);
        return ptd_err_set(err, PTD_E_INTERNAL, "the server cannot be started");
    }
    *out = http;
    return 0;
}

void ptd_serve_http_drain(struct ptd_serve_http *http)
{
    atomic_store(&http->draining, true);
    MHD_socket socket = MHD_quiesce_daemon(http->daemon);
    if (socket != MHD_INVALID_SOCKET)
        close(socket);
}

size_t ptd_serve_http_open_requests(const struct ptd_serve_http *http)
{
    return atomic_load(&http->requests);
}

void ptd_serve_http_stop(struct ptd_serve_http *http)
{
    if (!http)
        return;
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    pthread_key_delete(http->readers);
    ptd_serve_rates_free(http->rates);
    free(http);
}
