#include "scope.h"

#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "follow.h"
#include "journal_write.h"
#include "scope_environ.h"
#include "scope_files.h"
#include "scope_ids.h"
#include "tracer.h"

/* How often the line of an import is looked up for one code object before it counts as "all lines".
 */
#define MOST_LINE_TRIES 2000
/* Frames between a function and the module that is being imported. */
#define MOST_FRAMES 1000

struct list {
    uint32_t *items; /* owned */
    size_t len, cap;
};

/* What was added since the last flush, and a bit for each id that was ever added. */
struct set {
    struct list fresh;
    uint64_t *bits; /* owned */
    size_t words;
};

enum set_kind {
    SET_CODE,
    SET_USE,
    SET_FILE,
    SET_NAME,
    SET_LISTED, /* those above are written as lists of a delta */
    SET_ACCESS = SET_LISTED,
    SET_COUNT,
};

struct scope {
    enum ptd_scope_kind kind;
    uint32_t id, file, flags;
    bool dirty;
    struct set sets[SET_COUNT];
    struct list pairs;     /* fresh (code, line) */
    uint64_t *known_pairs; /* owned; open addressing, 0 is free */
    size_t known_count, known_mask;
};

struct frame {
    struct scope *scope;
    const void *thread;
    uint32_t since; /* epoch in which it was pushed */
    PyObject *body; /* borrowed: the call that pushed it holds it */
    /* The frame of that body, owned; NULL while it was not looked for. Its line takes long to find
     * out, and most calls come from the same instruction as the one before. */
    PyObject *running;
    long instruction;
    uint32_t line;
    uint32_t again; /* of a suspect: calls within its call */
};

uint32_t ptd_epoch = 1;
struct ptd_code ptd_code_ignored = {.epoch = 1};
bool ptd_following;
uint32_t ptd_led;
const uint32_t *ptd_lead = &ptd_led;

static bool recording;
static struct scope **scopes; /* owned; NULL where a scope was freed */
static size_t scope_count, scope_cap;
static struct frame *stack; /* owned */
static size_t depth, depth_cap;
static size_t foreign_imports; /* entries of imports on the stack by threads other than the first */
static struct scope **dirty;   /* owned */
static size_t dirty_count, dirty_cap;
static struct list module_scopes; /* by file id: scope id + 1 */
static struct scope *spare;       /* a freed test scope, for the next one */
static const void *main_thread;

/* The address of a thread's own variable is its name. Also called where memory must not be
 * allocated, hence the model. */
const void *ptd_scope_thread(void)
{
    static __thread char self __attribute__((tls_model("initial-exec")));
    return &self;
}

/* Without memory nothing can be recorded any more; the tests simply count as not recorded. */
static void give_up(void)
{
    recording = false;
    ptd_journal_forked();
    if (ptd_following)
        ptd_board_lost();
}

static bool grow(void *array, size_t *cap, size_t need, size_t size)
{
    void **pointer = array;
    if (need <= *cap)
        return true;
    size_t wanted = need * 2 < 16 ? 16 : need * 2;
    void *grown = realloc(*pointer, wanted * size);
    if (!grown) {
        give_up();
        return false;
    }
    *pointer = grown;
    *cap = wanted;
    return true;
}

static bool list_add(struct list *list, uint32_t value)
{
    if (!grow(&list->items, &list->cap, list->len + 1, sizeof *list->items))
        return false;
    list->items[list->len++] = value;
    return true;
}

static bool set_add(struct set *set, uint32_t id)
{
    size_t word = id / 64, before = set->words;
    uint64_t bit = (uint64_t)1 << (id % 64);
    if (word >= before) {
        if (!grow(&set->bits, &set->words, word + 1, sizeof *set->bits))
            return false;
        memset(set->bits + before, 0, (set->words - before) * sizeof *set->bits);
    }
    if (set->bits[word] & bit)
        return false;
    set->bits[word] |= bit;
    return list_add(&set->fresh, id);
}

static bool pair_insert(struct scope *scope, uint64_t key)
{
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15u >> 32) & scope->known_mask;
    for (; scope->known_pairs[at]; at = (at + 1) & scope->known_mask) {
        if (scope->known_pairs[at] == key)
            return false;
    }
    scope->known_pairs[at] = key;
    scope->known_count++;
    return true;
}

static bool pairs_grow(struct scope *scope)
{
    size_t old_size = scope->known_pairs ? scope->known_mask + 1 : 0;
    uint64_t *old = scope->known_pairs;
    size_t size = old_size ? old_size * 2 : 64;
    uint64_t *grown = calloc(size, sizeof *grown);
    if (!grown) {
        give_up();
        return false;
    }
    scope->known_pairs = grown;
    scope->known_mask = size - 1;
    scope->known_count = 0;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i])
            pair_insert(scope, old[i]);
    }
    free(old);
    return true;
}

static bool pair_add(struct scope *scope, uint32_t code, uint32_t line)
{
    if ((scope->known_count + 1) * 2 > scope->known_mask && !pairs_grow(scope))
        return false;
    return pair_insert(scope, ((uint64_t)code + 1) << 32 | line) && list_add(&scope->pairs, code) &&
           list_add(&scope->pairs, line);
}

static void touch(struct scope *scope)
{
    if (scope->dirty || !grow(&dirty, &dirty_cap, dirty_count + 1, sizeof(struct scope *)))
        return;
    dirty[dirty_count++] = scope;
    scope->dirty = true;
}

static void add_to(struct scope *scope, enum set_kind kind, uint32_t id)
{
    if (id != PTD_UNWATCHED && set_add(&scope->sets[kind], id))
        touch(scope);
}

/* ---- the stack ---- */

static bool is_base(const struct scope *scope)
{
    return scope->kind == PTD_SCOPE_TEST || scope->kind == PTD_SCOPE_COLLECT ||
           scope->kind == PTD_SCOPE_SESSION || scope->kind == PTD_SCOPE_CHILD;
}

/* Index of the innermost entry that is no suspect. */
static inline size_t inner(void)
{
    size_t i = depth - 1;
    while (stack[i].scope->kind == PTD_SCOPE_ONCE)
        i--;
    return i;
}

/* Whether the innermost scope alone is to be charged for what a thread does. */
static bool is_plain_for(const void *thread)
{
    const struct frame *top = &stack[inner()];
    if (foreign_imports)
        return false;
    return top->scope->kind != PTD_SCOPE_MODULE || top->thread == thread;
}

static bool is_plain(void)
{
    return is_plain_for(ptd_scope_thread());
}

/* A process that follows may be killed at any time. */
static void settle(void)
{
    if (ptd_following && dirty_count)
        ptd_scope_flush();
}

static void keep_up(void)
{
    if (ptd_following && ptd_board_epoch() != ptd_led)
        ptd_scope_follow();
}

/* The suspects that run: what the innermost one does is found by way of those around it, as far as
 * they are of the same thread. A thread may work for one that waits for it in another. */
static void charge_suspects(enum set_kind kind, uint32_t id)
{
    for (size_t i = depth - 1; stack[i].scope->kind == PTD_SCOPE_ONCE; i--) {
        if (i == depth - 1 || stack[i].thread != stack[i + 1].thread)
            add_to(stack[i].scope, kind, id);
    }
}

static void charge_for(const void *thread, enum set_kind kind, uint32_t id)
{
    if (!recording)
        return;
    keep_up();
    charge_suspects(kind, id);
    size_t i = inner();
    add_to(stack[i].scope, kind, id);
    if (is_plain_for(thread))
        return;
    while (i > 0 && !is_base(stack[i].scope))
        add_to(stack[--i].scope, kind, id);
}

static void charge(enum set_kind kind, uint32_t id)
{
    charge_for(ptd_scope_thread(), kind, id);
    settle();
}

static PyObject *next_frame(PyObject *frame)
{
    PyObject *back = ptd_pyapi_attr(frame, PTD_ATTR_F_BACK);
    Py_DECREF(frame);
    return back;
}

/* The frame of the body, owned, or NULL. */
static PyObject *find_body(PyObject *body)
{
    PyObject *frame = body ? (PyObject *)PyEval_GetFrame() : NULL;
    Py_XINCREF(frame);
    for (int i = 0; frame && frame != Py_None && i < MOST_FRAMES; i++) {
        PyObject *code = ptd_pyapi_attr(frame, PTD_ATTR_F_CODE);
        Py_XDECREF(code); /* the frame holds it */
        if (code == body)
            return frame;
        frame = next_frame(frame);
    }
    Py_XDECREF(frame);
    return NULL;
}

/* The line of the import that is under way, 0 when it is not known. */
static uint32_t import_line(void)
{
    uint32_t epoch = ptd_epoch;
    size_t at = inner();
    PyObject *running = stack[at].running;
    if (!running) {
        running = find_body(stack[at].body);
        PyErr_Clear();
        if (!running ||
            epoch != ptd_epoch) { /* a collection of garbage may have changed the stack */
            Py_XDECREF(running);
            return 0;
        }
        stack[at].running = running;
        stack[at].instruction = -2;
    }
    long instruction = ptd_pyapi_number(running, PTD_ATTR_F_LASTI, -1);
    if (epoch != ptd_epoch)
        return 0;
    if (instruction < 0 || instruction != stack[at].instruction) {
        long line = ptd_pyapi_number(running, PTD_ATTR_F_LINENO, 0);
        PyErr_Clear();
        if (epoch != ptd_epoch)
            return 0;
        stack[at].instruction = instruction;
        stack[at].line = line > 0 ? (uint32_t)line : 0;
    }
    return stack[at].line;
}

static void enter_in_import(struct ptd_code *code)
{
    struct scope *scope = stack[inner()].scope;
    uint32_t epoch = ptd_epoch;
    charge_suspects(SET_CODE, code->id);
    if (code->module_body && code->file == scope->file) {
        code->epoch = epoch;
        add_to(scope, SET_CODE, code->id);
        return;
    }
    if (code->line_epoch != epoch) {
        code->line_epoch = epoch;
        code->line_tries = 0;
    }
    uint32_t line = 0;
    if (++code->line_tries < MOST_LINE_TRIES) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        line = import_line();
        PyErr_Restore(type, value, traceback);
        if (epoch != ptd_epoch) /* a collection of garbage ran code that changed the stack */
            line = 0;
    }
    if (line == 0)
        code->epoch = epoch; /* "all lines" leaves nothing to be learned */
    if (pair_add(scope, code->id, line))
        touch(scope);
}

static void enter(struct ptd_code *code)
{
    if (is_plain()) {
        struct scope *scope = stack[inner()].scope;
        if (scope->kind == PTD_SCOPE_MODULE) {
            enter_in_import(code);
            return;
        }
        code->epoch = ptd_epoch;
        charge_suspects(SET_CODE, code->id);
        add_to(scope, SET_CODE, code->id);
        return;
    }
    if (stack[inner()].scope->kind != PTD_SCOPE_MODULE)
        code->epoch = ptd_epoch;
    charge(SET_CODE, code->id);
}

void ptd_scope_enter(struct ptd_code *code)
{
    if (!recording)
        return;
    keep_up();
    enter(code);
    settle();
}

/* More than one interpreter: code of the others is not seen. */
static bool is_alone(void)
{
    if (!ptd_py.first_interpreter || !ptd_py.next_interpreter)
        return true;
    return !ptd_py.next_interpreter(ptd_py.first_interpreter());
}

/* `thread` is NULL for what is charged to nobody in particular. */
static void add_access(uint32_t access, const void *thread)
{
    if (thread)
        charge_for(thread, SET_ACCESS, access);
    else if (recording)
        add_to(stack[0].scope, SET_ACCESS, access);
}

static void take_accesses(void)
{
    if (recording && !ptd_files_drain(add_access))
        ptd_scope_disturbed();
}

static void settle_accesses(void)
{
    take_accesses();
    if (ptd_environ_pending)
        ptd_environ_settle();
}

static void before_switch(void)
{
    settle_accesses();
    if (!ptd_tracer_leave() || !is_alone())
        ptd_scope_disturbed();
}

static void next_epoch(void)
{
    ptd_code_ignored.epoch = ++ptd_epoch;
    if (ptd_board_is_open() && !ptd_following)
        __atomic_store_n(&ptd_board.log.header->epoch, ptd_epoch, __ATOMIC_RELEASE);
}

static void after_switch(void)
{
    next_epoch();
    if (recording) {
        enum ptd_scope_kind kind = stack[inner()].scope->kind;
        ptd_files_suspect(kind == PTD_SCOPE_SESSION || kind == PTD_SCOPE_COLLECT);
    }
    ptd_tracer_arrive();
}

static bool is_foreign_import(const struct frame *frame)
{
    return frame->scope->kind == PTD_SCOPE_MODULE && frame->thread != main_thread;
}

void ptd_scope_push(uint32_t id, PyObject *body)
{
    if (!recording || id >= scope_count || !scopes[id])
        return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    before_switch();
    if (grow(&stack, &depth_cap, depth + 1, sizeof *stack)) {
        stack[depth] =
            (struct frame){.scope = scopes[id], .thread = ptd_scope_thread(), .body = body};
        stack[depth].since = ptd_epoch + 1;
        foreign_imports += is_foreign_import(&stack[depth]);
        depth++;
    }
    after_switch();
    PyErr_Restore(type, value, traceback);
}

/* Index of the entry that belongs to this thread, else of any; 0 when there is none. */
static size_t find_frame(uint32_t id)
{
    size_t other = 0;
    for (size_t i = depth - 1; i > 0; i--) {
        if (stack[i].scope->id != id)
            continue;
        if (stack[i].thread == ptd_scope_thread())
            return i;
        other = other ? other : i;
    }
    return other;
}

/* What processes that were started did meanwhile is charged to it. */
static void write_window(const struct frame *frame)
{
    if (!ptd_board_is_open() || ptd_following ||
        !__atomic_load_n(&ptd_board.log.header->started, __ATOMIC_ACQUIRE))
        return;
    ptd_journal_begin(PTD_J_WINDOW);
    ptd_journal_u32(frame->scope->id);
    ptd_journal_u32(frame->since);
    ptd_journal_u32(ptd_epoch);
    ptd_journal_end();
}

/* Index of the topmost entry of a suspect in this thread, not below `from`; 0 when there is none.
 */
static size_t find_suspect(uint32_t id, size_t from)
{
    for (size_t i = depth - 1; i > 0 && i >= from; i--) {
        if (stack[i].scope->id == id && stack[i].thread == ptd_scope_thread())
            return i;
    }
    return 0;
}

static void take_off(size_t at)
{
    memmove(stack + at, stack + at + 1, (depth - at - 1) * sizeof *stack);
    depth--;
}

/* Suspects of this thread that lay above what was taken off: their end was not seen. */
static void drop_suspects(size_t from)
{
    for (size_t i = depth; i-- > from;) {
        if (stack[i].scope->kind == PTD_SCOPE_ONCE && stack[i].thread == ptd_scope_thread())
            take_off(i);
    }
}

void ptd_scope_pop(uint32_t id)
{
    size_t at = recording ? find_frame(id) : 0;
    if (!at)
        return;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    before_switch();
    at = find_frame(id);
    PyObject *running = NULL;
    if (at) {
        running = stack[at].running;
        write_window(&stack[at]);
        foreign_imports -= is_foreign_import(&stack[at]);
        take_off(at);
        drop_suspects(at);
    }
    after_switch();
    Py_XDECREF(running);
    PyErr_Restore(type, value, traceback);
}

static void push_suspect(uint32_t id)
{
    settle_accesses();
    if (!grow(&stack, &depth_cap, depth + 1, sizeof *stack))
        return;
    /* What it serves may come from what the one around it keeps. */
    charge_suspects(SET_USE, id);
    stack[depth++] =
        (struct frame){.scope = scopes[id], .thread = ptd_scope_thread(), .since = ptd_epoch + 1};
    next_epoch();
    ptd_tracer_again();
}

void ptd_scope_once_enter(struct ptd_code *code)
{
    uint32_t id = code->once - 1;
    if (!recording || ptd_following || id >= scope_count) {
        ptd_code_enter(code);
        return;
    }
    size_t open = find_suspect(id, inner() + 1);
    if (open)
        stack[open].again++;
    else
        push_suspect(id);
    ptd_scope_enter(code);
    code->epoch = 0; /* it is to be seen again */
}

void ptd_scope_once_leave(uint32_t id)
{
    size_t at = recording && !ptd_following ? find_suspect(id, 0) : 0;
    if (!at)
        return;
    if (stack[at].again) {
        stack[at].again--;
        return;
    }
    settle_accesses();
    write_window(&stack[at]);
    take_off(at);
    next_epoch();
}

uint32_t ptd_scope_base(void)
{
    size_t i = depth - 1;
    if (!recording)
        return PTD_J_NO_SCOPE;
    while (i > 0 && !is_base(stack[i].scope))
        i--;
    return stack[i].scope->id;
}

static void mark_open(enum ptd_scope_flag flag, bool session_too)
{
    for (size_t i = recording ? depth : 0; i-- > 0;) {
        if (stack[i].scope->kind != PTD_SCOPE_SESSION || session_too) {
            stack[i].scope->flags |= flag;
            touch(stack[i].scope);
        }
        if (is_base(stack[i].scope))
            break;
    }
    settle();
}

void ptd_scope_disturbed(void)
{
    mark_open(PTD_SCOPE_INCOMPLETE, true);
}

void ptd_scope_opaque(void)
{
    mark_open(PTD_SCOPE_OPAQUE, false);
}

/* ---- scopes ---- */

static struct scope *make_scope(enum ptd_scope_kind kind, uint32_t file)
{
    struct scope *scope = kind == PTD_SCOPE_TEST && spare ? spare : calloc(1, sizeof *scope);
    if (scope == spare)
        spare = NULL;
    if (!scope || !grow(&scopes, &scope_cap, scope_count + 1, sizeof(struct scope *))) {
        give_up();
        free(scope);
        return NULL;
    }
    scope->kind = kind;
    scope->file = file;
    scope->id = (uint32_t)scope_count;
    scopes[scope_count++] = scope;
    return scope;
}

uint32_t ptd_scope_new(enum ptd_scope_kind kind, uint32_t file, const char *label)
{
    struct scope *scope = recording ? make_scope(kind, file) : NULL;
    if (!scope)
        return PTD_J_NO_SCOPE;
    ptd_journal_begin(PTD_J_SCOPE);
    ptd_journal_u32(scope->id);
    ptd_journal_u32((uint32_t)kind);
    ptd_journal_u32(file);
    ptd_journal_bytes(label, strlen(label));
    ptd_journal_end();
    return scope->id;
}

uint32_t ptd_scope_module(uint32_t file, const char *label)
{
    while (recording && module_scopes.len <= file)
        list_add(&module_scopes, 0);
    if (!recording)
        return PTD_J_NO_SCOPE;
    if (!module_scopes.items[file]) {
        uint32_t id = ptd_scope_new(PTD_SCOPE_MODULE, file, label);
        if (id == PTD_J_NO_SCOPE)
            return id;
        module_scopes.items[file] = id + 1;
    }
    return module_scopes.items[file] - 1;
}

void ptd_scope_start(void)
{
    if (depth)
        return;
    recording = true;
    main_thread = ptd_scope_thread();
    uint32_t session = ptd_scope_new(PTD_SCOPE_SESSION, PTD_J_NO_FILE, "session");
    ptd_scope_new(PTD_SCOPE_SESSION, PTD_J_NO_FILE, PTD_SCOPE_LABEL_INSTALLED);
    if (session == PTD_J_NO_SCOPE || !grow(&stack, &depth_cap, 1, sizeof *stack)) {
        recording = false;
        return;
    }
    stack[0] = (struct frame){.scope = scopes[session], .thread = main_thread};
    depth = 1;
    ptd_files_suspect(true);
}

/* ---- following ---- */

uint32_t ptd_scope_count(void)
{
    return (uint32_t)scope_count;
}

static void free_sets(struct scope *scope)
{
    for (int i = 0; i < SET_COUNT; i++) {
        free(scope->sets[i].fresh.items);
        free(scope->sets[i].bits);
    }
    free(scope->pairs.items);
    free(scope->known_pairs);
    scopes[scope->id] = NULL;
    free(scope);
}

static void write_follow(uint32_t scope, uint32_t epoch)
{
    ptd_journal_begin(PTD_J_FOLLOW);
    ptd_journal_u32(scope);
    ptd_journal_u32(ptd_board.token);
    ptd_journal_u32(epoch);
    ptd_journal_end();
}

/* The part of each epoch lies right above the session. */
void ptd_scope_follow(void)
{
    if (!recording || !ptd_following)
        return;
    uint32_t epoch = ptd_board_epoch();
    ptd_follow_introduce();
    settle();
    uint32_t id = ptd_scope_new(PTD_SCOPE_CHILD, PTD_J_NO_FILE, "child");
    if (id == PTD_J_NO_SCOPE || !grow(&stack, &depth_cap, depth + 1, sizeof *stack))
        return;
    write_follow(id, epoch);
    struct scope *old =
        depth > 1 && stack[1].scope->kind == PTD_SCOPE_CHILD ? stack[1].scope : NULL;
    if (!old) {
        memmove(stack + 2, stack + 1, (depth - 1) * sizeof *stack);
        depth++;
    } else {
        free_sets(old);
    }
    stack[1] = (struct frame){.scope = scopes[id], .thread = main_thread};
    ptd_led = epoch;
    ptd_code_ignored.epoch = ++ptd_epoch;
    ptd_tracer_arrive();
}

/* What is pending is the parent's, which will write it. */
static void drop_pending(void)
{
    for (size_t i = 0; i < dirty_count; i++) {
        for (int kind = 0; kind < SET_COUNT; kind++)
            dirty[i]->sets[kind].fresh.len = 0;
        dirty[i]->pairs.len = 0;
        dirty[i]->dirty = false;
    }
    dirty_count = 0;
}

void ptd_scope_forked(void)
{
    if (!recording)
        return;
    drop_pending();
    depth = 1;
    foreign_imports = 0;
    main_thread = ptd_scope_thread();
    ptd_following = true;
    ptd_lead = &ptd_board.log.header->epoch;
    ptd_led = ptd_board_epoch() - 1; /* opened by the first that comes with the GIL */
    ptd_code_ignored.epoch = ++ptd_epoch;
}

bool ptd_scope_recording(void)
{
    return recording;
}

void ptd_scope_forget(void)
{
    recording = false;
}

static void add_in(uint32_t scope, enum set_kind kind, uint32_t id)
{
    /* What others import for everybody is the parent's part of a process that follows. */
    if (ptd_following && scope != PTD_INSTALLED)
        charge(kind, id);
    else if (recording && scope < scope_count && scopes[scope])
        add_to(scopes[scope], kind, id);
    settle();
}

bool ptd_scope_is_session(void)
{
    return !recording || stack[depth - 1].scope->kind == PTD_SCOPE_SESSION;
}

void ptd_scope_use(uint32_t used)
{
    charge(SET_USE, used);
}

void ptd_scope_use_in(uint32_t scope, uint32_t used)
{
    add_in(scope, SET_USE, used);
}

/* A conftest.py concerns the tests below its folder, which depend on it of their own; that pytest
 * loads it while nobody in particular is charged does not make every test depend on it. */
static bool is_conftest(uint32_t file)
{
    const char *base = strrchr(ptd_ids_path(file), '/');
    return base && !strcmp(base, "/conftest.py");
}

void ptd_scope_import(uint32_t file)
{
    if (recording && stack[inner()].scope->kind == PTD_SCOPE_SESSION && is_conftest(file))
        return;
    charge(SET_FILE, file);
}

void ptd_scope_import_in(uint32_t scope, uint32_t file)
{
    add_in(scope, SET_FILE, file);
}

void ptd_scope_name(uint32_t name)
{
    charge(SET_NAME, name);
}

void ptd_scope_name_in(uint32_t scope, uint32_t name)
{
    add_in(scope, SET_NAME, name);
}

uint32_t ptd_scope_flags(uint32_t scope)
{
    return scope < scope_count && scopes[scope] ? scopes[scope]->flags : 0;
}

/* ---- writing ---- */

static void write_delta(struct scope *scope)
{
    ptd_journal_begin(PTD_J_DELTA);
    ptd_journal_u32(scope->id);
    ptd_journal_u32(scope->flags);
    for (int i = 0; i < SET_LISTED; i++)
        ptd_journal_u32s(scope->sets[i].fresh.items, scope->sets[i].fresh.len);
    ptd_journal_u32s(scope->pairs.items, scope->pairs.len);
    ptd_journal_end();
    const struct list *accesses = &scope->sets[SET_ACCESS].fresh;
    if (!accesses->len)
        return;
    ptd_journal_begin(PTD_J_ACCESS);
    ptd_journal_u32(scope->id);
    ptd_journal_u32((uint32_t)accesses->len);
    for (size_t i = 0; i < accesses->len; i++) {
        ptd_journal_u32(accesses->items[i] % PTD_FILES_KINDS);
        ptd_journal_u32(accesses->items[i] / PTD_FILES_KINDS);
    }
    ptd_journal_end();
}

/* A test's set forgets everything for the next test; the others keep what they have written. */
static void clear_fresh(struct scope *scope)
{
    for (int i = 0; i < SET_COUNT; i++) {
        struct set *set = &scope->sets[i];
        for (size_t k = 0; scope->kind == PTD_SCOPE_TEST && k < set->fresh.len; k++)
            set->bits[set->fresh.items[k] / 64] = 0;
        set->fresh.len = 0;
    }
    scope->pairs.len = 0;
    scope->dirty = false;
}

void ptd_scope_flush(void)
{
    take_accesses();
    size_t count = dirty_count;
    dirty_count = 0;
    for (size_t i = 0; recording && i < count; i++) {
        write_delta(dirty[i]);
        clear_fresh(dirty[i]);
    }
}

void ptd_scope_free(uint32_t id)
{
    struct scope *scope = recording && id < scope_count ? scopes[id] : NULL;
    if (!scope || scope->dirty || scope->kind != PTD_SCOPE_TEST || spare)
        return;
    scopes[id] = NULL;
    scope->flags = 0;
    spare = scope;
}
