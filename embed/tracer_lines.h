/*
 * Which lines are executed, for --line-coverage. Lines of Python sources below the project's
 * directory collect in one bitmap per file; a change of the context (a phase of a test) writes
 * those that were touched as PTD_J_LINES. Lines of all threads count, for the context at hand.
 *
 * Two mechanisms: a trace function in C (3.8 to 3.11), LINE events of sys.monitoring (3.12 and
 * later). Neither takes anything away from others: a trace function that somebody installs is
 * called by ours in turn, and is what sys.gettrace() tells.
 *
 * All functions need the GIL.
 */
#ifndef PTD_EMBED_TRACER_LINES_H
#define PTD_EMBED_TRACER_LINES_H

#include "tracer.h"

/* To be called when the tracer is on. `root`: real path of the directory whose files count. -1 with
 * a reason. */
int ptd_lines_start(const char *root, char *why, size_t size);
/* From here on what is executed belongs to this context; writes what the one before executed. */
void ptd_lines_context(const char *name, size_t len);
/* Writes what is not written yet; the context goes on. */
void ptd_lines_flush(void);
/* In a forked child: nothing more is noted. */
void ptd_lines_forget(void);
/* NULL while all is well, else why lines are missing. */
const char *ptd_lines_problem(void);

/* For the mechanisms. */
struct ptd_lines_mechanism {
    int (*start)(char *why, size_t size);
    /* Events come for all lines again. */
    void (*next_context)(void);
    /* Whether the events are still ours. */
    bool (*intact)(void);
};
extern const struct ptd_lines_mechanism ptd_lines_trace;
extern const struct ptd_lines_mechanism ptd_lines_monitoring;

/* Lines that count are noted; false when this one was noted before in this context. */
bool ptd_lines_note(const struct ptd_code *code, long line);
/* Whether lines of this code count. */
bool ptd_lines_wanted(const struct ptd_code *code);

/* The first sight of a watched code object (monitoring). */
extern void (*ptd_lines_discovered)(PyObject *object, struct ptd_code *code);
/* At the entry of a frame (3.8 to 3.11): word of the thread's state that holds the trace function,
 * 0 while lines are not noted, and ours. */
extern unsigned ptd_lines_word;
extern void *ptd_lines_function;
void ptd_lines_take_thread(void **thread);

static inline void ptd_lines_frame(void *thread)
{
    if (ptd_lines_word && ((void **)thread)[ptd_lines_word] != ptd_lines_function)
        ptd_lines_take_thread(thread);
}

#endif
