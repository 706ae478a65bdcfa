#include "cmd/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"

#define LARGEST ((off_t)4 << 20)

static const char *const names[] = {"off", "error", "warning", "info", "debug"};

/* One process, one log. It is opened by the first entry: then the directory is there. */
static char *path;
static int file = -1;
static enum ptd_log_level wanted = PTD_LOG_OFF;

static int read_level(enum ptd_log_level *out, struct ptd_err *err)
{
    const char *text = getenv("PYT_DIFF_LOG_LEVEL");
    *out = PTD_LOG_INFO;
    if (!text || !*text)
        return 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum ptd_log_level)i;
            return 0;
        }
    }
    return ptd_err_set(
        err, PTD_E_USAGE,
        "PYT_DIFF_LOG_LEVEL: expected off, error, warning, info or debug, got \"%s\"", text);
}

int ptd_log_open(const char *directory, struct ptd_err *err)
{
    if (read_level(&wanted, err) < 0)
        return -1;
    if (wanted != PTD_LOG_OFF)
        path = ptd_path_join(directory, PTD_LOG_FILE);
    return 0;
}

static bool open_file(void)
{
    struct stat st;
    if (file >= 0)
        return true;
    if (stat(path, &st) == 0 && st.st_size > LARGEST) {
        PTD_CLEANUP_FREE char *older = ptd_xasprintf("%s.1", path);
        rename(path, older); /* where that is not possible it only grows */
    }
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return file >= 0;
}

void ptd_log_close(void)
{
    if (file >= 0)
        close(file);
    file = -1;
    free(path);
    path = NULL;
}

bool ptd_log_wants(enum ptd_log_level level)
{
    return path && level <= wanted;
}

void ptd_log(enum ptd_log_level level, const char *fmt, ...)
{
    PTD_CLEANUP_BUF struct ptd_buf entry = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *text = NULL;
    char stamp[32] = "";
    struct timespec now;
    struct tm parts;
    va_list ap;
    if (!ptd_log_wants(level) || !open_file())
        return;
    va_start(ap, fmt);
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0) {
        text = NULL;
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &parts))
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    ptd_buf_addf(&entry, "%s.%03ldZ %ld %s %.*s\n", stamp, now.tv_nsec / 1000000, (long)getpid(),
                 names[level], len, text);
    /* A log that cannot be written is no reason to fail. */
    if (write(file, entry.data, entry.len) < 0)
        ptd_log_close();
}
