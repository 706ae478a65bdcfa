/*
 * Writes journals (contract/journal.h) for tests: an independent hand, so that the reader is not
 * checked against itself. The file is built in memory in `out`.
 */
#ifndef PTD_TESTS_JOURNAL_BUILDER_H
#define PTD_TESTS_JOURNAL_BUILDER_H

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/crc32.h"
#include "contract/journal.h"

struct journal_builder {
    struct ptd_buf out;     /* owned: the whole file */
    struct ptd_buf payload; /* owned: the record at hand */
    uint32_t files, codes, names, scopes, paths;
};

struct jb_ids {
    const uint32_t *items; /* borrowed */
    size_t count;
};
#define JB_IDS(...)                                                                                \
    (struct jb_ids)                                                                                \
    {                                                                                              \
        (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4               \
    }

/* The lists of a J_DELTA; those that are not named are empty. */
struct jb_delta {
    struct jb_ids codes, uses, imports, names, pairs;
};

static inline void jb_u32(struct ptd_buf *out, uint32_t value)
{
    unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                              (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
    ptd_buf_add(out, bytes, sizeof(bytes));
}

static inline void jb_u64(struct ptd_buf *out, uint64_t value)
{
    jb_u32(out, (uint32_t)value);
    jb_u32(out, (uint32_t)(value >> 32));
}

static inline void jb_string(struct ptd_buf *out, const char *s)
{
    jb_u32(out, (uint32_t)strlen(s));
    ptd_buf_adds(out, s);
}

static inline void jb_ids(struct ptd_buf *out, struct jb_ids ids)
{
    jb_u32(out, (uint32_t)ids.count);
    for (size_t i = 0; i < ids.count; i++)
        jb_u32(out, ids.items[i]); /* NOLINT(clang-analyzer-core.CallAndMessage): all are set */
}

/* Closes the record whose payload was gathered. */
static inline void jb_end(struct journal_builder *b, uint32_t type)
{
    size_t start = b->out.len;
    jb_u32(&b->out, (uint32_t)b->payload.len);
    jb_u32(&b->out, type);
    ptd_buf_add(&b->out, b->payload.data, b->payload.len);
    jb_u32(&b->out, ptd_crc32(b->out.data + start, b->out.len - start));
    ptd_buf_reset(&b->payload);
}

static inline void jb_start(struct journal_builder *b)
{
    *b = (struct journal_builder){0};
    ptd_buf_adds(&b->out, PTD_JOURNAL_MAGIC);
}

static inline void jb_release(struct journal_builder *b)
{
    ptd_buf_release(&b->out);
    ptd_buf_release(&b->payload);
}

static inline void jb_fact(struct journal_builder *b, const char *key, const char *value)
{
    jb_string(&b->payload, key);
    jb_string(&b->payload, value);
    jb_end(b, PTD_J_FACT);
}

static inline uint32_t jb_file(struct journal_builder *b, const char *path, uint64_t size,
                               uint64_t mtime_ns, uint64_t ino)
{
    jb_u32(&b->payload, b->files);
    jb_string(&b->payload, path);
    jb_u64(&b->payload, size);
    jb_u64(&b->payload, mtime_ns);
    jb_u64(&b->payload, ino);
    jb_end(b, PTD_J_FILE);
    return b->files++;
}

static inline uint32_t jb_code(struct journal_builder *b, uint32_t file, uint32_t line,
                               const char *name)
{
    jb_u32(&b->payload, b->codes);
    jb_u32(&b->payload, file);
    jb_u32(&b->payload, line);
    jb_string(&b->payload, name);
    jb_end(b, PTD_J_CODE);
    return b->codes++;
}

static inline uint32_t jb_name(struct journal_builder *b, const char *name)
{
    jb_u32(&b->payload, b->names);
    jb_string(&b->payload, name);
    jb_end(b, PTD_J_NAME);
    return b->names++;
}

static inline uint32_t jb_scope(struct journal_builder *b, uint32_t kind, uint32_t file,
                                const char *label)
{
    jb_u32(&b->payload, b->scopes);
    jb_u32(&b->payload, kind);
    jb_u32(&b->payload, file);
    jb_string(&b->payload, label);
    jb_end(b, PTD_J_SCOPE);
    return b->scopes++;
}

static inline void jb_delta(struct journal_builder *b, uint32_t scope, uint32_t flags,
                            struct jb_delta lists)
{
    jb_u32(&b->payload, scope);
    jb_u32(&b->payload, flags);
    jb_ids(&b->payload, lists.codes);
    jb_ids(&b->payload, lists.uses);
    jb_ids(&b->payload, lists.imports);
    jb_ids(&b->payload, lists.names);
    jb_ids(&b->payload, lists.pairs);
    jb_end(b, PTD_J_DELTA);
}

static inline uint32_t jb_path(struct journal_builder *b, const char *path, uint32_t type,
                               uint64_t size, uint64_t mtime_ns, uint64_t ino)
{
    jb_u32(&b->payload, b->paths);
    jb_string(&b->payload, path);
    jb_u32(&b->payload, type);
    jb_u64(&b->payload, size);
    jb_u64(&b->payload, mtime_ns);
    jb_u64(&b->payload, ino);
    jb_end(b, PTD_J_PATH);
    return b->paths++;
}

/* `pairs`: enum ptd_access and path id in turn. */
static inline void jb_access(struct journal_builder *b, uint32_t scope, struct jb_ids pairs)
{
    jb_u32(&b->payload, scope);
    jb_u32(&b->payload, (uint32_t)pairs.count / 2);
    for (size_t i = 0; i < pairs.count; i++)
        jb_u32(&b->payload, pairs.items[i]);
    jb_end(b, PTD_J_ACCESS);
}

/* `tests`: node ids, NULL-terminated. */
static inline void jb_collect(struct journal_builder *b, uint32_t scope, uint32_t outcome,
                              uint32_t flags, const char *path, const char *const *tests)
{
    uint32_t count = 0;
    while (tests[count])
        count++;
    jb_u32(&b->payload, scope);
    jb_u32(&b->payload, outcome);
    jb_u32(&b->payload, flags);
    jb_string(&b->payload, path);
    jb_u32(&b->payload, count);
    for (uint32_t i = 0; i < count; i++)
        jb_string(&b->payload, tests[i]);
    jb_end(b, PTD_J_COLLECT);
}

static inline void jb_begin_test(struct journal_builder *b, const char *nodeid)
{
    jb_string(&b->payload, nodeid);
    jb_end(b, PTD_J_START);
}

static inline void jb_test(struct journal_builder *b, uint32_t scope, uint32_t outcome,
                           uint32_t flags, uint64_t duration_us, uint32_t collect,
                           const char *nodeid, const char *path)
{
    jb_u32(&b->payload, scope);
    jb_u32(&b->payload, outcome);
    jb_u32(&b->payload, flags);
    jb_u64(&b->payload, duration_us);
    jb_u32(&b->payload, collect);
    jb_string(&b->payload, nodeid);
    jb_string(&b->payload, path);
    jb_end(b, PTD_J_TEST);
}

static inline void jb_finish(struct journal_builder *b, uint32_t status)
{
    jb_u32(&b->payload, status);
    jb_end(b, PTD_J_END);
}

#endif
