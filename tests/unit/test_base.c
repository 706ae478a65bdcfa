#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc32.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- buf ---- */

static void buf_is_always_a_string(void **state)
{
    (void)state;
    struct ptd_buf buf = PTD_BUF_INIT;
    ptd_buf_add(&buf, NULL, 0);
    assert_string_equal(buf.data, "");
    ptd_buf_adds(&buf, "ab");
    ptd_buf_addc(&buf, 'c');
    ptd_buf_addf(&buf, "%d-%s", 7, "x");
    assert_string_equal(buf.data, "abc7-x");
    assert_int_equal(buf.len, 6);
    ptd_buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    for (int i = 0; i < 10000; i++)
        ptd_buf_addc(&buf, (char)('a' + i % 26));
    assert_int_equal(strlen(buf.data), 10000);
    char *text = ptd_buf_steal(&buf);
    assert_int_equal(strlen(text), 10000);
    assert_null(buf.data);
    free(text);
    text = ptd_buf_steal(&buf);
    assert_string_equal(text, "");
    free(text);
    ptd_buf_release(&buf);
    ptd_buf_reset(&buf);
}

static void varints_round_trip(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    struct ptd_buf buf = PTD_BUF_INIT;
    for (size_t i = 0; i < COUNT(values); i++)
        ptd_buf_add_varint(&buf, values[i]);
    struct ptd_reader r = ptd_reader_init(buf.data, buf.len);
    for (size_t i = 0; i < COUNT(values); i++)
        assert_true(ptd_reader_varint(&r) == values[i]);
    assert_false(r.bad);
    assert_ptr_equal(r.pos, r.end);
    assert_int_equal(ptd_reader_varint(&r), 0);
    assert_true(r.bad);
    ptd_buf_release(&buf);
}

static void reader_stays_inside(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 0x80};
    struct ptd_reader r = ptd_reader_init(bytes, sizeof(bytes));
    assert_true(ptd_reader_u64(&r) == 0x0807060504030201u);
    assert_int_equal(ptd_reader_varint(&r), 0);
    assert_true(r.bad);
    assert_null(ptd_reader_bytes(&r, 0));
    r = ptd_reader_init(bytes, 3);
    assert_int_equal(ptd_reader_u32(&r), 0);
    assert_true(r.bad);
    r = ptd_reader_init(bytes, 4);
    assert_int_equal(ptd_reader_u32(&r), 0x04030201);
    assert_false(r.bad);
    assert_null(ptd_reader_bytes(&r, SIZE_MAX));
    r = ptd_reader_init(NULL, 0);
    assert_int_equal(ptd_reader_u32(&r), 0);
    assert_true(r.bad);
    static const unsigned char endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff, 0};
    r = ptd_reader_init(endless, sizeof(endless));
    ptd_reader_varint(&r);
    assert_true(r.bad);
}

static void reads_files_up_to_a_size(void **state)
{
    (void)state;
    char path[] = "/tmp/ptd-base-XXXXXX";
    struct ptd_err err = {0};
    PTD_CLEANUP_BUF struct ptd_buf buf = PTD_BUF_INIT;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ptd_buf_read_file(&buf, path, 0, &err), 0);
    assert_string_equal(buf.data, "");
    assert_int_equal(write(fd, "12345", 5), 5);
    close(fd);
    assert_int_equal(ptd_buf_read_file(&buf, path, 5, &err), 0);
    assert_string_equal(buf.data, "12345");
    assert_int_equal(ptd_buf_read_file(&buf, path, 4, &err), -1);
    assert_int_equal(err.code, PTD_E_IO);
    unlink(path);
    assert_int_equal(ptd_buf_read_file(&buf, path, 5, &err), -1);
    assert_int_equal(err.sys_errno, ENOENT);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(ptd_buf_read_file(&buf, "/tmp", 5, NULL), -1);
}

/* ---- map ---- */

static void map_keeps_order_and_addresses(void **state)
{
    (void)state;
    PTD_CLEANUP_MAP struct ptd_map map = PTD_MAP_INIT;
    char key[32];
    assert_int_equal(ptd_map_get(&map, "none", 9), 9);
    ptd_map_puts(&map, "first", 1);
    const char *first = map.entries[0].key;
    for (unsigned i = 0; i < 20000; i++) {
        bool added;
        snprintf(key, sizeof(key), "key %u", i);
        assert_int_equal(ptd_map_put(&map, key, strlen(key), i, &added), i + 1);
        assert_true(added);
    }
    assert_ptr_equal(map.entries[0].key, first);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key %u", i);
        assert_int_equal(ptd_map_get(&map, key, UINT64_MAX), i);
        assert_string_equal(map.entries[i + 1].key, key);
    }
    bool added;
    assert_int_equal(ptd_map_put(&map, "first", 5, 77, &added), 0);
    assert_false(added);
    assert_int_equal(ptd_map_get(&map, "first", 0), 1);
    assert_int_equal(ptd_map_find(&map, "firs", 4), PTD_MAP_NONE);
}

static void map_takes_any_bytes(void **state)
{
    (void)state;
    PTD_CLEANUP_MAP struct ptd_map map = PTD_MAP_INIT;
    PTD_CLEANUP_FREE char *large = ptd_xcalloc(200000, 1);
    assert_int_equal(ptd_map_find(&map, NULL, 0), PTD_MAP_NONE);
    assert_int_equal(ptd_map_put(&map, NULL, 0, 5, NULL), 0);
    assert_int_equal(ptd_map_find(&map, NULL, 0), 0);
    assert_int_equal(ptd_map_put(&map, NULL, 0, 6, NULL), 0);
    assert_int_equal(ptd_map_put(&map, "\0", 1, 0, NULL), 1);
    assert_int_equal(ptd_map_put(&map, "\0\0", 2, 0, NULL), 2);
    assert_int_equal(ptd_map_put(&map, large, 200000, 0, NULL), 3);
    assert_int_equal(ptd_map_put(&map, "small", 5, 0, NULL), 4);
    assert_int_equal(ptd_map_find(&map, large, 200000), 3);
    assert_string_equal(map.entries[4].key, "small");
    assert_int_equal(ptd_map_get(&map, "", 0), 5);
}

/* ---- path ---- */

static void check_owned(char *got, const char *expected)
{
    assert_string_equal(got, expected);
    free(got);
}

static void joins(void **state)
{
    (void)state;
    check_owned(ptd_path_join("a", "b"), "a/b");
    check_owned(ptd_path_join("a/", "b"), "a/b");
    check_owned(ptd_path_join("/", "b"), "/b");
    check_owned(ptd_path_join("", "b"), "b");
    check_owned(ptd_path_join(".", "b"), "b");
    check_owned(ptd_path_join("a", "/b"), "/b");
    check_owned(ptd_path_dirname("a/b/c"), "a/b");
    check_owned(ptd_path_dirname("c"), "");
    check_owned(ptd_path_dirname("/c"), "/");
    check_owned(ptd_path_dirname("/"), "/");
    assert_string_equal(ptd_path_basename("a/b"), "b");
    assert_string_equal(ptd_path_basename("b"), "b");
    assert_string_equal(ptd_path_basename("a/"), "");
}

static void normalizes(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", "."},
        {".", "."},
        {"/", "/"},
        {"//", "/"},
        {"a//b/./c", "a/b/c"},
        {"a/../b", "b"},
        {"a/..", "."},
        {"..", ".."},
        {"../../a", "../../a"},
        {"a/../../b", "../b"},
        {"/..", "/"},
        {"/../a/..", "/"},
        {"/a/b/../../../c", "/c"},
        {"a/b/", "a/b"},
        {"..a/b..", "..a/b.."},
        {"a/...", "a/..."},
        {"./a/.", "a"},
        {"../a/..", ".."},
    };
    for (size_t i = 0; i < COUNT(pairs); i++)
        check_owned(ptd_path_normalize(pairs[i][0]), pairs[i][1]);
}

static void relates(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"/a/b", "/a", "b"},
        {"/a", "/a", "."},
        {"/a", "/a/b", ".."},
        {"/a/b", "/a/c", "../b"},
        {"/ab", "/a", "../ab"},
        {"/a", "/ab", "../a"},
        {"/a/b", "/", "a/b"},
        {"/", "/a", ".."},
        {"/", "/", "."},
        {"/x/y", "/a/b", "../../x/y"},
        {"/a/bc/d", "/a/b/d", "../../bc/d"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check_owned(ptd_path_relative(cases[i][0], cases[i][1]), cases[i][2]);
}

static void knows_what_is_within(void **state)
{
    (void)state;
    assert_true(ptd_path_within("a/b", "a"));
    assert_true(ptd_path_within("a", "a"));
    assert_false(ptd_path_within("ab", "a"));
    assert_false(ptd_path_within("a", "a/b"));
    assert_true(ptd_path_within("/a", "/"));
    assert_true(ptd_path_within("a", ""));
    assert_true(ptd_path_within("..a", "."));
    assert_false(ptd_path_within("../a", "."));
    assert_false(ptd_path_within("..", ""));
    assert_false(ptd_path_within("/a", ""));
}

/* ---- json, crc, hash, errors ---- */

static void check_json(const char *text, const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    ptd_json_string(&out, text);
    assert_string_equal(out.data, expected);
}

static void writes_json(void **state)
{
    (void)state;
    check_json("", "\"\"");
    check_json("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
    check_json("\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\x7f\"");
    check_json("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    check_json("\xff", "\"\\udcff\"");
    check_json("\xc3", "\"\\udcc3\"");
    check_json("\xe2\x82x", "\"\\udce2\\udc82x\"");
    check_json("\xc0\x80\xc1\xbf", "\"\\udcc0\\udc80\\udcc1\\udcbf\""); /* overlong */
    check_json("\xed\xa0\x80", "\"\\udced\\udca0\\udc80\"");            /* surrogate */
    check_json("\xf4\x90\x80\x80", "\"\\udcf4\\udc90\\udc80\\udc80\""); /* beyond the end */
    check_json("\xe0\x9f\xbf\xf0\x8f\xbf\xbf",
               "\"\\udce0\\udc9f\\udcbf\\udcf0\\udc8f\\udcbf\\udcbf\"");
}

static void crc_as_others_have_it(void **state)
{
    (void)state;
    assert_int_equal(ptd_crc32("", 0), 0);
    assert_int_equal(ptd_crc32("123456789", 9), 0xcbf43926);
    assert_int_equal(ptd_crc32("The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
}

static void hashes_agree(void **state)
{
    (void)state;
    char path[] = "/tmp/ptd-base-XXXXXX";
    struct ptd_err err = {0};
    struct ptd_hash128 a, b;
    PTD_CLEANUP_FREE char *data = ptd_xcalloc(200001, 1);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, 200001), 200001);
    close(fd);
    assert_int_equal(ptd_hash128_file(path, &b, &err), 0);
    a = ptd_hash128(data, 200001);
    assert_true(ptd_hash128_equal(&a, &b));
    a = ptd_hash128(data, 200000);
    assert_false(ptd_hash128_equal(&a, &b));
    unlink(path);
    assert_int_equal(ptd_hash128_file(path, &b, &err), -1);
    assert_int_equal(err.code, PTD_E_IO);
}

static void errors_carry_context(void **state)
{
    (void)state;
    struct ptd_err err = {0};
    assert_int_equal(ptd_err_set(NULL, PTD_E_IO, "x"), -1);
    assert_int_equal(ptd_err_wrap(NULL, "x"), -1);
    assert_int_equal(ptd_err_hint(NULL, "x"), -1);
    errno = ENOENT;
    assert_int_equal(ptd_err_sys(&err, PTD_E_STORE, "cannot open %s", "db"), -1);
    assert_string_equal(err.msg, "cannot open db: No such file or directory");
    assert_int_equal(err.sys_errno, ENOENT);
    ptd_err_hint(&err, "try %d", 2);
    ptd_err_wrap(&err, "in %s", "here");
    assert_string_equal(err.msg, "in here: cannot open db: No such file or directory");
    assert_string_equal(err.hint, "try 2");
    ptd_err_set(&err, PTD_E_IO, "new");
    assert_string_equal(err.hint, "");
    assert_int_equal(err.sys_errno, 0);
}

static void long_errors_are_cut(void **state)
{
    (void)state;
    struct ptd_err err = {0};
    PTD_CLEANUP_FREE char *text = ptd_xmalloc(5000);
    memset(text, 'x', 4999);
    text[4999] = '\0';
    errno = EACCES;
    ptd_err_sys(&err, PTD_E_IO, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    ptd_err_wrap(&err, "context");
    assert_memory_equal(err.msg, "context: xxx", 12);
    ptd_err_wrap(&err, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void exit_codes(void **state)
{
    (void)state;
    static const int codes[] = {
        [PTD_E_OK] = 0,  [PTD_E_USAGE] = 4,       [PTD_E_CONFIG] = 4,
        [PTD_E_IO] = 3,  [PTD_E_STORE] = 3,       [PTD_E_PYTHON] = 4,
        [PTD_E_NET] = 3, [PTD_E_INTERRUPTED] = 2, [PTD_E_INTERNAL] = 3,
    };
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct ptd_err err = {.code = (enum ptd_code)i};
        assert_int_equal(ptd_err_exit_code(&err), codes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_is_always_a_string),
        cmocka_unit_test(varints_round_trip),
        cmocka_unit_test(reader_stays_inside),
        cmocka_unit_test(reads_files_up_to_a_size),
        cmocka_unit_test(map_keeps_order_and_addresses),
        cmocka_unit_test(map_takes_any_bytes),
        cmocka_unit_test(joins),
        cmocka_unit_test(normalizes),
        cmocka_unit_test(relates),
        cmocka_unit_test(knows_what_is_within),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(crc_as_others_have_it),
        cmocka_unit_test(hashes_agree),
        cmocka_unit_test(errors_carry_context),
        cmocka_unit_test(long_errors_are_cut),
        cmocka_unit_test(exit_codes),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
