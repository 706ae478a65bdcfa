/*
 * The readers of a journal and of its digest on any bytes. Odd sizes are taken as they are; even
 * ones as payloads that are sealed with the right length and checksum first, so that the records
 * themselves are reached: each is a type, a length and that many bytes. With -DPTD_FUZZ_MAIN it is
 * a program of its own that replays the files named.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crc32.h"
#include "journal/digest.h"
#include "journal/journal.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check_ids(const struct ptd_u32s *ids, size_t limit, size_t width)
{
    require(ids->count % width == 0);
    for (size_t i = 0; i < ids->count; i += width)
        require(ids->items[i] < limit);
}

/* What the rest of the engine relies on. */
static void check(const struct ptd_journal *j)
{
    for (size_t i = 0; i < j->code_count; i++)
        require(j->codes[i].file < j->file_count && j->codes[i].name);
    for (size_t i = 0; i < j->scope_count; i++) {
        const struct ptd_journal_scope *s = &j->scopes[i];
        require(s->kind <= PTD_SCOPE_ONCE);
        require(s->file == PTD_J_NO_FILE || s->file < j->file_count);
        check_ids(&s->codes, j->code_count, 1);
        check_ids(&s->uses, j->scope_count, 1);
        check_ids(&s->imports, j->file_count, 1);
        check_ids(&s->names, j->name_count, 1);
        check_ids(&s->pairs, j->code_count, 2);
    }
    for (size_t i = 0; i < j->collect_count; i++) {
        const struct ptd_journal_collect *c = &j->collects[i];
        require(c->scope == PTD_J_NO_SCOPE || c->scope < j->scope_count);
        for (size_t k = 0; k < c->count; k++)
            require(c->tests[k] != NULL);
    }
    for (size_t i = 0; i < j->test_count; i++) {
        const struct ptd_journal_test *t = &j->tests[i];
        require(t->scope < j->scope_count && t->nodeid);
        require(t->collect == PTD_J_NO_SCOPE || t->collect < j->scope_count);
    }
    for (size_t i = 0; i < j->started_count; i++)
        require(j->started[i] != NULL);
    require(strcmp(ptd_journal_fact_get(j, "no such fact\n", "x"), "x") == 0);
}

/* What was read from a digest is written like that again. */
static void run_digest(const void *data, size_t size)
{
    PTD_CLEANUP_BUF struct ptd_buf once = PTD_BUF_INIT, twice = PTD_BUF_INIT;
    struct ptd_journal journal;
    struct ptd_reader r = ptd_reader_init(data, size);
    if (ptd_journal_from_digest(&r, &journal) < 0)
        return;
    check(&journal);
    ptd_journal_digest(&journal, &once);
    ptd_journal_release(&journal);
    r = ptd_reader_init(once.data, once.len);
    require(ptd_journal_from_digest(&r, &journal) == 0 && r.pos == r.end);
    ptd_journal_digest(&journal, &twice);
    ptd_journal_release(&journal);
    require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
}

static void run(const void *data, size_t size)
{
    struct ptd_journal journal;
    run_digest(data, size);
    if (ptd_journal_parse(data, size, &journal, NULL) < 0)
        return;
    check(&journal);
    PTD_CLEANUP_BUF struct ptd_buf digest = PTD_BUF_INIT;
    ptd_journal_digest(&journal, &digest);
    ptd_journal_release(&journal);
    struct ptd_reader r = ptd_reader_init(digest.data, digest.len);
    require(ptd_journal_from_digest(&r, &journal) == 0);
    ptd_journal_release(&journal);
}

static void add_u32(struct ptd_buf *out, uint32_t value)
{
    unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                              (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
    ptd_buf_add(out, bytes, sizeof(bytes));
}

static void run_sealed(const unsigned char *data, size_t size)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    ptd_buf_adds(&out, PTD_JOURNAL_MAGIC);
    while (size >= 2) {
        size_t start = out.len;
        uint32_t type = data[0] % 11, len = data[1];
        data += 2;
        size -= 2;
        len = len < size ? len : (uint32_t)size;
        add_u32(&out, len);
        add_u32(&out, type);
        ptd_buf_add(&out, data, len);
        add_u32(&out, ptd_crc32(out.data + start, out.len - start));
        data += len;
        size -= len;
    }
    run(out.data, out.len);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size % 2)
        run(data, size);
    else
        run_sealed(data, size);
    return 0;
}

#ifdef PTD_FUZZ_MAIN
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct ptd_err err;
        PTD_CLEANUP_BUF struct ptd_buf file = PTD_BUF_INIT;
        if (ptd_buf_read_file(&file, argv[i], (size_t)1 << 30, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
        LLVMFuzzerTestOneInput((const unsigned char *)file.data, file.len);
    }
    return 0;
}
#endif
