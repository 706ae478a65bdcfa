/* What the keys do, and the lines that tell of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/watch_internal.h"
#include "watch/keys.h"

static const char menu[] = "  Enter  run now\n"
                           "  a      all tests\n"
                           "  f      the tests that failed\n"
                           "  o      the affected tests again\n"
                           "  p      only test files whose path has a text, or matches a pattern\n"
                           "  t      only tests by name, as -k of pytest\n"
                           "  c      all files and names again\n"
                           "  d      run now, with the debugger at the first failure\n"
                           "  h, w   these keys\n"
                           "  q      quit\n";
static const char command_menu[] = "  Enter, a  run the command now\n"
                                   "  h, w      these keys\n"
                                   "  q         quit\n";

static bool has_command(const struct ptd_watch *w)
{
    return w->options->watch.command != NULL;
}

void ptd_watch_hint(const struct ptd_watch *w)
{
    if (w->options->verbosity < 0)
        return;
    fputs("pyt-diff: watching", stderr);
    if (w->mode == PTD_WATCH_ALL && !has_command(w))
        fputs(" for all tests", stderr);
    else if (w->mode == PTD_WATCH_FAILED)
        fputs(" for the tests that failed", stderr);
    if (w->files)
        fprintf(stderr, ", in files with \"%s\"", w->files);
    if (w->names)
        fprintf(stderr, ", by name \"%s\"", w->names);
    if (w->terminal.fd >= 0)
        fputs("; press h for help, q to quit", stderr);
    fputc('\n', stderr);
}

static void show_line(const struct ptd_watch *w)
{
    fprintf(stderr, "\r\033[K%s%s", w->question == PTD_WATCH_ASK_FILES ? "files: " : "names (-k): ",
            w->line.data ? w->line.data : "");
}

static void ask(struct ptd_watch *w, enum ptd_watch_question question)
{
    w->question = question;
    ptd_buf_reset(&w->line);
    if (question == PTD_WATCH_ASK_FILES && w->files)
        ptd_buf_adds(&w->line, w->files);
    if (question == PTD_WATCH_ASK_NAMES && w->names)
        ptd_buf_adds(&w->line, w->names);
    show_line(w);
}

/* An empty line ends the choice. */
static void answered(struct ptd_watch *w)
{
    char **filter = w->question == PTD_WATCH_ASK_FILES ? &w->files : &w->names;
    free(*filter);
    *filter = w->line.len ? ptd_xstrdup(w->line.data) : NULL;
    w->question = PTD_WATCH_NO_QUESTION;
    fputc('\n', stderr);
    PTD_CLEANUP_FREE const char **matching = w->files ? ptd_watch_matching(w) : NULL;
    if (w->files && !matching) {
        fprintf(stderr, "pyt-diff: no test file matches \"%s\"\n", w->files);
        free(w->files);
        w->files = NULL;
        ptd_watch_hint(w);
        return;
    }
    ptd_watch_request(w, false);
}

static void type(struct ptd_watch *w, int key)
{
    switch (ptd_line_key(&w->line, key)) {
    case PTD_LINE_EDITING:
        show_line(w);
        return;
    case PTD_LINE_DONE:
        answered(w);
        return;
    case PTD_LINE_CANCELLED:
        w->question = PTD_WATCH_NO_QUESTION;
        fputs("\r\033[K", stderr);
        ptd_watch_hint(w);
        if (w->noted)
            ptd_watch_request(w, false);
        return;
    }
}

static void change_mode(struct ptd_watch *w, enum ptd_watch_mode mode)
{
    w->mode = mode;
    ptd_watch_request(w, false);
}

static void clear_filters(struct ptd_watch *w)
{
    bool any = w->files || w->names;
    free(w->files);
    free(w->names);
    w->files = w->names = NULL;
    if (any)
        ptd_watch_request(w, false);
    else
        ptd_watch_hint(w);
}

/* Keys that belong to any command. */
static bool common_key(struct ptd_watch *w, int key)
{
    switch (key) {
    case '\r':
    case '\n':
        ptd_watch_request(w, false);
        return true;
    case 'h':
    case 'w':
    case '?':
        fputs(has_command(w) ? command_menu : menu, stderr);
        return true;
    case 'q':
        w->quit = true;
        return true;
    default:
        return false;
    }
}

static void press(struct ptd_watch *w, int key)
{
    if (common_key(w, key))
        return;
    if (has_command(w)) {
        if (key == 'a')
            ptd_watch_request(w, false);
        return;
    }
    switch (key) {
    case 'a':
        change_mode(w, PTD_WATCH_ALL);
        break;
    case 'f':
        change_mode(w, PTD_WATCH_FAILED);
        break;
    case 'o':
        change_mode(w, PTD_WATCH_AFFECTED);
        break;
    case 'p':
    case 't':
        if (!w->child)
            ask(w, key == 'p' ? PTD_WATCH_ASK_FILES : PTD_WATCH_ASK_NAMES);
        break;
    case 'c':
        clear_filters(w);
        break;
    case 'd':
        ptd_watch_request(w, true);
        break;
    default:
        break;
    }
}

void ptd_watch_key(struct ptd_watch *w, const char *bytes, size_t len)
{
    for (size_t at = 0, used; at < len && !w->quit; at += used) {
        int key = ptd_keys_next(bytes + at, len - at, &used);
        if (key == PTD_KEY_NONE)
            continue;
        if (w->question)
            type(w, key);
        else
            press(w, key);
    }
}
