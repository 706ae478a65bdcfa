/*
 * Who is charged. Scopes lie on one stack for the whole process; what is entered, imported or used
 * is charged to the innermost one. While a thread other than the one that owns the innermost import
 * runs, or an import of another thread lies on the stack, everything down to the innermost test,
 * collection or session is charged, so that nothing is charged only to the wrong one.
 *
 * A function whose results may be kept (scope_once.h) has a scope of its own, which lies on the
 * stack while the function runs. It is charged together with the one below it, never instead.
 *
 * All functions need the GIL and keep a pending exception.
 */
#ifndef PTD_EMBED_SCOPE_H
#define PTD_EMBED_SCOPE_H

#include "contract/journal.h"
#include "pyapi.h"

enum ptd_arm {
    PTD_ARM_NEW = 0, /* no local events yet */
    PTD_ARM_WAITING, /* gets them at the next scope */
    PTD_ARM_ON,
    PTD_ARM_OFF, /* switched off until the next scope */
};

/* The record of one watched code object; lives as long as that. */
struct ptd_code {
    uint32_t epoch; /* in which nothing more is to be learned from it */
    uint32_t id;
    uint32_t file;
    uint32_t hits;       /* entries in this epoch (monitoring) */
    uint32_t line_epoch; /* epoch that line_tries belongs to */
    uint32_t line_tries;
    uint8_t armed; /* enum ptd_arm (monitoring) */
    bool module_body;
    /* Lines (monitoring): events are on, and how many of them told nothing new in which context. */
    bool lines_on;
    uint32_t lines_context, lines_events;
    uint32_t once; /* its scope of kind PTD_SCOPE_ONCE + 1, 0: it is no suspect */
};

/* A name for the current thread. Needs no GIL. */
const void *ptd_scope_thread(void);

/* Changes with each change of the stack. */
extern uint32_t ptd_epoch;
/* Stands for all code that is not watched; its epoch is always the current one. */
extern struct ptd_code ptd_code_ignored;

/*
 * In a process that a test started: it has no tests of its own, and what it does is charged to one
 * scope for each epoch of the board. `ptd_led` is the epoch of the scope that is open.
 */
extern bool ptd_following;
extern uint32_t ptd_led;
extern const uint32_t *ptd_lead; /* the board's epoch, in such a process */
void ptd_scope_follow(void);     /* opens the scope for the present one */
/* Right after a fork, without the GIL. */
void ptd_scope_forked(void);
uint32_t ptd_scope_count(void);

void ptd_scope_enter(struct ptd_code *code);

static inline void ptd_code_enter(struct ptd_code *code)
{
    if (code->epoch != ptd_epoch)
        ptd_scope_enter(code);
}

/* The same in a process that follows. */
static inline void ptd_code_enter_following(struct ptd_code *code)
{
    if (__atomic_load_n(ptd_lead, __ATOMIC_RELAXED) != ptd_led)
        ptd_scope_follow();
    ptd_code_enter(code);
}

/* Starts recording: opens the session's scope, and the one of what installed packages import. */
void ptd_scope_start(void);
#define PTD_SESSION   0u
#define PTD_INSTALLED 1u
bool ptd_scope_recording(void);
/* Stops for good, in a forked child. */
void ptd_scope_forget(void);

/* PTD_J_NO_SCOPE when nothing is recorded. */
uint32_t ptd_scope_new(enum ptd_scope_kind kind, uint32_t file, const char *label);
/* The scope of the import of a file; one per file. */
uint32_t ptd_scope_module(uint32_t file, const char *label);

/* `body`: the code object of the module when it is an import, borrowed until the pop, else NULL. */
void ptd_scope_push(uint32_t scope, PyObject *body);
/* Takes the innermost entry of that scope off, wherever other threads have put theirs. */
void ptd_scope_pop(uint32_t scope);
/* Around each run of a suspect (code->once), also when it is resumed, instead of ptd_code_enter. In
 * the same order in each thread; a leave that is missing is made up for when the scope below is
 * taken off. */
void ptd_scope_once_enter(struct ptd_code *code);
void ptd_scope_once_leave(uint32_t scope);
/* The innermost test or collection, or the session. */
uint32_t ptd_scope_base(void);

/* Nobody but the session is charged at the moment. */
bool ptd_scope_is_session(void);

void ptd_scope_use(uint32_t used); /* current -> used */
void ptd_scope_use_in(uint32_t scope, uint32_t used);
void ptd_scope_import(uint32_t file); /* current -> file */
void ptd_scope_import_in(uint32_t scope, uint32_t file);
void ptd_scope_name(uint32_t name);
void ptd_scope_name_in(uint32_t scope, uint32_t name);

/* Entries may have been missed: what is open down to the innermost test, collection or session. */
void ptd_scope_disturbed(void);
/* What is open does something that is not seen, such as starting a program: PTD_SCOPE_OPAQUE. The
 * session is exempt: what pytest and its plugins start on their own is no part of a test. */
void ptd_scope_opaque(void);
uint32_t ptd_scope_flags(uint32_t scope);

/* PTD_J_DELTA for everything that grew since the last time. */
void ptd_scope_flush(void);
/* A test's scope that was written is not needed any more. */
void ptd_scope_free(uint32_t scope);

#endif
