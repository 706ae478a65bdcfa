#include "serve/wire.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

static json_t *read_object(const char *text, size_t len, struct ptd_err *err)
{
    json_error_t problem;
    json_t *root = json_loadb(text, len, 0, &problem);
    if (root && json_is_object(root))
        return root;
    ptd_err_set(err, PTD_E_USAGE, "%s", root ? "expected an object" : problem.text);
    json_decref(root);
    return NULL;
}

/* A member that is a list or an object, NULL when it is missing or null; -1 when it is another
 * thing. */
static int member(json_t *root, const char *name, json_type type, json_t **out, struct ptd_err *err)
{
    *out = json_object_get(root, name);
    if (!*out || json_is_null(*out)) {
        *out = NULL;
        return 0;
    }
    if (json_typeof(*out) == type)
        return 0;
    return ptd_err_set(err, PTD_E_USAGE, "%s: expected %s", name,
                       type == JSON_ARRAY ? "a list" : "an object");
}

static int take_key(const char *text, size_t len, unsigned char out[PTD_PASS_KEY],
                    struct ptd_err *err)
{
    if (text && ptd_hex_read(text, len, out, PTD_PASS_KEY) == 0)
        return 0;
    return ptd_err_set(err, PTD_E_USAGE, "a test file hash has %d hexadecimal digits",
                       2 * PTD_PASS_KEY);
}

int ptd_wire_read_query(const char *text, size_t len, struct ptd_wire_keys *out,
                        struct ptd_err *err)
{
    *out = (struct ptd_wire_keys){0};
    json_t *root = read_object(text, len, err), *list = NULL;
    int failed = !root ? -1 : member(root, "test_file_hashes", JSON_ARRAY, &list, err);
    size_t count = failed ? 0 : json_array_size(list);
    if (count)
        out->items = ptd_xcalloc(count, sizeof(*out->items));
    for (; out->count < count && !failed; out->count++) {
        const json_t *key = json_array_get(list, out->count);
        failed =
            take_key(json_string_value(key), json_string_length(key), out->items[out->count], err);
    }
    json_decref(root);
    if (failed)
        ptd_wire_keys_release(out);
    return failed;
}

static int take_nodes(const char *text, json_t *list, struct ptd_wire_passes *out,
                      struct ptd_err *err)
{
    struct ptd_wire_pass pass;
    if (take_key(text, strlen(text), pass.key, err) < 0)
        return -1;
    if (!json_is_array(list) && !json_is_null(list))
        return ptd_err_set(err, PTD_E_USAGE, "expected a list of node ids");
    if (json_array_size(list) > PTD_PASS_MAX_NODES)
        return ptd_err_set(err, PTD_E_USAGE, "more than %u node ids under one hash",
                           PTD_PASS_MAX_NODES);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *node = json_array_get(list, i);
        const char *digits = json_string_value(node);
        if (!digits || ptd_hex_read(digits, json_string_length(node), pass.node, PTD_PASS_NODE) < 0)
            return ptd_err_set(err, PTD_E_USAGE, "a node id has %d hexadecimal digits",
                               2 * PTD_PASS_NODE);
        out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
        out->items[out->count++] = pass;
    }
    return 0;
}

int ptd_wire_read_publish(const char *text, size_t len, struct ptd_wire_passes *out,
                          struct ptd_err *err)
{
    *out = (struct ptd_wire_passes){0};
    json_t *root = read_object(text, len, err), *all = NULL, *list;
    const char *key;
    int failed = !root ? -1 : member(root, "passed_node_ids_per_test_file", JSON_OBJECT, &all, err);
    if (!failed && all)
        json_object_foreach(all, key, list)
        {
            failed = take_nodes(key, list, out, err);
            if (failed)
                break;
        }
    json_decref(root);
    if (failed)
        ptd_wire_passes_release(out);
    return failed;
}

void ptd_wire_keys_release(struct ptd_wire_keys *keys)
{
    free(keys->items);
    *keys = (struct ptd_wire_keys){0};
}

void ptd_wire_passes_release(struct ptd_wire_passes *passes)
{
    free(passes->items);
    *passes = (struct ptd_wire_passes){0};
}

void ptd_wire_write_nodes(const void *nodes, size_t len, struct ptd_buf *out)
{
    const unsigned char *node = nodes;
    char digits[2 * PTD_PASS_NODE + 1];
    ptd_buf_addc(out, '[');
    for (size_t at = 0; at + PTD_PASS_NODE <= len; at += PTD_PASS_NODE) {
        ptd_hex_write(node + at, PTD_PASS_NODE, digits);
        ptd_buf_adds(out, at ? ",\"" : "\"");
        ptd_buf_add(out, digits, 2 * PTD_PASS_NODE);
        ptd_buf_addc(out, '"');
    }
    ptd_buf_addc(out, ']');
}
