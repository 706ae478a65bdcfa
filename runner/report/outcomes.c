#include "report/outcomes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"

/* A row has so many fields. */
#define FIELDS 6
/* Longest file that is read, in bytes. */
#define LONGEST (256u << 20)

/* A number of decimal digits and nothing else. */
static bool number(const char *text, uint64_t max, uint64_t *out)
{
    *out = 0;
    if (!*text || strlen(text) > 15)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *out = *out * 10 + (uint64_t)(*text - '0');
    }
    return *out <= max;
}

/* The last report of a test counts: a plugin may run it again. */
static void drop_repeated(struct ptd_outcomes *out)
{
    PTD_CLEANUP_MAP struct ptd_map last = PTD_MAP_INIT;
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        size_t at = ptd_map_puts(&last, out->rows[i].nodeid, i);
        last.entries[at].value = i;
    }
    for (size_t i = 0; i < out->count; i++)
        if (ptd_map_get(&last, out->rows[i].nodeid, i) == i)
            out->rows[kept++] = out->rows[i];
    out->count = kept;
    memset(out->of, 0, sizeof(out->of));
    for (size_t i = 0; i < kept; i++)
        out->of[out->rows[i].outcome]++;
}

const char *ptd_outcome_name(int outcome)
{
    static const char *const names[] = {
        [PTD_OUTCOME_PASSED] = "passed",   [PTD_OUTCOME_FAILED] = "failed",
        [PTD_OUTCOME_ERROR] = "error",     [PTD_OUTCOME_SKIPPED] = "skipped",
        [PTD_OUTCOME_XFAILED] = "xfailed", [PTD_OUTCOME_XPASSED] = "xpassed",
    };
    if (outcome == PTD_OUTCOME_NOT_COLLECTED)
        return "not collected";
    if (outcome < 0 || (size_t)outcome >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[outcome];
}

ptrdiff_t ptd_outcomes_row(const char *data, size_t len, struct ptd_report_row *out)
{
    const char *fields[FIELDS], *p = data, *end = data + len;
    uint64_t outcome, us, line;
    for (size_t i = 0; i < FIELDS; i++) {
        const char *stop = p < end ? memchr(p, '\0', (size_t)(end - p)) : NULL;
        if (!stop)
            return 0;
        fields[i] = p;
        p = stop + 1;
    }
    if (!number(fields[1], PTD_OUTCOME_XPASSED, &outcome) || !number(fields[2], UINT64_MAX, &us) ||
        !number(fields[4], UINT32_MAX, &line))
        return -1;
    *out = (struct ptd_report_row){
        fields[0], (int)outcome, us, fields[3], (unsigned)line, fields[5],
    };
    return p - data;
}

void ptd_outcomes_parse(struct ptd_outcomes *out, const void *data, size_t len)
{
    struct ptd_report_row row;
    ptrdiff_t used;
    ptd_buf_reset(&out->text);
    ptd_buf_add(&out->text, data, len);
    out->count = 0;
    for (size_t at = 0; (used = ptd_outcomes_row(out->text.data + at, len - at, &row)) > 0;
         at += (size_t)used) {
        out->rows = ptd_xgrow(out->rows, &out->cap, out->count + 1, sizeof(*out->rows));
        out->rows[out->count++] = row;
    }
    drop_repeated(out);
}

int ptd_outcomes_read(struct ptd_outcomes *out, const char *path, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    if (access(path, F_OK) < 0)
        return 0;
    if (ptd_buf_read_file(&text, path, LONGEST, err) < 0)
        return -1;
    ptd_outcomes_parse(out, text.data ? text.data : "", text.len);
    return 0;
}

void ptd_outcomes_release(struct ptd_outcomes *outcomes)
{
    free(outcomes->rows);
    ptd_buf_release(&outcomes->text);
    *outcomes = (struct ptd_outcomes){0};
}
