/* The options of `pyt-diff watch`. */
#include <stdlib.h>

#include "config/commands.h"

#define AT(member)  offsetof(struct ptd_options, watch.member)
#define SECONDS_MAX 3600

static int seconds(const struct ptd_option_spec *spec, const char *value, int *ms,
                   struct ptd_err *err)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !(number >= 0.001 && number <= SECONDS_MAX))
        return ptd_err_set(err, PTD_E_USAGE, "%s: expected seconds, up to %d, got \"%s\"",
                           spec->name, SECONDS_MAX, value);
    *ms = (int)(number * 1000);
    return 0;
}

static int set_debounce(struct ptd_options *options, const struct ptd_option_spec *spec,
                        const char *value, struct ptd_err *err)
{
    return seconds(spec, value, &options->watch.debounce, err);
}

static int set_poll(struct ptd_options *options, const struct ptd_option_spec *spec,
                    const char *value, struct ptd_err *err)
{
    options->watch.poll = true;
    return value ? seconds(spec, value, &options->watch.poll_interval, err) : 0;
}

/* clang-format off */
const struct ptd_option_spec ptd_watch_option_table[PTD_WATCH_OPTIONS] = {
    {"--debounce", "S", false, set_debounce, 0, NULL, PTD_GROUP_RUN, NULL,
     "Wait until nothing has changed for S seconds (0.1)."},
    {"--command", "CMD", false, ptd_option_set_text, AT(command), NULL, PTD_GROUP_RUN, NULL,
     "Run this shell command instead of the affected tests."},
    {"--poll", "S", true, set_poll, 0, NULL, PTD_GROUP_RUN, NULL,
     "Look for changes every S seconds (0.5) instead of being told by the kernel, as is done by"
     " itself on network file systems and shared folders."},
    {"--bell", NULL, false, ptd_option_set_flag, AT(bell), NULL, PTD_GROUP_RUN, NULL,
     "Ring the terminal's bell when a run fails."},
    {"--clear", NULL, false, ptd_option_set_flag, AT(clear), NULL, PTD_GROUP_RUN, NULL,
     "Clear the screen before each run."},
};
/* clang-format on */
