/*
 * Views with the names, columns and meaning of pytest-testmon's tables (its schema version 14), for
 * programs that read these; docs/FORMAT.md says what is in them. We never read them ourselves. They
 * decode our blobs only when somebody asks, but every connection parses their text: it is short.
 * "LIMIT -1" keeps the planner from taking a view apart when it is joined, and so from decoding
 * again for each row: 70 times faster where testmon joins three of them.
 */
#ifndef PTD_STORE_VIEWS_H
#define PTD_STORE_VIEWS_H

/* clang-format off */

/* All bytes in order: the place of a byte in it is its value + 1. */
#define PTD_VIEW_BYTES \
    "x'" \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f" \
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f" \
    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f" \
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f" \
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf" \
    "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf" \
    "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff" \
    "'"

/*
 * The step of a recursive table (key, blob, at, b, n, f) that reads varints: b is the byte before
 * position `at`, f what it is multiplied with, n what comes to it. Where b is below 128 a number
 * ends; it is n + b * f. `next` is the n that follows.
 */
#define PTD_VIEW_STEP(table, next) \
    " UNION ALL SELECT key, blob, at + 1," \
    " instr(" PTD_VIEW_BYTES ", substr(blob, at + 1, 1)) - 1," next "," \
    " CASE WHEN b > 127 THEN f * 128 ELSE 1 END FROM " table " WHERE at < length(blob)"
#define PTD_VIEW_NUMBERS " (b > 127) * (n + (b & 127) * f)"
#define PTD_VIEW_DELTAS  " n + (b & 127) * f"

#define PTD_VIEW_METADATA \
    "CREATE VIEW metadata(dataid, data) AS" \
    " SELECT 'None:time_saved', CAST(CAST(value AS INTEGER) / 1e6 AS TEXT)" \
    " FROM meta WHERE key = 'saved';"

#define PTD_VIEW_ENVIRONMENT \
    "CREATE VIEW environment(id, environment_name, system_packages, python_version) AS" \
    " SELECT id, name, NULL, substr(rest, 1, instr(rest || ' ', ' ') - 1)" \
    " FROM (SELECT id, name, substr(name, instr(name, ' ') + 1) AS rest FROM interpreter);"

/* Tests whose file is gone, or whose file was last collected without them, are left out; a file
 * that was never looked at has no version either. */
#define PTD_VIEW_TEST_EXECUTION \
    "CREATE VIEW test_execution(id, environment_id, test_name, duration, failed, forced) AS" \
    " SELECT r.id, environment_id, n.name, duration_us / 1e6, outcome IN (1, 2)," \
    " CASE run_id WHEN (SELECT max(run_id) FROM record) THEN 0 END" \
    " FROM record r JOIN node n ON n.id = node_id JOIN file f ON f.id = file_id" \
    " WHERE is_file = 0 AND r.id = (SELECT id FROM record WHERE node_id = n.id" \
    " AND environment_id = r.environment_id ORDER BY run_id DESC, id DESC)" \
    " AND (f.version_id OR changed_at = 0)" \
    " AND ifnull(instr((SELECT char(0) || ifnull(tests, '') FROM record" \
    " WHERE node_id = (SELECT id FROM node WHERE is_file = 1 AND name = path)" \
    " AND environment_id = r.environment_id AND outcome <> 2 ORDER BY run_id DESC, id DESC)," \
    " char(0) || n.name || char(0)), 1) LIMIT -1;"

#define PTD_VIEW_TEST_EXECUTION_FILE_FP \
    "CREATE VIEW test_execution_file_fp(test_execution_id, fingerprint_id) AS" \
    " WITH RECURSIVE s(key, blob, at, b, n, f) AS" \
    " (SELECT id, (SELECT depsets FROM record r WHERE r.id = t.id), 0, 0, 0, 1" \
    " FROM test_execution t" PTD_VIEW_STEP("s", PTD_VIEW_NUMBERS) ")," \
    " p(key, blob, at, b, n, f) AS (SELECT id, fingerprints, 0, 0, 0, 1 FROM depset" \
    " WHERE id IN (SELECT n + b * f FROM s WHERE b < 128)" \
    PTD_VIEW_STEP("p", PTD_VIEW_DELTAS) ")" \
    " SELECT DISTINCT s.key, g.id FROM s JOIN p ON p.key = s.n + s.b * s.f" \
    " JOIN fingerprint g ON g.id = p.n + p.b * p.f JOIN file ON file.id = file_id" \
    " WHERE kind < 2 AND s.b < 128 AND p.b < 128;"

/* The numbers have 28 bits, seven in each byte: such bytes can be made in SQL. */
#define PTD_VIEW_FILE_FP \
    "CREATE VIEW file_fp(id, filename, method_checksums, mtime, fsha) AS" \
    " WITH RECURSIVE c(key, blob, at, b, n, f) AS (SELECT id, codes, 0, 0, 0, 1" \
    " FROM fingerprint WHERE id IN (SELECT fingerprint_id FROM test_execution_file_fp)" \
    PTD_VIEW_STEP("c", PTD_VIEW_DELTAS) ")," \
    " d(key, n) AS (SELECT key, n + b * f + version_id * 165902235" \
    " FROM c JOIN fingerprint g ON g.id = key WHERE b < 128 AND at ORDER BY key, at)," \
    " e(key, sums) AS (SELECT key, group_concat(" \
    "char(n & 127, n >> 7 & 127, n >> 14 & 127, n >> 21 & 127), '') FROM d GROUP BY key)" \
    " SELECT g.id, path, CAST(ifnull(sums, '') AS BLOB)," \
    " CASE f.version_id WHEN g.version_id THEN mtime / 1e9 END, lower(hex(hash))" \
    " FROM c JOIN fingerprint g ON g.id = c.key JOIN file f ON f.id = file_id" \
    " LEFT JOIN version v ON v.id = g.version_id LEFT JOIN e ON e.key = g.id WHERE at = 0" \
    " LIMIT -1;"

#define PTD_VIEWS \
    PTD_VIEW_METADATA PTD_VIEW_ENVIRONMENT PTD_VIEW_TEST_EXECUTION \
    PTD_VIEW_TEST_EXECUTION_FILE_FP PTD_VIEW_FILE_FP

/* clang-format on */

#endif
