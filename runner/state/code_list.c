#include "state/code_list.h"

#include <string.h>

/* Keys are the four bytes of the line and the name. */
size_t ptd_code_list_add(struct ptd_map *list, uint32_t line, const char *name, size_t len)
{
    PTD_CLEANUP_BUF struct ptd_buf key = PTD_BUF_INIT;
    ptd_buf_add(&key, &line, sizeof(line));
    ptd_buf_add(&key, name, len);
    return ptd_map_put(list, key.data, key.len, 0, NULL);
}

int ptd_code_list_read(struct ptd_map *list, const struct ptd_buf *data)
{
    struct ptd_reader r = ptd_reader_init(data->data, data->len);
    while (r.pos < r.end && !r.bad) {
        uint32_t line = (uint32_t)ptd_reader_varint(&r);
        size_t len = (size_t)ptd_reader_varint(&r);
        const char *name = ptd_reader_bytes(&r, len);
        if (!r.bad)
            ptd_code_list_add(list, line, name, len);
    }
    return r.bad ? -1 : 0;
}

void ptd_code_list_key(const struct ptd_map_entry *entry, uint32_t *line, const char **name)
{
    memcpy(line, entry->key, sizeof(*line));
    *name = entry->key + sizeof(*line);
}

void ptd_code_list_write(const struct ptd_map *list, struct ptd_buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct ptd_map_entry *entry = &list->entries[i];
        const char *name;
        uint32_t line;
        ptd_code_list_key(entry, &line, &name);
        ptd_buf_add_varint(out, line);
        ptd_buf_add_varint(out, entry->len - sizeof(line));
        ptd_buf_add(out, name, entry->len - sizeof(line));
    }
}
