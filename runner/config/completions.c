#include "config/completions.h"

#include <ctype.h>
#include <string.h>

#include "config/commands.h"

/* The files runner/config/completions/SHELL, in which "@NAME@" stands for what is made here. */
extern const char ptd_completions_bash[], ptd_completions_zsh[], ptd_completions_fish[];

/* What stands for a value or argument. */
enum kind {
    KIND_NONE, /* nothing that could be listed */
    KIND_WORDS,
    KIND_DIRECTORY,
    KIND_FILE,
    KIND_TEST, /* a path, or a node id */
    KIND_REF,  /* a branch or tag of git */
};

struct value {
    enum kind kind;
    const char *words; /* "a|b|c" */
};

/* The options of a command, NULL: of pyt-diff itself. */
struct options {
    const struct ptd_option_spec *items[128]; /* borrowed */
    size_t count;
};

static struct options options_of(const struct ptd_command *command)
{
    struct options out = {.count = 0};
    const size_t cap = sizeof(out.items) / sizeof(out.items[0]);
    for (size_t i = 0; !command && i < ptd_option_count && out.count < cap; i++)
        out.items[out.count++] = &ptd_option_table[i];
    for (size_t i = 0; command && i < command->own_count && out.count < cap; i++)
        out.items[out.count++] = &command->own[i];
    for (const char *const *s = command ? command->shared : NULL; s && *s && out.count < cap; s++)
        out.items[out.count++] = ptd_option_find(*s, strlen(*s));
    return out;
}

static struct value value_of(const struct ptd_option_spec *spec)
{
    static const struct {
        const char *metavar;
        enum kind kind;
    } kinds[] = {{"DIR", KIND_DIRECTORY},
                 {"FILE", KIND_FILE},
                 {"PATH", KIND_FILE},
                 {"NODEID", KIND_TEST},
                 {"REF", KIND_REF}};
    if (spec->choices)
        return (struct value){KIND_WORDS, spec->choices};
    for (size_t i = 0; spec->metavar && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(spec->metavar, kinds[i].metavar) == 0)
            return (struct value){kinds[i].kind, NULL};
    return (struct value){KIND_NONE, NULL};
}

/* What a command's arguments are: "bash|zsh|fish" is a choice, capitals are placeholders. */
static struct value arguments_of(const struct ptd_command *command)
{
    if (!command)
        return (struct value){KIND_TEST, NULL};
    if (!command->most)
        return (struct value){KIND_NONE, NULL};
    if (islower((unsigned char)command->arguments[0]))
        return (struct value){KIND_WORDS, command->arguments};
    return (struct value){strstr(command->arguments, "NODEID") ? KIND_TEST : KIND_FILE, NULL};
}

static bool takes_next_word(const struct ptd_option_spec *spec)
{
    return spec->metavar && (!spec->optional || ptd_option_reaches(spec));
}

static bool is_long(const struct ptd_option_spec *spec)
{
    return spec->name[1] == '-';
}

static const char *name_of(const struct ptd_command *command)
{
    return command ? command->name : "";
}

/* Of pyt-diff itself, then of each command. */
static void each_command(FILE *out, void (*fn)(FILE *, const struct ptd_command *))
{
    fn(out, NULL);
    for (size_t i = 0; i < ptd_command_count; i++)
        fn(out, &ptd_command_table[i]);
}

static void command_names(FILE *out)
{
    for (size_t i = 0; i < ptd_command_count; i++)
        fprintf(out, "%s%s", i ? " " : "", ptd_command_table[i].name);
}

/* "a|b|c" with spaces between the words. */
static void put_words(FILE *out, const char *words)
{
    for (const char *p = words; *p; p++)
        fputc(*p == '|' ? ' ' : *p, out);
}

/* The first sentence, inside single quotes: "'" becomes `quote`, the `special` ones get a
 * backslash. */
static void put_text(FILE *out, const char *text, const char *special, const char *quote)
{
    for (const char *p = text; *p && !(p[0] == '.' && (p[1] == ' ' || !p[1])); p++) {
        if (*p == '\'') {
            fputs(quote, out);
            continue;
        }
        if (strchr(special, *p))
            fputc('\\', out);
        fputc(*p, out);
    }
}

/* What the brief text says is meant for pyt-diff itself. */
static const char *description(const struct ptd_option_spec *spec,
                               const struct ptd_command *command)
{
    return spec->brief && !command ? spec->brief : spec->help;
}

/* --- bash ---------------------------------------------------------------------------------------
 */

static void bash_value(FILE *out, struct value value)
{
    static const char *const names[] = {[KIND_NONE] = "none",
                                        [KIND_DIRECTORY] = "directory",
                                        [KIND_FILE] = "file",
                                        [KIND_TEST] = "test",
                                        [KIND_REF] = "ref"};
    if (value.kind == KIND_WORDS)
        put_words(out, value.words);
    else
        fputs(names[value.kind], out);
}

static void bash_options_of(FILE *out, const struct ptd_command *command)
{
    struct options options = options_of(command);
    fprintf(out, "    '%s') echo '", name_of(command));
    for (size_t i = 0; i < options.count; i++)
        fprintf(out, "%s%s", i ? " " : "", options.items[i]->name);
    fputs("' ;;\n", out);
}

static void bash_takes_of(FILE *out, const struct ptd_command *command)
{
    struct options options = options_of(command);
    for (size_t i = 0; i < options.count; i++) {
        if (!takes_next_word(options.items[i]))
            continue;
        fprintf(out, "    '%s %s') echo '", name_of(command), options.items[i]->name);
        bash_value(out, value_of(options.items[i]));
        fputs("' ;;\n", out);
    }
}

static void bash_arguments_of(FILE *out, const struct ptd_command *command)
{
    fprintf(out, "    '%s') echo '", name_of(command));
    bash_value(out, arguments_of(command));
    fputs("' ;;\n", out);
}

static void bash_options(FILE *out)
{
    each_command(out, bash_options_of);
}

static void bash_takes(FILE *out)
{
    each_command(out, bash_takes_of);
}

static void bash_arguments(FILE *out)
{
    each_command(out, bash_arguments_of);
}

/* --- zsh ----------------------------------------------------------------------------------------
 */

static void zsh_commands(FILE *out)
{
    for (size_t i = 0; i < ptd_command_count; i++) {
        fprintf(out, "        '%s:", ptd_command_table[i].name);
        put_text(out, ptd_command_table[i].brief, ":", "'\\''");
        fputs("'\n", out);
    }
}

/* Patterns of a `case` that steps over our own options. */
static void zsh_find(FILE *out)
{
    fputs("        (", out);
    for (size_t i = 0; i < ptd_command_count; i++)
        fprintf(out, "%s%s", i ? "|" : "", ptd_command_table[i].name);
    fputs(") command=$words[i]; break ;;\n", out);
    for (size_t i = 0; i < ptd_option_count; i++) {
        const struct ptd_option_spec *spec = &ptd_option_table[i];
        fprintf(out, "        (%s) (( i += %d )) ;;\n", spec->name, takes_next_word(spec) ? 2 : 1);
        if (spec->metavar)
            fprintf(out, "        (%s=*) (( i++ )) ;;\n", spec->name);
    }
}

static void zsh_action(FILE *out, struct value value)
{
    switch (value.kind) {
    case KIND_WORDS:
        fputc('(', out);
        put_words(out, value.words);
        fputc(')', out);
        break;
    case KIND_DIRECTORY:
        fputs("_files -/", out);
        break;
    case KIND_FILE:
        fputs("_files", out);
        break;
    case KIND_TEST:
        fputs("_pyt_diff_tests", out);
        break;
    case KIND_REF:
        fputs("_pyt_diff_refs", out);
        break;
    case KIND_NONE:
        fputc(' ', out);
    }
}

static void zsh_option(FILE *out, const struct ptd_option_spec *spec,
                       const struct ptd_command *command)
{
    const char *value = !spec->metavar           ? ""
                        : !takes_next_word(spec) ? "=-"
                        : is_long(spec)          ? "="
                                                 : "";
    fprintf(out, " \\\n            '%s%s[", spec->name, value);
    put_text(out, description(spec, command), "[]:\\", "'\\''");
    fputc(']', out);
    if (spec->metavar) {
        fprintf(out, "%s:%s:", spec->optional ? ":" : "", spec->metavar);
        zsh_action(out, value_of(spec));
    }
    fputc('\'', out);
}

static void zsh_options_of(FILE *out, const struct ptd_command *command)
{
    struct options options = options_of(command);
    fprintf(out, "    ('%s')\n        _arguments -S :", name_of(command));
    for (size_t i = 0; i < options.count; i++)
        zsh_option(out, options.items[i], command);
    if (!command)
        fputs(" \\\n            '1: :_pyt_diff_first'", out);
    struct value arguments = arguments_of(command);
    if (arguments.kind != KIND_NONE) {
        fputs(" \\\n            '*: :", out);
        zsh_action(out, arguments);
        fputc('\'', out);
    }
    fputs("\n        ;;\n", out);
}

static void zsh_options(FILE *out)
{
    each_command(out, zsh_options_of);
}

/* --- fish ---------------------------------------------------------------------------------------
 */

static void fish_takes(FILE *out)
{
    const char *space = "";
    for (size_t i = 0; i < ptd_option_count; i++)
        if (takes_next_word(&ptd_option_table[i]))
            fprintf(out, "%s%s", space, ptd_option_table[i].name), space = " ";
}

static void fish_options(FILE *out)
{
    for (size_t i = 0; i < ptd_option_count; i++)
        fprintf(out, "%s%s", i ? " " : "", ptd_option_table[i].name);
}

static void fish_action(FILE *out, struct value value)
{
    switch (value.kind) {
    case KIND_WORDS:
        fputs(" -x -a '", out);
        put_words(out, value.words);
        fputc('\'', out);
        break;
    case KIND_DIRECTORY:
        fputs(" -x -a '(__fish_complete_directories)'", out);
        break;
    case KIND_FILE:
        fputs(" -r -F", out);
        break;
    case KIND_TEST:
        fputs(" -r -F -a '(__pyt_diff_tests)'", out);
        break;
    case KIND_REF:
        fputs(" -x -a '(__pyt_diff_refs)'", out);
        break;
    case KIND_NONE:
        fputs(" -x", out);
    }
}

static void fish_complete_of(FILE *out, const struct ptd_command *command)
{
    struct options options = options_of(command);
    const char *in = command ? command->name : "first run";
    for (size_t i = 0; i < options.count; i++) {
        const struct ptd_option_spec *spec = options.items[i];
        fprintf(out, "complete -c pyt-diff -n '__pyt_diff_in %s' -%c %s", in,
                is_long(spec) ? 'l' : 's', spec->name + (is_long(spec) ? 2 : 1));
        if (takes_next_word(spec))
            fish_action(out, value_of(spec));
        fputs(" -d '", out);
        put_text(out, description(spec, command), "\\", "\\'");
        fputs("'\n", out);
    }
    struct value arguments = arguments_of(command);
    fprintf(out, "complete -c pyt-diff -n '__pyt_diff_in %s'", in);
    if (arguments.kind == KIND_NONE)
        fputs(" -f\n", out);
    else if (arguments.kind == KIND_WORDS)
        fish_action(out, arguments), fputs("\n", out);
    else if (arguments.kind == KIND_TEST)
        fputs(" -F -a '(__pyt_diff_tests)'\n", out);
    else
        fputs(" -F\n", out);
}

static void fish_complete(FILE *out)
{
    for (size_t i = 0; i < ptd_command_count; i++) {
        fprintf(out, "complete -c pyt-diff -n '__pyt_diff_in first' -a %s -d '",
                ptd_command_table[i].name);
        put_text(out, ptd_command_table[i].brief, "\\", "\\'");
        fputs("'\n", out);
    }
    each_command(out, fish_complete_of);
}

/* --- templates ----------------------------------------------------------------------------------
 */

struct part {
    const char *name;
    void (*put)(FILE *out);
};

static const struct part bash_parts[] = {{"COMMANDS", command_names},
                                         {"OPTIONS", bash_options},
                                         {"TAKES", bash_takes},
                                         {"ARGUMENTS", bash_arguments},
                                         {NULL, NULL}};
static const struct part zsh_parts[] = {
    {"COMMANDS", zsh_commands}, {"FIND", zsh_find}, {"OPTIONS", zsh_options}, {NULL, NULL}};
static const struct part fish_parts[] = {{"COMMANDS", command_names},
                                         {"TAKES", fish_takes},
                                         {"OPTIONS", fish_options},
                                         {"COMPLETE", fish_complete},
                                         {NULL, NULL}};

static const struct {
    const char *shell;
    const char *text;
    const struct part *parts;
} templates[] = {
    {"bash", ptd_completions_bash, bash_parts},
    {"zsh", ptd_completions_zsh, zsh_parts},
    {"fish", ptd_completions_fish, fish_parts},
};

/* The part that "@NAME@" at `at` stands for, or NULL. */
static const struct part *part_at(const struct part *parts, const char *at)
{
    for (; parts->name; parts++) {
        size_t n = strlen(parts->name);
        if (strncmp(at + 1, parts->name, n) == 0 && at[n + 1] == '@')
            return parts;
    }
    return NULL;
}

static void fill(FILE *out, const char *text, const struct part *parts)
{
    for (const char *p = text; *p;) {
        const struct part *part = *p == '@' ? part_at(parts, p) : NULL;
        if (!part) {
            fputc(*p++, out);
            continue;
        }
        part->put(out);
        bool whole_line = p == text || p[-1] == '\n';
        p += strlen(part->name) + 2;
        p += whole_line && *p == '\n'; /* it has put a line end of its own */
    }
}

int ptd_completions_write(FILE *out, const char *shell, struct ptd_err *err)
{
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        if (strcmp(templates[i].shell, shell) != 0)
            continue;
        fill(out, templates[i].text, templates[i].parts);
        if (fflush(out) != 0 || ferror(out))
            return ptd_err_sys(err, PTD_E_IO, "cannot write the completions");
        return 0;
    }
    return ptd_err_set(err, PTD_E_USAGE, "completions: expected bash, zsh or fish, got \"%s\"",
                       shell);
}
