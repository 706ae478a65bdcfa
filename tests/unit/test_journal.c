#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "journal/digest.h"
#include "journal/journal.h"
#include "journal_builder.h"

/* One of everything; ends after J_END. */
static void build(struct journal_builder *b)
{
    jb_start(b);
    jb_fact(b, "role", "main");
    jb_fact(b, "path", "/p");
    jb_fact(b, "path", "/p/src");
    uint32_t file = jb_file(b, "/p/a.py", 10, 20, 30);
    jb_file(b, "/p/gone.py", 0, 0, 0);
    uint32_t code = jb_code(b, file, 3, "f");
    uint32_t name = jb_name(b, "pkg.sub");
    uint32_t session = jb_scope(b, PTD_SCOPE_SESSION, PTD_J_NO_FILE, "session");
    uint32_t module = jb_scope(b, PTD_SCOPE_MODULE, file, "a");
    uint32_t test = jb_scope(b, PTD_SCOPE_TEST, file, "a.py::test_f");
    jb_delta(b, module, 0, (struct jb_delta){.pairs = JB_IDS(code, 77), .imports = JB_IDS(1)});
    jb_collect(b, session, PTD_OUTCOME_PASSED, 0, "/p/a.py",
               (const char *const[]){"a.py::test_f", "a.py::test_g", NULL});
    jb_begin_test(b, "a.py::test_f");
    jb_delta(b, test, 0, (struct jb_delta){.codes = JB_IDS(code), .names = JB_IDS(name)});
    jb_delta(b, test, PTD_SCOPE_INCOMPLETE,
             (struct jb_delta){.codes = JB_IDS(code), .uses = JB_IDS(session, module)});
    jb_test(b, test, PTD_OUTCOME_FAILED, 0, 5000000000u, session, "a.py::test_f", "/p/a.py");
    jb_begin_test(b, "a.py::test_g");
    jb_finish(b, 1);
}

static void parse(const struct ptd_buf *bytes, struct ptd_journal *out)
{
    struct ptd_err err = {0};
    /* In a block of its own size, so that a read behind the end is seen. */
    char *copy = ptd_xmalloc(bytes->len);
    memcpy(copy, bytes->data, bytes->len);
    if (ptd_journal_parse(copy, bytes->len, out, &err) != 0)
        fail_msg("%s", err.msg);
    free(copy);
}

static void reads_everything(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal j;
    build(&b);
    parse(&b.out, &j);
    assert_false(j.torn);
    assert_true(j.ended);
    assert_int_equal(j.status, 1);
    assert_int_equal(j.fact_count, 3);
    assert_string_equal(ptd_journal_fact_get(&j, "path", ""), "/p");
    assert_string_equal(ptd_journal_fact_get(&j, "nothing", "else"), "else");
    assert_int_equal(j.file_count, 2);
    assert_string_equal(j.files[0].path, "/p/a.py");
    assert_int_equal(j.files[0].size, 10);
    assert_int_equal(j.files[0].mtime_ns, 20);
    assert_int_equal(j.files[0].ino, 30);
    assert_int_equal(j.codes[0].line, 3);
    assert_string_equal(j.codes[0].name, "f");
    assert_string_equal(j.names[0], "pkg.sub");
    assert_int_equal(j.scope_count, 3);
    assert_int_equal(j.scopes[0].file, PTD_J_NO_FILE);
    assert_int_equal(j.scopes[1].pairs.count, 2);
    assert_int_equal(j.scopes[1].pairs.items[1], 77);
    assert_int_equal(j.scopes[2].codes.count, 2);
    assert_int_equal(j.scopes[2].uses.items[1], 1);
    assert_int_equal(j.scopes[2].flags, PTD_SCOPE_INCOMPLETE);
    assert_int_equal(j.collects[0].count, 2);
    assert_string_equal(j.collects[0].tests[1], "a.py::test_g");
    assert_int_equal(j.test_count, 1);
    assert_int_equal(j.tests[0].duration_us, 5000000000u);
    assert_int_equal(j.tests[0].outcome, PTD_OUTCOME_FAILED);
    assert_int_equal(j.started_count, 1);
    assert_string_equal(j.started[0], "a.py::test_g");
    ptd_journal_release(&j);
    jb_release(&b);
}

static void any_cut_is_survived(void **state)
{
    (void)state;
    struct journal_builder b;
    build(&b);
    size_t tests_seen = 0;
    for (size_t len = 8; len < b.out.len; len++) {
        struct ptd_buf cut = {b.out.data, len, len};
        struct ptd_journal j;
        parse(&cut, &j);
        assert_false(j.ended);
        assert_true(j.test_count >= tests_seen);
        tests_seen = j.test_count;
        if (j.test_count)
            assert_int_equal(j.scopes[2].codes.count, 2);
        ptd_journal_release(&j);
    }
    assert_int_equal(tests_seen, 1);
    jb_release(&b);
}

static void any_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct journal_builder b;
    build(&b);
    for (size_t at = 8; at < b.out.len; at++) {
        struct ptd_journal j;
        b.out.data[at] ^= 0x10;
        parse(&b.out, &j);
        assert_true(j.torn);
        assert_false(j.ended);
        ptd_journal_release(&j);
        b.out.data[at] ^= 0x10;
    }
    jb_release(&b);
}

static void refuses_what_is_no_journal(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "PTDJRNL", "PTDJRNL2", "#!/bin/sh\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ptd_err err = {0};
        struct ptd_journal j;
        assert_int_equal(ptd_journal_parse(texts[i], strlen(texts[i]), &j, &err), -1);
        assert_int_equal(err.code, PTD_E_IO);
    }
    struct ptd_err err = {0};
    struct ptd_journal j;
    assert_int_equal(ptd_journal_read("/nonexistent/x.ptdj", &j, &err), -1);
    assert_int_equal(err.code, PTD_E_IO);
}

static void an_empty_journal_is_one(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal j;
    jb_start(&b);
    parse(&b.out, &j);
    assert_false(j.torn);
    assert_false(j.ended);
    assert_int_equal(j.test_count, 0);
    ptd_journal_release(&j);
    jb_release(&b);
}

/* A damaged record, well sealed, behind good ones, and what must not be read behind it. */
static void expect_stop(void (*damage)(struct journal_builder *))
{
    struct journal_builder b;
    struct ptd_journal j;
    jb_start(&b);
    uint32_t file = jb_file(&b, "/p/a.py", 1, 2, 3);
    jb_code(&b, file, 1, "f");
    jb_scope(&b, PTD_SCOPE_SESSION, PTD_J_NO_FILE, "session");
    damage(&b);
    jb_finish(&b, 0);
    parse(&b.out, &j);
    assert_true(j.torn);
    assert_false(j.ended);
    assert_int_equal(j.file_count, 1);
    ptd_journal_release(&j);
    jb_release(&b);
}

static void unknown_type(struct journal_builder *b)
{
    jb_end(b, 99);
}

static void huge_length(struct journal_builder *b)
{
    jb_u32(&b->out, PTD_JOURNAL_MAX_PAYLOAD + 1);
    jb_u32(&b->out, PTD_J_FACT);
}

static void unknown_code(struct journal_builder *b)
{
    jb_delta(b, 0, 0, (struct jb_delta){.codes = JB_IDS(0, 1)});
}

static void unknown_pair(struct journal_builder *b)
{
    jb_delta(b, 0, 0, (struct jb_delta){.pairs = JB_IDS(1, 0)});
}

static void half_a_pair(struct journal_builder *b)
{
    jb_delta(b, 0, 0, (struct jb_delta){.pairs = JB_IDS(0, 5, 0)});
}

static void unknown_use(struct journal_builder *b)
{
    jb_delta(b, 0, 0, (struct jb_delta){.uses = JB_IDS(1)});
}

static void unknown_import(struct journal_builder *b)
{
    jb_delta(b, 0, 0, (struct jb_delta){.imports = JB_IDS(1)});
}

static void unknown_name(struct journal_builder *b)
{
    jb_delta(b, 0, 0, (struct jb_delta){.names = JB_IDS(0)});
}

static void unknown_scope(struct journal_builder *b)
{
    jb_delta(b, 1, 0, (struct jb_delta){.codes = JB_IDS(0)});
}

static void unknown_file(struct journal_builder *b)
{
    jb_code(b, 1, 1, "g");
}

static void unknown_scope_file(struct journal_builder *b)
{
    jb_scope(b, PTD_SCOPE_MODULE, 1, "m");
}

static void unknown_scope_kind(struct journal_builder *b)
{
    jb_scope(b, PTD_SCOPE_ONCE + 1, 0, "m");
}

static void skipped_id(struct journal_builder *b)
{
    b->files++;
    jb_file(b, "/p/b.py", 1, 2, 3);
}

static void unknown_test_scope(struct journal_builder *b)
{
    jb_test(b, 1, 0, 0, 0, PTD_J_NO_SCOPE, "t", "/p/a.py");
}

static void unknown_test_collect(struct journal_builder *b)
{
    jb_test(b, 0, 0, 0, 0, 1, "t", "/p/a.py");
}

static void unknown_collect_scope(struct journal_builder *b)
{
    jb_collect(b, 1, 0, 0, "/p/a.py", (const char *const[]){NULL});
}

static void short_payload(struct journal_builder *b)
{
    jb_u32(&b->payload, 0);
    jb_end(b, PTD_J_TEST);
}

static void long_list(struct journal_builder *b)
{
    jb_u32(&b->payload, 0);
    jb_u32(&b->payload, 0);
    jb_u32(&b->payload, 0xffffffff);
    jb_end(b, PTD_J_DELTA);
}

static void long_string(struct journal_builder *b)
{
    jb_u32(&b->payload, 0xffffffff);
    jb_end(b, PTD_J_START);
}

static void string_with_nul(struct journal_builder *b)
{
    jb_u32(&b->payload, 3);
    ptd_buf_add(&b->payload, "a\0b", 3);
    jb_end(b, PTD_J_START);
}

static void many_collected(struct journal_builder *b)
{
    jb_u32(&b->payload, 0);
    jb_u32(&b->payload, 0);
    jb_u32(&b->payload, 0);
    jb_string(&b->payload, "/p/a.py");
    jb_u32(&b->payload, 3);
    jb_string(&b->payload, "one");
    jb_string(&b->payload, "two");
    jb_end(b, PTD_J_COLLECT);
}

static void stops_at_damage(void **state)
{
    (void)state;
    static void (*const damages[])(struct journal_builder *) = {
        unknown_type,   huge_length,        unknown_code,         unknown_pair,
        half_a_pair,    unknown_use,        unknown_import,       unknown_name,
        unknown_scope,  unknown_file,       unknown_scope_file,   unknown_scope_kind,
        skipped_id,     unknown_test_scope, unknown_test_collect, unknown_collect_scope,
        short_payload,  long_list,          long_string,          string_with_nul,
        many_collected,
    };
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
        expect_stop(damages[i]);
}

/* Tests of which nobody saw the file being collected: their file has no scope. */
static void collection_without_a_scope(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal j;
    jb_start(&b);
    jb_scope(&b, PTD_SCOPE_SESSION, PTD_J_NO_FILE, "session");
    jb_collect(&b, PTD_J_NO_SCOPE, 0, 0, "/p/a.py", (const char *const[]){"a.py::t", NULL});
    jb_finish(&b, 0);
    parse(&b.out, &j);
    assert_false(j.torn);
    assert_true(j.ended);
    assert_int_equal(j.collects[0].scope, PTD_J_NO_SCOPE);
    ptd_journal_release(&j);
    jb_release(&b);
}

static void a_test_begun_again_is_finished(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal j;
    jb_start(&b);
    jb_scope(&b, PTD_SCOPE_SESSION, PTD_J_NO_FILE, "session");
    jb_begin_test(&b, "t");
    jb_test(&b, 0, 0, 0, 0, PTD_J_NO_SCOPE, "t", "/p/a.py");
    jb_begin_test(&b, "t");
    parse(&b.out, &j);
    assert_int_equal(j.test_count, 1);
    /* The process died in its second go. */
    assert_int_equal(j.started_count, 1);
    ptd_journal_release(&j);
    jb_release(&b);
}

static void reads_from_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/ptd-journal-XXXXXX";
    struct journal_builder b;
    struct ptd_journal j;
    struct ptd_err err = {0};
    build(&b);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, b.out.data, b.out.len), b.out.len);
    close(fd);
    assert_int_equal(ptd_journal_read(path, &j, &err), 0);
    assert_int_equal(j.test_count, 1);
    ptd_journal_release(&j);
    unlink(path);
    jb_release(&b);
}

static void start_with_path(struct journal_builder *b)
{
    jb_start(b);
    jb_scope(b, PTD_SCOPE_SESSION, PTD_J_NO_FILE, "session");
    jb_path(b, "/p/data.txt", PTD_PATH_FILE, 10, 20, 30);
}

static void accesses_of_a_scope_add_up(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal j;
    start_with_path(&b);
    jb_path(&b, "/p/absent", PTD_PATH_ABSENT, 0, 0, 0);
    jb_access(&b, 0, JB_IDS(PTD_ACCESS_READ, 0));
    jb_access(&b, 0, JB_IDS(PTD_ACCESS_MISSING, 1, PTD_ACCESS_WROTE, 0));
    parse(&b.out, &j);
    assert_false(j.torn);
    assert_int_equal(j.path_count, 2);
    assert_string_equal(j.paths[0].path, "/p/data.txt");
    assert_int_equal(j.paths[0].type, PTD_PATH_FILE);
    assert_int_equal(j.paths[0].size, 10);
    assert_int_equal(j.paths[0].mtime_ns, 20);
    assert_int_equal(j.paths[0].ino, 30);
    const uint32_t expected[] = {PTD_ACCESS_READ, 0, PTD_ACCESS_MISSING, 1, PTD_ACCESS_WROTE, 0};
    assert_int_equal(j.scopes[0].accesses.count, 6);
    assert_memory_equal(j.scopes[0].accesses.items, expected, sizeof(expected));
    ptd_journal_release(&j);
    jb_release(&b);
}

static void access_is_refused(struct jb_ids pairs, uint32_t scope)
{
    struct journal_builder b;
    struct ptd_journal j;
    start_with_path(&b);
    jb_access(&b, scope, pairs);
    parse(&b.out, &j);
    assert_true(j.torn);
    assert_int_equal(j.scopes[0].accesses.count, 0);
    ptd_journal_release(&j);
    jb_release(&b);
}

static void undefined_accesses_are_damage(void **state)
{
    (void)state;
    access_is_refused(JB_IDS(PTD_ACCESS_READ, 1), 0);      /* no such path */
    access_is_refused(JB_IDS(PTD_ACCESS_WROTE + 1, 0), 0); /* no such kind */
    access_is_refused(JB_IDS(PTD_ACCESS_READ, 0), 1);      /* no such scope */
}

static void more_accesses_than_bytes_are_damage(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal j;
    start_with_path(&b);
    jb_u32(&b.payload, 0);
    jb_u32(&b.payload, 0x7fffffff);
    jb_u32(&b.payload, PTD_ACCESS_READ);
    jb_end(&b, PTD_J_ACCESS);
    parse(&b.out, &j);
    assert_true(j.torn);
    ptd_journal_release(&j);
    jb_release(&b);
}

static void relative_paths_are_damage(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal j;
    jb_start(&b);
    jb_path(&b, "data.txt", PTD_PATH_FILE, 0, 0, 0);
    parse(&b.out, &j);
    assert_true(j.torn);
    assert_int_equal(j.path_count, 0);
    ptd_journal_release(&j);
    jb_release(&b);
}

/* In a block of its own size, so that a read behind the end is seen. */
static int digest_of(const struct ptd_buf *bytes, size_t len, struct ptd_journal *out, char **copy)
{
    *copy = ptd_xmalloc(len + 1);
    memcpy(*copy, bytes->data, len);
    *copy = ptd_xrealloc(*copy, len ? len : 1);
    struct ptd_reader r = ptd_reader_init(*copy, len);
    return ptd_journal_from_digest(&r, out);
}

static void a_digest_has_what_it_was_made_of(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal whole, j;
    PTD_CLEANUP_BUF struct ptd_buf digest = PTD_BUF_INIT;
    char *copy;
    build(&b);
    parse(&b.out, &whole);
    ptd_journal_digest(&whole, &digest);
    ptd_journal_release(&whole);
    jb_release(&b);
    assert_int_equal(digest_of(&digest, digest.len, &j, &copy), 0);
    assert_int_equal(j.file_count, 2);
    assert_string_equal(j.files[1].path, "/p/gone.py");
    assert_int_equal(j.code_count, 1);
    assert_int_equal(j.codes[0].line, 3);
    assert_string_equal(j.codes[0].name, "f");
    assert_int_equal(j.scope_count, 3);
    assert_int_equal(j.scopes[0].file, PTD_J_NO_FILE);
    assert_int_equal(j.scopes[1].kind, PTD_SCOPE_MODULE);
    assert_int_equal(j.scopes[1].pairs.items[1], 77);
    assert_int_equal(j.scopes[1].imports.items[0], 1);
    assert_string_equal(j.scopes[2].label, "a.py::test_f");
    assert_int_equal(j.scopes[2].codes.items[0], 0);
    assert_int_equal(j.scopes[2].uses.count, 2);
    assert_int_equal(j.collect_count, 1);
    assert_string_equal(j.collects[0].path, "/p/a.py");
    assert_int_equal(j.test_count, 1);
    assert_int_equal(j.tests[0].scope, 2);
    assert_int_equal(j.tests[0].collect, 0);
    assert_string_equal(j.tests[0].nodeid, "a.py::test_f");
    ptd_journal_release(&j);
    free(copy);
}

static void a_digest_that_is_cut_is_refused(void **state)
{
    (void)state;
    struct journal_builder b;
    struct ptd_journal j;
    PTD_CLEANUP_BUF struct ptd_buf digest = PTD_BUF_INIT;
    char *copy;
    build(&b);
    parse(&b.out, &j);
    ptd_journal_digest(&j, &digest);
    ptd_journal_release(&j);
    jb_release(&b);
    for (size_t len = 0; len < digest.len; len++) {
        assert_int_equal(digest_of(&digest, len, &j, &copy), -1);
        assert_null(j.files);
        free(copy);
    }
}

static void a_digest_keeps_the_largest_numbers(void **state)
{
    (void)state;
    struct ptd_journal_file file = {.path = "/p/a.py"};
    struct ptd_journal_code code = {.line = UINT32_MAX, .name = "f"};
    uint32_t pair[2] = {0, UINT32_MAX};
    struct ptd_journal_scope scope = {.file = PTD_J_NO_FILE, .pairs = {pair, 2, 2}};
    struct ptd_journal_collect collect = {
        .scope = PTD_J_NO_SCOPE, .flags = UINT32_MAX, .path = "/p/a.py"};
    struct ptd_journal j = {.files = &file,
                            .file_count = 1,
                            .codes = &code,
                            .code_count = 1,
                            .scopes = &scope,
                            .scope_count = 1,
                            .collects = &collect,
                            .collect_count = 1};
    PTD_CLEANUP_BUF struct ptd_buf digest = PTD_BUF_INIT;
    ptd_journal_digest(&j, &digest);
    struct ptd_reader r = ptd_reader_init(digest.data, digest.len);
    assert_int_equal(ptd_journal_from_digest(&r, &j), 0);
    assert_int_equal(j.codes[0].line, UINT32_MAX);
    assert_int_equal(j.scopes[0].pairs.items[1], UINT32_MAX);
    assert_int_equal(j.collects[0].flags, UINT32_MAX);
    ptd_journal_release(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_everything),
        cmocka_unit_test(any_cut_is_survived),
        cmocka_unit_test(any_flipped_bit_is_noticed),
        cmocka_unit_test(refuses_what_is_no_journal),
        cmocka_unit_test(an_empty_journal_is_one),
        cmocka_unit_test(stops_at_damage),
        cmocka_unit_test(collection_without_a_scope),
        cmocka_unit_test(a_test_begun_again_is_finished),
        cmocka_unit_test(reads_from_a_file),
        cmocka_unit_test(accesses_of_a_scope_add_up),
        cmocka_unit_test(undefined_accesses_are_damage),
        cmocka_unit_test(more_accesses_than_bytes_are_damage),
        cmocka_unit_test(relative_paths_are_damage),
        cmocka_unit_test(a_digest_has_what_it_was_made_of),
        cmocka_unit_test(a_digest_that_is_cut_is_refused),
        cmocka_unit_test(a_digest_keeps_the_largest_numbers),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
