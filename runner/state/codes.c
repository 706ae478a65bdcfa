#include "state/codes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "state/code_list.h"
#include "syntax/blocks.h"

/* A value of the list is the block + 1, 0 = not looked up. */
struct ptd_codes {
    ptd_id version;
    struct ptd_map list;
    size_t saved; /* how many of them the store has */
};

static int load(struct ptd_codes *codes, const struct ptd_buf *data, struct ptd_err *err)
{
    int damaged = ptd_code_list_read(&codes->list, data);
    codes->saved = codes->list.count;
    if (!damaged)
        return 0;
    ptd_err_set(err, PTD_E_STORE, "the database is damaged: code objects of version %lld",
                (long long)codes->version);
    if (err)
        err->sys_errno = EBADMSG; /* as any damage: to be rebuilt */
    return -1;
}

static int codes_of(struct ptd_state *state, ptd_id version, struct ptd_codes **out,
                    struct ptd_err *err)
{
    size_t at = ptd_map_find(&state->code_index, &version, sizeof(version));
    if (at != PTD_MAP_NONE) {
        *out = state->codes[state->code_index.entries[at].value];
        return 0;
    }
    PTD_CLEANUP_BUF struct ptd_buf data = PTD_BUF_INIT;
    if (ptd_store_get_codes(state->store, version, &data, err) < 0)
        return -1;
    struct ptd_codes *codes = ptd_xcalloc(1, sizeof(*codes));
    codes->version = version;
    state->codes =
        ptd_xgrow(state->codes, &state->code_cap, state->code_count + 1, sizeof(*state->codes));
    state->codes[state->code_count] = codes;
    ptd_map_put(&state->code_index, &version, sizeof(version), state->code_count++, NULL);
    *out = codes;
    return load(codes, &data, err);
}

int ptd_codes_number(struct ptd_state *state, ptd_id version, uint32_t line, const char *name,
                     uint32_t *out, struct ptd_err *err)
{
    struct ptd_codes *codes;
    if (strcmp(name, "<module>") == 0) {
        *out = 0;
        return 0;
    }
    if (codes_of(state, version, &codes, err) < 0)
        return -1;
    *out = (uint32_t)ptd_code_list_add(&codes->list, line, name, strlen(name)) + 1;
    return 0;
}

int ptd_codes_save(struct ptd_state *state, struct ptd_err *err)
{
    for (size_t i = 0; i < state->code_count; i++) {
        struct ptd_codes *codes = state->codes[i];
        PTD_CLEANUP_BUF struct ptd_buf data = PTD_BUF_INIT;
        if (codes->saved == codes->list.count)
            continue;
        ptd_code_list_write(&codes->list, &data);
        if (ptd_store_set_codes(state->store, codes->version, data.data, data.len, err) < 0)
            return -1;
        codes->saved = codes->list.count;
    }
    return 0;
}

uint32_t ptd_codes_block(struct ptd_state *state, ptd_id version, uint32_t number)
{
    struct ptd_codes *codes;
    if (number == 0)
        return 0;
    if (codes_of(state, version, &codes, NULL) < 0 || number > codes->list.count)
        return UINT32_MAX;
    struct ptd_map_entry *entry = &codes->list.entries[number - 1];
    const struct ptd_blocks *blocks = entry->value ? NULL : ptd_state_blocks(state, version);
    if (blocks) {
        const char *name;
        uint32_t line;
        ptd_code_list_key(entry, &line, &name);
        entry->value = ptd_blocks_locate(blocks, line, name) + 1;
    }
    return (uint32_t)entry->value - 1; /* none is the largest number */
}

void ptd_codes_forget(struct ptd_state *state)
{
    for (size_t i = 0; i < state->code_count; i++) {
        ptd_map_release(&state->codes[i]->list);
        free(state->codes[i]);
    }
    free(state->codes);
    state->codes = NULL;
    state->code_count = state->code_cap = 0;
    ptd_map_release(&state->code_index);
}
