/* Finding the interpreter, over made-up executables: nothing here needs a Python. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "session/ask.h"
#include "session/elf.h"
#include "session/interpreter.h"
#include "session/pyvenv.h"
#include "session/session.h"

/* --- a tree of files in a directory of its own
 * ---------------------------------------------------- */

static char top[PATH_MAX]; /* the working directory of each test; its parents hold no environment */

static char *at(const char *path)
{
    static char ring[8][2 * PATH_MAX];
    static size_t next;
    char *out = ring[next++ % 8];
    snprintf(out, sizeof(ring[0]), "%s/%s", top, path);
    return out;
}

static void make_parents(const char *path)
{
    char *copy = ptd_xstrdup(path);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        mkdir(copy, 0755);
        *p = '/';
    }
    free(copy);
}

static void write_file(const char *path, const void *data, size_t len, mode_t mode)
{
    make_parents(at(path));
    FILE *file = fopen(at(path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(at(path), mode), 0);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    write_file(path, text, strlen(text), mode);
}

static void link_to(const char *path, const char *target)
{
    make_parents(at(path));
    assert_int_equal(symlink(target, at(path)), 0);
}

/* What the made-up ELF file says. */
struct made {
    const char *loader; /* NULL: that of this program; "": none */
    const char *needed[4];
    const char *rpath, *runpath;
    bool foreign;
};

enum { HEADERS = 3, ENTRIES = 10, ADDRESS = 0x10000 };

struct layout {
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[HEADERS];
    ElfW(Dyn) dynamic[ENTRIES];
};

static void own_header(ElfW(Ehdr) * header)
{
    FILE *self = fopen("/proc/self/exe", "rb");
    assert_non_null(self);
    assert_int_equal(fread(header, sizeof(*header), 1, self), 1);
    fclose(self);
    header->e_phoff = offsetof(struct layout, segments);
    header->e_phnum = HEADERS;
}

static size_t add_text(struct ptd_buf *strings, const char *text)
{
    size_t offset = strings->len;
    ptd_buf_add(strings, text, strlen(text) + 1);
    return offset;
}

static void fill_dynamic(struct layout *image, struct ptd_buf *strings, const struct made *made)
{
    size_t n = 0;
    for (size_t i = 0; i < 4 && made->needed[i]; i++)
        image->dynamic[n++] = (ElfW(Dyn)){DT_NEEDED, {add_text(strings, made->needed[i])}};
    if (made->rpath)
        image->dynamic[n++] = (ElfW(Dyn)){DT_RPATH, {add_text(strings, made->rpath)}};
    if (made->runpath)
        image->dynamic[n++] = (ElfW(Dyn)){DT_RUNPATH, {add_text(strings, made->runpath)}};
    image->dynamic[n++] = (ElfW(Dyn)){DT_STRTAB, {ADDRESS + sizeof(*image)}};
    assert_true(n < ENTRIES);
}

static void build_elf(const struct made *made, struct ptd_buf *out)
{
    static struct ptd_elf own;
    PTD_CLEANUP_BUF struct ptd_buf strings = PTD_BUF_INIT;
    struct layout image;
    memset(&image, 0, sizeof(image));
    ptd_elf_read("/proc/self/exe", &own);
    own_header(&image.header);
    if (made->foreign)
        image.header.e_machine ^= 0xff;
    ptd_buf_addc(&strings, '\0');
    fill_dynamic(&image, &strings, made);
    const char *loader = made->loader ? made->loader : own.interpreter;
    size_t offset = sizeof(image) + add_text(&strings, loader);
    image.segments[0] = (ElfW(Phdr)){.p_type = *loader ? PT_INTERP : PT_NULL,
                                     .p_offset = offset,
                                     .p_filesz = strlen(loader) + 1};
    image.segments[1] = (ElfW(Phdr)){
        .p_type = PT_LOAD, .p_vaddr = ADDRESS, .p_filesz = sizeof(image) + strings.len};
    image.segments[2] = (ElfW(Phdr)){.p_type = PT_DYNAMIC,
                                     .p_offset = offsetof(struct layout, dynamic),
                                     .p_filesz = sizeof(image.dynamic)};
    ptd_buf_add(out, &image, sizeof(image));
    ptd_buf_add(out, strings.data, strings.len);
}

static void write_elf(const char *path, struct made made)
{
    PTD_CLEANUP_BUF struct ptd_buf bytes = PTD_BUF_INIT;
    build_elf(&made, &bytes);
    write_file(path, bytes.data, bytes.len, 0755);
}

/* A script that says what a Python would say when asked; %s stands for the executable. */
static void write_shim(const char *path, const char *answer, const char *executable)
{
    char *text = ptd_xasprintf(
        "#!/bin/sh\necho noise\nprintf 'pyt-diff-answer\\t%s\\t%%s\\n' '%s'\n", answer, executable);
    write_text(path, text, 0755);
    free(text);
}

static int set_up(void **state)
{
    (void)state;
    char name[] = "/tmp/ptd-interpreter-XXXXXX";
    assert_non_null(mkdtemp(name));
    assert_non_null(realpath(name, top));
    assert_int_equal(chdir(top), 0);
    unsetenv("VIRTUAL_ENV");
    unsetenv("CONDA_PREFIX");
    unsetenv("LD_LIBRARY_PATH");
    setenv("PATH", at("nothing"), 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    setenv("PATH", "/usr/bin:/bin", 1);
    char *command = ptd_xasprintf("rm -rf '%s'", top);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(system(command), 0);
    free(command);
    return 0;
}

static struct ptd_interpreter found;
static struct ptd_err error;

static int find(const char *wanted, enum ptd_host host)
{
    memset(&error, 0, sizeof(error));
    return ptd_interpreter_find(wanted, top, host, &found, &error);
}

/* The search succeeds and finds this file. */
static void expect(const char *wanted, const char *python, const char *origin)
{
    if (find(wanted, PTD_HOST_AUTO) < 0)
        fail_msg("not found: %s", error.msg);
    assert_string_equal(found.python, at(python));
    assert_string_equal(found.origin, origin);
}

/* The search fails, and the message has this in it. */
static void expect_error(const char *wanted, enum ptd_host host, const char *text)
{
    assert_int_equal(find(wanted, host), -1);
    assert_int_equal(error.code, PTD_E_PYTHON);
    if (!strstr(error.msg, text))
        fail_msg("\"%s\" is not in \"%s\"", text, error.msg);
}

/* --- ELF files
 * ------------------------------------------------------------------------------------ */

static void test_elf_facts(void **state)
{
    (void)state;
    static struct ptd_elf elf;
    write_elf("a", (struct made){.loader = "/lib/ld-x.so.1",
                                 .needed = {"libc.so.6", "libpython3.11.so.1.0", "libpython9.so"},
                                 .rpath = "/r",
                                 .runpath = "$ORIGIN/../lib"});
    ptd_elf_read(at("a"), &elf);
    assert_int_equal(elf.kind, PTD_ELF_NATIVE);
    assert_string_equal(elf.interpreter, "/lib/ld-x.so.1");
    assert_string_equal(elf.libpython, "libpython3.11.so.1.0");
    assert_string_equal(elf.rpath, "/r");
    assert_string_equal(elf.runpath, "$ORIGIN/../lib");
    assert_false(elf.pypy || elf.sanitizer);
    write_elf("b", (struct made){.needed = {"libpypy3.10-c.so", "libasan.so.8", "libpythonic.so"}});
    ptd_elf_read(at("b"), &elf);
    assert_true(elf.pypy && elf.sanitizer);
    assert_string_equal(elf.libpython, "");
}

static void test_elf_kinds(void **state)
{
    (void)state;
    static struct ptd_elf elf;
    write_elf("foreign", (struct made){.foreign = true});
    write_text("script", "#!/bin/sh\n", 0755);
    write_text("short", "\177EL", 0755);
    write_text("empty", "", 0755);
    const struct {
        const char *path;
        enum ptd_elf_kind kind;
    } cases[] = {{"foreign", PTD_ELF_FOREIGN}, {"script", PTD_ELF_SCRIPT}, {"short", PTD_ELF_OTHER},
                 {"empty", PTD_ELF_OTHER},     {"absent", PTD_ELF_OTHER},  {".", PTD_ELF_OTHER}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ptd_elf_read(at(cases[i].path), &elf);
        assert_int_equal(elf.kind, cases[i].kind);
    }
}

/* Cut off anywhere, or with any byte of its tables turned over, it is read without harm. */
static void test_elf_damaged(void **state)
{
    (void)state;
    static struct ptd_elf elf;
    PTD_CLEANUP_BUF struct ptd_buf bytes = PTD_BUF_INIT;
    build_elf(&(struct made){.needed = {"libpython3.11.so.1.0"}, .runpath = "/r"}, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        write_file("cut", bytes.data, len, 0755);
        ptd_elf_read(at("cut"), &elf);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= (char)0xff;
        write_file("flip", bytes.data, bytes.len, 0755);
        ptd_elf_read(at("flip"), &elf);
        bytes.data[i] ^= (char)0xff;
    }
    write_file("whole", bytes.data, bytes.len, 0755);
    ptd_elf_read(at("whole"), &elf);
    assert_string_equal(elf.libpython, "libpython3.11.so.1.0");
}

/* --- pyvenv.cfg
 * ----------------------------------------------------------------------------------- */

static void test_pyvenv(void **state)
{
    (void)state;
    static struct ptd_pyvenv venv;
    assert_false(ptd_pyvenv_read(at("env/bin/python"), &venv));
    write_text("env/pyvenv.cfg",
               "\n# no pair\nHOME =  /opt/py/bin \r\nversion_info = 3.12.1.final.0\n"
               "implementation=CPython\nprompt = a = b\n",
               0644);
    assert_true(ptd_pyvenv_read(at("env/bin/python"), &venv));
    assert_string_equal(venv.home, "/opt/py/bin");
    assert_int_equal(venv.major, 3);
    assert_int_equal(venv.minor, 12);
    assert_string_equal(venv.implementation, "CPython");
    write_text("env/bin/pyvenv.cfg", "version = nonsense\n", 0644);
    assert_true(ptd_pyvenv_read(at("env/bin/python"), &venv));
    assert_string_equal(venv.home, "");
    assert_int_equal(venv.minor, 0);
}

/* --- where it looks
 * ------------------------------------------------------------------------------- */

static void make_environment(const char *dir, const char *version)
{
    char *program = ptd_xasprintf("%s-base/bin/python%s", dir, version);
    char *python = ptd_xasprintf("%s/bin/python", dir);
    write_elf(program, (struct made){.loader = NULL});
    link_to(python, at(program));
    free(program);
    free(python);
}

static void test_order(void **state)
{
    (void)state;
    expect_error(NULL, PTD_HOST_AUTO, "no Python found");
    write_elf("path/python", (struct made){.loader = NULL});
    write_text("pyvenv.cfg", "version = 3.12.0\n", 0644); /* tells the version of path/python */
    setenv("PATH", at("path"), 1);
    expect(NULL, "path/python", "PATH");
    write_elf("path/python3", (struct made){.loader = NULL});
    expect(NULL, "path/python3", "PATH");
    make_environment("conda", "3.10");
    setenv("CONDA_PREFIX", at("conda"), 1);
    expect(NULL, "conda/bin/python", "CONDA_PREFIX");
    make_environment("venv", "3.10");
    expect(NULL, "venv/bin/python", "venv");
    make_environment(".venv", "3.11");
    expect(NULL, ".venv/bin/python", ".venv");
    setenv("VIRTUAL_ENV", at("gone"), 1);
    expect(NULL, ".venv/bin/python", ".venv");
    make_environment("active", "3.9");
    setenv("VIRTUAL_ENV", at("active"), 1);
    expect(NULL, "active/bin/python", "VIRTUAL_ENV");
    assert_int_equal(found.major, 3);
    assert_int_equal(found.minor, 9);
    assert_string_equal(found.real, at("active-base/bin/python3.9"));
    expect("path/python3", "path/python3", "--python");
}

static void test_upwards(void **state)
{
    (void)state;
    make_environment(".venv", "3.11");
    make_parents(at("a/b/c/"));
    assert_int_equal(ptd_interpreter_find(NULL, at("a/b/c"), PTD_HOST_AUTO, &found, &error), 0);
    assert_string_equal(found.python, at(".venv/bin/python"));
    make_environment("a/venv", "3.10");
    assert_int_equal(ptd_interpreter_find(NULL, "a/b", PTD_HOST_AUTO, &found, &error), 0);
    assert_string_equal(found.python, at("a/venv/bin/python"));
    assert_int_equal(ptd_interpreter_find(NULL, ".", PTD_HOST_AUTO, &found, &error), 0);
    assert_string_equal(found.python, at(".venv/bin/python"));
}

static void test_wanted(void **state)
{
    (void)state;
    make_environment("env", "3.11");
    expect("env", "env/bin/python", "--python");
    expect("./env/bin/python", "env/bin/python", "--python");
    expect(at("env"), "env/bin/python", "--python");
    setenv("PATH", at("env-base/bin"), 1);
    expect("python3.11", "env-base/bin/python3.11", "--python");
    write_text("plain", "text", 0644);
    make_parents(at("dir/"));
    expect_error("plain", PTD_HOST_AUTO, "is not an executable file");
    expect_error("dir", PTD_HOST_AUTO, "is a directory without bin/python");
    expect_error("./absent", PTD_HOST_AUTO, "does not exist");
    expect_error("python9", PTD_HOST_AUTO, "is not on PATH");
    assert_true(strstr(error.hint, "--python") != NULL);
}

/* An environment whose Python went away is not silently replaced by the next best. */
static void test_broken_environment(void **state)
{
    (void)state;
    make_environment("venv", "3.11");
    link_to(".venv/bin/python", at("removed/python3.11"));
    expect_error(NULL, PTD_HOST_AUTO, ".venv/bin/python: No such file");
    assert_true(error.hint[0] != '\0');
}

/* --- what it is
 * ----------------------------------------------------------------------------------- */

static void test_versions(void **state)
{
    (void)state;
    const struct {
        const char *name, *refused; /* NULL: accepted */
    } cases[] = {
        {"python3.8", NULL},
        {"python3.14", NULL},
        {"python3.11d", NULL},
        {"python3.12-lto", NULL},
        {"python3.7m", "is Python 3.7; pyt-diff needs CPython 3.8 to 3.14"},
        {"python2.7", "is Python 2.7;"},
        {"python3.15", "is Python 3.15;"},
        {"python3.13t", "is a free-threaded build of Python 3.13"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        write_elf(cases[i].name, (struct made){.loader = NULL});
        if (cases[i].refused)
            expect_error(at(cases[i].name), PTD_HOST_AUTO, cases[i].refused);
        else
            expect(at(cases[i].name), cases[i].name, "--python");
    }
    write_elf("python3", (struct made){.needed = {"libpython3.13td.so.1.0"}});
    expect_error(at("python3"), PTD_HOST_AUTO, "free-threaded");
}

/* The library's name wins over a pyvenv.cfg of before an upgrade, and that over running anything.
 */
static void test_version_sources(void **state)
{
    (void)state;
    write_elf("env/bin/python", (struct made){.needed = {"libpython3.12.so.1.0"}});
    write_text("env/pyvenv.cfg", "version = 3.9.1\n", 0644);
    expect("env", "env/bin/python", "--python");
    assert_int_equal(found.minor, 12);
    assert_true(found.shared);
    write_elf("env/bin/python", (struct made){.loader = NULL});
    expect("env", "env/bin/python", "--python");
    assert_int_equal(found.minor, 9);
    assert_false(found.shared);
    /* From 3.13 on the file does not tell a free-threaded build: it is asked, and these bytes do
     * not run. */
    write_text("env/pyvenv.cfg", "version = 3.13.1\n", 0644);
    expect_error("env", PTD_HOST_AUTO, "no usable Python");
}

static void test_machines(void **state)
{
    (void)state;
    write_elf("python3.11", (struct made){.foreign = true});
    expect_error(at("python3.11"), PTD_HOST_AUTO, "is built for another kind of machine");
    write_elf("python3.12", (struct made){.loader = "/lib/ld-musl-x86_64.so.1"});
    expect_error(at("python3.12"), PTD_HOST_AUTO,
                 "is built for another C library (ld-musl-x86_64.so.1)");
    assert_int_equal(find(at("python3.12"), PTD_HOST_EXEC), 0);
}

static void test_shims(void **state)
{
    (void)state;
    make_environment("env", "3.10");
    write_shim("shims/python3", "3\\t10\\tcpython\\t3.10\\t0", at("env/bin/python"));
    expect(at("shims/python3"), "env/bin/python", "--python");
    assert_int_equal(found.minor, 10);
    /* A wrapper that takes its own name for the executable is entered as it is. */
    write_shim("wrapper", "3\\t12\\tcpython\\t3.12\\t0", at("wrapper"));
    expect(at("wrapper"), "wrapper", "--python");
    assert_int_equal(found.minor, 12);
    assert_int_equal(found.host, PTD_HOST_EXEC);
    expect_error(at("wrapper"), PTD_HOST_PRELOAD, "not an ELF program");
    write_shim("pypy", "3\\t10\\tpypy\\t7.3\\t0", at("pypy"));
    expect_error(at("pypy"), PTD_HOST_AUTO, "is PyPy 7.3; pyt-diff needs CPython 3.8 to 3.14");
    write_shim("free", "3\\t14\\tcpython\\t3.14\\t1", at("free"));
    expect_error(at("free"), PTD_HOST_AUTO, "free-threaded build of Python 3.14");
    write_text("mute", "#!/bin/sh\n", 0755);
    expect_error(at("mute"), PTD_HOST_AUTO, "does not behave like Python");
}

/* A shim without a version chosen is passed over, an unsuitable Python is not. */
static void test_shims_on_path(void **state)
{
    (void)state;
    write_text("shims/python3", "#!/bin/sh\necho 'shim: no version is set' >&2\nexit 127\n", 0755);
    setenv("PATH", at("shims"), 1);
    expect_error(NULL, PTD_HOST_AUTO, "shim: no version is set");
    char *list = ptd_xasprintf("%s:%s:%s", at("shims"), at("old"), at("new"));
    setenv("PATH", list, 1);
    free(list);
    write_elf("new/python3", (struct made){.needed = {"libpython3.12.so.1.0"}});
    expect(NULL, "new/python3", "PATH");
    write_elf("old/python3", (struct made){.needed = {"libpython3.6m.so.1.0"}});
    expect_error(NULL, PTD_HOST_AUTO, "is Python 3.6");
}

/* --- how it is entered
 * ---------------------------------------------------------------------------- */

static void expect_host(const char *python, enum ptd_host host, const char *libpython)
{
    expect(at(python), python, "--python");
    assert_int_equal(found.host, host);
    assert_string_equal(found.libpython, *libpython ? at(libpython) : "");
}

static void test_static_build(void **state)
{
    (void)state;
    write_elf("py/bin/python3.11", (struct made){.loader = NULL});
    expect_host("py/bin/python3.11", PTD_HOST_PRELOAD, "");
    expect_error(at("py/bin/python3.11"), PTD_HOST_EMBED,
                 "its installation has no shared libpython");
    assert_int_equal(find(at("py/bin/python3.11"), PTD_HOST_EXEC), 0);
    assert_int_equal(found.host, PTD_HOST_EXEC);
    write_text("py/lib/libpython3.11.so.1.0", "not ELF", 0644);
    expect_host("py/bin/python3.11", PTD_HOST_PRELOAD, "");
    write_elf("py/lib/libpython3.11.so.1.0", (struct made){.loader = ""});
    expect_host("py/bin/python3.11", PTD_HOST_PRELOAD, "py/lib/libpython3.11.so.1.0");
    assert_int_equal(find(at("py/bin/python3.11"), PTD_HOST_EMBED), 0);
    assert_int_equal(found.host, PTD_HOST_EMBED);
}

static void test_shared_build(void **state)
{
    (void)state;
    struct made made = {.needed = {"libpython3.11-made.so"}, .runpath = "/absent:$ORIGIN/../own"};
    write_elf("py/bin/python3.11", made);
    expect_host("py/bin/python3.11", PTD_HOST_PRELOAD, ""); /* the loader knows better than we do */
    write_elf("py/lib64/libpython3.11-made.so", (struct made){.loader = ""});
    expect_host("py/bin/python3.11", PTD_HOST_EMBED, "py/lib64/libpython3.11-made.so");
    write_elf("py/own/libpython3.11-made.so", (struct made){.loader = ""});
    expect(at("py/bin/python3.11"), "py/bin/python3.11", "--python");
    assert_string_equal(found.libpython, at("py/bin/../own/libpython3.11-made.so"));
    write_elf("other/libpython3.11-made.so", (struct made){.loader = ""});
    setenv("LD_LIBRARY_PATH", at("other"), 1);
    expect_host("py/bin/python3.11", PTD_HOST_EMBED, "other/libpython3.11-made.so");
    made.rpath = at("py/lib64");
    made.runpath = NULL;
    write_elf("py/bin/python3.11", made);
    expect_host("py/bin/python3.11", PTD_HOST_EMBED, "py/lib64/libpython3.11-made.so");
}

/* The library of a copied executable lies in the installation that pyvenv.cfg names. */
static void test_library_of_home(void **state)
{
    (void)state;
    write_elf("env/bin/python", (struct made){.loader = NULL});
    char *text = ptd_xasprintf("home = %s\nversion = 3.11.4\n", at("base/bin"));
    write_text("env/pyvenv.cfg", text, 0644);
    free(text);
    write_elf("base/lib/libpython3.11.so.1.0", (struct made){.loader = ""});
    expect_host("env/bin/python", PTD_HOST_PRELOAD, "base/lib/libpython3.11.so.1.0");
}

static void test_no_preload(void **state)
{
    (void)state;
    write_elf("python3.11", (struct made){.needed = {"libasan.so.8"}});
    expect_host("python3.11", PTD_HOST_EXEC, "");
    expect_error(at("python3.11"), PTD_HOST_PRELOAD, "it is built with a sanitizer");
    write_elf("python3.12", (struct made){.loader = NULL});
    assert_int_equal(chmod(at("python3.12"), 04755), 0);
    expect_host("python3.12", PTD_HOST_EXEC, "");
    expect_error(at("python3.12"), PTD_HOST_PRELOAD, "it runs with raised privileges");
    write_elf("python3.13", (struct made){.loader = ""});
    expect_host("python3.13", PTD_HOST_EXEC, "");
    /* Embedding a sanitized library in our host would abort. */
    struct made shared = {.needed = {"libasan.so.8", "libpython3.10.so.1.0"}, .runpath = "$ORIGIN"};
    write_elf("python3.10", shared);
    write_elf("libpython3.10.so.1.0", (struct made){.loader = ""});
    assert_int_equal(find(at("python3.10"), PTD_HOST_AUTO), 0);
    assert_int_equal(found.host, PTD_HOST_EXEC);
}

/* --- asking and starting
 * -------------------------------------------------------------------------- */

static void test_ask(void **state)
{
    (void)state;
    static struct ptd_answer answer;
    write_shim("python", "3\\t11\\tcpython\\t3.11\\t0", "/a b/p");
    assert_int_equal(ptd_ask_python(at("python"), &answer, &error), 0);
    assert_int_equal(answer.major * 100 + answer.minor, 311);
    assert_string_equal(answer.implementation, "cpython");
    assert_string_equal(answer.executable, "/a b/p");
    assert_false(answer.free_threaded);
    write_text("loud", "#!/bin/sh\nwhile :; do echo 0123456789; done\n", 0755);
    assert_int_equal(ptd_ask_python(at("loud"), &answer, &error), -1);
    assert_non_null(strstr(error.msg, "0123456789"));
    write_text("gone", "#!/nonexistent/interpreter\n", 0755);
    assert_int_equal(ptd_ask_python(at("gone"), &answer, &error), -1);
    assert_non_null(strstr(error.msg, "cannot run"));
}

/* A program that cannot be executed is an error, not an exit status. */
static void test_cannot_start(void **state)
{
    (void)state;
    static struct ptd_interpreter python = {.host = PTD_HOST_EXEC};
    struct ptd_session_request request = {.interpreter = &python};
    struct ptd_session_result result;
    snprintf(python.python, sizeof(python.python), "%s", "/nonexistent/python");
    assert_int_equal(ptd_session_run(&request, &result, &error), -1);
    assert_int_equal(error.code, PTD_E_PYTHON);
    assert_non_null(strstr(error.msg, "cannot start /nonexistent/python: No such file"));
}

/* Status and signal of a child that is no Python at all; what is given to it is what it gets. */
static void test_status(void **state)
{
    (void)state;
    static struct ptd_interpreter python = {.host = PTD_HOST_EXEC};
    const char *arguments[] = {"7", "a b"};
    struct ptd_session_request request = {
        .interpreter = &python, .pytest_args = arguments, .pytest_count = 2};
    struct ptd_session_result result;
    setenv("PYT_DIFF_SESSION", "/outer", 1);
    write_text("python",
               "#!/bin/sh\n[ -z \"$PYT_DIFF_SESSION\" ] && [ \"$4\" = 'a b' ] && exit $3\n", 0755);
    snprintf(python.python, sizeof(python.python), "%s", at("python"));
    assert_int_equal(ptd_session_run(&request, &result, &error), 0);
    assert_int_equal(result.status, 7);
    assert_int_equal(result.signal, 0);
    write_text("python", "#!/bin/sh\nkill -9 $$\n", 0755);
    assert_int_equal(ptd_session_run(&request, &result, &error), 0);
    assert_int_equal(result.status, 137);
    assert_int_equal(result.signal, 9);
    unsetenv("PYT_DIFF_SESSION");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_elf_facts),     TEST(test_elf_kinds),
        TEST(test_elf_damaged),   TEST(test_pyvenv),
        TEST(test_order),         TEST(test_upwards),
        TEST(test_wanted),        TEST(test_broken_environment),
        TEST(test_versions),      TEST(test_version_sources),
        TEST(test_machines),      TEST(test_shims),
        TEST(test_shims_on_path), TEST(test_static_build),
        TEST(test_shared_build),  TEST(test_library_of_home),
        TEST(test_no_preload),    TEST(test_ask),
        TEST(test_cannot_start),  TEST(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
