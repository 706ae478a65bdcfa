/*
 * What clients send, checked: the JSON of contract/passes.h. A list that is missing or null counts
 * as empty, as it does for the reference server; keys of the objects that are not known are
 * ignored.
 */
#ifndef PTD_SERVE_WIRE_H
#define PTD_SERVE_WIRE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "contract/passes.h"

struct ptd_wire_pass {
    unsigned char key[PTD_PASS_KEY];
    unsigned char node[PTD_PASS_NODE];
};

struct ptd_wire_passes {
    struct ptd_wire_pass *items; /* owned */
    size_t count, cap;
};

struct ptd_wire_keys {
    unsigned char (*items)[PTD_PASS_KEY]; /* owned */
    size_t count;
};

/* PTD_E_USAGE with a message for the client. Nothing is to be released after a failure. */
int ptd_wire_read_query(const char *text, size_t len, struct ptd_wire_keys *out,
                        struct ptd_err *err);
int ptd_wire_read_publish(const char *text, size_t len, struct ptd_wire_passes *out,
                          struct ptd_err *err);
void ptd_wire_keys_release(struct ptd_wire_keys *keys);
void ptd_wire_passes_release(struct ptd_wire_passes *passes);

/* An array of node ids (PTD_PASS_NODE bytes each), as JSON. */
void ptd_wire_write_nodes(const void *nodes, size_t len, struct ptd_buf *out);

#endif
