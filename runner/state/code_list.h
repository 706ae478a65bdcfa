/*
 * The list of code objects of one content as it is stored (docs/FORMAT.md, `version.codes`): keys
 * of a map, whose values are the caller's. A code object's number is its position + 1.
 */
#ifndef PTD_STATE_CODE_LIST_H
#define PTD_STATE_CODE_LIST_H

#include "base/buf.h"
#include "base/map.h"

/* Its position; made at the end when it is new. */
size_t ptd_code_list_add(struct ptd_map *list, uint32_t line, const char *name, size_t len);
/* Adds what a stored list has; -1 when that is damaged. */
int ptd_code_list_read(struct ptd_map *list, const struct ptd_buf *data);
void ptd_code_list_write(const struct ptd_map *list, struct ptd_buf *out);
/* The parts of a key; *name is borrowed. */
void ptd_code_list_key(const struct ptd_map_entry *entry, uint32_t *line, const char **name);

#endif
