#include <string.h>

#include "config/commands.h"

#include "base/buf.h"
#include "config/option_table.h"
#include "config/setting_table.h"

#define WIDTH 80

/* Words of `text` from column `indent` on, the first line already being there. */
static void wrapped(FILE *out, const char *text, size_t indent)
{
    size_t column = indent;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column > indent && column + 1 + n > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, n, out);
        column += n;
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

static int left_column(char *buf, size_t size, const struct ptd_option_spec *spec)
{
    if (!spec->metavar)
        return snprintf(buf, size, "  %s", spec->name);
    const char *value = spec->choices ? spec->choices : spec->metavar;
    if (ptd_option_reaches(spec))
        return snprintf(buf, size, "  %s [%s]", spec->name, value);
    return snprintf(buf, size, spec->optional ? "  %s[=%s]" : "  %s %s", spec->name, value);
}

static void print_option(FILE *out, const struct ptd_option_spec *spec, const char *text,
                         size_t indent)
{
    char left[64];
    size_t n = (size_t)left_column(left, sizeof(left), spec);
    fputs(left, out);
    if (n + 2 > indent) {
        fputc('\n', out);
        n = 0;
    }
    fprintf(out, "%*s", (int)(indent - n), "");
    wrapped(out, text, indent);
}

void ptd_help_option(FILE *out, const struct ptd_option_spec *spec)
{
    print_option(out, spec, spec->help, 26);
}

void ptd_help_paragraph(FILE *out, const char *text)
{
    wrapped(out, text, 0);
}

static void print_commands(FILE *out)
{
    fputs("\nCommands:\n", out);
    for (size_t i = 0; i < ptd_command_count; i++) {
        fprintf(out, "  %-24s", ptd_command_table[i].name);
        wrapped(out, ptd_command_table[i].brief, 26);
    }
    fputs("  pyt-diff COMMAND --help tells more; a path of that name is written ./COMMAND.\n", out);
}

static void print_command_names(FILE *out)
{
    char names[512] = "Commands (COMMAND --help tells more): ";
    for (size_t i = 0; i < ptd_command_count; i++) {
        size_t n = strlen(names);
        snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "", ptd_command_table[i].name);
    }
    wrapped(out, names, 0);
}

static void print_group(FILE *out, enum ptd_option_group group, const char *title)
{
    fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; i < ptd_option_count; i++)
        if (ptd_option_table[i].group == group)
            print_option(out, &ptd_option_table[i], ptd_option_table[i].help, 26);
}

static const char usage[] =
    "Usage: pyt-diff [OPTIONS] [PYTEST ARGUMENTS]\n"
    "       pyt-diff COMMAND [OPTIONS] [ARGUMENTS]\n"
    "\n"
    "Runs pytest on the tests that your changes affect. The first run records all.\n";

static const char in_full[] =
    "\n"
    "Everything that is not listed here goes to pytest, in order and as it is: paths,\n"
    "node ids, -k, -m, -x, -n 4 and the options of plugins. Own options end at \"--\".\n"
    "-k, -m and paths narrow within what is affected; a node id always runs.\n"
    "Options are never abbreviated.\n";

static const char tail[] =
    "\n"
    "Exit codes:\n"
    "  0 to 6  pytest's own, when it ran (5: it found no test)\n"
    "  0       no test affected (5 with --no-tests=fail)\n"
    "  2       interrupted\n"
    "  3       internal error, or the data cannot be read or written\n"
    "  4       wrong command line or configuration, or no usable Python\n"
    "\n"
    "Environment:\n"
    "  PYT_DIFF_CACHE_DIR  where the data lies, like --cache-dir\n"
    "  PYT_DIFF_REMOTE     where the shared baseline lies, like --remote\n"
    "  VIRTUAL_ENV         the virtual environment to run in\n"
    "  DRYCI_SERVER, DRYCI_TOKEN, DRYCI_SALT, DRYCI_TIMEOUT\n"
    "                      the pass cache, like --pass-cache, --pass-token and so on\n"
    "  PYTEST_ADDOPTS      more arguments for pytest, which reads it itself\n";

static const char pytests[] = "\npytest's own help: pyt-diff -- --help\n";

static void print_settings(FILE *out)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    ptd_buf_adds(&text, "Configuration: [tool.pyt-diff] in pyproject.toml has");
    for (size_t i = 0; i < ptd_setting_count; i++)
        ptd_buf_addf(&text, "%s %s",
                     !i                          ? ""
                     : i + 1 < ptd_setting_count ? ","
                                                 : " and",
                     ptd_setting_table[i].key);
    ptd_buf_adds(&text,
                 "; in pytest's own section all but python begin with diff_. The command line"
                 " goes before the environment, and this before files; 'pyt-diff doctor'"
                 " shows what is set where.");
    fputc('\n', out);
    wrapped(out, text.data, 0);
}

void ptd_options_command_help(FILE *out, const char *verb)
{
    ptd_command_help(out, ptd_command_find(verb));
}

void ptd_options_help(FILE *out, bool full)
{
    fputs(usage, out);
    if (!full) {
        print_command_names(out);
        fputs("\nOptions:\n", out);
        for (size_t i = 0; i < ptd_option_count; i++)
            if (ptd_option_table[i].brief)
                print_option(out, &ptd_option_table[i], ptd_option_table[i].brief, 26);
        fputs(pytests, out);
        return;
    }
    print_commands(out);
    fputs(in_full, out);
    print_group(out, PTD_GROUP_SELECT, "What runs");
    print_group(out, PTD_GROUP_RECORD, "What is recorded");
    print_group(out, PTD_GROUP_RUN, "How it runs");
    print_group(out, PTD_GROUP_ALIAS,
                "Other spellings, from pytest-difftest, pytest-testmon and pytest-dryci");
    print_group(out, PTD_GROUP_INFO, "About");
    fputs(tail, out);
    print_settings(out);
    fputs(pytests, out);
}
