#include "cmd/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "contract/passes.h"
#include "session/session.h"

/* The words of PTD_FILE_SERVE (contract/passes.h). */
struct command_line {
    char *words[20]; /* owned */
    size_t count;
};

static void add(struct command_line *c, const char *name, const char *value)
{
    if (value)
        c->words[c->count++] = ptd_xasprintf("%s=%s", name, value);
}

static void add_number(struct command_line *c, const char *name, int value)
{
    if (value)
        c->words[c->count++] = ptd_xasprintf("%s=%d", name, value);
}

static int wrong_words(struct ptd_err *err)
{
    ptd_err_set(err, PTD_E_USAGE,
                "serve has the actions token add NAME, token list and token"
                " revoke NAME");
    return ptd_err_hint(err, "without any it serves; run 'pyt-diff serve --help'");
}

/* token add NAME, token list, token revoke NAME. */
static int add_task(const struct ptd_options *o, struct command_line *c, struct ptd_err *err)
{
    const char *const *words = o->words;
    bool token = o->word_count >= 2 && strcmp(words[0], "token") == 0;
    bool adds = token && strcmp(words[1], "add") == 0;
    if (!adds && (o->serve.expires || o->serve.project || o->serve.read_only))
        return ptd_err_set(err, PTD_E_USAGE, "%s is for 'serve token add' only",
                           o->serve.expires   ? "--expires"
                           : o->serve.project ? "--project"
                                              : "--read-only");
    if (o->word_count == 0)
        return 0;
    if (o->word_count == 2 && token && strcmp(words[1], "list") == 0) {
        add(c, "task", "token-list");
        return 0;
    }
    if (o->word_count != 3 || !token || (!adds && strcmp(words[1], "revoke") != 0))
        return wrong_words(err);
    add(c, "task", adds ? "token-add" : "token-revoke");
    add(c, "name", words[2]);
    return 0;
}

static void add_settings(const struct ptd_options *o, struct command_line *c)
{
    add(c, "db", o->serve.database);
    add(c, "listen", o->serve.listen);
    add(c, "project", o->serve.project);
    add_number(c, "keep", o->serve.keep);
    add_number(c, "max-request", o->serve.max_request);
    add_number(c, "max-rate", o->serve.max_rate);
    add_number(c, "max-clients", o->serve.max_clients);
    add_number(c, "expires", o->serve.expires);
    add_number(c, "verbosity", o->verbosity);
    add(c, "read-only", o->serve.read_only ? "1" : NULL);
    add(c, "json", o->json ? "1" : NULL);
}

/* Takes the place of this process, so that signals reach the server. */
static int become(struct command_line *c, struct ptd_err *err)
{
    PTD_CLEANUP_FREE char *folder = ptd_session_libexec(err);
    if (!folder)
        return -1;
    PTD_CLEANUP_FREE char *program = ptd_path_join(folder, PTD_FILE_SERVE);
    char *argv[sizeof(c->words) / sizeof(c->words[0]) + 2] = {program};
    memcpy(argv + 1, c->words, c->count * sizeof(char *));
    execv(program, argv);
    if (errno != ENOENT)
        return ptd_err_sys(err, PTD_E_INTERNAL, "cannot start %s", program);
    ptd_err_set(err, PTD_E_INTERNAL, "there is no %s in %s", PTD_FILE_SERVE, folder);
    return ptd_err_hint(err, "the server is a part of its own: install it, or build with"
                             " -DPTD_SERVE=ON");
}

int ptd_cmd_serve(struct ptd_options *o, int *status, struct ptd_err *err)
{
    struct command_line c = {0};
    (void)status;
    add_settings(o, &c);
    int failed = add_task(o, &c, err);
    if (!failed)
        failed = become(&c, err);
    for (size_t i = 0; i < c.count; i++)
        free(c.words[i]);
    return failed;
}
