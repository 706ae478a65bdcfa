#include "journal/board.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/mem.h"

#define MAX_FILE ((size_t)PTD_LOG_CHUNK * PTD_LOG_CHUNKS)

/* The length of the whole record at `at`, 0 when there is none. */
static size_t record_at(const unsigned char *data, size_t at, size_t end)
{
    uint32_t len, crc;
    struct ptd_reader r = ptd_reader_init(data + at, end - at);
    len = ptd_reader_u32(&r);
    ptd_reader_u32(&r);
    if (r.bad || len == 0 || len > PTD_LOG_CHUNK || !ptd_reader_bytes(&r, len))
        return 0;
    crc = ptd_reader_u32(&r);
    if (r.bad || ptd_crc32(data + at, 8 + (size_t)len) != crc)
        return 0;
    return (12 + (size_t)len + 3) & ~(size_t)3;
}

int ptd_log_records(const struct ptd_buf *raw, const char *magic,
                    bool (*take)(uint32_t type, struct ptd_reader *payload, void *arg), void *arg,
                    struct ptd_err *err)
{
    struct ptd_log_header header;
    const unsigned char *data = (const unsigned char *)raw->data;
    size_t head = offsetof(struct ptd_log_header, text);
    if (raw->len < PTD_LOG_HEADER || memcmp(data, magic, 8) != 0)
        return ptd_err_set(err, PTD_E_IO, "not a log of this version");
    memcpy(&header, data, head);
    size_t end = header.used < raw->len ? (size_t)header.used : raw->len;
    for (size_t at = PTD_LOG_HEADER; at + 12 <= end;) {
        size_t len = record_at(data, at, end);
        if (!len) {
            at += 4;
            continue;
        }
        struct ptd_reader r = ptd_reader_init(data + at, len);
        uint32_t payload = ptd_reader_u32(&r), type = ptd_reader_u32(&r);
        r = ptd_reader_init(data + at + 8, payload);
        if (!take(type, &r, arg))
            break;
        at += len;
    }
    return 0;
}

static const char *read_string(struct ptd_board_log *b, struct ptd_reader *r)
{
    uint32_t len = ptd_reader_u32(r);
    const char *bytes = ptd_reader_bytes(r, len);
    if (!bytes || memchr(bytes, '\0', len)) {
        r->bad = 1;
        return "";
    }
    b->strings = ptd_xgrow(b->strings, &b->string_cap, b->string_count + 1, sizeof(char *));
    return b->strings[b->string_count++] = ptd_xstrndup(bytes, len);
}

static void read_start(struct ptd_board_log *b, struct ptd_reader *r)
{
    struct ptd_board_start s = {0};
    s.token = ptd_reader_u32(r);
    s.parent = ptd_reader_u32(r);
    s.epoch = ptd_reader_u32(r);
    s.flags = ptd_reader_u32(r);
    s.program = read_string(b, r);
    if (r->bad)
        return;
    b->starts = ptd_xgrow(b->starts, &b->start_cap, b->start_count + 1, sizeof(s));
    b->starts[b->start_count++] = s;
}

/* Starts come nearly in the order of their tokens, and their fate soon after. */
static struct ptd_board_start *find_start(struct ptd_board_log *b, uint32_t token)
{
    for (size_t i = b->start_count; i-- > 0;)
        if (b->starts[i].token == token)
            return &b->starts[i];
    return NULL;
}

static void read_touch(struct ptd_board_log *b, struct ptd_reader *r)
{
    struct ptd_board_touch t;
    t.token = ptd_reader_u32(r);
    t.epoch = ptd_reader_u32(r);
    t.access = ptd_reader_u32(r);
    t.path = read_string(b, r);
    t.type = ptd_reader_u32(r);
    t.size = ptd_reader_u64(r);
    t.mtime_ns = ptd_reader_u64(r);
    t.ino = ptd_reader_u64(r);
    if (t.path[0] != '/' || t.type > PTD_PATH_OTHER || t.access > PTD_ACCESS_WROTE)
        r->bad = 1;
    if (r->bad)
        return;
    b->touches = ptd_xgrow(b->touches, &b->touch_cap, b->touch_count + 1, sizeof(t));
    b->touches[b->touch_count++] = t;
}

static bool take(uint32_t type, struct ptd_reader *r, void *arg)
{
    struct ptd_board_log *b = arg;
    struct ptd_board_start *start;
    switch (type) {
    case PTD_B_START:
        read_start(b, r);
        break;
    case PTD_B_FAILED:
    case PTD_B_HERE:
        start = find_start(b, ptd_reader_u32(r));
        if (start && type == PTD_B_FAILED)
            start->failed = true;
        else if (start)
            start->here = true;
        break;
    case PTD_B_TOUCH:
        read_touch(b, r);
        break;
    default:
        r->bad = 1;
    }
    b->lost = b->lost || r->bad;
    return true;
}

int ptd_board_read(const char *path, struct ptd_board_log *out, struct ptd_err *err)
{
    struct ptd_log_header header;
    PTD_CLEANUP_BUF struct ptd_buf raw = PTD_BUF_INIT;
    *out = (struct ptd_board_log){0};
    if (ptd_buf_read_file(&raw, path, MAX_FILE, err) < 0)
        return -1;
    if (ptd_log_records(&raw, PTD_BOARD_MAGIC, take, out, err) < 0) {
        ptd_board_release(out);
        return ptd_err_wrap(err, "%s", path);
    }
    memcpy(&header, raw.data, offsetof(struct ptd_log_header, text));
    out->lost = out->lost || header.lost;
    return 0;
}

void ptd_board_release(struct ptd_board_log *board)
{
    for (size_t i = 0; i < board->string_count; i++)
        free(board->strings[i]);
    free(board->strings);
    free(board->starts);
    free(board->touches);
    *board = (struct ptd_board_log){0};
}
