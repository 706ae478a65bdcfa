#include "record/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/deps.h"
#include "state/codes.h"

uint64_t ptd_label_rank(uint64_t label)
{
    if (label == PTD_LABEL_OWN)
        return 0;
    return label >= PTD_LABEL_FIXTURE ? 1 : label == PTD_LABEL_UNKNOWN ? UINT64_MAX : label;
}

static int add_part(struct ptd_store *store, ptd_id fingerprint, uint64_t label,
                    struct ptd_parts *out, struct ptd_err *err)
{
    bool added;
    size_t at =
        ptd_map_put(&out->by_fingerprint, &fingerprint, sizeof(fingerprint), out->count, &added);
    if (!added) {
        struct ptd_part *known = &out->items[out->by_fingerprint.entries[at].value];
        if (ptd_label_rank(label) < ptd_label_rank(known->label))
            known->label = label;
        return 0;
    }
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    struct ptd_fingerprint fp = {0};
    bool found;
    if (ptd_store_fingerprint_get(store, fingerprint, &fp, &blob, &found, err) < 0)
        return -1;
    out->items = ptd_xgrow(out->items, &out->cap, out->count + 1, sizeof(*out->items));
    struct ptd_part *part = &out->items[out->count++];
    *part = (struct ptd_part){fingerprint, fp.file, fp.version, label, NULL, 0};
    struct ptd_reader r = ptd_reader_init(fp.codes, found ? fp.codes_len : 0);
    uint32_t code = 0;
    size_t cap = 0;
    while (r.pos < r.end) {
        code += (uint32_t)ptd_reader_varint(&r);
        if (r.bad)
            break;
        if (code == PTD_DEP_LAZY || code == PTD_DEP_BLUNT)
            continue; /* beside the module level */
        part->codes = ptd_xgrow(part->codes, &cap, part->count + 1, sizeof(uint32_t));
        part->codes[part->count++] = code;
    }
    return 0;
}

static int add_set(struct ptd_store *store, ptd_id depset, uint64_t label, struct ptd_parts *out,
                   struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf blob = PTD_BUF_INIT;
    bool found;
    if (ptd_store_depset_get(store, depset, &blob, &found, err) < 0)
        return -1;
    struct ptd_reader r = ptd_reader_init(blob.data, found ? blob.len : 0);
    uint64_t fingerprint = 0;
    while (r.pos < r.end) {
        fingerprint += ptd_reader_varint(&r);
        if (r.bad)
            return 0;
        if (add_part(store, (ptd_id)fingerprint, label, out, err) < 0)
            return -1;
    }
    return 0;
}

int ptd_parts_read(struct ptd_store *store, const void *depsets, size_t depsets_len,
                   const void *labels, size_t labels_len, struct ptd_parts *out,
                   struct ptd_err *err)
{
    struct ptd_reader ids = ptd_reader_init(depsets, depsets_len);
    struct ptd_reader names = ptd_reader_init(labels, labels_len);
    *out = (struct ptd_parts){0};
    while (ids.pos < ids.end) {
        uint64_t id = ptd_reader_varint(&ids);
        uint64_t label = names.pos < names.end ? ptd_reader_varint(&names) : PTD_LABEL_UNKNOWN;
        if (ids.bad)
            break;
        if (add_set(store, (ptd_id)id, names.bad ? PTD_LABEL_UNKNOWN : label, out, err) < 0) {
            ptd_parts_release(out);
            return -1;
        }
    }
    return 0;
}

void ptd_part_blocks(const struct ptd_part *part, struct ptd_state *state, struct ptd_u32s *out)
{
    for (size_t i = 0; i < part->count; i++) {
        bool known = part->version > 0 && part->codes[i] != PTD_DEP_WHOLE;
        ptd_u32s_add(out,
                     known ? ptd_codes_block(state, part->version, part->codes[i]) : PTD_DEP_WHOLE);
    }
    ptd_u32s_sort(out);
}

bool ptd_parts_has_file(const struct ptd_parts *parts, ptd_id file)
{
    for (size_t i = 0; i < parts->count; i++)
        if (file > 0 && parts->items[i].file == file)
            return true;
    return false;
}

void ptd_parts_count(const struct ptd_parts *parts, bool (*is_file)(ptd_id file, void *arg),
                     void *arg, size_t *codes, size_t *files)
{
    PTD_CLEANUP_MAP struct ptd_map seen_codes = PTD_MAP_INIT;
    PTD_CLEANUP_MAP struct ptd_map seen_files = PTD_MAP_INIT;
    for (size_t i = 0; i < parts->count; i++) {
        const struct ptd_part *part = &parts->items[i];
        if (!is_file(part->file, arg))
            continue;
        ptd_map_put(&seen_files, &part->file, sizeof(part->file), 1, NULL);
        for (size_t k = 0; k < part->count; k++) {
            int64_t key[2] = {part->file, part->codes[k]};
            ptd_map_put(&seen_codes, key, sizeof(key), 1, NULL);
        }
    }
    *codes = seen_codes.count;
    *files = seen_files.count;
}

void ptd_parts_release(struct ptd_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        free(parts->items[i].codes);
    free(parts->items);
    ptd_map_release(&parts->by_fingerprint);
    *parts = (struct ptd_parts){0};
}

static int add_label(ptd_id id, const char *name, void *arg)
{
    struct ptd_labels *labels = arg;
    ptd_map_put(&labels->ids, &id, sizeof(id), labels->count, NULL);
    labels->names = ptd_xgrow(labels->names, &labels->cap, labels->count + 1, sizeof(char *));
    labels->names[labels->count++] = ptd_xstrdup(name);
    return 0;
}

int ptd_labels_load(struct ptd_labels *labels, struct ptd_store *store, struct ptd_err *err)
{
    return ptd_store_each_label(store, add_label, labels, err);
}

const char *ptd_labels_fixture(const struct ptd_labels *labels, uint64_t label)
{
    ptd_id id = (ptd_id)(label - PTD_LABEL_FIXTURE);
    size_t at = ptd_map_find(&labels->ids, &id, sizeof(id));
    return at == PTD_MAP_NONE ? NULL : labels->names[labels->ids.entries[at].value];
}

void ptd_labels_release(struct ptd_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++)
        free(labels->names[i]);
    free(labels->names);
    ptd_map_release(&labels->ids);
    *labels = (struct ptd_labels){0};
}
