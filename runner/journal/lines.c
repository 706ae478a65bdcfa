#include "journal/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "contract/board.h"
#include "contract/journal.h"
#include "journal/frame.h"

#define MAX_FILE ((size_t)1 << 30)

struct reading {
    const struct ptd_lines_sink *sink;
    struct ptd_lines_found *found;
    char **paths; /* owned; by file id */
    size_t count, cap;
    struct ptd_err *err;
};

/* Owned; NULL and r->bad when it is cut off or holds a NUL. */
static char *read_string(struct ptd_reader *r)
{
    uint32_t len = ptd_reader_u32(r);
    const char *bytes = ptd_reader_bytes(r, len);
    if (bytes && !memchr(bytes, '\0', len))
        return ptd_xstrndup(bytes, len);
    r->bad = 1;
    return NULL;
}

static void read_fact(struct reading *g, struct ptd_reader *r)
{
    PTD_CLEANUP_FREE char *key = read_string(r);
    PTD_CLEANUP_FREE char *value = read_string(r);
    if (r->bad)
        return;
    bool none = strncmp(value, "none: ", 6) == 0;
    if (strcmp(key, "lines") == 0) {
        g->found->on = !none;
        snprintf(g->found->problem, sizeof(g->found->problem), "%s", none ? value + 6 : "");
    } else if (strcmp(key, "lines_lost") == 0) {
        snprintf(g->found->problem, sizeof(g->found->problem), "%s", value);
    }
}

static void read_file(struct reading *g, struct ptd_reader *r)
{
    uint32_t id = ptd_reader_u32(r);
    char *path = read_string(r);
    if (r->bad || id != g->count) {
        free(path);
        r->bad = 1;
        return;
    }
    g->paths = ptd_xgrow(g->paths, &g->cap, g->count + 1, sizeof(char *));
    g->paths[g->count++] = path;
}

static int read_lines(struct reading *g, struct ptd_reader *r)
{
    PTD_CLEANUP_FREE char *context = read_string(r);
    uint32_t count = ptd_reader_u32(r);
    if (r->bad)
        return 0;
    g->found->contexts++;
    if (g->sink->context(g->sink->arg, context, g->err) < 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ptd_reader_u32(r);
        uint32_t len = ptd_reader_u32(r);
        const unsigned char *bits = ptd_reader_bytes(r, len);
        if (!bits || id >= g->count) {
            r->bad = 1;
            return 0;
        }
        if (len && g->sink->lines(g->sink->arg, g->paths[id], bits, len, g->err) < 0)
            return -1;
    }
    return 0;
}

static int read_record(struct reading *g, uint32_t type, struct ptd_reader *r)
{
    if (type == PTD_J_FACT)
        read_fact(g, r);
    else if (type == PTD_J_FILE)
        read_file(g, r);
    else if (type == PTD_J_END)
        g->found->ended = true;
    else if (type == PTD_J_LINES)
        return read_lines(g, r);
    return 0;
}

static int read_all(struct reading *g, struct ptd_reader *in)
{
    struct ptd_reader payload;
    uint32_t type;
    int failed = 0;
    while (!failed && ptd_frame_next(in, &type, &payload)) {
        failed = read_record(g, type, &payload);
        in->bad |= payload.bad;
    }
    g->found->torn = in->bad;
    return failed;
}

int ptd_lines_read(const char *path, const struct ptd_lines_sink *sink,
                   struct ptd_lines_found *found, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf raw = PTD_BUF_INIT;
    struct reading reading = {.sink = sink, .found = found, .err = err};
    *found = (struct ptd_lines_found){0};
    if (ptd_buf_read_file(&raw, path, MAX_FILE, err) < 0)
        return -1;
    struct ptd_reader in = ptd_reader_init(raw.data, raw.len);
    if (raw.len >= 8 && memcmp(raw.data, PTD_CHILD_MAGIC, 8) == 0)
        return 0; /* processes that tests start note no lines */
    if (ptd_frame_start(&in) < 0)
        return ptd_err_set(err, PTD_E_IO, "%s: not a journal of this version", path);
    int failed = read_all(&reading, &in);
    for (size_t i = 0; i < reading.count; i++)
        free(reading.paths[i]);
    free(reading.paths);
    return failed;
}
