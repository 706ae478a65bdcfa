#include "program.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "files.h"
#include "launch.h"
#include "launch_rules.h"

/* Remembers what was told already, by hash; forgets when two meet. */
#define MEMORY 4096
static uint64_t told[MEMORY];
static bool is_python;

__attribute__((visibility("default"))) void ptd_files_set_sink(ptd_files_sink_fn sink);

static bool is_news(const char *path, uint32_t kind)
{
    uint64_t hash = 1469598103934665603u ^ ((uint64_t)ptd_board_epoch() << 8 | kind);
    for (const char *p = path; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    uint64_t *slot = &told[(hash ^ hash >> 32) % MEMORY];
    if (__atomic_load_n(slot, __ATOMIC_RELAXED) == hash)
        return false;
    __atomic_store_n(slot, hash, __ATOMIC_RELAXED);
    return true;
}

static void tell(const char *path, enum ptd_access access)
{
    struct ptd_sight sight;
    if (!is_news(path, access))
        return;
    ptd_sight_of(path, &sight);
    /* What it makes of a file's time or size is not known: as if it had read it. */
    if (access == PTD_ACCESS_STAT && sight.type == PTD_PATH_FILE)
        access = PTD_ACCESS_READ;
    ptd_board_touch(ptd_board.token, access, path, &sight);
}

static void tell_change(const char *path, enum ptd_file_event event)
{
    char above[PATH_MAX];
    size_t len = strlen(path);
    tell(path, PTD_ACCESS_WROTE);
    if (event != PTD_FILE_CREATE && event != PTD_FILE_REMOVE)
        return;
    memcpy(above, path, len + 1);
    *strrchr(above, '/') = '\0';
    if (above[0])
        tell(above, PTD_ACCESS_WROTE);
}

static void note(enum ptd_file_event event, const char *path, const void *caller)
{
    char real[PATH_MAX];
    int error = errno;
    (void)caller;
    path = ptd_rules_relevant(ptd_launch_rules(), path, real);
    /* Where Python looks for its first modules, the tracer tells their names. */
    if (path && is_python && event == PTD_FILE_LIST)
        path = NULL;
    if (path && event <= PTD_FILE_MISSING)
        tell(path, (enum ptd_access)event);
    else if (path)
        tell_change(path, event);
    errno = error;
}

bool ptd_program_start(bool python)
{
    char board[PATH_MAX];
    char *end;
    const char *value = getenv(PTD_ENV_CHILD);
    if (!value)
        return false;
    unsigned long token = strtoul(value, &end, 10);
    bool good = *end == ':' && strlen(end + 1) < sizeof board;
    if (good)
        strcpy(board, end + 1);
    unsetenv(PTD_ENV_CHILD);
    if (!good)
        return false;
    is_python = python;
    ptd_launch_attach(board, (uint32_t)token);
    if (!ptd_board_is_open())
        return false;
    ptd_board_here();
    ptd_files_set_sink(note);
    return true;
}
