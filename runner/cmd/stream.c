#include "cmd/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "contract/plan.h"
#include "report/events.h"

#define READ_AT_ONCE ((size_t)64 << 10)

int ptd_stream_open(struct ptd_stream *stream, const char *path, int otherwise, struct ptd_err *err)
{
    stream->name = path ? path : "the reports";
    stream->fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
                      : fcntl(otherwise, F_DUPFD_CLOEXEC, 3);
    if (stream->fd < 0)
        return ptd_err_sys(err, PTD_E_USAGE, "--output-file: cannot write %s", stream->name);
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

void ptd_stream_put(struct ptd_stream *stream, const struct ptd_buf *lines)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    if (stream->fd < 0 || stream->lost.code || !lines->len)
        return;
    sigaction(SIGPIPE, &ignore, &before);
    if (write_all(stream->fd, lines->data, lines->len) < 0)
        ptd_err_sys(&stream->lost, PTD_E_IO, "cannot write %s", stream->name);
    sigaction(SIGPIPE, &before, NULL);
}

void ptd_stream_expect(struct ptd_stream *stream, const char *session_dir)
{
    free(stream->results);
    stream->results = ptd_path_join(session_dir, PTD_REPORTS_FILE);
}

/* What has come since the last time is behind `rest`. */
static void read_more(struct ptd_stream *stream)
{
    ssize_t got;
    if (stream->results_fd < 0)
        stream->results_fd = open(stream->results, O_RDONLY | O_CLOEXEC);
    do {
        ptd_buf_reserve(&stream->rest, READ_AT_ONCE);
        got = stream->results_fd < 0
                  ? 0
                  : read(stream->results_fd, stream->rest.data + stream->rest.len, READ_AT_ONCE);
        stream->rest.len += got > 0 ? (size_t)got : 0;
    } while (got > 0);
}

void ptd_stream_follow(struct ptd_stream *stream, const struct ptd_run_report *report)
{
    PTD_CLEANUP_BUF struct ptd_buf lines = PTD_BUF_INIT;
    struct ptd_report_row row;
    ptrdiff_t used;
    size_t at = 0;
    if (!stream->results)
        return;
    read_more(stream);
    while ((used = ptd_outcomes_row(stream->rest.data + at, stream->rest.len - at, &row)) > 0) {
        ptd_events_result(report, &row, &lines);
        at += (size_t)used;
    }
    stream->rest.len -= at;
    memmove(stream->rest.data, stream->rest.data + at, stream->rest.len);
    ptd_stream_put(stream, &lines);
}

int ptd_stream_close(struct ptd_stream *stream, struct ptd_err *err)
{
    bool lost = stream->lost.code != PTD_E_OK;
    if (stream->fd >= 0 && close(stream->fd) < 0 && !lost)
        lost = ptd_err_sys(&stream->lost, PTD_E_IO, "cannot write %s", stream->name) < 0;
    if (stream->results_fd >= 0)
        close(stream->results_fd);
    free(stream->results);
    ptd_buf_release(&stream->rest);
    if (lost && err)
        *err = stream->lost;
    *stream = (struct ptd_stream)PTD_STREAM_INIT;
    return lost ? -1 : 0;
}
