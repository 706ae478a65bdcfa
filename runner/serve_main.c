/* pyt-diff-serve: the server of the pass cache, and its tokens. */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "serve/arguments.h"
#include "serve/http.h"
#include "serve/tokens.h"

#define BACKLOG 512
/* How long requests that have begun may take to end. */
#define GRACE_SECONDS 10

static int bind_one(const struct addrinfo *a)
{
    const int on = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static int listen_at(const char *address, struct ptd_err *err)
{
    char host[256], service[16];
    unsigned port;
    if (ptd_serve_split_address(address, host, sizeof(host), &port, err) < 0)
        return -1;
    const struct addrinfo wanted = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    snprintf(service, sizeof(service), "%u", port);
    int code = getaddrinfo(host[0] ? host : NULL, service, &wanted, &found);
    if (code)
        return ptd_err_set(err, PTD_E_USAGE, "--listen: %s: %s", host, gai_strerror(code));
    int fd = -1;
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = bind_one(a);
    if (fd < 0) {
        ptd_err_sys(err, PTD_E_IO, "cannot listen on %s", address);
        ptd_err_hint(err, "name another address or port with --listen");
    }
    freeaddrinfo(found);
    return fd;
}

static void say_address(int fd, const struct ptd_serve_arguments *a)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    char host[256], port[16];
    if (a->verbosity < 0)
        return;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    bool v6 = strchr(host, ':') != NULL;
    fprintf(stderr, "pyt-diff serve: listening on http://%s%s%s:%s, passes in %s\n", v6 ? "[" : "",
            host, v6 ? "]" : "", port, a->database);
}

/* Until a signal says to stop, and what has begun has ended; a second signal does not wait. */
static void wait_for_the_end(struct ptd_serve_http *http, const sigset_t *signals, int verbosity)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    int number;
    while (sigwait(signals, &number) != 0)
        ;
    if (verbosity >= 0)
        fprintf(stderr, "pyt-diff serve: stopping (%s)\n", strsignal(number));
    ptd_serve_http_drain(http);
    for (int i = 0; ptd_serve_http_open_requests(http) && i < GRACE_SECONDS * 50; i++)
        if (sigtimedwait(signals, NULL, &moment) > 0)
            return;
}

static int serve(const struct ptd_serve_arguments *a, struct ptd_err *err)
{
    struct ptd_serve_writer *writer;
    struct ptd_serve_http *http;
    sigset_t signals;
    /* Before the first thread, so that none of them is interrupted. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (ptd_serve_writer_start(a->database, a->keep, &writer, err) < 0)
        return -1;
    int fd = listen_at(a->listen, err);
    if (fd >= 0)
        say_address(fd, a);
    if (fd < 0 || ptd_serve_http_start(a, fd, writer, &http, err) < 0) {
        ptd_serve_writer_stop(writer);
        return -1;
    }
    wait_for_the_end(http, &signals, a->verbosity);
    ptd_serve_writer_stop(writer);
    ptd_serve_http_stop(http);
    return 0;
}

int main(int argc, char **argv)
{
    struct ptd_serve_arguments arguments;
    struct ptd_err err = {0};
    if (ptd_serve_arguments_read(argc - 1, argv + 1, &arguments, &err) == 0) {
        int failed = arguments.task == PTD_SERVE_RUN ? serve(&arguments, &err)
                                                     : ptd_serve_tokens_task(&arguments, &err);
        if (!failed)
            return 0;
    }
    fprintf(stderr, "pyt-diff: error: %s\n", err.msg);
    if (err.hint[0])
        fprintf(stderr, "hint: %s\n", err.hint);
    return ptd_err_exit_code(&err);
}
