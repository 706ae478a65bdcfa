#include "session/command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "contract/entry.h"

extern char **environ;

static void words_take(struct ptd_words *words, char *word)
{
    words->items = ptd_xgrow(words->items, &words->cap, words->count + 2, sizeof(*words->items));
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

static void words_add(struct ptd_words *words, const char *word)
{
    words_take(words, ptd_xstrdup(word));
}

static void words_release(struct ptd_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct ptd_words){0};
}

static void env_unset(struct ptd_words *env, const char *name)
{
    size_t len = strlen(name);
    size_t kept = 0;
    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
            free(env->items[i]);
        else
            env->items[kept++] = env->items[i];
    }
    env->count = kept;
    if (env->items)
        env->items[kept] = NULL;
}

static void env_set(struct ptd_words *env, const char *name, const char *value)
{
    env_unset(env, name);
    words_take(env, ptd_xasprintf("%s=%s", name, value));
}

/* What a session around us left there is not meant for ours. */
static void env_start(struct ptd_words *env)
{
    for (char **item = environ; *item; item++)
        words_add(env, *item);
    env_unset(env, PTD_ENV_SESSION);
    env_unset(env, PTD_ENV_TRACER);
    env_unset(env, PTD_ENV_AS_PYTHON);
}

static void quote(struct ptd_buf *out, const char *word)
{
    if (out->len)
        ptd_buf_addc(out, ' ');
    ptd_buf_addc(out, '\'');
    for (const char *p = word; *p; p++) {
        if (*p == '\'')
            ptd_buf_adds(out, "'\\''");
        else
            ptd_buf_addc(out, *p);
    }
    ptd_buf_addc(out, '\'');
}

static const char *mode_name(enum ptd_host host)
{
    switch (host) {
    case PTD_HOST_EMBED:
        return PTD_ENTER_EMBED;
    case PTD_HOST_PRELOAD:
        return PTD_ENTER_PRELOAD;
    default:
        return PTD_ENTER_EXEC;
    }
}

static void set_worker_command(struct ptd_words *env, const struct ptd_interpreter *python,
                               const char *host)
{
    PTD_CLEANUP_BUF struct ptd_buf line = PTD_BUF_INIT;
    quote(&line, host);
    quote(&line, "--as-python");
    quote(&line, mode_name(python->host));
    quote(&line, python->host == PTD_HOST_EMBED ? python->libpython : "-");
    quote(&line, python->python);
    env_set(env, PTD_ENV_AS_PYTHON, line.data);
}

/* Behind what is there already: an allocator or sanitizer of the user's must stay the first. */
static void append_preload(struct ptd_words *env, const char *stub)
{
    const char *old = getenv("LD_PRELOAD");
    PTD_CLEANUP_FREE char *value =
        old && *old ? ptd_xasprintf("%s:%s", old, stub) : ptd_xstrdup(stub);
    env_set(env, "LD_PRELOAD", value);
}

static int need_file(const char *path, struct ptd_err *err)
{
    if (access(path, R_OK) == 0)
        return 0;
    ptd_err_sys(err, PTD_E_INTERNAL, "cannot read %s", path);
    return ptd_err_hint(err, "pyt-diff is not installed completely");
}

static int traced(const struct ptd_session_request *request, struct ptd_command *out,
                  struct ptd_err *err)
{
    const struct ptd_interpreter *python = request->interpreter;
    PTD_CLEANUP_FREE char *dir = ptd_session_libexec(err);
    if (!dir)
        return -1;
    PTD_CLEANUP_FREE char *host = ptd_path_join(dir, PTD_FILE_HOST);
    PTD_CLEANUP_FREE char *tracer = ptd_path_join(dir, PTD_FILE_TRACER);
    PTD_CLEANUP_FREE char *stub = ptd_path_join(dir, PTD_FILE_PRELOAD);
    if (need_file(tracer, err) < 0)
        return -1;
    env_set(&out->env, PTD_ENV_SESSION, request->session_dir);
    set_worker_command(&out->env, python, host);
    if (python->host == PTD_HOST_EMBED) {
        out->program = ptd_xstrdup(host);
        words_add(&out->argv, host);
        words_add(&out->argv, "--" PTD_ENTER_EMBED);
        words_add(&out->argv, python->libpython);
    } else {
        out->program = ptd_xstrdup(python->python);
        env_set(&out->env, PTD_ENV_TRACER, tracer);
    }
    if (python->host == PTD_HOST_PRELOAD) {
        if (need_file(stub, err) < 0)
            return -1;
        append_preload(&out->env, stub);
    }
    words_add(&out->argv, python->python);
    words_add(&out->argv, "-c");
    words_add(&out->argv,
              python->host == PTD_HOST_EMBED ? PTD_BOOT_MAIN : PTD_BOOT_LOAD PTD_BOOT_MAIN);
    return 0;
}

static void plain(const struct ptd_session_request *request, struct ptd_command *out)
{
    const char *python = request->interpreter->python;
    out->program = ptd_xstrdup(python);
    words_add(&out->argv, python);
    words_add(&out->argv, "-c");
    words_add(&out->argv, PTD_BOOT_PLAIN);
}

int ptd_command_make(const struct ptd_session_request *request, struct ptd_command *out,
                     struct ptd_err *err)
{
    *out = (struct ptd_command){0};
    env_start(&out->env);
    if (!request->session_dir)
        plain(request, out);
    else if (traced(request, out, err) < 0)
        return -1;
    for (size_t i = 0; i < request->pytest_count; i++)
        words_add(&out->argv, request->pytest_args[i]);
    return 0;
}

void ptd_command_release(struct ptd_command *command)
{
    free(command->program);
    words_release(&command->argv);
    words_release(&command->env);
    *command = (struct ptd_command){0};
}
