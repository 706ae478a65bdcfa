#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "change/tree.h"

/* Every test runs in an empty directory of its own, `top`, and scans `top`/project. */
static char top[128];

static int enter_top(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(top, sizeof(top), "%.100s/ptd-tree-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(top) && chmod(top, 0755) == 0 && chdir(top) == 0 && mkdir("project", 0755) == 0
               ? 0
               : -1;
}

static int leave_top(void **state)
{
    (void)state;
    char command[400];
    snprintf(command, sizeof(command), "chmod -R u+rwx '%s' && rm -rf '%s'", top, top);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void make_directories(const char *path)
{
    char *copy = ptd_xstrdup(path);
    for (char *slash = copy; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(copy, 0755) != 0)
            assert_int_equal(errno, EEXIST);
        *slash = '/';
    }
    free(copy);
}

static void write_file(const char *path, const char *text)
{
    make_directories(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Space-separated paths, relative to `top`; one that ends in a slash is a directory. */
static void make(const char *paths)
{
    char *copy = ptd_xstrdup(paths);
    char *rest = copy;
    for (char *path; (path = strsep(&rest, " "));) {
        if (*path && path[strlen(path) - 1] == '/')
            make_directories(path);
        else if (*path)
            write_file(path, "x = 1\n");
    }
    free(copy);
}

static void scan(struct ptd_tree *tree, const char *root, const struct ptd_tree_options *options)
{
    struct ptd_err err = {0};
    if (ptd_tree_scan(root, options, tree, &err) != 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < tree->count; i++) {
        if (i)
            assert_true(strcmp(tree->entries[i - 1].path, tree->entries[i].path) < 0);
        assert_ptr_equal(ptd_tree_find(tree, tree->entries[i].path), &tree->entries[i]);
    }
}

/* The paths of a scan are these, space-separated. */
static void expect_in(const char *root, const struct ptd_tree_options *options, const char *paths)
{
    struct ptd_tree tree;
    PTD_CLEANUP_BUF struct ptd_buf got = PTD_BUF_INIT;
    scan(&tree, root, options);
    ptd_buf_adds(&got, "");
    for (size_t i = 0; i < tree.count; i++)
        ptd_buf_addf(&got, "%s%s", i ? " " : "", tree.entries[i].path);
    assert_string_equal(got.data, paths);
    assert_int_equal(tree.unreadable, 0);
    ptd_tree_release(&tree);
}

static void expect(const char *paths)
{
    expect_in("project", NULL, paths);
}

/* What ptd_gitrepo_at takes for a repository. */
static void make_repository(const char *git_dir, const char *exclude)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/objects/", git_dir);
    make(path);
    snprintf(path, sizeof(path), "%s/HEAD", git_dir);
    write_file(path, "ref: refs/heads/main\n");
    snprintf(path, sizeof(path), "%s/info/exclude", git_dir);
    write_file(path, exclude);
}

static void empty_root(void **state)
{
    (void)state;
    struct ptd_tree tree;
    scan(&tree, "project", NULL);
    assert_int_equal(tree.count, 0);
    assert_null(ptd_tree_find(&tree, "a.py"));
    ptd_tree_release(&tree);
}

static void root_that_cannot_be_read(void **state)
{
    (void)state;
    struct ptd_tree tree;
    struct ptd_err err = {0};
    assert_int_equal(ptd_tree_scan("nowhere", NULL, &tree, &err), -1);
    assert_int_equal(err.code, PTD_E_IO);
    assert_int_equal(err.sys_errno, ENOENT);
    ptd_tree_release(&tree);
    make("file.py");
    assert_int_equal(ptd_tree_scan("file.py", NULL, &tree, &err), -1);
    assert_int_equal(err.sys_errno, ENOTDIR);
    ptd_tree_release(&tree);
}

static void kinds_of_files(void **state)
{
    (void)state;
    make("project/a.py project/m.cpython-311-x86_64-linux-gnu.so project/a.pyc project/a.txt "
         "project/README project/a.pyi project/py project/x.toml project/sub/pytest.ini "
         "project/.pytest.ini project/pytest.toml project/.pytest.toml project/pyproject.toml "
         "project/tox.ini project/setup.cfg project/setup.cfg.bak");
    expect(".pytest.ini .pytest.toml a.py m.cpython-311-x86_64-linux-gnu.so pyproject.toml "
           "pytest.toml setup.cfg sub/pytest.ini tox.ini");
}

static void extra_endings(void **state)
{
    (void)state;
    const char *const endings[] = {".txt", "ME", NULL};
    struct ptd_tree_options options = {.endings = endings};
    make("project/a.txt project/sub/b.txt project/README project/c.dat project/out.txt");
    write_file("project/.gitignore", "out.txt\n");
    expect_in("project", &options, "README a.txt sub/b.txt");
}

static void order_is_that_of_whole_paths(void **state)
{
    (void)state;
    make("project/a/z.py project/a.py project/a-b.py project/a0.py project/a/b/c.py "
         "project/a/b.py project/a!/x.py project/B.py");
    expect("B.py a!/x.py a-b.py a.py a/b.py a/b/c.py a/z.py a0.py");
}

static void skipped_directories(void **state)
{
    (void)state;
    make("project/.git/a.py project/.hg/a.py project/.svn/a.py project/__pycache__/a.py "
         "project/node_modules/a.py project/.tox/a.py project/.nox/a.py project/.mypy_cache/a.py "
         "project/.ruff_cache/a.py project/.pytest_cache/a.py project/x.egg-info/a.py "
         "project/env/pyvenv.cfg project/env/lib/a.py project/conda/conda-meta/ "
         "project/conda/a.py project/.venv/a.py project/sub/__pycache__/a.py project/b.py");
    expect(".venv/a.py b.py");
}

static void environment_as_root(void **state)
{
    (void)state;
    make("project/pyvenv.cfg project/a.py");
    expect("a.py");
}

static void skip_option(void **state)
{
    (void)state;
    struct ptd_tree_options options = {.skip = "./sub/cache/"};
    make("project/sub/cache/a.py project/cache/b.py project/sub/c.py");
    expect_in("project", &options, "cache/b.py sub/c.py");
}

static void directory_named_like_a_module(void **state)
{
    (void)state;
    make("project/pkg.py/inner.py project/tox.ini/x.py");
    expect("pkg.py/inner.py tox.ini/x.py");
}

static void signatures(void **state)
{
    (void)state;
    struct ptd_tree tree;
    struct stat st;
    struct ptd_stat_sig sig;
    write_file("project/a.py", "12345");
    scan(&tree, "project", NULL);
    assert_int_equal(stat("project/a.py", &st), 0);
    const struct ptd_stat_sig *got = &tree.entries[0].sig;
    assert_int_equal(got->size, 5);
    assert_int_equal(got->ino, st.st_ino);
    assert_int_equal(got->mtime_ns, st.st_mtim.tv_sec * 1000000000u + st.st_mtim.tv_nsec);
    assert_int_equal(got->ctime_ns, st.st_ctim.tv_sec * 1000000000u + st.st_ctim.tv_nsec);
    assert_true(ptd_stat_sig_of("project/a.py", &sig));
    assert_true(ptd_stat_sig_equal(&sig, got));
    for (int i = 0; i < 4; i++) {
        struct ptd_stat_sig other = sig;
        (i == 0   ? &other.size
         : i == 1 ? &other.ino
         : i == 2 ? &other.mtime_ns
                  : &other.ctime_ns)[0]++;
        assert_false(ptd_stat_sig_equal(&other, got));
    }
    assert_false(ptd_stat_sig_of("project", &sig));
    assert_false(ptd_stat_sig_of("project/b.py", &sig));
    ptd_tree_release(&tree);
}

/* Neither a new mtime nor a new size, but a new ctime. */
static void change_with_mtime_put_back(void **state)
{
    (void)state;
    struct ptd_stat_sig before, after;
    write_file("project/a.py", "x = 1\n");
    assert_true(ptd_stat_sig_of("project/a.py", &before));
    usleep(20000);
    write_file("project/a.py", "x = 2\n");
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = (time_t)(before.mtime_ns / 1000000000u),
                                 .tv_nsec = (long)(before.mtime_ns % 1000000000u)}};
    assert_int_equal(utimensat(AT_FDCWD, "project/a.py", times, 0), 0);
    assert_true(ptd_stat_sig_of("project/a.py", &after));
    assert_int_equal(before.mtime_ns, after.mtime_ns);
    assert_false(ptd_stat_sig_equal(&before, &after));
}

static void ignored_directories(void **state)
{
    (void)state;
    make("project/build/a.py project/sub/build/b.py project/sub/gen/c.py project/gen/d.py "
         "project/sub/keep/e.py project/tox.ini");
    write_file("project/.gitignore", "build/\nkeep\n*.py\n*.ini\n");
    write_file("project/sub/.gitignore", "/gen\n!keep/\n");
    /* Ignored files that Python and pytest read all the same are listed. */
    expect("gen/d.py sub/keep/e.py tox.ini");
}

static void ignore_file_that_is_no_file(void **state)
{
    (void)state;
    make("project/out/a.py project/sub/out/b.py project/other/c.py");
    write_file("project/rules", "out\n");
    assert_int_equal(symlink("rules", "project/.gitignore"), 0);
    assert_int_equal(mkfifo("project/sub/.gitignore", 0644), 0);
    make("project/other/.gitignore/");
    expect("other/c.py out/a.py sub/out/b.py");
}

static void info_exclude(void **state)
{
    (void)state;
    make("project/out/a.py project/sub/out/b.py project/gen/c.py");
    make_repository("project/.git", "out/\n/gen\n");
    write_file("project/.gitignore", "!gen\n");
    expect("gen/c.py");
}

static void git_directory_that_is_no_repository(void **state)
{
    (void)state;
    make("project/out/a.py");
    write_file("project/.git/info/exclude", "out\n");
    expect("out/a.py");
}

static void linked_work_tree(void **state)
{
    (void)state;
    make("project/out/a.py project/b.py");
    make_repository("main/.git", "out\n");
    write_file("main/.git/worktrees/project/HEAD", "ref: refs/heads/other\n");
    write_file("main/.git/worktrees/project/commondir", "../..\n");
    write_file("main/.git/worktrees/project/info/exclude", "b.py\n");
    write_file("project/.git", "gitdir: ../main/.git/worktrees/project\n");
    expect("b.py");
}

static void submodule_has_its_own_rules(void **state)
{
    (void)state;
    make_repository("project/.git", "out\n");
    make_repository("project/.git/modules/lib", "private\n");
    write_file("project/.gitignore", "tmp\n");
    make("project/tmp/a.py project/out/a.py project/lib/out/b.py project/lib/tmp/c.py "
         "project/lib/private/d.py project/private/e.py");
    write_file("project/lib/.git", "gitdir: ../.git/modules/lib\n");
    expect("lib/out/b.py lib/tmp/c.py private/e.py");
}

static void root_inside_a_repository(void **state)
{
    (void)state;
    make_repository(".git", "out\n");
    make("project/app/src/out/a.py project/app/src/gen/b.py project/app/src/tmp/c.py "
         "project/app/src/sub/d.py project/app/src/sub/gen/e.py project/app/src/own/f.py");
    write_file(".gitignore", "/project/app/src/gen\n/sub\n");
    write_file("project/app/.gitignore", "src/tmp/\n/sub\n");
    write_file("project/app/src/.gitignore", "/own\n");
    expect_in("project/app/src", NULL, "sub/d.py sub/gen/e.py");
    assert_int_equal(symlink("project/app/src", "link"), 0);
    expect_in("link", NULL, "sub/d.py sub/gen/e.py");
    assert_int_equal(chdir("project/app/src"), 0);
    expect_in(".", NULL, "sub/d.py sub/gen/e.py");
}

static void rules_above_without_repository(void **state)
{
    (void)state;
    make("project/out/a.py");
    write_file(".gitignore", "out\n");
    expect("out/a.py");
}

static void root_that_is_ignored_itself(void **state)
{
    (void)state;
    make_repository(".git", "");
    make("project/app/out/a.py project/app/gen/b.py");
    write_file(".gitignore", "/project\nout\n");
    write_file("project/app/.gitignore", "gen\n");
    expect_in("project/app", NULL, "out/a.py");
}

static void symbolic_links(void **state)
{
    (void)state;
    struct ptd_tree tree;
    write_file("elsewhere/real.py", "12345678");
    make("outside/x.py project/lib/a.py");
    assert_int_equal(symlink("../elsewhere/real.py", "project/link.py"), 0);
    assert_int_equal(symlink("../elsewhere/real.py", "project/link.txt"), 0);
    assert_int_equal(symlink("nowhere", "project/broken.py"), 0);
    assert_int_equal(symlink("self.py", "project/self.py"), 0);
    assert_int_equal(symlink("../outside", "project/zdir"), 0);
    assert_int_equal(symlink("../outside", "project/dir.py"), 0); /* the same, by its lesser name */
    assert_int_equal(symlink("lib", "project/alias"), 0);         /* the real one has precedence */
    assert_int_equal(symlink("../outside", "project/__pycache__"), 0);
    expect("dir.py/x.py lib/a.py link.py");
    scan(&tree, "project", NULL);
    assert_int_equal(ptd_tree_find(&tree, "link.py")->sig.size, 8);
    ptd_tree_release(&tree);
}

static void loops_of_links(void **state)
{
    (void)state;
    make("project/pkg/a.py other/b.py neighbour.py");
    assert_int_equal(symlink("..", "project/pkg/up"), 0);
    assert_int_equal(symlink("../..", "project/pkg/further"), 0);
    assert_int_equal(symlink("/", "project/pkg/slash"), 0);
    assert_int_equal(symlink(".", "project/pkg/here"), 0);
    assert_int_equal(symlink("../other", "project/other"), 0);
    assert_int_equal(symlink("../project", "other/back"), 0);
    assert_int_equal(symlink("../other", "other/again"), 0);
    expect("other/b.py pkg/a.py");
}

static void links_and_ignore_rules(void **state)
{
    (void)state;
    make("outside/x.py other/y.py");
    assert_int_equal(symlink("../outside", "project/byname"), 0);
    assert_int_equal(symlink("../other", "project/fordirs"), 0);
    write_file("project/.gitignore", "byname\nfordirs/\n"); /* a link is no directory to git */
    expect("fordirs/y.py");
}

static void special_files_are_not_opened(void **state)
{
    (void)state;
    make("project/a.py");
    assert_int_equal(mkfifo("project/fifo.py", 0644), 0);
    assert_int_equal(symlink("fifo.py", "project/tofifo.py"), 0);
    assert_int_equal(symlink("/dev/null", "project/null.py"), 0);
    assert_int_equal(mkfifo("project/.git", 0644), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "project/socket.py"};
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    const char *const also[] = {"fifo.py", "/dev/null", "socket.py", NULL};
    struct ptd_tree_options options = {.also = also};
    expect_in("project", &options, "a.py");
}

static void also_paths(void **state)
{
    (void)state;
    struct ptd_tree tree;
    char absolute[200];
    snprintf(absolute, sizeof(absolute), "%s/abs.dat", top);
    write_file("up.dat", "1234567");
    make("abs.dat project/a.py project/z.py project/data/m.json project/__pycache__/x.py "
         "project/sub/");
    const char *const also[] = {"data/m.json", "../up.dat",        absolute,    "a.py", "gone.json",
                                "sub",         "__pycache__/x.py", "../up.dat", "",     NULL};
    struct ptd_tree_options options = {.also = also};
    scan(&tree, "project", &options);
    assert_int_equal(tree.count, 6);
    assert_string_equal(tree.entries[0].path, "../up.dat");
    assert_int_equal(tree.entries[0].sig.size, 7);
    assert_string_equal(tree.entries[1].path, absolute);
    assert_string_equal(tree.entries[2].path, "__pycache__/x.py");
    assert_string_equal(tree.entries[3].path, "a.py");
    assert_string_equal(tree.entries[4].path, "data/m.json");
    assert_null(ptd_tree_find(&tree, "gone.json"));
    assert_null(ptd_tree_find(&tree, "sub"));
    ptd_tree_release(&tree);
}

static void strange_names(void **state)
{
    (void)state;
    struct ptd_tree tree;
    write_file("project/new\nline/a\n.py", "");
    write_file("project/\xff\xfe.py", "");
    write_file("project/ .py", "");
    write_file("project/.py", "");
    scan(&tree, "project", NULL);
    assert_int_equal(tree.count, 4);
    assert_non_null(ptd_tree_find(&tree, "new\nline/a\n.py"));
    assert_non_null(ptd_tree_find(&tree, "\xff\xfe.py"));
    ptd_tree_release(&tree);
}

/* As root every directory can be read: become somebody else. */
static bool drop_root(void)
{
    return geteuid() != 0 || seteuid(65534) == 0;
}

static void unreadable_directories(void **state)
{
    (void)state;
    struct ptd_tree tree;
    struct ptd_err err = {0};
    make("project/a.py project/closed/b.py project/listed/c.py project/zzz/d.py");
    assert_int_equal(chmod("project/closed", 0000), 0);
    assert_int_equal(chmod("project/listed", 0444), 0); /* names, but no stat */
    assert_true(drop_root());
    scan(&tree, "project", NULL);
    assert_int_equal(tree.unreadable, 2);
    assert_string_equal(tree.first_unreadable, "closed");
    assert_int_equal(tree.count, 2);
    assert_string_equal(tree.entries[1].path, "zzz/d.py");
    ptd_tree_release(&tree);
    assert_int_equal(ptd_tree_scan("project/closed", NULL, &tree, &err), -1);
    assert_int_equal(err.sys_errno, EACCES);
    ptd_tree_release(&tree);
    assert_int_equal(ptd_tree_scan("project/listed", NULL, &tree, &err), -1);
    ptd_tree_release(&tree);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

static void deeper_than_a_path_can_be(void **state)
{
    (void)state;
    struct ptd_tree tree;
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    assert_int_equal(chdir("project"), 0);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(mkdir(name, 0755), 0);
        assert_int_equal(chdir(name), 0);
        make("a.py");
    }
    char root[160];
    snprintf(root, sizeof(root), "%s/project", top);
    scan(&tree, root, NULL);
    assert_int_equal(tree.unreadable, 1);
    assert_int_equal(tree.count, 20); /* 21 * 201 > 4096 */
    assert_int_equal(strlen(tree.first_unreadable), sizeof(tree.first_unreadable) - 1);
    ptd_tree_release(&tree);
}

static void many_files(void **state)
{
    (void)state;
    struct ptd_tree tree;
    char path[300];
    for (int i = 0; i < 3000; i++) { /* more than one getdents call */
        snprintf(path, sizeof(path), "project/%0*d.py", i % 2 ? 200 : 4, i);
        write_file(path, "");
    }
    scan(&tree, "project", NULL);
    assert_int_equal(tree.count, 3000);
    ptd_tree_release(&tree);
}

/* Creates and removes files and directories until it is killed. */
static void disturb(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        mkdir("project/dir", 0755);
        for (int i = 0; i < 2; i++)
            close(open(i ? "project/dir/a.py" : "project/b.py", O_CREAT | O_WRONLY, 0644));
        unlink("project/b.py");
        unlink("project/dir/a.py");
        rmdir("project/dir");
        close(open("project/dir", O_CREAT | O_WRONLY, 0644));
        unlink("project/dir");
    }
}

static void changes_while_scanning(void **state)
{
    (void)state;
    struct ptd_tree tree;
    size_t unreadable = 0, steady = 0, scans = 2000;
    make("project/a.py project/sub/z.py");
    pid_t child = fork();
    if (child == 0)
        disturb();
    assert_true(child > 0);
    for (size_t i = 0; i < scans; i++) { /* nothing here may fail before the child is gone */
        struct ptd_err err;
        if (ptd_tree_scan("project", NULL, &tree, &err) != 0)
            continue;
        steady += ptd_tree_find(&tree, "a.py") && ptd_tree_find(&tree, "sub/z.py");
        unreadable += tree.unreadable;
        ptd_tree_release(&tree);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(steady, scans);
    assert_int_equal(unreadable, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_top, leave_top)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_root),
        TEST(root_that_cannot_be_read),
        TEST(kinds_of_files),
        TEST(extra_endings),
        TEST(order_is_that_of_whole_paths),
        TEST(skipped_directories),
        TEST(environment_as_root),
        TEST(skip_option),
        TEST(directory_named_like_a_module),
        TEST(signatures),
        TEST(change_with_mtime_put_back),
        TEST(ignored_directories),
        TEST(ignore_file_that_is_no_file),
        TEST(info_exclude),
        TEST(git_directory_that_is_no_repository),
        TEST(linked_work_tree),
        TEST(submodule_has_its_own_rules),
        TEST(root_inside_a_repository),
        TEST(rules_above_without_repository),
        TEST(root_that_is_ignored_itself),
        TEST(symbolic_links),
        TEST(loops_of_links),
        TEST(links_and_ignore_rules),
        TEST(special_files_are_not_opened),
        TEST(also_paths),
        TEST(strange_names),
        TEST(unreadable_directories),
        TEST(deeper_than_a_path_can_be),
        TEST(many_files),
        TEST(changes_while_scanning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
