/*
 * The stub for LD_PRELOAD. It is loaded into whatever inherits the variable, so it needs no symbol
 * of Python. It brings the tracer into a Python that is about to start, and follows the programs
 * that tests start; anywhere else it does nothing.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "contract/entry.h"
#include "program.h"

/* Cuts our own entry with one separator out of LD_PRELOAD; the rest stays byte for byte. */
static void leave_preload(void)
{
    Dl_info self;
    char *value = getenv("LD_PRELOAD");
    if (!value || !dladdr((void *)leave_preload, &self) || !self.dli_fname)
        return;
    bool alone = true;
    for (char *p = value; *p;) {
        size_t len = strcspn(p, " :");
        if (len == strlen(self.dli_fname) && strncmp(p, self.dli_fname, len) == 0) {
            alone = p == value;
            char *from = p > value ? p - 1 : p;
            char *to = p > value || p[len] == '\0' ? p + len : p + len + 1;
            memmove(from, to, strlen(to) + 1);
            break;
        }
        p += len;
        p += *p != '\0';
    }
    /* Behind a separator it was added to a variable that was there, if only empty. */
    if (*value == '\0' && alone)
        unsetenv("LD_PRELOAD");
}

static bool register_tracer(const char *path)
{
    void *tracer = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!tracer) {
        fprintf(stderr, "pyt-diff: error: cannot load the tracer: %s\n", dlerror());
        return false;
    }
    ptd_tracer_preinit_fn preinit;
    *(void **)&preinit = dlsym(tracer, PTD_TRACER_PREINIT);
    return preinit && preinit(PTD_ENTER_PRELOAD) == 0;
}

/* A Python that a test started. Without the tracer its files are all that is known of it. */
static void follow_python(void)
{
    Dl_info self;
    char path[PATH_MAX];
    if (!dladdr((void *)follow_python, &self) || !self.dli_fname)
        return;
    const char *slash = strrchr(self.dli_fname, '/');
    int dir = slash ? (int)(slash - self.dli_fname) : 0;
    if (!dir || snprintf(path, sizeof path, "%.*s/" PTD_FILE_TRACER, dir, self.dli_fname) >=
                    (int)sizeof path)
        return;
    void *tracer = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ptd_tracer_follow_fn follow = NULL;
    if (tracer)
        *(void **)&follow = dlsym(tracer, PTD_TRACER_FOLLOW);
    if (follow)
        follow(ptd_board.log.path, ptd_board.token);
}

__attribute__((constructor)) static void enter(void)
{
    const char *path = getenv(PTD_ENV_TRACER);
    int (*initialised)(void);
    *(void **)&initialised = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    bool python = initialised && !initialised();
    if (!path) {
        bool ours = getenv(PTD_ENV_CHILD) != NULL;
        if (ours)
            leave_preload();
        if (ours && ptd_program_start(python) && python)
            follow_python();
        return;
    }
    if (!python)
        return;
    leave_preload();
    /* When it fails the variable stays: the text that Python starts with tries again and tells. */
    if (register_tracer(path))
        unsetenv(PTD_ENV_TRACER);
}
