/* Lines by context: bitmaps and the journal. */
#include "tracer_lines.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_write.h"
#include "scope_ids.h"

/* Sources with more lines are generated; beyond that nothing is noted. */
#define MOST_LINES (1 << 22)

enum { UNKNOWN, WANTED, UNWANTED };

struct line_file {
    unsigned char *bits; /* owned; line n is bit n % 8 of byte n / 8 */
    size_t size;         /* bytes of `bits` */
    uint8_t state;
    bool touched; /* in this context, and in the list of those */
};

static const struct ptd_lines_mechanism *mechanism; /* NULL: nothing is noted */
static struct line_file *files;                     /* owned; by file id */
static size_t file_count;
static uint32_t *touched; /* owned; file ids */
static size_t touched_count, touched_cap;
static char root[PATH_MAX];
static char *context; /* owned */
static size_t context_len;
static const char *problem;

void (*ptd_lines_discovered)(PyObject *object, struct ptd_code *code);

/* Room for at least `need` items of `size` bytes, new ones zero; false when memory is short. */
static bool grow(void *array, size_t *count, size_t need, size_t size)
{
    void *old;
    memcpy(&old, array, sizeof old);
    if (need <= *count)
        return true;
    size_t more = need + need / 2 + 64;
    char *grown = realloc(old, more * size);
    if (!grown) {
        problem = "out of memory";
        return false;
    }
    memset(grown + *count * size, 0, (more - *count) * size);
    memcpy(array, &grown, sizeof grown);
    *count = more;
    return true;
}

static bool below_root(const char *path)
{
    size_t len = strlen(root);
    return len && !strncmp(path, root, len) && path[len] == '/';
}

static struct line_file *wanted_file(const struct ptd_code *code)
{
    if (!grow(&files, &file_count, (size_t)code->file + 1, sizeof *files) || !files)
        return NULL;
    struct line_file *file = &files[code->file];
    if (file->state == UNKNOWN)
        file->state = below_root(ptd_ids_path(code->file)) ? WANTED : UNWANTED;
    return file->state == WANTED ? file : NULL;
}

bool ptd_lines_wanted(const struct ptd_code *code)
{
    return mechanism && wanted_file(code);
}

static bool touch(struct line_file *file, uint32_t id)
{
    if (!file->touched) {
        if (!grow(&touched, &touched_cap, touched_count + 1, sizeof *touched))
            return false;
        touched[touched_count++] = id;
        file->touched = true;
    }
    return true;
}

bool ptd_lines_note(const struct ptd_code *code, long line)
{
    struct line_file *file = code->file < file_count ? &files[code->file] : NULL;
    if (!mechanism || line < 0 || line >= MOST_LINES)
        return true;
    if (!file || file->state != WANTED)
        file = wanted_file(code);
    if (!file)
        return true;
    size_t at = (size_t)line / 8;
    unsigned char bit = (unsigned char)(1u << (line % 8));
    if (at < file->size && (file->bits[at] & bit))
        return false;
    if (grow(&file->bits, &file->size, at + 1, 1) && touch(file, code->file))
        file->bits[at] |= bit;
    return true;
}

static void write_file(uint32_t id)
{
    struct line_file *file = &files[id];
    size_t len = file->size;
    while (len && !file->bits[len - 1])
        len--;
    ptd_journal_u32(id);
    ptd_journal_bytes((const char *)file->bits, len);
    memset(file->bits, 0, len);
    file->touched = false;
}

static void write_touched(void)
{
    ptd_journal_begin(PTD_J_LINES);
    ptd_journal_bytes(context ? context : "", context ? context_len : 0);
    ptd_journal_u32((uint32_t)touched_count);
    for (size_t i = 0; i < touched_count; i++)
        write_file(touched[i]);
    ptd_journal_end();
    touched_count = 0;
}

void ptd_lines_flush(void)
{
    if (!mechanism)
        return;
    if (!mechanism->intact())
        problem = "other code switched the events off";
    if (touched_count)
        write_touched();
    mechanism->next_context();
}

void ptd_lines_context(const char *name, size_t len)
{
    if (!mechanism)
        return;
    char *copy = malloc(len + 1);
    ptd_lines_flush();
    if (!copy) {
        problem = "out of memory";
        return;
    }
    memcpy(copy, name, len);
    copy[len] = '\0';
    free(context);
    context = copy;
    context_len = len;
}

void ptd_lines_forget(void)
{
    mechanism = NULL;
}

const char *ptd_lines_problem(void)
{
    return problem;
}

int ptd_lines_start(const char *dir, char *why, size_t size)
{
    const struct ptd_lines_mechanism *wanted =
        ptd_py.version >= 0x030c ? &ptd_lines_monitoring : &ptd_lines_trace;
    if (mechanism)
        return 0;
    snprintf(root, sizeof root, "%s", dir);
    mechanism = wanted;
    if (wanted->start(why, size) == 0) {
        ptd_tracer_arrive(); /* the evaluation hook has something to do now */
        return 0;
    }
    mechanism = NULL;
    PyErr_Clear();
    return -1;
}
