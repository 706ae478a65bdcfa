#include "scope_files.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "board.h"
#include "contract/journal.h"
#include "files.h"
#include "files_path.h"
#include "files_rules.h"
#include "journal_write.h"
#include "scope.h"
#include "scope_caller.h"
#include "scope_files_audit.h"

#define NO_ID        0xffffffffu
#define LOOKED_KINDS 4 /* READ to MISSING */

enum entry_flag {
    OWNED = 1, /* made by this process: what is found there is no dependency */
    WROTE = 2, /* changed by this process; of a directory, an entry came or went */
};

struct entry {
    const char *path; /* owned by the arena */
    uint64_t hash;
    uint64_t size, mtime_ns, ino;
    uint32_t id;                 /* in the journal; NO_ID: not there yet */
    uint32_t seen[LOOKED_KINDS]; /* epoch in which it was noted */
    uint8_t type;                /* enum ptd_path_type when it was first seen */
    uint8_t flags;
};

struct event {
    uint32_t entry, kind;
    const void *thread;
};

/* Grows by mapping: accesses may come from where malloc must not be called. */
struct area {
    void *data;
    size_t size;
};

__thread int ptd_files_quiet;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct area entries, events, slots; /* slots: entry index + 1, 0 is free; a power of two */
static size_t entry_count, event_count, slot_count;
static struct area arena; /* the newest; the older ones stay mapped */
static size_t arena_used;
static uint32_t next_id;
static bool lost, suspect;

static struct ptd_rules rules; /* its paths are owned */

/* ---- memory ---- */

static bool area_grow(struct area *area, size_t need)
{
    size_t size = area->size ? area->size : 65536;
    while (size < need)
        size *= 2;
    if (size == area->size)
        return true;
    void *data = area->data
                     ? mremap(area->data, area->size, size, MREMAP_MAYMOVE)
                     : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return false;
    *area = (struct area){data, size};
    return true;
}

static struct entry *entry_at(uint32_t index)
{
    return (struct entry *)entries.data + index;
}

static const char *keep_path(const char *path, size_t len)
{
    if (!arena.data || arena.size - arena_used < len + 1) {
        struct area fresh = {NULL, 0};
        if (!area_grow(&fresh, len + 1))
            return NULL;
        arena = fresh;
        arena_used = 0;
    }
    char *copy = (char *)arena.data + arena_used;
    memcpy(copy, path, len + 1);
    arena_used += len + 1;
    return copy;
}

/* ---- the table; all of it under the lock ---- */

static uint64_t hash_path(const char *path, size_t *len)
{
    uint64_t hash = 1469598103934665603u;
    const char *p = path;
    for (; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    *len = (size_t)(p - path);
    return hash ^ (hash >> 32);
}

static void put_slot(uint32_t index)
{
    uint32_t *table = slots.data;
    size_t at = entry_at(index)->hash & (slot_count - 1);
    while (table[at])
        at = (at + 1) & (slot_count - 1);
    table[at] = index + 1;
}

static bool grow_slots(void)
{
    if (slot_count && (entry_count + 1) * 2 <= slot_count)
        return true;
    size_t wanted = slot_count ? slot_count * 2 : 4096;
    if (!area_grow(&slots, wanted * sizeof(uint32_t)))
        return false;
    slot_count = wanted;
    memset(slots.data, 0, slot_count * sizeof(uint32_t));
    for (size_t i = 0; i < entry_count; i++)
        put_slot((uint32_t)i);
    return true;
}

static void look_at(struct entry *entry)
{
    struct stat st;
    entry->type = PTD_PATH_ABSENT;
    if (stat(entry->path, &st) < 0)
        return;
    entry->type = S_ISREG(st.st_mode)   ? PTD_PATH_FILE
                  : S_ISDIR(st.st_mode) ? PTD_PATH_DIRECTORY
                                        : PTD_PATH_OTHER;
    entry->size = (uint64_t)st.st_size;
    entry->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    entry->ino = (uint64_t)st.st_ino;
}

static struct entry *find(const char *path, uint64_t hash)
{
    const uint32_t *table = slots.data;
    for (size_t at = hash; slot_count && table[at & (slot_count - 1)]; at++) {
        struct entry *entry = entry_at(table[at & (slot_count - 1)] - 1);
        if (entry->hash == hash && !strcmp(entry->path, path))
            return entry;
    }
    return NULL;
}

/* Whether a directory above was made by the process. */
static bool is_below_owned(const char *path)
{
    char above[PATH_MAX];
    size_t len = strlen(path);
    memcpy(above, path, len + 1);
    while (len > rules.roots[0].len) {
        while (len > 0 && above[--len] != '/')
            continue;
        above[len] = '\0';
        size_t unused;
        const struct entry *entry = find(above, hash_path(above, &unused));
        if (entry && entry->flags & OWNED)
            return true;
    }
    return false;
}

static struct entry *add(const char *path, size_t len, uint64_t hash)
{
    if (!grow_slots() || !area_grow(&entries, (entry_count + 1) * sizeof(struct entry)))
        return NULL;
    const char *copy = keep_path(path, len);
    if (!copy)
        return NULL;
    uint32_t index = (uint32_t)entry_count++;
    struct entry *entry = entry_at(index);
    *entry = (struct entry){.path = copy, .hash = hash, .id = NO_ID};
    entry->flags = is_below_owned(path) ? OWNED : 0;
    put_slot(index);
    look_at(entry);
    return entry;
}

static struct entry *get(const char *path)
{
    size_t len;
    uint64_t hash = hash_path(path, &len);
    struct entry *entry = find(path, hash);
    if (!entry)
        entry = add(path, len, hash);
    lost = lost || !entry;
    return entry;
}

/* The address of a thread's own variable is its name, as in scope.c. */
static void push_event(const struct entry *entry, uint32_t kind)
{
    if (!area_grow(&events, (event_count + 1) * sizeof(struct event))) {
        lost = true;
        return;
    }
    struct event *event = (struct event *)events.data + event_count++;
    *event =
        (struct event){(uint32_t)(entry - (struct entry *)entries.data), kind, ptd_scope_thread()};
}

/* ---- the sink ---- */

static void enter(void)
{
    ptd_files_quiet++;
    pthread_mutex_lock(&lock);
}

static void leave(void)
{
    pthread_mutex_unlock(&lock);
    ptd_files_quiet--;
}

static bool is_python(const char *path)
{
    return ptd_rules_ends_with(path, ".py") || ptd_rules_ends_with(path, ".pyw");
}

static bool concerns_nobody(const char *path, enum ptd_access kind, const void *caller)
{
    bool source = kind == PTD_ACCESS_LIST || is_python(path);
    if (!suspect && !(source && kind != PTD_ACCESS_STAT && kind != PTD_ACCESS_MISSING))
        return false;
    return ptd_caller_is_machinery(caller, source);
}

/* When it was noted: what was current then. */
static uint32_t stamp(void)
{
    return ptd_following ? ptd_board_epoch() : ptd_epoch;
}

static bool is_news(const struct entry *entry, enum ptd_access kind)
{
    return entry && !(entry->flags & OWNED) && entry->seen[kind] != stamp();
}

static void tell_board(const struct entry *entry, enum ptd_access kind)
{
    struct ptd_sight sight = {entry->type, entry->size, entry->mtime_ns, entry->ino};
    ptd_board_touch(ptd_board.token, kind, entry->path, &sight);
}

static void note_look(const char *path, enum ptd_access kind, const void *caller)
{
    enter();
    bool news = is_news(get(path), kind);
    leave();
    if (!news || concerns_nobody(path, kind, caller))
        return;
    enter();
    struct entry *entry = get(path);
    if (is_news(entry, kind)) {
        entry->seen[kind] = stamp();
        if (ptd_following)
            tell_board(entry, kind);
        else
            push_event(entry, kind);
    }
    leave();
}

static void mark_wrote(const char *path, unsigned flags)
{
    struct entry *entry = get(path);
    if (!entry)
        return;
    if (ptd_following && !(entry->flags & WROTE))
        tell_board(entry, PTD_ACCESS_WROTE);
    else if (!(entry->flags & WROTE))
        push_event(entry, PTD_ACCESS_WROTE);
    entry->flags |= (uint8_t)(flags | WROTE);
}

static void note_write(enum ptd_file_event event, const char *path)
{
    char above[PATH_MAX];
    size_t len = strlen(path);
    enter();
    if ((event == PTD_FILE_CREATE || event == PTD_FILE_REMOVE) && len > rules.roots[0].len) {
        memcpy(above, path, len + 1);
        *strrchr(above, '/') = '\0';
        mark_wrote(above, 0);
    }
    mark_wrote(path, event == PTD_FILE_CHANGE ? 0 : OWNED);
    leave();
}

static void note(enum ptd_file_event event, const char *path, const void *caller)
{
    char real[PATH_MAX];
    int error = errno;
    bool look = event <= PTD_FILE_MISSING;
    if (look && ptd_files_quiet)
        return;
    path = ptd_rules_relevant(&rules, path, real);
    if (path && look)
        note_look(path, (enum ptd_access)event, caller);
    else if (path)
        note_write(event, path);
    errno = error;
}

/* ---- draining ---- */

static void define(struct entry *entry)
{
    entry->id = next_id++;
    ptd_journal_begin(PTD_J_PATH);
    ptd_journal_u32(entry->id);
    ptd_journal_bytes(entry->path, strlen(entry->path));
    ptd_journal_u32(entry->type);
    ptd_journal_u64(entry->size);
    ptd_journal_u64(entry->mtime_ns);
    ptd_journal_u64(entry->ino);
    ptd_journal_end();
}

bool ptd_files_drain(void (*visit)(uint32_t access, const void *thread))
{
    if (!__atomic_load_n(&event_count, __ATOMIC_RELAXED) && !lost)
        return true;
    enter();
    for (size_t i = 0; i < event_count; i++) {
        const struct event *event = (const struct event *)events.data + i;
        struct entry *entry = entry_at(event->entry);
        bool wrote = event->kind == PTD_ACCESS_WROTE;
        if (wrote && entry->id == NO_ID)
            continue; /* told when somebody looks at it */
        if (entry->id == NO_ID) {
            define(entry);
            if (entry->flags & WROTE)
                visit(entry->id * PTD_FILES_KINDS + PTD_ACCESS_WROTE, NULL);
        }
        visit(entry->id * PTD_FILES_KINDS + event->kind, wrote ? NULL : event->thread);
    }
    event_count = 0;
    bool whole = !lost;
    lost = false;
    leave();
    return whole;
}

/* ---- set-up ---- */

/* Started processes are told as well. */
static void add_directory(bool (*add_to)(struct ptd_rules *, const char *), char letter,
                          const char *path)
{
    char *copy = strdup(path);
    if (!copy || !add_to(&rules, copy))
        free(copy);
    else if (!ptd_following)
        ptd_board_tell(letter, copy);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the rules keep it. */
}

void ptd_files_tell_board(void)
{
    for (size_t i = 0; i < rules.root_count; i++)
        ptd_board_tell('r', rules.roots[i].path);
    for (size_t i = 0; i < rules.left_count; i++)
        ptd_board_tell('x', rules.left_out[i].path);
}

bool ptd_files_is_below_root(const char *path)
{
    return rules.root_count && ptd_rules_within(path, &rules.roots[0]);
}

void ptd_files_root(const char *dir)
{
    char real[PATH_MAX];
    ptd_files_quiet++;
    if (realpath(dir, real) && real[1]) {
        add_directory(ptd_rules_add_root, 'r', real);
        if (dir[0] == '/' && !strcmp(rules.roots[0].path, real))
            add_directory(ptd_rules_add_root, 'r', dir);
    }
    ptd_files_quiet--;
}

void ptd_files_exclude(const char *dir)
{
    char real[PATH_MAX];
    ptd_files_quiet++;
    bool known = realpath(dir, real) || ptd_files_absolute(AT_FDCWD, dir, real, sizeof real);
    struct ptd_rules_dir given = {real, strlen(real)};
    /* Not what holds the project itself. */
    if (known && !(rules.root_count && ptd_rules_within(rules.roots[0].path, &given)))
        add_directory(ptd_rules_add_left_out, 'x', real);
    ptd_files_quiet--;
}

void ptd_files_suspect(bool wanted)
{
    __atomic_store_n(&suspect, wanted, __ATOMIC_RELAXED);
}

static void set_sink(ptd_files_sink_fn function)
{
    ptd_files_set_sink_fn set;
    *(void **)&set = dlsym(RTLD_DEFAULT, PTD_FILES_SET_SINK);
    if (set)
        set(function);
    else
        ptd_files_audit(function);
}

void ptd_files_start(void)
{
    ptd_caller_start();
    set_sink(note);
}

void ptd_files_forget(void)
{
    rules.root_count = 0;
}

void ptd_files_forked(void)
{
    pthread_mutex_init(&lock, NULL);
    event_count = 0;
    lost = suspect = false;
}
