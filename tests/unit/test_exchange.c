#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "exchange/passes.h"
#include "exchange/secret.h"

#define DIGEST "00112233445566778899aabbccddeeff"

static int read_text(const char *text, size_t len, struct ptd_exchange_request *out)
{
    struct ptd_buf buf = PTD_BUF_INIT;
    ptd_buf_add(&buf, text, len);
    return ptd_exchange_request_read(&buf, out, NULL);
}

static void test_request(void **state)
{
    (void)state;
    struct ptd_exchange_request r;
    static const char good[] = "publish\nhttp://h\ntoken\n1500\n\nmachine\n1 2 3 4 5\n" DIGEST
                               " a.py::t[x y]\n" DIGEST " b.py::u\n";
    assert_int_equal(read_text(good, sizeof(good) - 1, &r), 0);
    assert_true(r.publish);
    assert_string_equal(r.url, "http://h");
    assert_string_equal(r.token, "token");
    assert_int_equal(r.timeout_ms, 1500);
    assert_string_equal(r.salt, "");
    assert_int_equal(r.count, 2);
    assert_string_equal(r.items[0].nodeid, "a.py::t[x y]");
    ptd_exchange_request_release(&r);
    /* Cut anywhere, it is no request, or one of fewer items. */
    for (size_t len = 0; len < sizeof(good) - 1; len++) {
        if (read_text(good, len, &r) == 0)
            assert_true(len > 0 && good[len - 1] == '\n' && r.count < 2);
        ptd_exchange_request_release(&r);
    }
    static const char *const wrong[] = {"tell\nu\nt\n1\ns\nm\n0\n", "ask\nu\nt\n0\ns\nm\n0\n",
                                        "ask\nu\nt\n1\ns\nm\n0\n" DIGEST "\n",
                                        "ask\nu\nt\n1\ns\nm\n0\n" DIGEST "0 x\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(read_text(wrong[i], strlen(wrong[i]), &r), -1);
        ptd_exchange_request_release(&r);
    }
}

/* The formulas of contract/exchange.h; the values are those of Python's hashlib. */
static void test_hashes(void **state)
{
    (void)state;
    struct ptd_exchange_request r = {.machine = "machine", .salt = "salt"};
    const struct ptd_exchange_item item = {DIGEST, "a.py::t"};
    struct ptd_exchange_hashes h, other;
    char key[65], node[33];
    ptd_exchange_hash(&r, &item, &h);
    ptd_hex_write(h.key, sizeof(h.key), key);
    ptd_hex_write(h.node, sizeof(h.node), node);
    assert_string_equal(key, "2089786597cabd84f1ca49ed10872b1f8a29639bff5b96f14d6a003adf2e244d");
    assert_string_equal(node, "1fe6d32a47d71eaf46781a0a30b6da3f");
    r.salt = "other";
    ptd_exchange_hash(&r, &item, &other);
    assert_memory_not_equal(h.key, other.key, sizeof(h.key));
    assert_memory_not_equal(h.node, other.node, sizeof(h.node));
}

#define N0 "00000000000000000000000000000000"
#define N1 "01000000000000000000000000000000"

static void test_answer(void **state)
{
    (void)state;
    static const unsigned char nodes[3][PTD_PASS_NODE] = {{0}, {1}, {1}};
    static const size_t keys[] = {0, 0, 1};
    unsigned char passed[3] = {0};
    static const char good[] = "{\"node_ids\":[[\"" N1 "\",\"" N0 "\"],[\"x\"]],\"more\":1}";
    assert_int_equal(
        ptd_exchange_read_answer(good, sizeof(good) - 1, 2, nodes, keys, 3, passed, NULL), 0);
    assert_int_equal(passed[0], 1);
    assert_int_equal(passed[1], 1);
    assert_int_equal(passed[2], 0);
    static const char *const wrong[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"node_ids\":{}}",
                                        "{\"node_ids\":[[]]}",
                                        "{\"node_ids\":[[],[],[]]}",
                                        "{\"node_ids\":[[],1]}",
                                        "{\"node_ids\":[[1],[]]}",
                                        "<html>"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(
            ptd_exchange_read_answer(wrong[i], strlen(wrong[i]), 2, nodes, keys, 3, passed, NULL),
            -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
