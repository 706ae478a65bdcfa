#include "cmd/pass_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "contract/exchange.h"
#include "contract/passes.h"
#include "session/session.h"

/* A socket, because a client that is gone must not end us by a signal. */
static int send_all(int fd, const struct ptd_buf *data)
{
    for (size_t done = 0; done < data->len;) {
        ssize_t n = send(fd, data->data + done, data->len - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return shutdown(fd, SHUT_WR);
}

static int receive_all(int fd, struct ptd_buf *out)
{
    for (;;) {
        ptd_buf_reserve(out, 65536);
        ssize_t n = read(fd, out->data + out->len, 65535);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            out->data[out->len] = '\0';
            return (int)n;
        }
        out->len += (size_t)n;
    }
}

static pid_t start(const char *program, int fd, int other)
{
    char *const argv[] = {(char *)program, NULL};
    pid_t child = fork();
    if (child != 0)
        return child;
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    close(other);
    close(fd);
    execv(program, argv);
    _exit(127);
}

/* "end" in the last line, or what went wrong. */
static int take_end(struct ptd_buf *answer, struct ptd_err *err)
{
    static const char end[] = PTD_EXCHANGE_END "\n";
    const size_t len = strlen(end), error = strlen(PTD_EXCHANGE_ERROR);
    if (answer->len >= len && strcmp(answer->data + answer->len - len, end) == 0) {
        answer->len -= len;
        answer->data[answer->len] = '\0';
        return 0;
    }
    if (strncmp(answer->data, PTD_EXCHANGE_ERROR, error) == 0)
        return ptd_err_set(err, PTD_E_IO, "%.*s", (int)strcspn(answer->data + error, "\n"),
                           answer->data + error);
    return ptd_err_set(err, PTD_E_IO, "%s ended without an answer", PTD_FILE_PASSES);
}

int ptd_pass_client_run(const struct ptd_buf *request, struct ptd_buf *answer, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *folder = ptd_session_libexec(err);
    int ends[2], status = 0;
    if (!folder)
        return -1;
    PTD_CLEANUP_FREE char *program = ptd_path_join(folder, PTD_FILE_PASSES);
    if (access(program, X_OK) < 0)
        return ptd_err_sys(err, PTD_E_IO, "%s", program);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot start %s", program);
    pid_t child = start(program, ends[1], ends[0]);
    close(ends[1]);
    int failed = child < 0 || send_all(ends[0], request) < 0;
    /* A client that refused the request has said why. */
    failed = (child < 0 || receive_all(ends[0], answer) < 0) || (failed && !answer->len);
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (failed)
        return ptd_err_sys(err, PTD_E_IO, "cannot use %s", program);
    return take_end(answer, err);
}
