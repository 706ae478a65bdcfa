/*
 * The pass cache on the wire: the protocol of dryci's server and client, version 1. Both sides send
 * JSON with "Authorization: Bearer TOKEN"; keys and node ids are lower-case hexadecimal.
 *
 *   POST /api/v1/query-passed  {"test_file_hashes": [KEY, ...]}
 *                           -> {"node_ids": [[NODE, ...], ...]}, a list for each key
 *   POST /api/v1/publish       {"passed_node_ids_per_test_file": {KEY: [NODE, ...], ...},
 *                               "total_test_count": N, "passed_test_count": N, ...}
 *                           -> {}
 *
 * 401 without a valid token, 413 for a request that is too large, 422 for one that cannot be
 * understood. Source: dryci 0.1.1 (pytest_dryci/plugin.py, dryci_server/main.go, utils.go, db.go).
 */
#ifndef PTD_CONTRACT_PASSES_H
#define PTD_CONTRACT_PASSES_H

#define PTD_PASS_QUERY   "/api/v1/query-passed"
#define PTD_PASS_PUBLISH "/api/v1/publish"

#define PTD_PASS_KEY  32 /* bytes of a key; twice as many digits */
#define PTD_PASS_NODE 16 /* the same of a node id */

/* What the reference server takes: bytes of a request, node ids of one key. */
#define PTD_PASS_MAX_REQUEST (8u << 20)
#define PTD_PASS_MAX_NODES   (32u * 1024)

/*
 * Programs beside the host (contract/entry.h). The server's command line is the engine's affair:
 * words NAME=VALUE as in runner/serve/arguments.h, already checked.
 */
#define PTD_FILE_SERVE  "pyt-diff-serve"
#define PTD_FILE_PASSES "pyt-diff-passes"

#endif
