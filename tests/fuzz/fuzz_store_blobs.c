/*
 * Lists of numbers in the database, damaged in any way: what reads them neither leaves their bounds
 * nor takes damage for a dependency that holds. The input is split into the blobs of a fingerprint,
 * a dependency set, a record, a list of code objects and a parsed content. With -DPTD_FUZZ_MAIN it
 * is a program of its own that replays the files named.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "record/validity.h"
#include "state/state.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Made once: a store with one row of each kind, and a tree with the one file. */
static struct {
    char top[64];
    struct ptd_store *store;
    sqlite3 *db; /* writes the blobs */
    ptd_id environment, version;
    bool made;
} world;

static void require(int holds)
{
    if (!holds)
        abort();
}

static void clean_up(void)
{
    char command[128];
    ptd_store_close(world.store);
    sqlite3_close(world.db);
    snprintf(command, sizeof(command), "rm -rf '%s'", world.top);
    require(system(command) == 0);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", world.top, name);
    FILE *file = fopen(path, "w");
    require(file != NULL);
    fputs(text, file);
    fclose(file);
}

static void look(struct ptd_state *state)
{
    struct ptd_state_inputs inputs = {.root = world.top, .skip = "cache"};
    require(ptd_state_load(state, world.store, true, &inputs, NULL) == 0);
}

static void add_rows(void)
{
    struct ptd_state state;
    size_t at;
    ptd_id fingerprint, depset, node, run;
    look(&state);
    require(ptd_state_add(&state, PTD_FILE_SOURCE, "a.py", &at, NULL) == 0);
    const struct ptd_state_file *f = &state.files[at];
    world.version = f->version;
    require(ptd_store_fingerprint(world.store, f->id, f->version, "", 0, &fingerprint, NULL) == 0);
    require(ptd_store_depset(world.store, "\1", 1, &depset, NULL) == 0);
    require(ptd_store_node(world.store, "a.py::t", f->id, false, &node, NULL) == 0);
    require(ptd_store_environment(world.store, "e", &world.environment, NULL) == 0);
    require(ptd_store_run_start(world.store, false, NULL, &run, NULL) == 0);
    struct ptd_record record = {.node = node, .run = run, .depsets = "\1", .depsets_len = 1};
    require(ptd_store_record(world.store, world.environment, &record, NULL) == 0);
    ptd_state_release(&state);
}

static void make_world(void)
{
    char dir[80], path[128], *note = NULL;
    world.made = true;
    snprintf(world.top, sizeof(world.top), "/tmp/ptd-blobs-XXXXXX");
    require(mkdtemp(world.top) != NULL);
    atexit(clean_up);
    write_file("a.py", "def f():\n    return 1\n\ndef g():\n    return 2\n");
    snprintf(dir, sizeof(dir), "%s/cache", world.top);
    snprintf(path, sizeof(path), "%s/pyt-diff.db", dir);
    require(ptd_store_open(dir, false, &world.store, &note, NULL) == 0);
    add_rows();
    require(sqlite3_open(path, &world.db) == SQLITE_OK);
    sqlite3_exec(world.db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    /* The file is another than the one recorded, so that blocks are compared. */
    write_file("a.py", "def f():\n    return 1\n\ndef g():\n    return 3333\n");
}

/* The parameter ?2, where there is one, is the content's number. */
static void set_blob(const char *sql, const unsigned char *data, size_t len)
{
    sqlite3_stmt *stmt = NULL;
    require(sqlite3_prepare_v2(world.db, sql, -1, &stmt, NULL) == SQLITE_OK);
    sqlite3_bind_blob64(stmt, 1, len ? (const void *)data : "", len, SQLITE_STATIC);
    if (sqlite3_bind_parameter_count(stmt) > 1)
        sqlite3_bind_int64(stmt, 2, world.version);
    require(sqlite3_step(stmt) == SQLITE_DONE);
    sqlite3_finalize(stmt);
}

/* Whether the bytes are numbers to the end. */
static bool is_whole(const unsigned char *data, size_t len)
{
    struct ptd_reader r = ptd_reader_init(data, len);
    while (r.pos < r.end && !r.bad)
        ptd_reader_varint(&r);
    return !r.bad;
}

#define PARTS 5

struct part {
    const unsigned char *data;
    size_t len;
};

struct judged {
    struct ptd_validity *validity;
    const struct part *parts;
};

static int visit(const struct ptd_record *record, void *arg)
{
    const struct judged *judged = arg;
    const struct part *set = &judged->parts[1], *list = &judged->parts[2];
    const struct ptd_impact_node node = {"test_a.py::test", 0, false};
    const struct ptd_broken *broken =
        ptd_validity_of(judged->validity, &node, record->depsets, record->depsets_len);
    if (broken)
        require(broken->what != NULL);
    else
        require(is_whole(list->data, list->len) && list->len && is_whole(set->data, set->len));
    return 0;
}

static void judge(const struct part parts[PARTS])
{
    struct ptd_state state;
    struct ptd_validity validity;
    look(&state);
    require(ptd_validity_find(&state, &validity, NULL) == 0);
    struct judged judged = {&validity, parts};
    require(ptd_store_each_record(world.store, world.environment, visit, &judged, NULL) == 0);
    ptd_validity_release(&validity);
    ptd_state_release(&state);
    require(ptd_store_begin(world.store, NULL) == 0);
    require(ptd_store_collect_garbage(world.store, NULL) == 0);
    ptd_store_rollback(world.store);
}

/* The parts' lengths are the first bytes; the last part has what is left. */
static void split(const unsigned char *data, size_t size, struct part parts[PARTS])
{
    size_t lengths[PARTS];
    for (int i = 0; i < PARTS - 1; i++) {
        lengths[i] = size ? *data++ : 0;
        size -= size ? 1 : 0;
    }
    for (int i = 0; i < PARTS; i++) {
        size_t len = i == PARTS - 1 || lengths[i] > size ? size : lengths[i];
        parts[i] = (struct part){data, len};
        data += len;
        size -= len;
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static unsigned char original[4096];
    static size_t original_len;
    struct part parts[PARTS];
    if (!world.made) {
        PTD_CLEANUP_BUF struct ptd_buf blocks = PTD_BUF_INIT, source = PTD_BUF_INIT;
        struct ptd_blocks parsed;
        bool found;
        make_world();
        require(ptd_store_get_source(world.store, world.version, &source, &found, NULL) == 0 &&
                found);
        ptd_blocks_parse(source.data, source.len, &parsed);
        ptd_blocks_write(&parsed, &blocks);
        ptd_blocks_release(&parsed);
        require(ptd_store_set_blocks(world.store, world.version, blocks.data, blocks.len, NULL) ==
                0);
        require(blocks.len <= sizeof(original));
        memcpy(original, blocks.data, blocks.len);
        original_len = blocks.len;
    }
    split(data, size, parts);
    if (parts[4].len == 0)
        parts[4] = (struct part){original, original_len};
    sqlite3_exec(world.db, "BEGIN", NULL, NULL, NULL);
    set_blob("UPDATE fingerprint SET codes = ?1", parts[0].data, parts[0].len);
    set_blob("UPDATE depset SET fingerprints = ?1", parts[1].data, parts[1].len);
    set_blob("UPDATE record SET depsets = ?1", parts[2].data, parts[2].len);
    set_blob("UPDATE version SET codes = ?1 WHERE id = ?2", parts[3].data, parts[3].len);
    set_blob("UPDATE version SET blocks = ?1 WHERE id = ?2", parts[4].data, parts[4].len);
    sqlite3_exec(world.db, "COMMIT", NULL, NULL, NULL);
    judge(parts);
    return 0;
}

#ifdef PTD_FUZZ_MAIN
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct ptd_err err;
        PTD_CLEANUP_BUF struct ptd_buf file = PTD_BUF_INIT;
        if (ptd_buf_read_file(&file, argv[i], (size_t)1 << 30, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
        LLVMFuzzerTestOneInput((const unsigned char *)file.data, file.len);
    }
    return 0;
}
#endif
