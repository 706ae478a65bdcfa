/* HTTP: libmicrohttpd with a pool of threads; requests are answered from the database. */
#ifndef PTD_SERVE_HTTP_H
#define PTD_SERVE_HTTP_H

#include "serve/arguments.h"
#include "serve/writer.h"

struct ptd_serve_http;

/* Takes over the listening socket. The writer is borrowed. */
int ptd_serve_http_start(const struct ptd_serve_arguments *arguments, int socket,
                         struct ptd_serve_writer *writer, struct ptd_serve_http **out,
                         struct ptd_err *err);
/* New connections and new requests are refused from now on. */
void ptd_serve_http_drain(struct ptd_serve_http *http);
/* Requests that have not got their answer. */
size_t ptd_serve_http_open_requests(const struct ptd_serve_http *http);
/* Cuts off what is still open. The writer has to be stopped before. NULL is allowed. */
void ptd_serve_http_stop(struct ptd_serve_http *http);

#endif
