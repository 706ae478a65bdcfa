#include "serve/tokens.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/hex.h"
#include "base/json.h"

#define PREFIX       "ptd-"
#define RANDOM_BYTES 16
/* Of a longer one nobody needs to look up the hash. */
#define MAX_TOKEN 256
#define DAY       ((int64_t)24 * 60 * 60)

static void hash_token(const char *token, unsigned char out[PTD_SERVE_HASH])
{
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    sha256_update(&ctx, strlen(token), (const uint8_t *)token);
    sha256_digest(&ctx, PTD_SERVE_HASH, out);
}

int ptd_serve_admit(struct ptd_serve_db *db, const char *token, struct ptd_serve_token *out,
                    enum ptd_serve_admission *how, struct ptd_err *err)
{
    unsigned char hash[PTD_SERVE_HASH];
    bool found = false;
    *how = PTD_SERVE_UNKNOWN;
    if (strnlen(token, MAX_TOKEN) == MAX_TOKEN)
        return 0;
    hash_token(token, hash);
    if (ptd_serve_token_find(db, hash, out, &found, err) < 0)
        return -1;
    if (!found)
        return 0;
    *how = out->revoked                                          ? PTD_SERVE_REVOKED
           : out->expires && out->expires <= (int64_t)time(NULL) ? PTD_SERVE_EXPIRED
                                                                 : PTD_SERVE_ADMITTED;
    return 0;
}

static int check_name(const char *what, const char *name, struct ptd_err *err)
{
    size_t len = name ? strlen(name) : 0;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x21 || name[i] == 0x7f)
            return ptd_err_set(err, PTD_E_USAGE, "the name of a %s has no blanks", what);
    if (len < 1 || len > 100)
        return ptd_err_set(err, PTD_E_USAGE, "the name of a %s has 1 to 100 characters", what);
    return 0;
}

static int add(struct ptd_serve_db *db, const struct ptd_serve_arguments *a, struct ptd_err *err)
{
    unsigned char random[RANDOM_BYTES], hash[PTD_SERVE_HASH];
    char digits[2 * RANDOM_BYTES + 1], token[sizeof(PREFIX) + sizeof(digits)];
    if (check_name("token", a->name, err) < 0 || check_name("project", a->project, err) < 0)
        return -1;
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return ptd_err_sys(err, PTD_E_IO, "no random numbers");
    ptd_hex_write(random, sizeof(random), digits);
    snprintf(token, sizeof(token), PREFIX "%s", digits);
    hash_token(token, hash);
    int64_t expires = a->expires ? (int64_t)time(NULL) + a->expires * DAY : 0;
    if (ptd_serve_db_begin(db, err) < 0)
        return -1;
    if (ptd_serve_token_insert(db, a->name, a->project, hash, a->read_only, expires, err) < 0 ||
        ptd_serve_db_commit(db, err) < 0) {
        ptd_serve_db_rollback(db);
        return -1;
    }
    printf("%s\n", token);
    fprintf(stderr, "pyt-diff: this is the only time that the token is shown\n");
    return 0;
}

static void date(int64_t seconds, char out[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    snprintf(out, 32, "-");
    if (seconds && gmtime_r(&t, &tm))
        strftime(out, 32, "%Y-%m-%d %H:%M", &tm);
}

static const char *state_of(const struct ptd_serve_token *t)
{
    if (t->revoked)
        return "revoked";
    return t->expires && t->expires <= (int64_t)time(NULL) ? "expired" : "valid";
}

static int show(const struct ptd_serve_token *t, void *arg)
{
    char created[32], expires[32];
    struct ptd_buf *out = arg;
    date(t->created, created);
    date(t->expires, expires);
    ptd_buf_addf(out, "%-24s %-16s %-8s %-10s %-17s %s\n", t->name, t->project_name, state_of(t),
                 t->read_only ? "read-only" : "publish", created, expires);
    return 0;
}

static void json_date(struct ptd_buf *out, const char *key, int64_t seconds)
{
    if (seconds)
        ptd_buf_addf(out, ",\"%s\":%lld", key, (long long)seconds);
    else
        ptd_buf_addf(out, ",\"%s\":null", key);
}

static int show_json(const struct ptd_serve_token *t, void *arg)
{
    struct ptd_buf *out = arg;
    ptd_buf_adds(out, out->data[out->len - 1] == '[' ? "{\"name\":" : ",\n{\"name\":");
    ptd_json_string(out, t->name);
    ptd_buf_adds(out, ",\"project\":");
    ptd_json_string(out, t->project_name);
    ptd_buf_addf(out, ",\"state\":\"%s\",\"read_only\":%s", state_of(t),
                 t->read_only ? "true" : "false");
    json_date(out, "created", t->created);
    json_date(out, "expires", t->expires);
    json_date(out, "revoked", t->revoked);
    ptd_buf_addc(out, '}');
    return 0;
}

static int list(struct ptd_serve_db *db, bool json, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    if (json)
        ptd_buf_adds(&out, "{\"version\":1,\"tokens\":[");
    else
        ptd_buf_addf(&out, "%-24s %-16s %-8s %-10s %-17s %s\n", "NAME", "PROJECT", "STATE", "MAY",
                     "CREATED (UTC)", "EXPIRES (UTC)");
    if (ptd_serve_token_each(db, json ? show_json : show, &out, err) < 0)
        return -1;
    if (json)
        ptd_buf_adds(&out, "]}\n");
    fputs(out.data, stdout);
    return 0;
}

static int revoke(struct ptd_serve_db *db, const char *name, struct ptd_err *err)
{
    bool found = false;
    if (ptd_serve_token_revoke(db, name, &found, err) < 0)
        return -1;
    if (found)
        return 0;
    ptd_err_set(err, PTD_E_USAGE, "there is no valid token called \"%s\"", name);
    return ptd_err_hint(err, "'pyt-diff serve token list' names them");
}

int ptd_serve_tokens_task(const struct ptd_serve_arguments *a, struct ptd_err *err)
{
    struct ptd_serve_db *db;
    if (ptd_serve_db_open(a->database, &db, err) < 0)
        return -1;
    int failed = a->task == PTD_SERVE_TOKEN_ADD    ? add(db, a, err)
                 : a->task == PTD_SERVE_TOKEN_LIST ? list(db, a->json, err)
                                                   : revoke(db, a->name ? a->name : "", err);
    ptd_serve_db_close(db);
    if (!failed && fflush(stdout) != 0)
        return ptd_err_sys(err, PTD_E_IO, "cannot write the answer");
    return failed;
}
