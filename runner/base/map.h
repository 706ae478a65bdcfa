/*
 * Hash map from byte strings to a 64-bit value. Insert and look up only; keys are copied into the
 * map's own memory and stay at one address until release, so `ptd_map_key` may be kept that long.
 * Entries are numbered 0..count-1 in order of insertion, which makes the map an interner as well.
 */
#ifndef PTD_BASE_MAP_H
#define PTD_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ptd_map_entry {
    const char *key; /* owned by the map, NUL terminated */
    size_t len;
    uint64_t hash;
    uint64_t value;
};

struct ptd_map {
    struct ptd_map_entry *entries; /* owned, in order of insertion */
    size_t count;
    size_t cap;
    uint32_t *slots; /* owned; entry index + 1, 0 = free */
    size_t mask;
    char **chunks; /* owned key memory */
    size_t nchunks, chunks_cap, chunk_left;
};
#define PTD_MAP_INIT                                                                               \
    {                                                                                              \
        0                                                                                          \
    }
#define PTD_MAP_NONE SIZE_MAX

void ptd_map_release(struct ptd_map *map);
/* Index of the entry, or PTD_MAP_NONE. */
size_t ptd_map_find(const struct ptd_map *map, const void *key, size_t len);
/* Index of the entry, made with `value` when it is new (*added then true; may be NULL). */
size_t ptd_map_put(struct ptd_map *map, const void *key, size_t len, uint64_t value, bool *added);
/* For NUL-terminated keys: the value, or `otherwise`. */
uint64_t ptd_map_get(const struct ptd_map *map, const char *key, uint64_t otherwise);
size_t ptd_map_puts(struct ptd_map *map, const char *key, uint64_t value);

#define PTD_CLEANUP_MAP __attribute__((cleanup(ptd_map_release)))

#endif
