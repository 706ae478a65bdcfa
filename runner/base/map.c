#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define CHUNK_SIZE 65536u

void ptd_map_release(struct ptd_map *map)
{
    for (size_t i = 0; i < map->nchunks; i++)
        free(map->chunks[i]);
    free(map->chunks);
    free(map->entries);
    free(map->slots);
    *map = (struct ptd_map)PTD_MAP_INIT;
}

static const char *keep_key(struct ptd_map *map, const void *key, size_t len)
{
    if (len + 1 > map->chunk_left) {
        size_t size = len + 1 > CHUNK_SIZE ? len + 1 : CHUNK_SIZE;
        map->chunks = ptd_xgrow(map->chunks, &map->chunks_cap, map->nchunks + 1, sizeof(char *));
        map->chunks[map->nchunks++] = ptd_xmalloc(size);
        map->chunk_left = size;
        /* The chunk is filled from its end, so only `chunk_left` has to be kept. */
    }
    char *chunk = map->chunks[map->nchunks - 1];
    map->chunk_left -= len + 1;
    char *copy = chunk + map->chunk_left;
    if (len)
        memcpy(copy, key, len);
    copy[len] = '\0';
    return copy;
}

static size_t probe(const struct ptd_map *map, const void *key, size_t len, uint64_t hash)
{
    size_t at = hash & map->mask;
    while (map->slots[at]) {
        const struct ptd_map_entry *e = &map->entries[map->slots[at] - 1];
        if (e->hash == hash && e->len == len && (!len || memcmp(e->key, key, len) == 0))
            break;
        at = (at + 1) & map->mask;
    }
    return at;
}

static void grow(struct ptd_map *map)
{
    size_t size = map->slots ? (map->mask + 1) * 2 : 64;
    free(map->slots);
    map->slots = ptd_xcalloc(size, sizeof(uint32_t));
    map->mask = size - 1;
    for (size_t i = 0; i < map->count; i++) {
        size_t at = map->entries[i].hash & map->mask;
        while (map->slots[at])
            at = (at + 1) & map->mask;
        map->slots[at] = (uint32_t)(i + 1);
    }
}

size_t ptd_map_find(const struct ptd_map *map, const void *key, size_t len)
{
    if (!map->slots)
        return PTD_MAP_NONE;
    size_t at = probe(map, key, len, ptd_hash64(key, len));
    return map->slots[at] ? map->slots[at] - 1 : PTD_MAP_NONE;
}

size_t ptd_map_put(struct ptd_map *map, const void *key, size_t len, uint64_t value, bool *added)
{
    if (!map->slots || (map->count + 1) * 2 > map->mask + 1)
        grow(map);
    uint64_t hash = ptd_hash64(key, len);
    size_t at = probe(map, key, len, hash);
    if (added)
        *added = map->slots[at] == 0;
    if (map->slots[at])
        return map->slots[at] - 1;
    map->entries = ptd_xgrow(map->entries, &map->cap, map->count + 1, sizeof(*map->entries));
    map->entries[map->count] = (struct ptd_map_entry){keep_key(map, key, len), len, hash, value};
    map->slots[at] = (uint32_t)(map->count + 1);
    return map->count++;
}

uint64_t ptd_map_get(const struct ptd_map *map, const char *key, uint64_t otherwise)
{
    size_t at = ptd_map_find(map, key, strlen(key));
    return at == PTD_MAP_NONE ? otherwise : map->entries[at].value;
}

size_t ptd_map_puts(struct ptd_map *map, const char *key, uint64_t value)
{
    return ptd_map_put(map, key, strlen(key), value, NULL);
}
