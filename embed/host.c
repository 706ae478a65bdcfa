/*
 * The host: becomes the user's Python with the tracer inside. contract/entry.h has its command
 * line. It links nothing but libc, because it is the process that the user's code runs in.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "contract/entry.h"

#define EXIT_OURS   3
#define EXIT_PYTHON 4

typedef int (*main_fn)(int argc, char **argv);

static int fail(int status, const char *what, const char *why)
{
    fprintf(stderr, "pyt-diff: error: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return status;
}

/* The absolute path of a file that lies beside this program. */
static bool beside(const char *name, char *out, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return (size_t)snprintf(out, size, "%s/%s", self, name) < size;
}

/* Process listings show the name of what was executed; a Python is expected there. */
static void take_name(const char *python)
{
    const char *slash = strrchr(python, '/');
    prctl(PR_SET_NAME, slash ? slash + 1 : python);
}

static int embed(const char *library, int argc, char **argv)
{
    char path[PATH_MAX];
    if (!beside(PTD_FILE_TRACER, path, sizeof(path)))
        return fail(EXIT_OURS, "cannot tell where " PTD_FILE_HOST " lies", NULL);
    /* Extension modules are linked to no libpython: its symbols have to be global. */
    void *python = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
    if (!python)
        return fail(EXIT_PYTHON, "cannot load libpython", dlerror());
    void *tracer = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!tracer)
        return fail(EXIT_OURS, "cannot load the tracer", dlerror());
    ptd_tracer_preinit_fn preinit;
    main_fn run;
    *(void **)&preinit = dlsym(tracer, PTD_TRACER_PREINIT);
    *(void **)&run = dlsym(python, "Py_BytesMain");
    if (!run)
        return fail(EXIT_PYTHON, library, "not a Python from 3.8 on");
    if (!preinit || preinit(PTD_ENTER_EMBED) != 0)
        return fail(EXIT_OURS, "the tracer does not start", NULL);
    take_name(argv[0]);
    return run(argc, argv);
}

static int execute(char **argv)
{
    execv(argv[0], argv);
    perror("pyt-diff: error: cannot start Python");
    return EXIT_PYTHON;
}

static int preload(char **argv)
{
    char stub[PATH_MAX];
    char tracer[PATH_MAX];
    char *value = stub;
    const char *old = getenv("LD_PRELOAD");
    if (!beside(PTD_FILE_PRELOAD, stub, sizeof(stub)) ||
        !beside(PTD_FILE_TRACER, tracer, sizeof(tracer)))
        return fail(EXIT_OURS, "cannot tell where " PTD_FILE_HOST " lies", NULL);
    if (old && *old && asprintf(&value, "%s:%s", old, stub) < 0)
        return fail(EXIT_OURS, "out of memory", NULL);
    if (setenv("LD_PRELOAD", value, 1) < 0 || setenv(PTD_ENV_TRACER, tracer, 1) < 0)
        return fail(EXIT_OURS, "out of memory", NULL);
    return execute(argv);
}

/* Where the code of `-c` begins among Python's own options; NULL for a script, a module or none. */
static char **find_code(char **argv, const char **code)
{
    for (char **arg = argv + 1; *arg && (*arg)[0] == '-' && (*arg)[1] != '\0'; arg++) {
        if ((*arg)[1] == '-') {
            if (strcmp(*arg, "--check-hash-based-pycs") == 0 && arg[1])
                arg++;
            continue;
        }
        for (const char *letter = *arg + 1; *letter; letter++) {
            if (*letter == 'm')
                return NULL;
            if (!strchr("cWX", *letter))
                continue;
            if (*letter == 'c') {
                *code = letter[1] ? letter + 1 : arg[1];
                return *code ? arg : NULL;
            }
            if (!letter[1] && arg[1])
                arg++;
            break;
        }
    }
    return NULL;
}

/* `-c CODE`, `-uc CODE` and `-cCODE` become the same with the text that loads the tracer in front.
 */
static int plain_exec(int argc, char **argv)
{
    char tracer[PATH_MAX];
    const char *code = NULL;
    char **at = find_code(argv, &code);
    if (!at)
        return execute(argv);
    if (!beside(PTD_FILE_TRACER, tracer, sizeof(tracer)))
        return fail(EXIT_OURS, "cannot tell where " PTD_FILE_HOST " lies", NULL);
    bool joined = code != at[1];
    char *text = NULL;
    char *options = NULL;
    if (asprintf(&text, "%s%s", PTD_BOOT_LOAD, code) < 0 ||
        asprintf(&options, "%.*s", joined ? (int)(code - *at) : INT_MAX, *at) < 0 ||
        setenv(PTD_ENV_TRACER, tracer, 1) < 0)
        return fail(EXIT_OURS, "out of memory", NULL);
    char **out = calloc((size_t)argc + 2, sizeof(*out));
    if (!out)
        return fail(EXIT_OURS, "out of memory", NULL);
    size_t n = 0;
    for (char **arg = argv; arg < at; arg++)
        out[n++] = *arg;
    out[n++] = options;
    out[n++] = text;
    for (char **arg = at + (joined ? 1 : 2); *arg; arg++)
        out[n++] = *arg;
    int status = execute(out);
    free(out);
    return status;
}

static int usage(void)
{
    fputs("pyt-diff-host is part of pyt-diff, which starts it; it is not meant to be run by hand\n",
          stderr);
    return EXIT_PYTHON;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "--" PTD_ENTER_EMBED) == 0)
        return embed(argv[2], argc - 3, argv + 3);
    if (argc < 5 || strcmp(argv[1], "--as-python") != 0)
        return usage();
    const char *mode = argv[2];
    if (strcmp(mode, PTD_ENTER_EMBED) == 0)
        return embed(argv[3], argc - 4, argv + 4);
    if (strcmp(mode, PTD_ENTER_PRELOAD) == 0)
        return preload(argv + 4);
    if (strcmp(mode, PTD_ENTER_EXEC) == 0)
        return plain_exec(argc - 4, argv + 4);
    return usage();
}
