#include "exchange/passes.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/map.h"
#include "base/mem.h"
#include "exchange/secret.h"

/* Items of one request: far below what the reference server takes. */
#define PORTION 5000

/* Items of one request with their hashes, and the distinct keys in order. */
struct portion {
    size_t first, count; /* of the request's items */
    unsigned char (*nodes)[PTD_PASS_NODE];
    size_t *keys;            /* per item: position in `distinct` */
    struct ptd_map distinct; /* digits of a key → its first item */
};

static void make_portion(const struct ptd_exchange_request *request, size_t first,
                         struct portion *out)
{
    size_t left = request->count - first;
    *out = (struct portion){.first = first, .count = left < PORTION ? left : PORTION};
    out->nodes = ptd_xcalloc(out->count, sizeof(*out->nodes));
    out->keys = ptd_xcalloc(out->count, sizeof(*out->keys));
    for (size_t i = 0; i < out->count; i++) {
        struct ptd_exchange_hashes hashes;
        char digits[2 * PTD_PASS_KEY + 1];
        ptd_exchange_hash(request, &request->items[first + i], &hashes);
        ptd_hex_write(hashes.key, sizeof(hashes.key), digits);
        memcpy(out->nodes[i], hashes.node, sizeof(hashes.node));
        out->keys[i] = ptd_map_puts(&out->distinct, digits, i);
    }
}

static void release_portion(struct portion *p)
{
    free(p->nodes);
    free(p->keys);
    ptd_map_release(&p->distinct);
}

static int mark(const json_t *lists, const unsigned char node[PTD_PASS_NODE], size_t key,
                unsigned char *passed)
{
    char digits[2 * PTD_PASS_NODE + 1];
    const json_t *list = json_array_get(lists, key);
    ptd_hex_write(node, PTD_PASS_NODE, digits);
    if (!json_is_array(list))
        return -1;
    for (size_t k = 0; k < json_array_size(list); k++) {
        const char *text = json_string_value(json_array_get(list, k));
        if (!text)
            return -1;
        if (strcmp(text, digits) == 0)
            *passed = 1;
    }
    return 0;
}

int ptd_exchange_read_answer(const char *text, size_t len, size_t count,
                             const unsigned char (*nodes)[PTD_PASS_NODE], const size_t *keys,
                             size_t items, unsigned char *passed, struct ptd_err *err)
{
    json_t *root = json_loadb(text, len, 0, NULL);
    const json_t *lists = json_object_get(root, "node_ids");
    int failed = json_is_array(lists) && json_array_size(lists) == count ? 0 : -1;
    for (size_t i = 0; i < items && !failed; i++)
        failed = mark(lists, nodes[i], keys[i], &passed[i]);
    json_decref(root);
    return failed ? ptd_err_set(err, PTD_E_IO, "the answer is none of a pass cache") : 0;
}

static void write_question(const struct portion *p, struct ptd_buf *out)
{
    ptd_buf_adds(out, "{\"test_file_hashes\":[");
    for (size_t i = 0; i < p->distinct.count; i++)
        ptd_buf_addf(out, "%s\"%s\"", i ? "," : "", p->distinct.entries[i].key);
    ptd_buf_adds(out, "]}");
}

static int ask_portion(struct ptd_exchange_connection *to, const struct portion *p,
                       struct ptd_buf *out, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf body = PTD_BUF_INIT, answer = PTD_BUF_INIT;
    PTD_CLEANUP_FREE unsigned char *passed = ptd_xcalloc(p->count, 1);
    write_question(p, &body);
    if (ptd_exchange_post(to, PTD_PASS_QUERY, &body, &answer, err) < 0 ||
        ptd_exchange_read_answer(answer.data ? answer.data : "", answer.len, p->distinct.count,
                                 (const unsigned char(*)[PTD_PASS_NODE])p->nodes, p->keys, p->count,
                                 passed, err) < 0)
        return -1;
    for (size_t i = 0; i < p->count; i++)
        if (passed[i])
            ptd_buf_addf(out, "%zu\n", p->first + i);
    return 0;
}

int ptd_exchange_ask(struct ptd_exchange_connection *to, const struct ptd_exchange_request *request,
                     struct ptd_buf *out, struct ptd_err *err)
{
    int failed = 0;
    for (size_t first = 0; first < request->count && !failed; first += PORTION) {
        struct portion p;
        make_portion(request, first, &p);
        failed = ask_portion(to, &p, out, err);
        release_portion(&p);
    }
    return failed;
}

/* Items of one key, one after the other. */
static void write_passes(const struct portion *p, size_t key, struct ptd_buf *out)
{
    char digits[2 * PTD_PASS_NODE + 1];
    bool first = true;
    ptd_buf_addf(out, "\"%s\":[", p->distinct.entries[key].key);
    for (size_t i = p->distinct.entries[key].value; i < p->count; i++) {
        if (p->keys[i] != key)
            continue;
        ptd_hex_write(p->nodes[i], PTD_PASS_NODE, digits);
        ptd_buf_addf(out, "%s\"%s\"", first ? "" : ",", digits);
        first = false;
    }
    ptd_buf_addc(out, ']');
}

static int publish_portion(struct ptd_exchange_connection *to, const struct portion *p,
                           const char *counts, struct ptd_err *err)
{
    static const char *const names[] = {"total", "passed", "failed", "skipped", "skipped_by_cache"};
    PTD_CLEANUP_BUF struct ptd_buf body = PTD_BUF_INIT, answer = PTD_BUF_INIT;
    ptd_buf_adds(&body, "{\"passed_node_ids_per_test_file\":{");
    for (size_t key = 0; key < p->distinct.count; key++) {
        if (key)
            ptd_buf_addc(&body, ',');
        write_passes(p, key, &body);
    }
    ptd_buf_addc(&body, '}');
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *end;
        ptd_buf_addf(&body, ",\"%s_test_count\":%lu", names[i], strtoul(counts, &end, 10));
        counts = end;
    }
    ptd_buf_addc(&body, '}');
    return ptd_exchange_post(to, PTD_PASS_PUBLISH, &body, &answer, err);
}

int ptd_exchange_publish(struct ptd_exchange_connection *to,
                         const struct ptd_exchange_request *request, struct ptd_err *err)
{
    int failed = 0;
    for (size_t first = 0; first < request->count && !failed; first += PORTION) {
        struct portion p;
        make_portion(request, first, &p);
        failed = publish_portion(to, &p, request->counts, err);
        release_portion(&p);
    }
    return failed;
}
