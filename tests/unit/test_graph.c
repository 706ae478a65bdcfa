#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "graph/graph.h"
#include "syntax/imports.h"

/* The pairs as one text: "a.b> ..c>d .>* ". */
static void expect_imports(const char *source, const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf pairs = PTD_BUF_INIT, text = PTD_BUF_INIT;
    ptd_imports_parse(source, strlen(source), &pairs);
    for (size_t i = 0; i < pairs.len;) {
        const char *module = pairs.data + i, *name = module + strlen(module) + 1;
        ptd_buf_addf(&text, "%s%s>%s", i ? " " : "", module, name);
        i = (size_t)(name + strlen(name) + 1 - pairs.data);
    }
    assert_string_equal(text.data ? text.data : "", expected);
}

static void every_kind_of_statement(void **state)
{
    (void)state;
    expect_imports("import a\nimport b.c, d as e\n", "a> b.c> d>");
    expect_imports("from a.b import c, d as e\n", "a.b>c a.b>d");
    expect_imports("from a import (\n    b,  # x\n    c,\n)\n", "a>b a>c");
    expect_imports("from . import x\nfrom ..y import z\nfrom ... import *\n", ".>x ..y>z ...>*");
    expect_imports("from . . import x\nfrom a . b import c\nimport a \\\n . b\n",
                   "..>x a.b>c a.b>");
    expect_imports("from __future__ import annotations\nimport a\nimport a\n", "a>");
}

static void statements_anywhere(void **state)
{
    (void)state;
    expect_imports("def f():\n    import a\n    return 1\n"
                   "class C:\n    def m(self):\n        if x:\n            from b import c\n"
                   "try:\n    import d\nexcept ImportError:\n    import e\nelse:\n    import f\n"
                   "finally:\n    import g\nwith x:\n    import h\nfor i in x:\n    import j\n"
                   "while x:\n    import k\nif x: import l\nelif y: import m; import n\n"
                   "@x\ndef g():\n    import o\nasync def h():\n    import p\n"
                   "match x:\n    case 1:\n        import q\n",
                   "a> b>c d> e> f> g> h> j> k> l> m> n> o> p> q>");
    expect_imports("x = 'import a'\n# import b\n\"\"\"\nimport c\n\"\"\"\n", "");
    expect_imports("", "");
}

static void what_does_not_parse_is_searched_all_the_same(void **state)
{
    (void)state;
    expect_imports("import a\ndef f(:\n    pass\n", "a>");
    expect_imports("# -*- coding: latin-1 -*-\nimport a\nx = '\xe9'\n", "a>");
    expect_imports("import a\r\nimport b\r\n", "a> b>");
}

/* ---- graphs ---- */

struct world {
    struct ptd_graph_cache cache;
    struct ptd_graph graph;
    struct ptd_graph_entry entries[32];
    struct ptd_buf imports[32];
};

static void add(struct world *w, const char *path, const char *source)
{
    size_t at = w->cache.count++;
    w->imports[at] = (struct ptd_buf)PTD_BUF_INIT;
    ptd_imports_parse(source, strlen(source), &w->imports[at]);
    w->entries[at] = (struct ptd_graph_entry){
        .path = path, .imports = w->imports[at].data, .imports_len = w->imports[at].len};
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct ptd_graph_entry *)a)->path,
                  ((const struct ptd_graph_entry *)b)->path);
}

static void make(struct world *w)
{
    qsort(w->entries, w->cache.count, sizeof(w->entries[0]), compare_entries);
    w->cache.items = w->entries;
    ptd_graph_make(&w->cache, &w->graph);
}

static void finish(struct world *w)
{
    ptd_graph_release(&w->graph);
    for (size_t i = 0; i < w->cache.count; i++)
        ptd_buf_release(&w->imports[i]);
    *w = (struct world){0};
}

static void expect(struct world *w, const char *path, bool importers, const char *expected)
{
    PTD_CLEANUP_BUF struct ptd_buf text = PTD_BUF_INIT;
    size_t at = ptd_graph_find(&w->graph, path);
    assert_true(at != SIZE_MAX);
    struct ptd_graph_list l =
        importers ? ptd_graph_importers(&w->graph, at) : ptd_graph_imports(&w->graph, at);
    for (size_t i = 0; i < l.count; i++)
        ptd_buf_addf(&text, "%s%s", i ? " " : "", w->graph.modules[l.items[i]].path);
    assert_string_equal(text.data ? text.data : "", expected);
}

static void packages_and_their_modules(void **state)
{
    struct world w = {0};
    (void)state;
    add(&w, "src/shop/__init__.py", "from .cart import Cart\n");
    add(&w, "src/shop/cart.py",
        "from . import prices\nfrom .tax.rates import RATE\nimport os.path\n");
    add(&w, "src/shop/prices.py", "");
    add(&w, "src/shop/tax/__init__.py", "");
    add(&w, "src/shop/tax/local.py", "from .rates import RATE\n");
    add(&w, "src/shop/tax/rates.py", "from ..prices import vat\nfrom ... import nothing\n");
    add(&w, "tests/test_cart.py",
        "import shop.cart\nfrom shop import prices, Cart\nimport pytest\n");
    add(&w, "tests/helper.py", "");
    add(&w, "tests/test_help.py", "import helper\nfrom helper import x\n");
    make(&w);
    expect(&w, "src/shop/__init__.py", false, "src/shop/cart.py");
    expect(&w, "src/shop/cart.py", false,
           "src/shop/__init__.py src/shop/prices.py src/shop/tax/__init__.py "
           "src/shop/tax/rates.py");
    expect(&w, "src/shop/tax/rates.py", false, "src/shop/__init__.py src/shop/prices.py");
    expect(&w, "src/shop/tax/local.py", false,
           "src/shop/__init__.py src/shop/tax/__init__.py src/shop/tax/rates.py");
    expect(&w, "tests/test_cart.py", false,
           "src/shop/__init__.py src/shop/cart.py src/shop/prices.py");
    expect(&w, "tests/test_help.py", false, "tests/helper.py");
    expect(&w, "src/shop/prices.py", true,
           "src/shop/cart.py src/shop/tax/rates.py tests/test_cart.py");
    expect(&w, "src/shop/tax/rates.py", true, "src/shop/cart.py src/shop/tax/local.py");
    expect(&w, "tests/test_cart.py", true, "");
    size_t cart = ptd_graph_find(&w.graph, "src/shop/cart.py");
    struct ptd_graph_list outside = ptd_graph_outside(&w.graph, cart);
    assert_int_equal(outside.count, 1);
    assert_string_equal(w.graph.outside.entries[outside.items[0]].key, "os");
    finish(&w);
}

static void directories_without_init(void **state)
{
    struct world w = {0};
    (void)state;
    add(&w, "space/one.py", "from space import two\nimport space.deep.three\n");
    add(&w, "space/two.py", "import one\n");
    add(&w, "space/deep/three.py", "import space.gone\n");
    make(&w);
    expect(&w, "space/one.py", false, "space/deep/three.py space/two.py");
    expect(&w, "space/two.py", false, "space/one.py");
    expect(&w, "space/deep/three.py", false, "");
    finish(&w);
}

/* Which of several Python finds depends on sys.path. */
static void several_of_one_name(void **state)
{
    struct world w = {0};
    (void)state;
    add(&w, "a/util.py", "");
    add(&w, "a/test_a.py", "import util\n");
    add(&w, "b/util.py", "");
    add(&w, "b/test_b.py", "import util\n");
    add(&w, "c/test_c.py", "import util\n");
    add(&w, "src/lone.py", "");
    add(&w, "x/lone.py", "");
    add(&w, "c/test_d.py", "import lone\n");
    make(&w);
    expect(&w, "a/test_a.py", false, "a/util.py");
    expect(&w, "b/test_b.py", false, "b/util.py");
    expect(&w, "c/test_c.py", false, "a/util.py b/util.py");
    expect(&w, "c/test_d.py", false, "src/lone.py");
    finish(&w);
}

static void names_and_closures(void **state)
{
    struct world w = {0};
    unsigned char seen[8] = {0};
    (void)state;
    add(&w, "a.py", "import b\n");
    add(&w, "b.py", "import c\n");
    add(&w, "c.py", "import a\n");
    add(&w, "d.py", "import a\n");
    add(&w, "lib/p/__init__.py", "");
    add(&w, "lib/p/q.py", "");
    make(&w);
    seen[0] = 1;
    ptd_graph_close(&w.graph, false, seen);
    assert_memory_equal(seen, "\1\1\1\0\0\0", 6);
    memset(seen, 0, sizeof(seen));
    seen[2] = 1;
    ptd_graph_close(&w.graph, true, seen);
    assert_memory_equal(seen, "\1\1\1\1\0\0", 6);
    PTD_CLEANUP_FREE char *package = ptd_graph_name(&w.graph, 4);
    PTD_CLEANUP_FREE char *module = ptd_graph_name(&w.graph, 5);
    PTD_CLEANUP_FREE char *top = ptd_graph_name(&w.graph, 0);
    assert_string_equal(package, "p");
    assert_string_equal(module, "p.q");
    assert_string_equal(top, "a");
    finish(&w);
}

static void an_empty_project(void **state)
{
    struct world w = {0};
    (void)state;
    make(&w);
    assert_int_equal(ptd_graph_find(&w.graph, "a.py"), SIZE_MAX);
    finish(&w);
}

/* ---- the file ---- */

static void the_file_and_back(void **state)
{
    static const char imports[] = "a\0b\0.\0*";
    struct ptd_graph_entry items[] = {
        {.path = "a.py", .sig = {1, 2, 3, 4}, .hashed_at = 5, .imports = ""},
        {.path = "b.py", .imports = imports, .imports_len = sizeof(imports)},
    };
    struct ptd_graph_cache from = {.items = items, .count = 2}, to = {0};
    (void)state;
    ptd_graph_cache_write(&from, &to.data);
    assert_int_equal(ptd_graph_cache_read(&to), 0);
    assert_int_equal(to.count, 2);
    assert_true(ptd_stat_sig_equal(&to.items[0].sig, &items[0].sig));
    assert_int_equal(to.items[0].hashed_at, 5);
    assert_string_equal(to.items[1].path, "b.py");
    assert_int_equal(to.items[1].imports_len, sizeof(imports));
    assert_memory_equal(to.items[1].imports, imports, sizeof(imports));
    ptd_graph_cache_release(&to);
}

static void a_damaged_file_counts_as_none(void **state)
{
    struct ptd_graph_entry items[] = {{.path = "a.py", .imports = ""}};
    struct ptd_graph_cache from = {.items = items, .count = 1};
    PTD_CLEANUP_BUF struct ptd_buf good = PTD_BUF_INIT;
    (void)state;
    ptd_graph_cache_write(&from, &good);
    for (size_t i = 0; i < good.len; i++) {
        struct ptd_graph_cache to = {0};
        ptd_buf_add(&to.data, good.data, good.len);
        to.data.data[i] ^= 1;
        assert_int_equal(ptd_graph_cache_read(&to), -1);
        assert_int_equal(to.count, 0);
        to.data.data[i] ^= 1;
        to.data.len = i;
        assert_int_equal(ptd_graph_cache_read(&to), -1);
        ptd_graph_cache_release(&to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_statement),
        cmocka_unit_test(statements_anywhere),
        cmocka_unit_test(what_does_not_parse_is_searched_all_the_same),
        cmocka_unit_test(packages_and_their_modules),
        cmocka_unit_test(directories_without_init),
        cmocka_unit_test(several_of_one_name),
        cmocka_unit_test(names_and_closures),
        cmocka_unit_test(an_empty_project),
        cmocka_unit_test(the_file_and_back),
        cmocka_unit_test(a_damaged_file_counts_as_none),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
