#include "session/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

extern char **environ;

#define TIMEOUT_MS 30000
#define MAX_OUTPUT (64u << 10)
#define MARK       "pyt-diff-answer\t"

/* Runs on Python 2.7 as well, so that it can be called too old. */
static const char question[] =
    "import os, sys\n"
    "i = getattr(sys, 'implementation', None)\n"
    "v = getattr(sys, 'pypy_version_info', None) or getattr(i, 'version', sys.version_info)\n"
    "e = sys.executable or ''\n"
    "if not isinstance(e, bytes):\n"
    "    e = e.encode(sys.getfilesystemencoding(), 'surrogateescape')\n"
    "s = '\\n" MARK "%d\\t%d\\t%s\\t%d.%d\\t%d\\t' % (sys.version_info[0], sys.version_info[1],\n"
    "    getattr(i, 'name', 'cpython'), v[0], v[1], 't' in getattr(sys, 'abiflags', ''))\n"
    "os.write(1, s.encode('ascii') + e + b'\\n')\n";

/* Both output streams go to one pipe: what is not the answer is the reason why there is none. */
static int start(const char *python, int out, pid_t *pid)
{
    const char *const argv[] = {python, "-S", "-E", "-c", question, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, out, 2);
    int code = posix_spawn(pid, python, &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Reads until the end, the limit or the deadline; false for the deadline. */
static bool collect(int fd, struct ptd_buf *text)
{
    long long deadline = now_ms() + TIMEOUT_MS;
    while (text->len < MAX_OUTPUT) {
        long long left = deadline - now_ms();
        struct pollfd wait = {fd, POLLIN, 0};
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready == 0)
            return false;
        char chunk[4096];
        ssize_t n = ready > 0 ? read(fd, chunk, sizeof(chunk)) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        ptd_buf_add(text, chunk, (size_t)n);
        /* A shim may leave a process behind that keeps the pipe: the answer is all that we want. */
        char *mark = strstr(text->data, MARK);
        if (mark && strchr(mark, '\n'))
            return true;
    }
    return true;
}

static bool parse(const char *text, struct ptd_answer *out)
{
    const char *at = strstr(text, MARK);
    int free_threaded = 0;
    int used = 0;
    if (!at ||
        sscanf(at + strlen(MARK), "%d\t%d\t%31[^\t]\t%31[^\t]\t%d\t%n", &out->major, &out->minor,
               out->implementation, out->implementation_version, &free_threaded, &used) != 5 ||
        used == 0)
        return false;
    out->free_threaded = free_threaded != 0;
    const char *executable = at + strlen(MARK) + used;
    size_t len = strcspn(executable, "\n");
    if (len >= sizeof(out->executable))
        len = 0;
    memcpy(out->executable, executable, len);
    out->executable[len] = '\0';
    return true;
}

static int no_answer(const char *python, bool in_time, struct ptd_buf *text, struct ptd_err *err)
{
    if (!in_time)
        return ptd_err_set(err, PTD_E_PYTHON, "%s did not answer within %d seconds", python,
                           TIMEOUT_MS / 1000);
    const char *first = text->data ? text->data + strspn(text->data, "\n") : "";
    int len = (int)strcspn(first, "\n");
    if (len == 0)
        return ptd_err_set(err, PTD_E_PYTHON, "%s does not behave like Python", python);
    return ptd_err_set(err, PTD_E_PYTHON, "%s does not work: %.*s", python, len > 300 ? 300 : len,
                       first);
}

int ptd_ask_python(const char *python, struct ptd_answer *out, struct ptd_err *err)
{
    memset(out, 0, sizeof(*out));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot make a pipe");
    PTD_CLEANUP_CLOSE int in = ends[0];
    pid_t pid;
    int code = start(python, ends[1], &pid);
    close(ends[1]);
    if (code != 0) {
        errno = code;
        return ptd_err_sys(err, PTD_E_PYTHON, "cannot run %s", python);
    }
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    bool in_time = collect(in, &text);
    bool answered = text.data && parse(text.data, out);
    if (!answered)
        kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return answered ? 0 : no_answer(python, in_time, &text, err);
}
