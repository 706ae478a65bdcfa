#include "cmd/findings.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/shlex.h"

void ptd_findings_add(struct ptd_findings *findings, const char *section, const char *name,
                      char *value, const char *origin)
{
    findings->facts =
        ptd_xgrow(findings->facts, &findings->cap, findings->count + 1, sizeof(*findings->facts));
    findings->facts[findings->count++] =
        (struct ptd_fact){.section = section,
                          .name = ptd_xstrdup(name),
                          .value = value,
                          .origin = origin ? ptd_xstrdup(origin) : NULL};
}

void ptd_findings_warn(struct ptd_findings *findings, const char *text)
{
    ptd_strings_add(&findings->warnings, &findings->warning_count, ptd_xstrdup(text));
}

void ptd_findings_problem(struct ptd_findings *findings, const struct ptd_err *err)
{
    char *line =
        err->hint[0] ? ptd_xasprintf("%s (%s)", err->msg, err->hint) : ptd_xstrdup(err->msg);
    ptd_strings_add(&findings->problems, &findings->problem_count, line);
}

void ptd_findings_release(struct ptd_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        free(findings->facts[i].name);
        free(findings->facts[i].value);
        free(findings->facts[i].origin);
    }
    free(findings->facts);
    ptd_strings_free(findings->warnings);
    ptd_strings_free(findings->problems);
    *findings = (struct ptd_findings){0};
}

/* Does the fact begin a section? */
static bool begins(const struct ptd_findings *findings, size_t i)
{
    return i == 0 || strcmp(findings->facts[i].section, findings->facts[i - 1].section) != 0;
}

/* Lines of a value below each other. */
static void add_value(struct ptd_buf *out, const char *value, int indent)
{
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, "\n");
        if (p > value)
            ptd_buf_addf(out, "\n%*s", indent, "");
        ptd_buf_add(out, p, n);
        p += n + (p[n] == '\n');
    }
}

static void add_text_list(struct ptd_buf *out, const char *title, char **lines)
{
    if (!lines)
        return;
    ptd_buf_addf(out, "%s\n", title);
    for (char **line = lines; *line; line++)
        ptd_buf_addf(out, "  %s\n", *line);
}

static void write_text(const struct ptd_findings *findings, struct ptd_buf *out)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct ptd_fact *f = &findings->facts[i];
        if (begins(findings, i))
            ptd_buf_addf(out, "%s\n", f->section);
        ptd_buf_addf(out, "  %-16s ", f->name);
        add_value(out, f->value ? f->value : "not set", 19);
        if (f->origin)
            ptd_buf_addf(out, "  (%s)", f->origin);
        ptd_buf_addc(out, '\n');
    }
    add_text_list(out, "warnings", findings->warnings);
    add_text_list(out, "problems", findings->problems);
    if (!findings->problems)
        ptd_buf_adds(out, "no problems found\n");
}

static void add_string_or_null(struct ptd_buf *out, const char *s)
{
    if (s)
        ptd_json_string(out, s);
    else
        ptd_buf_adds(out, "null");
}

static void add_json_list(struct ptd_buf *out, const char *name, char **lines)
{
    ptd_buf_addf(out, ",\"%s\":[", name);
    for (char **line = lines; line && *line; line++) {
        ptd_buf_adds(out, line == lines ? "" : ",");
        ptd_json_string(out, *line);
    }
    ptd_buf_addc(out, ']');
}

static void write_json(const struct ptd_findings *findings, struct ptd_buf *out)
{
    ptd_buf_adds(out, "{\"version\":1");
    for (size_t i = 0; i < findings->count; i++) {
        const struct ptd_fact *f = &findings->facts[i];
        if (begins(findings, i))
            ptd_buf_addf(out, "%s,\n\"%s\":{", i ? "}" : "", f->section);
        else
            ptd_buf_adds(out, ",\n ");
        ptd_json_string(out, f->name);
        ptd_buf_adds(out, ":{\"value\":");
        add_string_or_null(out, f->value);
        ptd_buf_adds(out, ",\"origin\":");
        add_string_or_null(out, f->origin);
        ptd_buf_addc(out, '}');
    }
    ptd_buf_adds(out, findings->count ? "}" : "");
    add_json_list(out, "warnings", findings->warnings);
    add_json_list(out, "problems", findings->problems);
    ptd_buf_adds(out, "}\n");
}

void ptd_findings_write(const struct ptd_findings *findings, bool json, struct ptd_buf *out)
{
    (json ? write_json : write_text)(findings, out);
}
