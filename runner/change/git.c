#include "change/git.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

/* What git says on standard error beyond this is of no interest. */
#define MAX_COMPLAINT ((size_t)4096)

/* Exit code of the child when the program cannot be started. */
#define NOT_STARTED 127

/* ---- in the child ---- */

/* Relative ones are meant from where we are, not from where git will run. */
static void make_absolute(const char *variable, const char *here)
{
    const char *value = getenv(variable);
    if (!value || !*value || *value == '/')
        return;
    PTD_CLEANUP_FREE char *full = ptd_path_join(here, value);
    setenv(variable, full, 1);
}

/*
 * Hooks of git run with GIT_DIR, GIT_INDEX_FILE and the like in the environment: the index of a
 * commit that is being made need not be the usual one. They are about the repository of the
 * current directory; with GIT_DIR alone that is the top of the work tree.
 */
static void keep_variables(const char *here)
{
    static const char *const paths[] = {"GIT_DIR",
                                        "GIT_WORK_TREE",
                                        "GIT_INDEX_FILE",
                                        "GIT_OBJECT_DIRECTORY",
                                        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                                        "GIT_COMMON_DIR",
                                        NULL};
    for (const char *const *p = paths; *p; p++)
        make_absolute(*p, here);
    if (getenv("GIT_DIR") && !getenv("GIT_WORK_TREE"))
        setenv("GIT_WORK_TREE", here, 1);
}

static void drop_variables(void)
{
    static const char *const names[] = {"GIT_DIR",
                                        "GIT_WORK_TREE",
                                        "GIT_INDEX_FILE",
                                        "GIT_OBJECT_DIRECTORY",
                                        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                                        "GIT_COMMON_DIR",
                                        "GIT_PREFIX",
                                        NULL};
    for (const char *const *p = names; *p; p++)
        unsetenv(*p);
}

static void prepare_environment(bool nested)
{
    char *here = getcwd(NULL, 0);
    if (nested)
        drop_variables();
    else if (here)
        keep_variables(here);
    free(here);
    setenv("LC_ALL", "C", 1);
    setenv("GIT_OPTIONAL_LOCKS", "0", 1);
    setenv("GIT_NO_LAZY_FETCH", "1", 1);
    setenv("GIT_TERMINAL_PROMPT", "0", 1);
    unsetenv("GIT_EXTERNAL_DIFF");
    unsetenv("GIT_TRACE");
}

_Noreturn static void become_git(const char *dir, bool nested, const char *const *arguments)
{
    size_t count = 0;
    while (arguments[count])
        count++;
    const char **argv = ptd_xcalloc(count + 2, sizeof(*argv));
    argv[0] = "git";
    memcpy(argv + 1, arguments, count * sizeof(*argv));
    prepare_environment(nested);
    signal(SIGPIPE, SIG_DFL);
    if (chdir(dir) == 0)
        execvp("git", (char *const *)argv);
    int code = errno;
    /* On standard error, as git itself would. */
    const char *why = code == ENOENT ? "no such program" : strerror(code);
    ssize_t done = write(STDERR_FILENO, why, strlen(why));
    (void)done;
    _exit(NOT_STARTED);
}

/* ---- in the parent ---- */

struct talk {
    int ends[3]; /* to its standard input, from its output and error; -1: closed */
    const char *input;
    size_t left;
    struct ptd_buf *out;
    struct ptd_buf complaint;
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void write_input(struct talk *t)
{
    ssize_t n = t->left ? write(t->ends[0], t->input, t->left) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        t->input += n;
        t->left -= (size_t)n;
    }
    if (n < 0 || t->left == 0)
        close_end(&t->ends[0]);
}

static void read_end(struct talk *t, int which)
{
    char chunk[65536];
    ssize_t n = read(t->ends[which], chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0)
        close_end(&t->ends[which]);
    else if (which == 1)
        ptd_buf_add(t->out, chunk, (size_t)n);
    else if (t->complaint.len < MAX_COMPLAINT)
        ptd_buf_add(&t->complaint, chunk, (size_t)n);
}

static void converse(struct talk *t)
{
    fcntl(t->ends[0], F_SETFL, O_NONBLOCK);
    while (t->ends[0] >= 0 || t->ends[1] >= 0 || t->ends[2] >= 0) {
        struct pollfd wait[3] = {
            {t->ends[0], POLLOUT, 0}, {t->ends[1], POLLIN, 0}, {t->ends[2], POLLIN, 0}};
        if (poll(wait, 3, -1) < 0 && errno != EINTR)
            return;
        if (wait[0].revents)
            write_input(t);
        for (int i = 1; i < 3; i++)
            if (wait[i].revents)
                read_end(t, i);
    }
}

/* The first line of it, without git's "fatal: ". */
static int complain(const struct talk *t, struct ptd_err *err)
{
    const char *text = t->complaint.data ? t->complaint.data : "";
    static const char *const heads[] = {"fatal: ", "error: "};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        if (strncmp(text, heads[i], strlen(heads[i])) == 0)
            text += strlen(heads[i]);
    int len = (int)strcspn(text, "\n");
    if (len == 0)
        return ptd_err_set(err, PTD_E_IO, "git failed and does not say why");
    return ptd_err_set(err, PTD_E_IO, "git: %.*s", len > 300 ? 300 : len, text);
}

static int conclude(pid_t child, const struct talk *t, int *status, struct ptd_err *err)
{
    int code;
    while (waitpid(child, &code, 0) < 0)
        if (errno != EINTR)
            return ptd_err_sys(err, PTD_E_IO, "cannot wait for git");
    if (!WIFEXITED(code))
        return ptd_err_set(err, PTD_E_IO, "git was ended by signal %d", WTERMSIG(code));
    *status = WEXITSTATUS(code);
    if (*status == NOT_STARTED)
        return ptd_err_set(err, PTD_E_IO, "cannot run git: %s",
                           t->complaint.data ? t->complaint.data : "it does not start");
    if (*status)
        complain(t, err);
    return 0;
}

static int make_pipes(int pipes[3][2], struct ptd_err *err)
{
    for (int i = 0; i < 3; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) == 0)
            continue;
        ptd_err_sys(err, PTD_E_IO, "cannot make a pipe");
        while (--i >= 0) {
            close(pipes[i][0]);
            close(pipes[i][1]);
        }
        return -1;
    }
    return 0;
}

static int run_in(const char *dir, bool nested, const char *const *arguments,
                  const struct ptd_buf *input, struct ptd_buf *out, int *status,
                  struct ptd_err *err)
{
    int pipes[3][2];
    *status = -1;
    if (make_pipes(pipes, err) < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[0][0], STDIN_FILENO);
        dup2(pipes[1][1], STDOUT_FILENO);
        dup2(pipes[2][1], STDERR_FILENO);
        become_git(dir, nested, arguments);
    }
    struct talk t = {.ends = {pipes[0][1], pipes[1][0], pipes[2][0]},
                     .input = input ? input->data : NULL,
                     .left = input ? input->len : 0,
                     .out = out};
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    int result;
    if (child < 0) {
        result = ptd_err_sys(err, PTD_E_IO, "cannot start git");
    } else {
        /* git may stop reading before all is written. */
        struct sigaction quiet = {.sa_handler = SIG_IGN}, before;
        sigaction(SIGPIPE, &quiet, &before);
        converse(&t);
        sigaction(SIGPIPE, &before, NULL);
        result = conclude(child, &t, status, err);
    }
    for (int i = 0; i < 3; i++)
        close_end(&t.ends[i]);
    ptd_buf_release(&t.complaint);
    return result;
}

int ptd_git_run(const struct ptd_git *git, const char *const *arguments,
                const struct ptd_buf *input, struct ptd_buf *out, int *status, struct ptd_err *err)
{
    return run_in(git->top, git->nested, arguments, input, out, status, err);
}

int ptd_git_ask(const struct ptd_git *git, const char *const *arguments, struct ptd_buf *out,
                struct ptd_err *err)
{
    int status;
    if (ptd_git_run(git, arguments, NULL, out, &status, err) < 0)
        return -1;
    return status == 0 ? 0 : -1;
}

static char *first_line(struct ptd_buf *text)
{
    return ptd_xstrndup(text->data ? text->data : "", text->data ? strcspn(text->data, "\n") : 0);
}

char *ptd_git_line(const struct ptd_git *git, const char *const *arguments, struct ptd_err *err)
{
    PTD_CLEANUP_BUF struct ptd_buf out = PTD_BUF_INIT;
    return ptd_git_ask(git, arguments, &out, err) < 0 ? NULL : first_line(&out);
}

int ptd_git_open(const char *dir, bool nested, struct ptd_git *out, struct ptd_err *err)
{
    static const char *const question[] = {"rev-parse", "--is-shallow-repository",
                                           "--show-toplevel", NULL};
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    int status;
    *out = (struct ptd_git){.nested = nested};
    if (run_in(dir, nested, question, NULL, &text, &status, err) < 0)
        return -1;
    if (status != 0) {
        if (strstr(err->msg, "not a git repository"))
            ptd_err_set(err, PTD_E_IO, "this is no git repository");
        return -1;
    }
    const char *line = text.data ? strchr(text.data, '\n') : NULL;
    if (!line || line[1] != '/')
        return ptd_err_set(err, PTD_E_IO, "git does not say where the work tree is");
    PTD_CLEANUP_FREE char *top = ptd_xstrndup(line + 1, strcspn(line + 1, "\n"));
    char *real = realpath(top, NULL);
    out->top = ptd_xstrdup(real ? real : top);
    free(real);
    out->shallow = strncmp(text.data, "true", 4) == 0;
    return 0;
}

void ptd_git_release(struct ptd_git *git)
{
    free(git->top);
    *git = (struct ptd_git){0};
}
