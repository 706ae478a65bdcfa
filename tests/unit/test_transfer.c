/* The parts of the transfer module that need no server: URLs, profiles of AWS, packing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "remote/remote.h"
#include "transfer/aws.h"
#include "transfer/limits.h"
#include "transfer/pack.h"
#include "transfer/url.h"

static char dir[] = "/tmp/ptd-transfer-XXXXXX";

static char *at(const char *name)
{
    return ptd_path_join(dir, name);
}

static void put(const char *name, const void *data, size_t len)
{
    PTD_CLEANUP_FREE char *path = at(name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

static void check_url(const char *text, const char *host, int port, const char *user,
                      const char *password, const char *path, const char *whole)
{
    struct ptd_url url;
    assert_int_equal(ptd_url_parse(text, 1, &url, NULL), 0);
    assert_string_equal(url.host, host);
    assert_int_equal(url.port, port);
    assert_string_equal(url.user ? url.user : "-", user);
    assert_string_equal(url.password ? url.password : "-", password);
    assert_string_equal(url.path, path);
    assert_string_equal(url.text, whole);
    ptd_url_release(&url);
}

static void test_url(void **state)
{
    (void)state;
    check_url("s3://b/x.db", "b", 0, "-", "-", "x.db", "s3://b/x.db");
    check_url("s3://b", "b", 0, "-", "-", "baseline.db", "s3://b/baseline.db");
    check_url("s3://", "", 0, "-", "-", "baseline.db", "s3:///baseline.db");
    check_url("s3://b/d/", "b", 0, "-", "-", "d/baseline.db", "s3://b/d/baseline.db");
    check_url("s3://b/d", "b", 0, "-", "-", "d/baseline.db", "s3://b/d/baseline.db");
    check_url("s3://b/d%2f", "b", 0, "-", "-", "d//baseline.db", "s3://b/d%2f/baseline.db");
    check_url("file:///a%20b/x.db", "", 0, "-", "-", "a b/x.db", "file:///a%20b/x.db");
    check_url("http://u:p%40:w@h:81/x.db?a=b/c#f", "h", 81, "u", "p@:w", "x.db",
              "http://u:p%40:w@h:81/x.db?a=b/c#f");
    check_url("http://h/d?q=1", "h", 0, "-", "-", "d/baseline.db", "http://h/d/baseline.db?q=1");
    check_url("http://[::1]:8/x.db", "::1", 8, "-", "-", "x.db", "http://[::1]:8/x.db");
    check_url("http://a@b@h/x.db", "h", 0, "a@b", "-", "x.db", "http://a@b@h/x.db");
    static const char *const wrong[] = {"",
                                        "x",
                                        "://x",
                                        "http://h:0/x",
                                        "http://h:/",
                                        "http://h:x/",
                                        "http://h:99999/",
                                        "s3://a b/x",
                                        "a?b://c",
                                        "s3://a/x%00.db"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct ptd_url url;
        assert_int_equal(ptd_url_parse(wrong[i], 0, &url, NULL), -1);
        ptd_url_release(&url);
    }
}

static void check_shown(const char *url, const char *shown)
{
    PTD_CLEANUP_FREE char *text = ptd_remote_shown(url);
    assert_string_equal(text, shown);
}

/* Nothing secret is left, whatever the URL looks like. */
static void test_shown(void **state)
{
    (void)state;
    check_shown("http://u:p@h:1/x?token=1#f", "http://h:1/x");
    check_shown("http://u:p@q@h/x", "http://h/x");
    check_shown("redis://:secret@h/0", "redis://h/0");
    check_shown("http://h/a@b", "http://h/a@b");
    check_shown("http://h?u:p@x", "http://h");
    check_shown("plain?x", "plain");
    assert_true(ptd_remote_is_url("s3://b"));
    assert_false(ptd_remote_is_url("dir/x://y"));
    assert_false(ptd_remote_is_url("x.db"));
    assert_int_equal(ptd_remote_check("redis://h", NULL), 0);
    assert_int_equal(ptd_remote_check("gopher://h", NULL), -1);
    assert_int_equal(ptd_remote_check("s3:/b", NULL), -1);
}

static void test_encode(void **state)
{
    (void)state;
    PTD_CLEANUP_FREE char *all = ptd_url_encode("a/b c+\xc3\xa9~", "");
    PTD_CLEANUP_FREE char *path = ptd_url_encode("a/b c+", "/");
    PTD_CLEANUP_FREE char *back = ptd_url_decode("%41%zz%4", 8);
    assert_string_equal(all, "a%2Fb%20c%2B%C3%A9~");
    assert_string_equal(path, "a/b%20c%2B");
    assert_string_equal(back, "A%zz%4");
}

static void check_round(size_t len)
{
    PTD_CLEANUP_FREE char *data = ptd_xcalloc(len + 1, 1);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(i * i >> 7);
    PTD_CLEANUP_FREE char *plain = at("plain"), *packed = at("packed"), *back = at("back");
    PTD_CLEANUP_BUF struct ptd_buf read = PTD_BUF_INIT;
    put("plain", data, len);
    assert_int_equal(ptd_pack_file(plain, packed, NULL), 0);
    assert_int_equal(ptd_unpack_file(packed, back, len, NULL), 0);
    assert_int_equal(ptd_buf_read_file(&read, back, len + 1, NULL), 0);
    assert_int_equal(read.len, len);
    assert_memory_equal(len ? read.data : "", data, len);
    unlink(back);
    if (len) {
        struct ptd_err err = {0};
        assert_int_equal(ptd_unpack_file(packed, back, len - 1, &err), -1);
        assert_int_equal(err.code, PTD_E_NET);
        assert_int_equal(access(back, F_OK), -1);
    }
    unlink(packed);
}

static void test_pack(void **state)
{
    (void)state;
    check_round(0);
    check_round(1);
    check_round(1 << 16);
    check_round((1 << 17) + 1);
    check_round(3 << 20);
}

/* Every beginning of a packed file is an error, never a shorter file. */
static void test_cut(void **state)
{
    (void)state;
    PTD_CLEANUP_FREE char *plain = at("plain"), *packed = at("packed"), *back = at("back");
    PTD_CLEANUP_BUF struct ptd_buf whole = PTD_BUF_INIT;
    char data[5000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7919 >> 3);
    put("plain", data, sizeof(data));
    assert_int_equal(ptd_pack_file(plain, packed, NULL), 0);
    assert_int_equal(ptd_buf_read_file(&whole, packed, 1 << 20, NULL), 0);
    for (size_t n = 4; n < whole.len; n += 3) {
        put("packed", whole.data, n);
        assert_int_equal(ptd_unpack_file(packed, back, 1 << 20, NULL), -1);
        assert_int_equal(access(back, F_OK), -1);
    }
    unlink(packed);
}

static void forget_environment(void)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",   "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_REGION",          "AWS_PROFILE",           "AWS_DEFAULT_REGION",
        "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL",      "AWS_ENDPOINT_URL_S3"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    PTD_CLEANUP_FREE char *credentials = at("credentials"), *config = at("config");
    setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, 1);
    setenv("AWS_CONFIG_FILE", config, 1);
    unlink(credentials);
    unlink(config);
}

static void test_aws_environment(void **state)
{
    (void)state;
    struct ptd_aws aws;
    struct ptd_err err = {0};
    forget_environment();
    assert_int_equal(ptd_aws_load(&aws, &err), -1);
    assert_int_equal(err.code, PTD_E_NET);
    ptd_aws_release(&aws);
    setenv("AWS_ACCESS_KEY_ID", "k", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    assert_int_equal(ptd_aws_load(&aws, NULL), 0);
    assert_string_equal(aws.region, "us-east-1");
    assert_null(aws.endpoint);
    assert_null(aws.token);
    assert_false(aws.path_style);
    ptd_aws_release(&aws);
    setenv("AWS_DEFAULT_REGION", "a", 1);
    setenv("AWS_REGION", "b", 1);
    setenv("AWS_ENDPOINT_URL", "http://one", 1);
    setenv("AWS_ENDPOINT_URL_S3", "http://two", 1);
    assert_int_equal(ptd_aws_load(&aws, NULL), 0);
    assert_string_equal(aws.region, "b");
    assert_string_equal(aws.endpoint, "http://two");
    assert_true(aws.path_style);
    ptd_aws_release(&aws);
}

static void test_aws_profiles(void **state)
{
    (void)state;
    static const char credentials[] = "[default]\naws_access_key_id=d\naws_secret_access_key=e\n"
                                      "[Other]\naws_access_key_id = o\n"
                                      "aws_secret_access_key = p/+=q\naws_session_token = t==\n";
    static const char config[] = "[default]\nregion = here\n[profile Other]\nregion = there\n"
                                 "s3 =\n    addressing_style = virtual\nendpoint_url = http://e\n";
    struct ptd_aws aws;
    struct ptd_err err = {0};
    forget_environment();
    put("credentials", credentials, strlen(credentials));
    put("config", config, strlen(config));
    assert_int_equal(ptd_aws_load(&aws, NULL), 0);
    assert_string_equal(aws.key, "d");
    assert_string_equal(aws.region, "here");
    ptd_aws_release(&aws);
    setenv("AWS_PROFILE", "Other", 1);
    assert_int_equal(ptd_aws_load(&aws, NULL), 0);
    assert_string_equal(aws.key, "o");
    assert_string_equal(aws.secret, "p/+=q");
    assert_string_equal(aws.token, "t==");
    assert_string_equal(aws.region, "there");
    assert_string_equal(aws.endpoint, "http://e");
    assert_false(aws.path_style);
    ptd_aws_release(&aws);
    setenv("AWS_PROFILE", "none", 1);
    assert_int_equal(ptd_aws_load(&aws, &err), -1);
    assert_int_equal(err.code, PTD_E_CONFIG);
    ptd_aws_release(&aws);
    /* A line that iniparser does not take names the way out. */
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    ptd_buf_adds(&text, "[default]\naws_session_token = ");
    for (int i = 0; i < 2000; i++)
        ptd_buf_addc(&text, 'x');
    ptd_buf_addc(&text, '\n');
    put("credentials", text.data, text.len);
    unsetenv("AWS_PROFILE");
    assert_int_equal(ptd_aws_load(&aws, &err), -1);
    assert_non_null(strstr(err.hint, "AWS_SESSION_TOKEN"));
    ptd_aws_release(&aws);
    forget_environment();
}

static void test_limits(void **state)
{
    (void)state;
    struct ptd_transfer_limits given = {.total_seconds = 3}, limits;
    struct ptd_err err = {0};
    unsetenv("PYT_DIFF_REMOTE_LIMIT");
    setenv("PYT_DIFF_REMOTE_TIMEOUT", "7", 1);
    assert_int_equal(ptd_limits_fill(&given, &limits, NULL), 0);
    assert_int_equal(limits.max_bytes, (uint64_t)1 << 30);
    assert_int_equal(limits.stall_seconds, 7);
    assert_int_equal(limits.total_seconds, 3);
    setenv("PYT_DIFF_REMOTE_TIMEOUT", "0", 1);
    assert_int_equal(ptd_limits_fill(&given, &limits, &err), -1);
    assert_int_equal(err.code, PTD_E_USAGE);
    unsetenv("PYT_DIFF_REMOTE_TIMEOUT");
}

int main(void)
{
    assert_non_null(mkdtemp(dir));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url),          cmocka_unit_test(test_shown),
        cmocka_unit_test(test_encode),       cmocka_unit_test(test_pack),
        cmocka_unit_test(test_cut),          cmocka_unit_test(test_aws_environment),
        cmocka_unit_test(test_aws_profiles), cmocka_unit_test(test_limits),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    PTD_CLEANUP_FREE char *plain = at("plain"), *packed = at("packed");
    unlink(plain);
    unlink(packed);
    rmdir(dir);
    return failed;
}
