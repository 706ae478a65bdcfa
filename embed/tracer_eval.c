/* Frame evaluation hook (PEP 523), Python 3.8 to 3.11. */
#include <pthread.h>
#include <stdio.h>

#include "tracer.h"
#include "tracer_lines.h"

typedef PyObject *(*eval_39)(void *thread, void *frame, int throwing);
typedef PyObject *(*eval_38)(void *frame, int throwing);

/* How many words of the interpreter state are searched for its evaluator on 3.8, and how many words
 * of a frame for its code object. The structures are larger than that. */
#define STATE_WORDS_38 128
#define FRAME_WORDS    8

static void *previous;      /* the evaluator that was there before us */
static void **slot_38;      /* 3.8 has no setter */
static unsigned frame_word; /* which word of a frame is its code object */
static void *installed;     /* the hook of ours that belongs there */
static bool stepped_aside;  /* 3.11: taken out because the C stack was near its end */

#define FRAME_CODE(frame) (((PyObject **)(frame))[frame_word])

static void put(void *function)
{
    if (slot_38)
        *slot_38 = function;
    else
        ptd_py.set_eval(ptd_py.interpreter(), function);
}

static void *get(void)
{
    return slot_38 ? *slot_38 : ptd_py.get_eval(ptd_py.interpreter());
}

/*
 * The hooks are called millions of times, nearly always for code that is known and has been
 * entered in this scope already. What they do then needs no stack of its own; everything else is in
 * functions that are not inlined. Suspects are never settled.
 */
/* The scope of a suspect plus 1, to be left again; 0 for nearly everything. */
static __attribute__((noinline)) uint32_t enter(void *frame)
{
    struct ptd_code *code = ptd_tracer_code(FRAME_CODE(frame));
    if (!code)
        return 0;
    uint32_t once = code->once;
    if (once)
        ptd_scope_once_enter(code);
    else
        ptd_code_enter(code);
    return once;
}

/* The code object may be gone by now. */
static inline PyObject *leave_with(uint32_t once, PyObject *result)
{
    if (!PTD_LIKELY(once == 0))
        ptd_scope_once_leave(once - 1);
    return result;
}

static inline bool is_settled(void *frame)
{
    const struct ptd_code *code = ptd_pyapi_known_extra(FRAME_CODE(frame));
    return PTD_LIKELY(code && code->epoch == ptd_epoch);
}

static __attribute__((noinline)) PyObject *enter_38(void *frame, int throwing)
{
    uint32_t once = enter(frame);
    return leave_with(once, ((eval_38)previous)(frame, throwing));
}

static PyObject *hook_38(void *frame, int throwing)
{
    if (PTD_LIKELY(is_settled(frame)))
        return ((eval_38)previous)(frame, throwing);
    return enter_38(frame, throwing);
}

static __attribute__((noinline)) PyObject *enter_39(void *thread, void *frame, int throwing)
{
    uint32_t once = enter(frame);
    return leave_with(once, ((eval_39)previous)(thread, frame, throwing));
}

static PyObject *hook_39(void *thread, void *frame, int throwing)
{
    if (PTD_LIKELY(is_settled(frame)))
        return ((eval_39)previous)(thread, frame, throwing);
    return enter_39(thread, frame, throwing);
}

/* In a process that a test started. */
static __attribute__((noinline)) void enter_following(void *frame)
{
    struct ptd_code *code = ptd_tracer_code(FRAME_CODE(frame));
    if (code)
        ptd_code_enter_following(code);
}

static inline bool is_led(void)
{
    return __atomic_load_n(ptd_lead, __ATOMIC_RELAXED) == ptd_led;
}

static PyObject *follow_38(void *frame, int throwing)
{
    if (!PTD_LIKELY(is_led() && is_settled(frame)))
        enter_following(frame);
    return ((eval_38)previous)(frame, throwing);
}

static PyObject *follow_39(void *thread, void *frame, int throwing)
{
    if (!PTD_LIKELY(is_led() && is_settled(frame)))
        enter_following(frame);
    return ((eval_39)previous)(thread, frame, throwing);
}

/*
 * With any hook 3.11 gives each Python call a C frame, which it does not without one. Code that
 * raised the recursion limit must not overflow the stack because of us: near its end the hook steps
 * aside.
 */
#define HIGHEST ((char *)UINTPTR_MAX)
static __thread char *stack_limit __attribute__((tls_model("initial-exec"))) = HIGHEST;

static __attribute__((noinline)) char *find_stack_limit(void)
{
    pthread_attr_t attr;
    void *base = NULL;
    size_t size = 0;
    char *limit = (char *)1;
    if (pthread_getattr_np(pthread_self(), &attr))
        return limit;
    if (!pthread_attr_getstack(&attr, &base, &size)) {
        size_t reserve = size / 4 < (1u << 20) ? size / 4 : (1u << 20);
        limit = (char *)base + reserve;
    }
    pthread_attr_destroy(&attr);
    return limit;
}

static __attribute__((noinline)) void step_aside(void)
{
    if (!stepped_aside) {
        stepped_aside = true;
        put(previous);
    }
}

static inline void guard_stack(void)
{
    if (stack_limit == HIGHEST)
        stack_limit = find_stack_limit();
    if ((char *)__builtin_frame_address(0) <= stack_limit)
        step_aside();
}

static __attribute__((noinline)) PyObject *enter_311(void *thread, void *frame, int throwing)
{
    guard_stack();
    uint32_t once = enter(frame);
    return leave_with(once, ((eval_39)previous)(thread, frame, throwing));
}

static PyObject *hook_311(void *thread, void *frame, int throwing)
{
    if (PTD_LIKELY((char *)__builtin_frame_address(0) > stack_limit && is_settled(frame)))
        return ((eval_39)previous)(thread, frame, throwing);
    return enter_311(thread, frame, throwing);
}

/* While lines are noted, each thread must have the trace function before its code runs. */
static PyObject *lines_hook_38(void *frame, int throwing)
{
    ptd_lines_frame(PyThreadState_Get());
    return hook_38(frame, throwing);
}

static PyObject *lines_hook_39(void *thread, void *frame, int throwing)
{
    ptd_lines_frame(thread);
    return hook_39(thread, frame, throwing);
}

static PyObject *lines_hook_311(void *thread, void *frame, int throwing)
{
    ptd_lines_frame(thread);
    return hook_311(thread, frame, throwing);
}

static PyObject *follow_311(void *thread, void *frame, int throwing)
{
    guard_stack();
    if (!PTD_LIKELY(is_led() && is_settled(frame)))
        enter_following(frame);
    return ((eval_39)previous)(thread, frame, throwing);
}

/* ---- start ---- */

static PyObject *learn_code; /* the code object that is looked for; NULL: report what is entered */
static int learn_matches;

static void probe(void *frame)
{
    if (!learn_code) {
        ptd_probe_seen(FRAME_CODE(frame));
        return;
    }
    /* Words 0 and 1 are a reference count and a type where the frame is an object. */
    for (unsigned i = 2; i < FRAME_WORDS; i++) {
        if (((PyObject **)frame)[i] == learn_code) {
            frame_word = i;
            learn_matches++;
        }
    }
}

static PyObject *probe_38(void *frame, int throwing)
{
    probe(frame);
    return ((eval_38)previous)(frame, throwing);
}

static PyObject *probe_39(void *thread, void *frame, int throwing)
{
    probe(frame);
    return ((eval_39)previous)(thread, frame, throwing);
}

static int find_slot_38(char *why, size_t size)
{
    void **words = ptd_py.interpreter();
    int matches = 0;
    for (size_t i = 0; i < STATE_WORDS_38; i++) {
        if (words[i] == ptd_py.eval_default) {
            slot_38 = &words[i];
            matches++;
        }
    }
    if (matches == 1)
        return 0;
    slot_38 = NULL;
    snprintf(why, size, "the evaluator was found %d times in the interpreter's state", matches);
    return -1;
}

static int find_evaluator(char *why, size_t size)
{
    if (!ptd_py.interpreter || !ptd_py.eval_default) {
        snprintf(why, size, "this Python does not export its evaluator");
        return -1;
    }
    if (ptd_py.version < 0x0309)
        return find_slot_38(why, size);
    if (!ptd_py.set_eval || !ptd_py.get_eval) {
        snprintf(why, size, "this Python does not let its evaluator be replaced");
        return -1;
    }
    return 0;
}

static void stop(void)
{
    put(previous);
    installed = NULL;
}

static int start(char *why, size_t size)
{
    if (find_evaluator(why, size) < 0)
        return -1;
    previous = get();
    if (!previous)
        previous = ptd_py.eval_default;
    installed = slot_38 ? (void *)probe_38 : (void *)probe_39;
    learn_code = ptd_probe_code("leaf");
    learn_matches = 0;
    put(installed);
    int result = ptd_probe_call("leaf");
    learn_code = NULL;
    if (result < 0 || learn_matches != 1) {
        snprintf(why, size, "the code object was found %d times in a frame", learn_matches);
        stop();
        return -1;
    }
    return 0;
}

static void *final_hook(void)
{
    bool lines = ptd_lines_word != 0;
    if (slot_38)
        return ptd_following ? (void *)follow_38 : lines ? (void *)lines_hook_38 : (void *)hook_38;
    if (ptd_py.version >= 0x030b)
        return ptd_following ? (void *)follow_311
               : lines       ? (void *)lines_hook_311
                             : (void *)hook_311;
    return ptd_following ? (void *)follow_39 : lines ? (void *)lines_hook_39 : (void *)hook_39;
}

/* Somebody else's evaluator in our place, or none of ours for a while: entries were missed. */
static bool leave(void)
{
    return !stepped_aside && get() == installed;
}

static void arrive(void)
{
    stepped_aside = false;
    void *hook = final_hook();
    if (get() == hook)
        return;
    void *other = get();
    /* An evaluator that was put over ours stays in use, below us. One that calls us in turn cannot
     * be told from one that does not, so only CPython's own and the one known at start are ever
     * called. */
    if (other != previous && other != ptd_py.eval_default && other != installed)
        return;
    installed = hook;
    put(hook);
}

const struct ptd_mechanism ptd_mechanism_eval = {"eval", start, stop, leave, arrive, NULL};
