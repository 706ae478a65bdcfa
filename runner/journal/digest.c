#include "journal/digest.h"

#include <string.h>

#include "base/mem.h"

/* Ids that stand for none are written as 0, others one higher. */
static uint64_t optional(uint32_t id)
{
    return id == PTD_J_NO_FILE ? 0 : (uint64_t)id + 1;
}
_Static_assert(PTD_J_NO_FILE == PTD_J_NO_SCOPE, "one value stands for no id");

static void add_string(struct ptd_buf *out, const char *text)
{
    ptd_buf_add(out, text, strlen(text) + 1);
}

static void add_list(struct ptd_buf *out, const struct ptd_u32s *list)
{
    ptd_buf_add_varint(out, list->count);
    for (size_t i = 0; i < list->count; i++)
        ptd_buf_add_varint(out, list->items[i]);
}

static void add_scope(struct ptd_buf *out, const struct ptd_journal_scope *s)
{
    ptd_buf_add_varint(out, (uint64_t)s->kind);
    ptd_buf_add_varint(out, optional(s->file));
    add_string(out, s->label ? s->label : "");
    add_list(out, &s->codes);
    add_list(out, &s->pairs);
    add_list(out, &s->uses);
    add_list(out, &s->imports);
}

void ptd_journal_digest(const struct ptd_journal *j, struct ptd_buf *out)
{
    ptd_buf_add_varint(out, j->file_count);
    for (size_t i = 0; i < j->file_count; i++)
        add_string(out, j->files[i].path ? j->files[i].path : "");
    ptd_buf_add_varint(out, j->code_count);
    for (size_t i = 0; i < j->code_count; i++) {
        ptd_buf_add_varint(out, j->codes[i].file);
        ptd_buf_add_varint(out, j->codes[i].line);
        add_string(out, j->codes[i].name ? j->codes[i].name : "");
    }
    ptd_buf_add_varint(out, j->scope_count);
    for (size_t i = 0; i < j->scope_count; i++)
        add_scope(out, &j->scopes[i]);
    ptd_buf_add_varint(out, j->collect_count);
    for (size_t i = 0; i < j->collect_count; i++) {
        ptd_buf_add_varint(out, optional(j->collects[i].scope));
        ptd_buf_add_varint(out, j->collects[i].flags);
        add_string(out, j->collects[i].path);
    }
    ptd_buf_add_varint(out, j->test_count);
    for (size_t i = 0; i < j->test_count; i++) {
        ptd_buf_add_varint(out, j->tests[i].scope);
        ptd_buf_add_varint(out, optional(j->tests[i].collect));
        add_string(out, j->tests[i].nodeid);
    }
}

/* ---- reading ---- */

/* How many there are of something that takes at least this many bytes; 0 when it cannot be. */
static size_t read_count(struct ptd_reader *r, size_t least)
{
    uint64_t count = ptd_reader_varint(r);
    if (r->bad || count > (size_t)(r->end - r->pos) / least)
        r->bad = 1;
    return r->bad ? 0 : (size_t)count;
}

static const char *read_string(struct ptd_reader *r)
{
    const unsigned char *end = memchr(r->pos, 0, (size_t)(r->end - r->pos));
    if (r->bad || !end) {
        r->bad = 1;
        return "";
    }
    const char *text = (const char *)r->pos;
    r->pos = end + 1;
    return text;
}

static uint32_t read_id(struct ptd_reader *r, size_t count)
{
    uint64_t id = ptd_reader_varint(r);
    if (id >= count)
        r->bad = 1;
    return r->bad ? 0 : (uint32_t)id;
}

static uint32_t read_number(struct ptd_reader *r)
{
    uint64_t number = ptd_reader_varint(r);
    if (number > UINT32_MAX)
        r->bad = 1;
    return r->bad ? 0 : (uint32_t)number;
}

static uint32_t read_optional(struct ptd_reader *r, size_t count)
{
    uint64_t id = ptd_reader_varint(r);
    if (id > count)
        r->bad = 1;
    return r->bad || !id ? PTD_J_NO_FILE : (uint32_t)(id - 1);
}

/* Ids below `count`, each `step` numbers apart; what is between them can be anything. */
static void read_list(struct ptd_reader *r, struct ptd_u32s *out, size_t count, size_t step)
{
    size_t n = read_count(r, 1);
    out->items = ptd_xcalloc(n + step, sizeof(uint32_t));
    out->cap = n + step;
    for (size_t i = 0; i < n && !r->bad; i++)
        out->items[out->count++] = i % step ? read_number(r) : read_id(r, count);
    if (n % step)
        r->bad = 1;
}

static void read_scope(struct ptd_reader *r, const struct ptd_journal *j,
                       struct ptd_journal_scope *s)
{
    uint64_t kind = ptd_reader_varint(r);
    if (kind > PTD_SCOPE_ONCE)
        r->bad = 1;
    s->kind = (enum ptd_scope_kind)kind;
    s->file = read_optional(r, j->file_count);
    s->label = read_string(r);
    read_list(r, &s->codes, j->code_count, 1);
    read_list(r, &s->pairs, j->code_count, 2);
    read_list(r, &s->uses, j->scope_count, 1);
    read_list(r, &s->imports, j->file_count, 1);
}

static void read_scopes(struct ptd_reader *r, struct ptd_journal *j)
{
    j->scope_count = read_count(r, 7);
    j->scopes = ptd_xcalloc(j->scope_count + 1, sizeof(*j->scopes));
    for (size_t i = 0; i < j->scope_count && !r->bad; i++)
        read_scope(r, j, &j->scopes[i]);
}

static void read_tests(struct ptd_reader *r, struct ptd_journal *j)
{
    j->collect_count = read_count(r, 3);
    j->collects = ptd_xcalloc(j->collect_count + 1, sizeof(*j->collects));
    for (size_t i = 0; i < j->collect_count && !r->bad; i++) {
        j->collects[i].scope = read_optional(r, j->scope_count);
        j->collects[i].flags = read_number(r);
        j->collects[i].path = read_string(r);
    }
    j->test_count = read_count(r, 3);
    j->tests = ptd_xcalloc(j->test_count + 1, sizeof(*j->tests));
    for (size_t i = 0; i < j->test_count && !r->bad; i++) {
        j->tests[i].scope = read_id(r, j->scope_count);
        j->tests[i].collect = read_optional(r, j->scope_count);
        j->tests[i].nodeid = read_string(r);
    }
}

int ptd_journal_from_digest(struct ptd_reader *r, struct ptd_journal *j)
{
    *j = (struct ptd_journal){0};
    j->file_count = read_count(r, 1);
    j->files = ptd_xcalloc(j->file_count + 1, sizeof(*j->files));
    for (size_t i = 0; i < j->file_count && !r->bad; i++)
        j->files[i].path = read_string(r);
    j->code_count = read_count(r, 3);
    j->codes = ptd_xcalloc(j->code_count + 1, sizeof(*j->codes));
    for (size_t i = 0; i < j->code_count && !r->bad; i++) {
        j->codes[i].file = read_id(r, j->file_count);
        j->codes[i].line = read_number(r);
        j->codes[i].name = read_string(r);
    }
    read_scopes(r, j);
    read_tests(r, j);
    if (!r->bad)
        return 0;
    ptd_journal_release(j);
    return -1;
}
