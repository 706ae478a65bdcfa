#include "graph/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "syntax/imports.h"

/* The first bytes; the number is raised with the meaning of what follows. */
#define MAGIC     "pyt-diff imports 1\n"
#define MAGIC_LEN (sizeof(MAGIC) - 1)

#define MAX_SOURCE ((size_t)256 << 20)
#define MAX_FILE   ((size_t)1 << 30)

/* ---- the file ---- */

static void add_number(struct ptd_buf *out, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    ptd_buf_add(out, bytes, sizeof(bytes));
}

void ptd_graph_cache_write(const struct ptd_graph_cache *cache, struct ptd_buf *out)
{
    PTD_CLEANUP_BUF struct ptd_buf body = PTD_BUF_INIT;
    ptd_buf_add_varint(&body, cache->count);
    for (size_t i = 0; i < cache->count; i++) {
        const struct ptd_graph_entry *e = &cache->items[i];
        ptd_buf_add(&body, e->path, strlen(e->path) + 1);
        add_number(&body, e->sig.size);
        add_number(&body, e->sig.mtime_ns);
        add_number(&body, e->sig.ctime_ns);
        add_number(&body, e->sig.ino);
        add_number(&body, e->hashed_at);
        ptd_buf_add(&body, &e->hash, sizeof(e->hash));
        ptd_buf_add_varint(&body, e->imports_len);
        ptd_buf_add(&body, e->imports, e->imports_len);
    }
    struct ptd_hash128 hash = ptd_hash128(body.data, body.len);
    ptd_buf_add(out, MAGIC, MAGIC_LEN);
    ptd_buf_add(out, &hash, sizeof(hash));
    ptd_buf_add(out, body.data, body.len);
}

static const char *read_string(struct ptd_reader *r)
{
    size_t left = (size_t)(r->end - r->pos);
    const unsigned char *end = left ? memchr(r->pos, '\0', left) : NULL;
    if (!end) {
        r->bad = 1;
        return "";
    }
    return ptd_reader_bytes(r, (size_t)(end - r->pos) + 1);
}

/* Whole pairs of strings. */
static bool are_pairs(const char *text, size_t len)
{
    size_t strings = 0;
    for (size_t i = 0; i < len; i++)
        strings += text[i] == '\0';
    return strings % 2 == 0 && (len == 0 || text[len - 1] == '\0');
}

static bool read_entry(struct ptd_reader *r, struct ptd_graph_entry *e)
{
    e->path = read_string(r);
    e->sig.size = ptd_reader_u64(r);
    e->sig.mtime_ns = ptd_reader_u64(r);
    e->sig.ctime_ns = ptd_reader_u64(r);
    e->sig.ino = ptd_reader_u64(r);
    e->hashed_at = ptd_reader_u64(r);
    const void *hash = ptd_reader_bytes(r, sizeof(e->hash));
    if (hash)
        memcpy(&e->hash, hash, sizeof(e->hash));
    e->imports_len = (size_t)ptd_reader_varint(r);
    e->imports = ptd_reader_bytes(r, e->imports_len);
    return !r->bad && are_pairs(e->imports, e->imports_len);
}

int ptd_graph_cache_read(struct ptd_graph_cache *cache)
{
    const struct ptd_buf *data = &cache->data;
    struct ptd_hash128 hash;
    size_t head = MAGIC_LEN + sizeof(hash);
    if (data->len < head || memcmp(data->data, MAGIC, MAGIC_LEN) != 0)
        return -1;
    hash = ptd_hash128(data->data + head, data->len - head);
    if (memcmp(data->data + MAGIC_LEN, &hash, sizeof(hash)) != 0)
        return -1;
    struct ptd_reader r = ptd_reader_init(data->data + head, data->len - head);
    uint64_t count = ptd_reader_varint(&r);
    if (r.bad || count > data->len) /* an entry takes more than a byte */
        return -1;
    cache->items = ptd_xcalloc((size_t)count, sizeof(*cache->items));
    for (cache->count = 0; cache->count < count; cache->count++) {
        struct ptd_graph_entry *e = &cache->items[cache->count];
        if (!read_entry(&r, e) || (cache->count && strcmp(e[-1].path, e->path) >= 0))
            break;
    }
    if (cache->count == count && r.pos == r.end)
        return 0;
    free(cache->items);
    cache->items = NULL;
    cache->count = 0;
    return -1;
}

int ptd_graph_cache_save(struct ptd_graph_cache *cache, const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (!cache->changed)
        return 0;
    ptd_graph_cache_write(cache, &text);
    if (ptd_buf_write_file(&text, path, err) < 0)
        return -1;
    cache->changed = false;
    return 0;
}

void ptd_graph_cache_release(struct ptd_graph_cache *cache)
{
    for (size_t i = 0; i < cache->made_count; i++)
        free(cache->made[i]);
    free(cache->made);
    free(cache->items);
    ptd_buf_release(&cache->data);
    *cache = (struct ptd_graph_cache){0};
}

/* ---- bringing it up to date ---- */

struct update {
    struct ptd_graph_cache *cache;
    const struct ptd_graph_entry *old; /* by path */
    size_t old_count;
    struct ptd_map by_hash; /* content → position in `old` + 1; made when first needed */
    const char *root;
};

static const struct ptd_graph_entry *same_content(struct update *u, const struct ptd_hash128 *hash)
{
    if (!u->by_hash.count)
        for (size_t i = 0; i < u->old_count; i++)
            ptd_map_put(&u->by_hash, &u->old[i].hash, sizeof(*hash), i, NULL);
    size_t at = ptd_map_find(&u->by_hash, hash, sizeof(*hash));
    if (at == PTD_MAP_NONE || !u->by_hash.entries)
        return NULL;
    return &u->old[u->by_hash.entries[at].value];
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void parse(struct update *u, const struct ptd_buf *source, struct ptd_graph_entry *e)
{
    struct ptd_graph_cache *cache = u->cache;
    struct ptd_buf imports = PTD_BUF_INIT;
    ptd_imports_parse(source->data ? source->data : "", source->len, &imports);
    cache->parsed++;
    e->imports_len = imports.len;
    cache->made = ptd_xgrow(cache->made, &cache->made_cap, cache->made_count + 1, sizeof(char *));
    e->imports = cache->made[cache->made_count++] = ptd_buf_steal(&imports);
}

/* Reads the file; what cannot be read imports nothing. */
static void look(struct update *u, const struct ptd_tree_entry *file, struct ptd_graph_entry *e)
{
    PTD_CLEANUP_BUF struct ptd_buf source = PTD_BUF_INIT;
    PTD_CLEANUP_FREE char *full = ptd_path_join(u->root, file->path);
    *e = (struct ptd_graph_entry){.path = file->path, .sig = file->sig, .imports = ""};
    uint64_t started = now_ns();
    if (ptd_buf_read_file(&source, full, MAX_SOURCE, NULL) < 0)
        return; /* `hashed_at` stays 0: it is tried again */
    e->hashed_at = started;
    e->hash = ptd_hash128(source.data ? source.data : "", source.len);
    const struct ptd_graph_entry *known = same_content(u, &e->hash);
    if (known) {
        e->imports = known->imports;
        e->imports_len = known->imports_len;
    } else {
        parse(u, &source, e);
    }
}

void ptd_graph_cache_load(const char *path, const char *root, const struct ptd_tree *tree,
                          struct ptd_graph_cache *out)
{
    *out = (struct ptd_graph_cache){0};
    if (ptd_buf_read_file(&out->data, path, MAX_FILE, NULL) < 0 || ptd_graph_cache_read(out) < 0)
        out->count = 0;
    struct update u = {.cache = out, .old = out->items, .old_count = out->count, .root = root};
    struct ptd_graph_entry *items = ptd_xcalloc(tree->count, sizeof(*items));
    size_t count = 0, k = 0;
    for (size_t i = 0; i < tree->count; i++) {
        const struct ptd_tree_entry *file = &tree->entries[i];
        if (!ptd_path_ends_with(file->path, ".py"))
            continue;
        while (k < u.old_count && strcmp(u.old[k].path, file->path) < 0)
            k++;
        bool known = k < u.old_count && strcmp(u.old[k].path, file->path) == 0;
        if (known && ptd_stat_sig_equal(&u.old[k].sig, &file->sig) &&
            !ptd_stat_sig_racy(&file->sig, u.old[k].hashed_at)) {
            items[count++] = u.old[k];
            continue;
        }
        look(&u, file, &items[count++]);
        out->changed = true;
    }
    out->changed = out->changed || count != u.old_count;
    ptd_map_release(&u.by_hash);
    free(out->items);
    out->items = items;
    out->count = count;
}
