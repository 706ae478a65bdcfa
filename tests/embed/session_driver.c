/*
 * Finds a Python and runs pytest in it, for test_session.py:
 *
 *   session_driver [--python X] [--host H] [--start DIR] [--session DIR] [--show] [ARG...]
 *
 * --show prints the interpreter and runs nothing. Otherwise the last line on stderr is
 * "status=N signal=N", and the exit status is that of pytest.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "session/interpreter.h"
#include "session/session.h"

static const char *const hosts[] = {"auto", "embed", "preload", "exec"};

static enum ptd_host host_named(const char *name)
{
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
        if (strcmp(name, hosts[i]) == 0)
            return (enum ptd_host)i;
    return PTD_HOST_AUTO;
}

static int fail(const struct ptd_err *err)
{
    fprintf(stderr, "error: %s\n", err->msg);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
    return 100 + ptd_err_exit_code(err);
}

static void show(const struct ptd_interpreter *python)
{
    printf("python=%s\nreal=%s\nversion=%d.%d\nlibpython=%s\nshared=%d\norigin=%s\nhost=%s\n",
           python->python, python->real, python->major, python->minor, python->libpython,
           python->shared, python->origin, hosts[python->host]);
}

int main(int argc, char **argv)
{
    static struct ptd_interpreter python;
    const char *wanted = NULL;
    const char *start = ".";
    enum ptd_host host = PTD_HOST_AUTO;
    struct ptd_session_request request = {.interpreter = &python};
    struct ptd_session_result result;
    struct ptd_err err = {0};
    bool only_show = false;
    int i = 1;
    for (; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--show") == 0) {
            only_show = true;
            continue;
        }
        if (strcmp(argv[i], "--python") == 0)
            wanted = value;
        else if (strcmp(argv[i], "--host") == 0)
            host = host_named(value);
        else if (strcmp(argv[i], "--start") == 0)
            start = value;
        else if (strcmp(argv[i], "--session") == 0)
            request.session_dir = value;
        else
            break;
        i++;
    }
    if (ptd_interpreter_find(wanted, start, host, &python, &err) < 0)
        return fail(&err);
    if (only_show) {
        show(&python);
        return 0;
    }
    request.pytest_args = (const char *const *)argv + i;
    request.pytest_count = (size_t)(argc - i);
    if (ptd_session_run(&request, &result, &err) < 0)
        return fail(&err);
    fprintf(stderr, "status=%d signal=%d\n", result.status, result.signal);
    return result.status;
}
