/*
 * How values of environment variables are compared: by this hash, so that no value leaves the
 * process or is kept in the database.
 */
#ifndef PTD_CONTRACT_ENVIRON_H
#define PTD_CONTRACT_ENVIRON_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a over the name, a "=", and the value, mixed once more at the end. */
static inline uint64_t ptd_environ_hash(const char *name, size_t name_len, const char *value,
                                        size_t value_len)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < name_len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 1099511628211u;
    hash = (hash ^ '=') * 1099511628211u;
    for (size_t i = 0; i < value_len; i++)
        hash = (hash ^ (unsigned char)value[i]) * 1099511628211u;
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

#endif
