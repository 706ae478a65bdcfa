#include "journal/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "journal/board.h"
#include "journal/frame.h"

/* Larger files are refused: the reader holds a journal in memory. */
#define MAX_FILE ((size_t)1 << 30)

static const char *read_string(struct ptd_journal *j, struct ptd_reader *r)
{
    uint32_t len = ptd_reader_u32(r);
    const char *bytes = ptd_reader_bytes(r, len);
    if (!bytes || memchr(bytes, '\0', len)) {
        r->bad = 1;
        return "";
    }
    j->strings = ptd_xgrow(j->strings, &j->string_cap, j->string_count + 1, sizeof(char *));
    char *copy = ptd_xmalloc((size_t)len + 1);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    j->strings[j->string_count++] = copy;
    return copy;
}

/* A defined id, the next of its kind: anything else is damage. */
static void expect_id(struct ptd_reader *r, size_t next)
{
    if (ptd_reader_u32(r) != next)
        r->bad = 1;
}

/* Reads a list of ids, in groups of `width`; the first of each group must be below `limit`. */
static void read_ids(struct ptd_reader *r, struct ptd_u32s *out, size_t limit, size_t width)
{
    size_t count = ptd_reader_u32(r);
    if (r->bad || count % width || (size_t)(r->end - r->pos) / 4 < count) {
        r->bad = 1;
        return;
    }
    out->items = ptd_xgrow(out->items, &out->cap, out->count + count, sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        uint32_t value = ptd_reader_u32(r);
        if (i % width == 0 && value >= limit)
            r->bad = 1;
        out->items[out->count + i] = value;
    }
    if (!r->bad)
        out->count += count;
}

static void read_fact(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_fact fact;
    fact.key = read_string(j, r);
    fact.value = read_string(j, r);
    if (r->bad)
        return;
    j->facts = ptd_xgrow(j->facts, &j->fact_cap, j->fact_count + 1, sizeof(fact));
    j->facts[j->fact_count++] = fact;
}

static void read_file(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_file file;
    expect_id(r, j->file_count);
    file.path = read_string(j, r);
    file.size = ptd_reader_u64(r);
    file.mtime_ns = ptd_reader_u64(r);
    file.ino = ptd_reader_u64(r);
    if (r->bad)
        return;
    j->files = ptd_xgrow(j->files, &j->file_cap, j->file_count + 1, sizeof(file));
    j->files[j->file_count++] = file;
}

static void read_code(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_code code;
    expect_id(r, j->code_count);
    code.file = ptd_reader_u32(r);
    code.line = ptd_reader_u32(r);
    code.name = read_string(j, r);
    if (code.file >= j->file_count)
        r->bad = 1;
    if (r->bad)
        return;
    j->codes = ptd_xgrow(j->codes, &j->code_cap, j->code_count + 1, sizeof(code));
    j->codes[j->code_count++] = code;
}

static void read_name(struct ptd_journal *j, struct ptd_reader *r)
{
    expect_id(r, j->name_count);
    const char *name = read_string(j, r);
    if (r->bad)
        return;
    j->names = ptd_xgrow(j->names, &j->name_cap, j->name_count + 1, sizeof(char *));
    j->names[j->name_count++] = name;
}

static void read_path(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_path path;
    expect_id(r, j->path_count);
    path.path = read_string(j, r);
    uint32_t type = ptd_reader_u32(r);
    path.type = (enum ptd_path_type)type;
    path.size = ptd_reader_u64(r);
    path.mtime_ns = ptd_reader_u64(r);
    path.ino = ptd_reader_u64(r);
    if (path.path[0] != '/' || type > PTD_PATH_OTHER)
        r->bad = 1;
    if (r->bad)
        return;
    j->paths = ptd_xgrow(j->paths, &j->path_cap, j->path_count + 1, sizeof(path));
    j->paths[j->path_count++] = path;
}

static void read_access(struct ptd_journal *j, struct ptd_reader *r)
{
    uint32_t id = ptd_reader_u32(r);
    size_t count = ptd_reader_u32(r);
    if (r->bad || id >= j->scope_count || (size_t)(r->end - r->pos) / 8 < count) {
        r->bad = 1;
        return;
    }
    struct ptd_u32s *out = &j->scopes[id].accesses;
    out->items = ptd_xgrow(out->items, &out->cap, out->count + count * 2, sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        uint32_t kind = ptd_reader_u32(r), path = ptd_reader_u32(r);
        if (kind > PTD_ACCESS_WROTE || path >= j->path_count)
            r->bad = 1;
        out->items[out->count + i * 2] = kind;
        out->items[out->count + i * 2 + 1] = path;
    }
    if (!r->bad)
        out->count += count * 2;
}

static void read_scope(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_scope scope = {0};
    expect_id(r, j->scope_count);
    uint32_t kind = ptd_reader_u32(r);
    scope.kind = (enum ptd_scope_kind)kind;
    scope.file = ptd_reader_u32(r);
    scope.label = read_string(j, r);
    if (kind > PTD_SCOPE_ONCE || (scope.file != PTD_J_NO_FILE && scope.file >= j->file_count))
        r->bad = 1;
    if (r->bad)
        return;
    j->scopes = ptd_xgrow(j->scopes, &j->scope_cap, j->scope_count + 1, sizeof(scope));
    j->scopes[j->scope_count++] = scope;
}

static void read_delta(struct ptd_journal *j, struct ptd_reader *r)
{
    uint32_t id = ptd_reader_u32(r);
    uint32_t flags = ptd_reader_u32(r);
    if (r->bad || id >= j->scope_count) {
        r->bad = 1;
        return;
    }
    struct ptd_journal_scope *scope = &j->scopes[id];
    scope->flags |= flags;
    read_ids(r, &scope->codes, j->code_count, 1);
    read_ids(r, &scope->uses, j->scope_count, 1);
    read_ids(r, &scope->imports, j->file_count, 1);
    read_ids(r, &scope->names, j->name_count, 1);
    read_ids(r, &scope->pairs, j->code_count, 2);
}

static void read_collect(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_collect c = {0};
    c.scope = ptd_reader_u32(r);
    c.outcome = ptd_reader_u32(r);
    c.flags = ptd_reader_u32(r);
    c.path = read_string(j, r);
    size_t count = ptd_reader_u32(r);
    if (r->bad || (c.scope != PTD_J_NO_SCOPE && c.scope >= j->scope_count) ||
        (size_t)(r->end - r->pos) / 4 < count) {
        r->bad = 1;
        return;
    }
    c.tests = ptd_xcalloc(count, sizeof(char *));
    for (size_t i = 0; i < count && !r->bad; i++)
        c.tests[c.count++] = read_string(j, r);
    if (r->bad) {
        free(c.tests);
        return;
    }
    j->collects = ptd_xgrow(j->collects, &j->collect_cap, j->collect_count + 1, sizeof(c));
    j->collects[j->collect_count++] = c;
}

/* The latest begin of a test that has ended now; a test may run more than once. */
static void drop_started(struct ptd_journal *j, const char *nodeid)
{
    size_t at = j->started_count;
    while (at > 0 && strcmp(j->started[at - 1], nodeid) != 0)
        at--;
    if (at == 0)
        return;
    j->started_count--;
    memmove(j->started + at - 1, j->started + at,
            (j->started_count - (at - 1)) * sizeof(*j->started));
}

static void read_test(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_test t;
    t.scope = ptd_reader_u32(r);
    t.outcome = ptd_reader_u32(r);
    t.flags = ptd_reader_u32(r);
    t.duration_us = ptd_reader_u64(r);
    t.collect = ptd_reader_u32(r);
    t.nodeid = read_string(j, r);
    t.path = read_string(j, r);
    if (t.scope >= j->scope_count || (t.collect != PTD_J_NO_SCOPE && t.collect >= j->scope_count))
        r->bad = 1;
    if (r->bad)
        return;
    j->tests = ptd_xgrow(j->tests, &j->test_cap, j->test_count + 1, sizeof(t));
    j->tests[j->test_count++] = t;
    drop_started(j, t.nodeid);
}

static void read_start(struct ptd_journal *j, struct ptd_reader *r)
{
    const char *nodeid = read_string(j, r);
    if (r->bad)
        return;
    j->started = ptd_xgrow(j->started, &j->started_cap, j->started_count + 1, sizeof(char *));
    j->started[j->started_count++] = nodeid;
}

static void read_window(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_window w;
    w.scope = ptd_reader_u32(r);
    w.since = ptd_reader_u32(r);
    w.until = ptd_reader_u32(r);
    if (w.scope >= j->scope_count)
        r->bad = 1;
    if (r->bad)
        return;
    j->windows = ptd_xgrow(j->windows, &j->window_cap, j->window_count + 1, sizeof(w));
    j->windows[j->window_count++] = w;
}

static void read_follow(struct ptd_journal *j, struct ptd_reader *r)
{
    struct ptd_journal_follow f;
    f.scope = ptd_reader_u32(r);
    f.token = ptd_reader_u32(r);
    f.epoch = ptd_reader_u32(r);
    if (f.scope >= j->scope_count)
        r->bad = 1;
    if (r->bad)
        return;
    j->follows = ptd_xgrow(j->follows, &j->follow_cap, j->follow_count + 1, sizeof(f));
    j->follows[j->follow_count++] = f;
}

/* Empty entries for what the parent's journal defines. */
#define MOST_INHERITED (64u << 20)
#define INHERIT(list, number, capacity, count)                                                     \
    do {                                                                                           \
        (list) = ptd_xgrow((list), &(capacity), (count) + 1, sizeof(*(list)));                     \
        memset((list), 0, (count) * sizeof(*(list)));                                              \
        (number) = (count);                                                                        \
    } while (0)

static void read_fork(struct ptd_journal *j, struct ptd_reader *r)
{
    const char *name = read_string(j, r);
    j->base_files = ptd_reader_u32(r);
    j->base_codes = ptd_reader_u32(r);
    j->base_names = ptd_reader_u32(r);
    j->base_scopes = ptd_reader_u32(r);
    if (j->file_count || j->code_count || j->name_count || j->scope_count || !j->child ||
        j->base_files > MOST_INHERITED || j->base_codes > MOST_INHERITED ||
        j->base_names > MOST_INHERITED || j->base_scopes > MOST_INHERITED)
        r->bad = 1;
    if (r->bad)
        return;
    j->forked_from = name;
    INHERIT(j->files, j->file_count, j->file_cap, j->base_files);
    INHERIT(j->codes, j->code_count, j->code_cap, j->base_codes);
    INHERIT(j->names, j->name_count, j->name_cap, j->base_names);
    INHERIT(j->scopes, j->scope_count, j->scope_cap, j->base_scopes);
}

static bool read_record(struct ptd_journal *j, uint32_t type, struct ptd_reader *r)
{
    switch (type) {
    case PTD_J_FACT:
        read_fact(j, r);
        break;
    case PTD_J_FILE:
        read_file(j, r);
        break;
    case PTD_J_CODE:
        read_code(j, r);
        break;
    case PTD_J_NAME:
        read_name(j, r);
        break;
    case PTD_J_SCOPE:
        read_scope(j, r);
        break;
    case PTD_J_DELTA:
        read_delta(j, r);
        break;
    case PTD_J_COLLECT:
        read_collect(j, r);
        break;
    case PTD_J_TEST:
        read_test(j, r);
        break;
    case PTD_J_START:
        read_start(j, r);
        break;
    case PTD_J_END:
        j->status = ptd_reader_u32(r);
        j->ended = !r->bad;
        break;
    case PTD_J_PATH:
        read_path(j, r);
        break;
    case PTD_J_ACCESS:
        read_access(j, r);
        break;
    case PTD_J_LINES: /* journal/lines.h reads them */
        break;
    case PTD_J_WINDOW:
        read_window(j, r);
        break;
    case PTD_J_FORK:
        read_fork(j, r);
        break;
    case PTD_J_FOLLOW:
        read_follow(j, r);
        break;
    default:
        r->bad = 1;
    }
    return !r->bad;
}

static bool take_child_record(uint32_t type, struct ptd_reader *r, void *arg)
{
    struct ptd_journal *j = arg;
    if (!read_record(j, type, r))
        j->damaged = true;
    return true;
}

static int parse(struct ptd_journal *j, struct ptd_err *err)
{
    struct ptd_reader in = ptd_reader_init(j->raw.data, j->raw.len);
    if (j->raw.len >= 8 && memcmp(j->raw.data, PTD_CHILD_MAGIC, 8) == 0) {
        j->child = true;
        int result = ptd_log_records(&j->raw, PTD_CHILD_MAGIC, take_child_record, j, err);
        ptd_buf_release(&j->raw);
        return result;
    }
    struct ptd_reader payload;
    uint32_t type;
    if (ptd_frame_start(&in) < 0)
        return ptd_err_set(err, PTD_E_IO, "not a journal of this version");
    while (ptd_frame_next(&in, &type, &payload))
        in.bad |= !read_record(j, type, &payload);
    j->torn = in.bad;
    /* Nothing points into the bytes: strings and lists are copies. */
    ptd_buf_release(&j->raw);
    return 0;
}

int ptd_journal_parse(const void *data, size_t len, struct ptd_journal *out, struct ptd_err *err)
{
    *out = (struct ptd_journal){0};
    ptd_buf_add(&out->raw, data, len);
    if (parse(out, err) == 0)
        return 0;
    ptd_journal_release(out);
    return -1;
}

int ptd_journal_read(const char *path, struct ptd_journal *out, struct ptd_err *err)
{
    *out = (struct ptd_journal){0};
    if (ptd_buf_read_file(&out->raw, path, MAX_FILE, err) == 0) {
        if (parse(out, err) == 0) {
            out->name = ptd_xstrdup(ptd_path_basename(path));
            return 0;
        }
        ptd_err_wrap(err, "%s", path);
    }
    ptd_journal_release(out);
    return -1;
}

void ptd_journal_release(struct ptd_journal *j)
{
    for (size_t i = 0; i < j->scope_count; i++) {
        free(j->scopes[i].codes.items);
        free(j->scopes[i].uses.items);
        free(j->scopes[i].imports.items);
        free(j->scopes[i].names.items);
        free(j->scopes[i].pairs.items);
        free(j->scopes[i].accesses.items);
    }
    for (size_t i = 0; i < j->collect_count; i++)
        free(j->collects[i].tests);
    for (size_t i = 0; i < j->string_count; i++)
        free(j->strings[i]);
    free(j->name);
    free(j->facts);
    free(j->files);
    free(j->codes);
    free(j->names);
    free(j->paths);
    free(j->scopes);
    free(j->collects);
    free(j->tests);
    free(j->started);
    free(j->windows);
    free(j->follows);
    free(j->strings);
    ptd_buf_release(&j->raw);
    *j = (struct ptd_journal){0};
}

const char *ptd_journal_fact_get(const struct ptd_journal *j, const char *key,
                                 const char *otherwise)
{
    for (size_t i = 0; i < j->fact_count; i++)
        if (strcmp(j->facts[i].key, key) == 0)
            return j->facts[i].value;
    return otherwise;
}
