/* Gathers who mentions which names while a source is surveyed, and writes it down. */
#ifndef PTD_SYNTAX_MENTIONS_H
#define PTD_SYNTAX_MENTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "syntax/definitions.h"
#include "syntax/walk.h"

/* No mention, and not kept: a function binds the plain name. */
#define PTD_MENTION_BOUND 0x10000u

/* One entry: `sink` is a draft, or SINK_DEFINITION plus a definition. */
#define PTD_SINK_DEFINITION 0x80000000u
struct ptd_heard {
    uint32_t sink, name, how;
};

struct ptd_draft_definition {
    enum ptd_definition_kind kind;
    uint32_t flags, owner, line, end_line, reflects;
    uint64_t checksum, plain;
};

struct ptd_bound {
    uint32_t definition, name;
};

struct ptd_draft_import {
    uint32_t definition;
    struct ptd_import import;
};

struct ptd_draft_hint {
    uint32_t definition;
    struct ptd_hint hint;
};

struct ptd_survey_result {
    struct ptd_map names; /* interner */
    struct ptd_heard *heard;
    size_t heard_count, heard_cap;
    uint32_t *draft_reflects; /* per draft */
    struct ptd_draft_definition *items;
    size_t count, cap;
    struct ptd_bound *binds;
    size_t bind_count, bind_cap;
    struct ptd_draft_import *imports;
    size_t import_count, import_cap;
    struct ptd_draft_hint *hints; /* by definition */
    size_t hint_count, hint_cap;
};

uint32_t ptd_survey_name(struct ptd_survey_result *r, const char *text, size_t len);
void ptd_survey_hear(struct ptd_survey_result *r, uint32_t sink, uint32_t name, uint32_t how);
/* Drops plain names that are local, merges, and serialises. The drafts' `fold` is final. */
void ptd_survey_write(struct ptd_survey_result *r, const struct ptd_drafts *drafts,
                      struct ptd_buf *out);
void ptd_survey_result_release(struct ptd_survey_result *r);

#endif
