#include "cmd/line_coverage.h"

#include <stdio.h>
#include <unistd.h>

#include "cmd/workspace.h"
#include "lines/coverage.h"

int ptd_line_coverage_check(const struct ptd_options *o, struct ptd_err *err)
{
    return o->line_coverage ? ptd_coverage_check(o->line_coverage, err) : 0;
}

void ptd_line_coverage_idle(const struct ptd_options *o)
{
    if (!o->line_coverage || o->verbosity < 0)
        return;
    fprintf(stderr, "pyt-diff: nothing ran: %s is %s\n", o->line_coverage,
            access(o->line_coverage, F_OK) == 0 ? "left as it is" : "not written");
}

static void say(const struct ptd_options *o, const struct ptd_coverage_result *result,
                size_t left_out)
{
    if (result->problem[0])
        ptd_warn("lines are missing in %s: %s", o->line_coverage, result->problem);
    if (result->unended || result->torn)
        ptd_warn("%zu process%s ended early: what was executed last is missing in %s",
                 result->unended > result->torn ? result->unended : result->torn,
                 result->unended > 1 || result->torn > 1 ? "es" : "", o->line_coverage);
    if (left_out && o->verbosity >= 0)
        fprintf(stderr, "pyt-diff: %s has the lines of what ran; %zu unaffected test%s did not\n",
                o->line_coverage, left_out, left_out == 1 ? "" : "s");
}

int ptd_line_coverage_write(const struct ptd_options *o, const char *session_dir, const char *root,
                            size_t left_out, struct ptd_err *err)
{
    struct ptd_coverage_result result;
    if (!o->line_coverage)
        return 0;
    if (ptd_coverage_write(session_dir, root, o->line_coverage, "pyt-diff " PTD_VERSION, &result,
                           err) < 0)
        return -1;
    if (result.written)
        say(o, &result, left_out);
    else if (result.problem[0])
        return ptd_err_set(err, PTD_E_IO, "no lines for %s: %s", o->line_coverage, result.problem);
    else
        ptd_warn("pytest did not start a session: %s is not written", o->line_coverage);
    return 0;
}
