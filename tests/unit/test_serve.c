#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "serve/arguments.h"
#include "serve/rates.h"
#include "serve/wire.h"

#define K "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define N "00112233445566778899aabbccddeeff"

static void test_hex(void **state)
{
    (void)state;
    unsigned char bytes[2];
    char digits[5];
    assert_int_equal(ptd_hex_read("a0Ff", 4, bytes, 2), 0);
    assert_int_equal(bytes[0], 0xa0);
    ptd_hex_write(bytes, 2, digits);
    assert_string_equal(digits, "a0ff");
    assert_int_equal(ptd_hex_read("a0F", 3, bytes, 2), -1);
    assert_int_equal(ptd_hex_read("a0Ffff", 6, bytes, 2), -1);
    assert_int_equal(ptd_hex_read("a0 f", 4, bytes, 2), -1);
    assert_int_equal(ptd_hex_read("a0g0", 4, bytes, 2), -1);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port; /* -1: refused */
    } cases[] = {
        {"127.0.0.1:80", "127.0.0.1", 80},
        {":8417", "", 8417},
        {"localhost:0", "localhost", 0},
        {"[::1]:8417", "::1", 8417},
        {"::1:8417", "", -1},
        {"127.0.0.1", "", -1},
        {"127.0.0.1:", "", -1},
        {"h:65536", "", -1},
        {"h:8x", "", -1},
        {"h:-1", "", -1},
        {"h: 1", "", -1},
        {"", "", -1},

    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char host[64];
        unsigned port;
        int result = ptd_serve_split_address(cases[i].text, host, sizeof(host), &port, NULL);
        assert_int_equal(result, cases[i].port < 0 ? -1 : 0);
        if (result == 0) {
            assert_string_equal(host, cases[i].host);
            assert_int_equal(port, cases[i].port);
        }
    }
    char small[4];
    unsigned port;
    assert_int_equal(ptd_serve_split_address("local:1", small, sizeof(small), &port, NULL), -1);
}

static void test_arguments(void **state)
{
    (void)state;
    struct ptd_serve_arguments a;
    struct ptd_err err;
    char task[] = "task=token-add", name[] = "name=ci=1", keep[] = "keep=7",
         verbosity[] = "verbosity=-1";
    char *argv[] = {task, name, keep, verbosity};
    assert_int_equal(ptd_serve_arguments_read(4, argv, &a, &err), 0);
    assert_int_equal(a.task, PTD_SERVE_TOKEN_ADD);
    assert_string_equal(a.name, "ci=1");
    assert_int_equal(a.keep, 7);
    assert_int_equal(a.verbosity, -1);
    assert_int_equal(a.max_request, 8);
    static const char *const wrong[] = {"task=", "keep=0", "keep=x", "other=1", "run", "keep="};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char word[32];
        char *one[] = {word};
        snprintf(word, sizeof(word), "%s", wrong[i]);
        assert_int_equal(ptd_serve_arguments_read(1, one, &a, &err), -1);
        assert_int_equal(err.code, PTD_E_USAGE);
    }
}

static void test_rates(void **state)
{
    (void)state;
    const uint64_t second = 1000000000u;
    struct ptd_serve_rates *r = ptd_serve_rates_new(2);
    for (int i = 0; i < 4; i++) /* what two seconds bring */
        assert_true(ptd_serve_rates_take(r, 1, second));
    assert_false(ptd_serve_rates_take(r, 1, second));
    assert_true(ptd_serve_rates_take(r, 2, second));       /* another token */
    assert_false(ptd_serve_rates_take(r, 1, second - 10)); /* a clock that went back */
    assert_true(ptd_serve_rates_take(r, 1, second + second / 2));
    assert_false(ptd_serve_rates_take(r, 1, second + second / 2));
    for (int i = 0; i < 4; i++) /* and no more, after any time */
        assert_true(ptd_serve_rates_take(r, 1, 100 * second));
    assert_false(ptd_serve_rates_take(r, 1, 100 * second));
    ptd_serve_rates_free(r);
}

static void test_query(void **state)
{
    (void)state;
    struct ptd_wire_keys keys;
    static const char good[] = "{\"test_file_hashes\":[\"" K "\"],\"x\":1}";
    assert_int_equal(ptd_wire_read_query(good, sizeof(good) - 1, &keys, NULL), 0);
    assert_int_equal(keys.count, 1);
    assert_int_equal(keys.items[0][1], 0x23);
    assert_int_equal(keys.items[0][13], 0xab);
    ptd_wire_keys_release(&keys);
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "null",
                                        "{\"test_file_hashes\":1}",
                                        "{\"test_file_hashes\":[1]}",
                                        "{\"test_file_hashes\":[\"" K "\",\"\"]}",
                                        "{\"test_file_hashes\":[\"" K "0\"]}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(ptd_wire_read_query(wrong[i], strlen(wrong[i]), &keys, NULL), -1);
}

static void test_publish(void **state)
{
    (void)state;
    struct ptd_wire_passes passes;
    static const char good[] = "{\"passed_node_ids_per_test_file\":{\"" K "\":[\"" N "\",\"" N
                               "\"]},\"total_test_count\":2}";
    assert_int_equal(ptd_wire_read_publish(good, sizeof(good) - 1, &passes, NULL), 0);
    assert_int_equal(passes.count, 2);
    assert_int_equal(passes.items[1].node[15], 0xff);
    ptd_wire_passes_release(&passes);
    static const char *const wrong[] = {
        "{\"passed_node_ids_per_test_file\":[]}", "{\"passed_node_ids_per_test_file\":{\"x\":[]}}",
        "{\"passed_node_ids_per_test_file\":{\"" K "\":{}}}",
        "{\"passed_node_ids_per_test_file\":{\"" K "\":[\"" N "\",\"\"]}}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(ptd_wire_read_publish(wrong[i], strlen(wrong[i]), &passes, NULL), -1);
}

static void test_nodes(void **state)
{
    (void)state;
    struct ptd_buf out = PTD_BUF_INIT;
    unsigned char nodes[2 * PTD_PASS_NODE] = {0x0f};
    ptd_wire_write_nodes(NULL, 0, &out);
    assert_string_equal(out.data, "[]");
    ptd_buf_reset(&out);
    ptd_wire_write_nodes(nodes, sizeof(nodes), &out);
    assert_string_equal(out.data, "[\"0f000000000000000000000000000000\","
                                  "\"00000000000000000000000000000000\"]");
    ptd_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),       cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_rates),
        cmocka_unit_test(test_query),     cmocka_unit_test(test_publish),
        cmocka_unit_test(test_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
