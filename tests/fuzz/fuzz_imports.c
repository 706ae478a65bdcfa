/*
 * libFuzzer: the input is a source, from which the imports are taken, and the body of a cache of
 * imports. Beyond not crashing: what is taken is whole pairs, a cache that is read can be written
 * and read again, and a graph can be made of it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "graph/graph.h"
#include "syntax/imports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_source(const uint8_t *data, size_t size)
{
    PTD_CLEANUP_BUF struct ptd_buf pairs = PTD_BUF_INIT;
    size_t strings = 0;
    ptd_imports_parse(data, size, &pairs);
    for (size_t i = 0; i < pairs.len; i++)
        strings += pairs.data[i] == '\0';
    if (strings % 2 || (pairs.len && pairs.data[pairs.len - 1]))
        abort();
}

/* What the tree lists as Python sources. */
static bool are_sources(const struct ptd_graph_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        if (!ptd_path_ends_with(cache->items[i].path, ".py"))
            return false;
    return true;
}

static void check_cache(const uint8_t *data, size_t size)
{
    static const char magic[] = "pyt-diff imports 1\n";
    struct ptd_graph_cache cache = {0}, again = {0};
    struct ptd_hash128 hash = ptd_hash128(data, size);
    struct ptd_graph graph;
    ptd_buf_add(&cache.data, magic, sizeof(magic) - 1);
    ptd_buf_add(&cache.data, &hash, sizeof(hash));
    ptd_buf_add(&cache.data, data, size);
    if (ptd_graph_cache_read(&cache) == 0) {
        ptd_graph_cache_write(&cache, &again.data);
        if (ptd_graph_cache_read(&again) < 0 || again.count != cache.count)
            abort();
        if (are_sources(&cache)) {
            ptd_graph_make(&cache, &graph);
            ptd_graph_release(&graph);
        }
    }
    ptd_graph_cache_release(&cache);
    ptd_graph_cache_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_source(data, size);
    check_cache(data, size);
    return 0;
}
