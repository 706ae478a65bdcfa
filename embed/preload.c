/*
 * The stub for LD_PRELOAD. It is loaded into whatever inherits the variable, so it needs no symbol
 * of Python and does nothing in a process that is not a Python about to start.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/entry.h"

/* Cuts our own entry with one separator out of LD_PRELOAD; the rest stays byte for byte. */
static void leave_preload(void)
{
    Dl_info self;
    char *value = getenv("LD_PRELOAD");
    if (!value || !dladdr((void *)leave_preload, &self) || !self.dli_fname)
        return;
    for (char *p = value; *p;) {
        size_t len = strcspn(p, " :");
        if (len == strlen(self.dli_fname) && strncmp(p, self.dli_fname, len) == 0) {
            char *from = p > value ? p - 1 : p;
            char *to = p > value || p[len] == '\0' ? p + len : p + len + 1;
            memmove(from, to, strlen(to) + 1);
            break;
        }
        p += len;
        p += *p != '\0';
    }
    if (*value == '\0')
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

__attribute__((constructor)) static void enter(void)
{
    const char *path = getenv(PTD_ENV_TRACER);
    int (*initialised)(void);
    *(void **)&initialised = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    if (!path || !initialised || initialised())
        return;
    leave_preload();
    /* When it fails the variable stays: the text that Python starts with tries again and tells. */
    if (register_tracer(path))
        unsetenv(PTD_ENV_TRACER);
}
