#include "config/pytest_args.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config/pytest_options.h"
#include "config/shlex.h"

#define ARGS_FILE_MAX  (16u << 20)
#define ARGS_FILE_DEEP 8 /* @file in an @file */

static void push(const char ***array, size_t *count, const char *item)
{
    *array = ptd_xrealloc(*array, (*count + 1) * sizeof(**array));
    (*array)[(*count)++] = item;
}

static void saw_path(struct ptd_options *out, const char *path)
{
    push(&out->paths, &out->path_count, path);
    push(&out->rootdir_args, &out->rootdir_count, path);
}

/* Notes an argument that may change an outcome. A line end in it must not look like another
 * argument. */
static void saw_outcome(struct ptd_pytest_args *args, const char *name, size_t len,
                        const char *value)
{
    if (args->outcome.len)
        ptd_buf_addc(&args->outcome, '\n');
    ptd_buf_add(&args->outcome, name, len);
    if (!value)
        return;
    ptd_buf_addc(&args->outcome, '=');
    for (const char *c = value; *c; c++)
        ptd_buf_adds(&args->outcome, *c == '\n' ? "\\n" : (char[]){*c, '\0'});
}

/* Plugins that only show, store or stop: without them, outcomes are the same. */
static bool is_harmless_plugin(const char *name, const char *value)
{
    static const char *const values[] = {"no:cacheprovider", "no:stepwise", "no:junitxml",
                                         "no:pastebin",      "no:sugar",    "no:progress"};
    for (size_t i = 0; strcmp(name, "-p") == 0 && i < sizeof(values) / sizeof(*values); i++)
        if (value && strcmp(value, values[i]) == 0)
            return true;
    return false;
}

static void apply(struct ptd_pytest_args *args, const struct ptd_pytest_option *option,
                  const char *value)
{
    struct ptd_options *out = args->out;
    unsigned flags = option->flags;
    const char *name = option->canonical ? option->canonical : option->name;
    if (flags & PTD_PO_OUTCOME && !is_harmless_plugin(name, value))
        saw_outcome(args, name, strlen(name), value);
    out->leaves_files |= (flags & PTD_PO_LEAVES_FILES) != 0;
    out->informational |= (flags & PTD_PO_INFORMS) != 0;
    out->collect_only |= (flags & PTD_PO_COLLECTS) != 0;
    out->debugger |= (flags & PTD_PO_DEBUGS) != 0;
    out->junit |= (flags & PTD_PO_JUNIT) != 0;
    out->narrowed |= (flags & PTD_PO_NARROWS) != 0;
    if (flags & PTD_PO_VERBOSE)
        out->verbosity++;
    if (flags & PTD_PO_QUIET)
        out->verbosity--;
    if (!value)
        return;
    if (flags & PTD_PO_VERBOSITY) {
        long level = strtol(value, NULL, 10);
        out->verbosity = level > 100 ? 100 : level < -100 ? -100 : (int)level;
        out->verbosity_set = true;
    }
    if (flags & PTD_PO_ROOTDIR)
        out->rootdir = value;
    if (flags & PTD_PO_INIFILE)
        out->inifile = value;
    if (flags & PTD_PO_COLOR)
        out->color = value;
    if (flags & PTD_PO_IGNORE)
        push(&out->ignores, &out->ignore_count, value);
    if (flags & PTD_PO_DESELECT)
        push(&out->deselects, &out->deselect_count, value);
    if (flags & PTD_PO_OVERRIDE)
        push(&out->overrides, &out->override_count, value);
    if (flags & PTD_PO_WORKERS) {
        out->parallel = strcmp(value, "0") != 0;
        out->parallel_set = true;
    }
    if (flags & PTD_PO_REMOTES)
        out->parallel = out->parallel_set = true;
}

/* The part before "::" names something that exists. */
static bool on_disk(const char *arg)
{
    const char *end = strstr(arg, "::");
    PTD_CLEANUP_FREE char *path = ptd_xstrndup(arg, end ? (size_t)(end - arg) : strlen(arg));
    struct stat st;
    return stat(path, &st) == 0;
}

static size_t values_wanted(unsigned flags, const char *const *next, size_t left)
{
    size_t n = 0;
    if (flags & PTD_PO_ONE)
        n = 1;
    else if (flags & PTD_PO_TWO)
        n = 2;
    else if ((flags & PTD_PO_MAYBE) && left && next[0][0] != '-')
        n = 1;
    else if (flags & PTD_PO_MANY)
        while (n < left && next[n][0] != '-')
            n++;
    return n < left ? n : left;
}

/* An option whose value, if it takes one, is among the next arguments; how many of these are. */
static size_t separate(struct ptd_pytest_args *args, const struct ptd_pytest_option *option,
                       const char *const *next, size_t left)
{
    size_t n = values_wanted(option->flags, next, left);
    apply(args, option, n ? next[0] : NULL);
    for (size_t i = 0; i < n; i++)
        if (!(option->flags & PTD_PO_CORE))
            push(&args->out->rootdir_args, &args->out->rootdir_count, next[i]);
    return n;
}

/* An option that nobody here knows: what follows is a path if it exists, else the option's value.
 */
static size_t unknown(struct ptd_pytest_args *args, const char *name, size_t len,
                      const char *const *next, size_t left)
{
    bool has_value = left && next[0][0] != '-' && next[0][0] != '@' && !on_disk(next[0]);
    saw_outcome(args, name, len, has_value ? next[0] : NULL);
    return has_value;
}

static size_t scan_long(struct ptd_pytest_args *args, const char *const *argv, size_t count)
{
    const char *arg = argv[0], *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    const struct ptd_pytest_option *option = ptd_pytest_option_find(arg, len);
    if (equals && option)
        apply(args, option, equals + 1);
    else if (equals)
        saw_outcome(args, arg, len, equals + 1);
    else if (option)
        return 1 + separate(args, option, argv + 1, count - 1);
    else
        return 1 + unknown(args, arg, len, argv + 1, count - 1);
    return 1;
}

/* "-x", "-xvs", "-kexpr", "-xk" "expr", "-n4", "-k=expr" */
static size_t scan_short(struct ptd_pytest_args *args, const char *const *argv, size_t count)
{
    for (const char *c = argv[0] + 1; *c; c++) {
        char name[3] = {'-', *c, '\0'};
        const char *glued = c[1] == '=' ? c + 2 : c + 1;
        const struct ptd_pytest_option *option = ptd_pytest_option_find(name, 2);
        bool takes = !option || (option->flags & (PTD_PO_ONE | PTD_PO_MAYBE));
        if (!takes)
            apply(args, option, NULL);
        else if (c[1] == '\0' && option)
            return 1 + separate(args, option, argv + 1, count - 1);
        else if (c[1] == '\0')
            return 1 + unknown(args, name, 2, argv + 1, count - 1);
        else if (option)
            apply(args, option, glued);
        else
            saw_outcome(args, name, 2, glued);
        if (takes)
            break;
    }
    return 1;
}

/* What is in the file stands for the argument, a line each, as argparse reads it. */
static void scan_file(struct ptd_pytest_args *args, const char *arg)
{
    struct ptd_options *out = args->out;
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    out->args_file = true;
    if (args->depth >= ARGS_FILE_DEEP ||
        ptd_buf_read_file(&text, arg + 1, ARGS_FILE_MAX, NULL) != 0) {
        saw_outcome(args, arg, strlen(arg), NULL);
        return;
    }
    const char **lines = NULL;
    size_t count = 0;
    for (char *p = text.data ? text.data : (char[]){'\0'}; *p;) {
        size_t n = strcspn(p, "\r\n");
        char *line = ptd_xstrndup(p, n);
        ptd_strings_add(&out->owned, &out->owned_count, line);
        push(&lines, &count, line);
        p += n;
        p += *p == '\r' && p[1] == '\n' ? 2 : *p != '\0';
    }
    args->depth++;
    ptd_pytest_args_scan_all(args, lines, count);
    args->depth--;
    free(lines);
}

size_t ptd_pytest_args_scan(struct ptd_pytest_args *args, const char *const *argv, size_t count)
{
    const char *arg = argv[0];
    if (arg[0] == '@') {
        scan_file(args, arg);
        return 1;
    }
    if (args->only_positional || arg[0] != '-' || arg[1] == '\0') {
        saw_path(args->out, arg);
        return 1;
    }
    if (arg[1] != '-')
        return scan_short(args, argv, count);
    if (arg[2] != '\0')
        return scan_long(args, argv, count);
    args->only_positional = true;
    return 1;
}

void ptd_pytest_args_scan_all(struct ptd_pytest_args *args, const char *const *argv, size_t count)
{
    for (size_t i = 0; i < count;)
        i += ptd_pytest_args_scan(args, argv + i, count - i);
}

bool ptd_pytest_args_known(const char *name, size_t len)
{
    return ptd_pytest_option_find(name, len) != NULL;
}
