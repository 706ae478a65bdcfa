#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "syntax/blocks.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ptd_blocks parse(const char *source)
{
    struct ptd_blocks blocks;
    ptd_blocks_parse(source, strlen(source), &blocks);
    return blocks;
}

static const struct ptd_block *find(const struct ptd_blocks *blocks, const char *key)
{
    for (size_t i = 0; i < blocks->count; i++) {
        if (strcmp(blocks->items[i].key, key) == 0)
            return &blocks->items[i];
    }
    return NULL;
}

static void assert_keys(const char *source, const char *const *keys, size_t count)
{
    struct ptd_blocks blocks = parse(source);
    for (size_t i = 0; i < blocks.count || i < count; i++) {
        const char *got = i < blocks.count ? blocks.items[i].key : "(none)";
        const char *want = i < count ? keys[i] : "(none)";
        if (strcmp(got, want) != 0)
            fail_msg("%s: block %zu is %s, not %s", source, i, got, want);
    }
    ptd_blocks_release(&blocks);
}

/*
 * The keys of the blocks of `a` that have another checksum in `b` or are not there, in order,
 * each behind a space; "module" for the module level.
 */
static void changed_keys(const char *a, const char *b, struct ptd_buf *out)
{
    struct ptd_blocks old = parse(a), now = parse(b);
    if (old.broken || now.broken)
        fail_msg("does not parse: %s", old.broken ? a : b);
    ptd_buf_adds(out, "");
    for (size_t i = 0; i < old.count; i++) {
        const struct ptd_block *other = find(&now, old.items[i].key);
        if (!other || other->checksum != old.items[i].checksum)
            ptd_buf_addf(out, " %s", i ? old.items[i].key : "module");
    }
    ptd_blocks_release(&old);
    ptd_blocks_release(&now);
}

struct change {
    const char *before, *after;
    const char *changed; /* as changed_keys() has it */
};

static void assert_changes(const struct change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct change *c = &changes[i];
        PTD_CLEANUP_BUF struct ptd_buf got = PTD_BUF_INIT;
        changed_keys(c->before, c->after, &got);
        if (strcmp(got.data, c->changed) != 0)
            fail_msg("\n%s->\n%s changed:%s, expected:%s", c->before, c->after, got.data,
                     c->changed);
    }
}

static void keys_of_all_kinds(void **state)
{
    (void)state;
    static const char source[] = "class C:\n"
                                 "    class D:\n"
                                 "        def m(self):\n"
                                 "            def g(): pass\n"
                                 "            class E:\n"
                                 "                def n(self): return lambda: 1\n"
                                 "    z = lambda self: 2\n"
                                 "def f(): pass\n"
                                 "async def f(): pass\n"
                                 "h = lambda: 3\n"
                                 "k = lambda: 4\n";
    static const char *const keys[] = {"",
                                       "C.D.m",
                                       "C.D.m.<locals>.g",
                                       "C.D.m.<locals>.E",
                                       "C.D.m.<locals>.E.n",
                                       "C.D.m.<locals>.E.n.<locals>.<lambda>",
                                       "C.<lambda>",
                                       "f",
                                       "f#1",
                                       "<lambda>",
                                       "<lambda>#1"};
    assert_keys(source, keys, COUNT(keys));

    struct ptd_blocks blocks = parse(source);
    static const char *const names[] = {"<module>", "m", "g", "E",        "n",       "<lambda>",
                                        "<lambda>", "f", "f", "<lambda>", "<lambda>"};
    static const enum ptd_block_kind kinds[] = {
        PTD_BLOCK_MODULE,   PTD_BLOCK_FUNCTION, PTD_BLOCK_FUNCTION, PTD_BLOCK_CLASS,
        PTD_BLOCK_FUNCTION, PTD_BLOCK_LAMBDA,   PTD_BLOCK_LAMBDA,   PTD_BLOCK_FUNCTION,
        PTD_BLOCK_FUNCTION, PTD_BLOCK_LAMBDA,   PTD_BLOCK_LAMBDA};
    static const uint32_t lines[] = {1, 3, 4, 5, 6, 6, 7, 8, 9, 10, 11};
    static const uint32_t ends[] = {11, 6, 4, 6, 6, 6, 7, 8, 9, 10, 11};
    for (size_t i = 0; i < blocks.count; i++) {
        assert_string_equal(blocks.items[i].code_name, names[i]);
        assert_int_equal(blocks.items[i].kind, kinds[i]);
        assert_int_equal(blocks.items[i].line, lines[i]);
        assert_int_equal(blocks.items[i].end_line, ends[i]);
    }
    ptd_blocks_release(&blocks);
}

static void layout_does_not_count(void **state)
{
    (void)state;
    static const char plain[] = "import a\n"
                                "@d\n"
                                "class C(B):\n"
                                "    'doc'\n"
                                "    def m(self, x=1000):\n"
                                "        if x:\n"
                                "            a(); b()\n"
                                "        return 'p' + u'q', f(x, y), {1: [i for i in x]}\n"
                                "    z = 1\n"
                                "g = lambda: 0\n";
    static const char *const others[] = {
        /* comments, blank lines, form feeds, no line end at the end */
        "# c\nimport a # d\n\n@d\n\f\n# e\nclass C(B):\n\n    'doc'\n# f\n    def m(self, "
        "x=1000):\n"
        "        # g\n        if x:\n            a(); b()\n\n\n        return 'p' + u'q', f(x, y), "
        "{1: [i for i in x]}\n  # h\n    z = 1\n# i\ng = lambda: 0",
        /* line ends */
        "import a\r\n@d\r\nclass C(B):\r\n    'doc'\r\n    def m(self, x=1000):\r\n"
        "        if x:\r\n            a(); b()\r\n        return 'p' + u'q', f(x, y), "
        "{1: [i for i in x]}\r\n    z = 1\r\ng = lambda: 0\r\n",
        "import a\r@d\rclass C(B):\r    'doc'\r    def m(self, x=1000):\r        if x:\r"
        "            a(); b()\r        return 'p' + u'q', f(x, y), {1: [i for i in x]}\r"
        "    z = 1\rg = lambda: 0\r",
        /* other indentation, tabs, one statement per line, suite on its own line */
        "import a\n@d\nclass C(B):\n\t'doc'\n\tdef m(self, x=1000):\n\t\tif x:\n\t\t\ta()\n"
        "\t\t\tb()\n\t\treturn 'p' + u'q', f(x, y), {1: [i for i in x]}\n\tz = 1;\n"
        "g = lambda: 0\n",
        "import a\n@d\nclass C(B):\n 'doc'\n def m(self, x=1000):\n  if x: a(); b();\n"
        "  return 'p' + u'q', f(x, y), {1: [i for i in x]}\n z = 1\ng = lambda: 0\n",
        /* white space, continued lines, quotes, prefixes without meaning, digits */
        "import  a\n@ d\nclass C ( B ) :\n    \"\"\"doc\"\"\"\n    def m( self,x = 1_000 ):\n"
        "        if x:\n            a(\n  ); b()\n        return \\\n 'p'+\"q\", f( x,\n\n# c\n y "
        "), {1 : [i for i\n             in x]}\n    z\\\n=1\ng = lambda : 0\n",
        "\xef\xbb\xbfimport a\n@d\nclass C(B):\n    'doc'\n    def m(self, x=1000):\n"
        "        if x:\n            a(); b()\n        return 'p' + U'q', f(x, y), "
        "{1: [i for i in x]}\n    z = 1\ng = lambda: 0\n",
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        const struct change change = {plain, others[i], ""};
        assert_changes(&change, 1);
    }
    static const struct change same[] = {
        {"x = 0XFF + 1E5 + 0b1", "x = 0xff + 1e5 + 0B1", ""},
        {"x = R'a' B'c' rB'd'", "x = r'a' b'c' bR'd'", ""},
        {"", "# nothing\n\n", ""},
        {"x = '''a\r\nb\rc'''", "x = '''a\nb\nc'''", ""},
    };
    assert_changes(same, COUNT(same));
}

static void statements_count(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"if a:\n  b\n  c\n", "if a:\n  b\nc\n", " module"},
        {"def f():\n  if a:\n    b\n    c\n", "def f():\n  if a:\n    b\n  c\n", " f"},
        {"def f():\n  for i in x:\n    b\n  else:\n    c\n",
         "def f():\n  for i in x:\n    b\n  c\n", " f"},
        {"a\nb\n", "b\na\n", " module"},
        {"a\nb\n", "a, b\n", " module"},
        {"a\n(b)\n", "a(b)\n", " module"},
        {"a\n-b\n", "a-b\n", " module"},
        {"x = not a in b", "x = a not in b", " module"},
        {"x = a - (b - c)", "x = a - b - c", " module"},
        {"ab", "a.b", " module"},
        {"x = 10", "x = 1", " module"},
        {"x = (1)", "x = (1,)", " module"},
        {"import a", "import a as b", " module"},
        {"from . import a", "from .. import a", " module"},
        {"x: int = 1", "x: str = 1", " module"},
        {"global a", "nonlocal a", " module"},
        {"try:\n a\nexcept E:\n b\n", "try:\n a\nexcept* E:\n b\n", " module"},
        {"with a as b: c", "with a as d: c", " module"},
        {"match a:\n case 1: b\n", "match a:\n case 2: b\n", " module"},
        {"class C:\n a = 1\n def m(self): pass\n", "class C:\n a = 2\n def m(self): pass\n",
         " module"},
        {"class C:\n def m(self): pass\nx = 1\n", "class C:\n def m(self): pass\n x = 1\n",
         " module"},
        {"class C(A): pass", "class C(B): pass", " module"},
        {"def f():\n class C:\n  x = 1\n", "def f():\n class C:\n  x = 2\n", " f.<locals>.C"},
        {"def f():\n class C(A):\n  x = 1\n", "def f():\n class C(B):\n  x = 1\n",
         " f f.<locals>.C"},
        {"def f():\n class C:\n  def m(self): 1\n", "def f():\n class C:\n  def m(self): 2\n",
         " f.<locals>.C.m"},
    };
    assert_changes(changes, COUNT(changes));
}

static void functions_count(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"def f(): 1\ndef g(): 2\n", "def g(): 2\ndef f(): 1\n", " module"},
        {"def f(): 1\ndef f(): 2\n", "def f(): 2\ndef f(): 1\n", " f f#1"},
        {"def f():\n def g(): 1\n h\n", "def f():\n def g(): 2\n h\n", " f.<locals>.g"},
        {"def f():\n def g(a): 1\n", "def f():\n def g(b): 1\n", " f f.<locals>.g"},
        {"def f(x=1): x\n", "def f(x=2): x\n", " module f"},
        {"def f(*x): x\n", "def f(**x): x\n", " module f"},
        {"def f(a, *, b): x\n", "def f(a, b): x\n", " module f"},
        {"def f(a, /, b): x\n", "def f(a, b): x\n", " module f"},
        {"def f(): x\n", "async def f(): x\n", " module f"},
        {"@a\ndef f(): x\n", "@b\ndef f(): x\n", " module"},
        {"@a\n@b\ndef f(): x\n", "@b\n@a\ndef f(): x\n", " module"},
        {"def f(): x\n", "@a\ndef f(): x\n", " module"},
        {"def f():\n 'a'\n x\n", "def f():\n 'b'\n x\n", " f"},
        {"def f(): x\n", "def g(): x\n", " module f"},
        {"def f(): x\ndef g(): y\n", "def f(): x\n", " module g"},
        {"def f():\n x\n", "def f():\n pass\n x\n", " f"},
        {"x = lambda a: a\n", "x = lambda a: b\n", " <lambda>"},
        {"x = lambda a: a\n", "x = lambda b: a\n", " module <lambda>"},
        {"x = lambda: lambda: 1\n", "x = lambda: lambda: 2\n", " module"},
        {"x = lambda: (1,\n lambda: 1)\n", "x = lambda: (1,\n lambda: 2)\n",
         " <lambda>.<locals>.<lambda>"},
        {"def f(a=lambda: 1): x\n", "def f(a=lambda: 2): x\n", " <lambda>"},
        {"def f(): return [lambda: 1, lambda: 2]\n", "def f(): return [lambda: 1, lambda: 3]\n",
         " f"},
        {"def f():\n return [i for i in 1]\n", "def f():\n return [i for i in 2]\n", " f"},
    };
    assert_changes(changes, COUNT(changes));
}

/* A function that is a definition of its own does nothing with its annotations when it runs. */
static void annotations_count(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"def f(x): x\n", "def f(x: int): x\n", " module"},
        {"def f(x) -> A: x\n", "def f(x) -> B: x\n", " module"},
        {"def f(x: 'a', *y: b, z: c = 1, **k: d) -> e: x\n", "def f(x, *y, z=1, **k): x\n",
         " module"},
        {"def f(x: int = 1): x\n", "def f(x: int = 2): x\n", " module f"},
        {"def f(x: int): x\n", "def f(y: int): x\n", " module f"},
        {"def f(x: int): x\n", "def f(x: int = 1): x\n", " module f"},
        {"def f(*x: int): x\n", "def f(**x: int): x\n", " module f"},
        {"def f(*x: int): x\n", "def f(x: int): x\n", " module f"},
        {"def f(x, /, y: int): x\n", "def f(x, y, /): x\n", " module f"},
        {"def f(x) -> int: x\n", "async def f(x): x\n", " module f"},
        {"def f[T](x: T): x\n", "def f[U](x: U): x\n", " module f"},
        {"@a\ndef f(x): x\n", "@a\ndef f(x: int): x\n", " module"},
        {"class C:\n class D:\n  @a\n  def f(x): x\n",
         "class C:\n class D:\n  @a\n  def f(x: int): x\n", " module"},
        {"def f(x):\n def g(y): y\n", "def f(x):\n def g(y: int): y\n", " f f.<locals>.g"},
        {"def f(x):\n class C:\n  def g(y): y\n", "def f(x):\n class C:\n  def g(y: int): y\n",
         " f.<locals>.C f.<locals>.C.g"},
        {"if a:\n def f(x): x\n", "if a:\n def f(x: int): x\n", " module f"},
        {"class C:\n try:\n  def f(x): x\n finally: b\n",
         "class C:\n try:\n  def f(x: int): x\n finally: b\n", " module C.f"},
        {"with a:\n class C:\n  def f(x): x\n", "with a:\n class C:\n  def f(x) -> b: x\n",
         " module C.f"},
    };
    assert_changes(changes, COUNT(changes));
}

static void strings_count(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"x = 'a'", "x = 'b'", " module"},
        {"x = 'a'", "x = 'a '", " module"},
        {"x = 'a'", "x = ' a'", " module"},
        {"x = 'a'", "x = '''\na'''", " module"},
        {"x = '''a\n b'''", "x = '''a\n  b'''", " module"},
        {"x = '''a\n # b\n'''", "x = '''a\n # c\n'''", " module"},
        {"x = 'a'", "x = b'a'", " module"},
        {"x = 'a'", "x = r'a'", " module"},
        {"x = 'a'", "x = f'a'", " module"},
        {"x = '\\n'", "x = '\\t'", " module"},
        {"x = '\\x41'", "x = 'A'", " module"},
        {"x = 'a' 'b'", "x = 'ab'", " module"},
        {"x = 'a' 'b'", "x = 'a', 'b'", " module"},
        {"x = ''", "x = 'a'", " module"},
        {"x = b' \\n'", "x = b'  \\n'", " module"},
        {"x = f'{a}'", "x = f'{b}'", " module"},
        {"x = f'{a}'", "x = f'{{a}}'", " module"},
        {"x = f'{a} '", "x = f'{a}'", " module"},
        {"x = f'{a}'", "x = f'{a!r}'", " module"},
        {"x = f'{a:>3}'", "x = f'{a:>4}'", " module"},
        {"x = f'{a: >3}'", "x = f'{a:>3}'", " module"},
        {"x = f'{a:x}'", "x = f'{a:x }'", " module"},
        {"x = f'{a:{b} }'", "x = f'{a:{b}}'", " module"},
        {"x = f'{a:{b}}'", "x = f'{a:{c}}'", " module"},
        {"x = f'{a=}'", "x = f'{a}'", " module"},
        {"x = f'{a=}'", "x = f'{a = }'", " module"},
        {"x = f'{a = }'", "x = f'{a =}'", " module"},
        {"x = f'{ a=}'", "x = f'{a=}'", " module"},
        {"x = f'{a+b=}'", "x = f'{a + b=}'", " module"},
        {"x = f'{(lambda: 1)()}'", "x = f'{(lambda: 2)()}'", " module"},
        {"x = f'{a}'", "x = f'{ a }'", ""},
    };
    assert_changes(changes, COUNT(changes));
}

/* Swapping two adjacent texts must be seen even when all their bytes together are the same. */
static void tokens_have_borders(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"f(ab, c)", "f(a, bc)", " module"},
        {"x = 'a', 'bc'", "x = 'ab', 'c'", " module"},
        {"x = '\\x03\\x01a'", "x = '\\x03', 'a'", " module"},
    };
    assert_changes(changes, COUNT(changes));
}

struct question {
    uint32_t line;
    const char *name;
    const char *key;
};

static void assert_located(const char *source, const struct question *questions, size_t count)
{
    struct ptd_blocks fresh = parse(source), blocks;
    PTD_CLEANUP_BUF struct ptd_buf bytes = PTD_BUF_INIT;
    ptd_blocks_write(&fresh, &bytes);
    assert_int_equal(ptd_blocks_read(bytes.data, bytes.len, &blocks), 0);
    for (size_t i = 0; i < count; i++) {
        const struct question *q = &questions[i];
        size_t at = ptd_blocks_locate(&fresh, q->line, q->name);
        assert_in_range(at, 0, fresh.count - 1);
        if (strcmp(fresh.items[at].key, q->key) != 0)
            fail_msg("%s: %u %s is in '%s', not '%s'", source, q->line, q->name,
                     fresh.items[at].key, q->key);
        assert_int_equal(ptd_blocks_locate(&blocks, q->line, q->name), at);
    }
    ptd_blocks_release(&fresh);
    ptd_blocks_release(&blocks);
}

static void code_objects_are_located(void **state)
{
    (void)state;
    static const char source[] = "@a\n"                       /* 1 */
                                 "@b(lambda: 1)\n"            /* 2 */
                                 "def f(x=[i for i in y]):\n" /* 3 */
                                 "    z = [i for i in y]\n"   /* 4 */
                                 "    return lambda: (\n"     /* 5 */
                                 "        [i for i in y],\n"  /* 6 */
                                 "    )\n"                    /* 7 */
                                 "@(\n"                       /* 8 */
                                 "  c)\n"                     /* 9 */
                                 "class C:\n"                 /* 10 */
                                 "    def m(self): return {i for i in y}\n"
                                 "x = (i for i in y)\n"          /* 12 */
                                 "class D: z = lambda self: 1\n" /* 13 */
                                 "def \\\n"                      /* 14 */
                                 "  g(): pass\n"
                                 "y = [lambda: 1, lambda: 2]\n"; /* 16 */
    static const struct question questions[] = {
        {1, "<module>", ""},
        {7, "<module>", ""},
        {1, "f", "f"},
        {2, "<lambda>", "<lambda>"},
        {3, "<listcomp>", ""},
        {4, "<listcomp>", "f"},
        {5, "<lambda>", "f.<locals>.<lambda>"},
        {6, "<listcomp>", "f.<locals>.<lambda>"},
        {9, "C", ""},
        {11, "m", "C.m"},
        {11, "<setcomp>", "C.m"},
        {12, "<genexpr>", ""},
        {13, "D", ""},
        {13, "<lambda>", "D.<lambda>"},
        {14, "g", "g"},
        {16, "<lambda>", ""},
        {1000, "nowhere", ""},
        {0, "nowhere", ""},
    };
    assert_located(source, questions, COUNT(questions));
}

/* A line that code of several blocks begins on. */
static void crowded_lines_are_located(void **state)
{
    (void)state;
    static const char source[] = "g(lambda x: (\n"                  /* 1 */
                                 "  1), [i for i in y])\n"          /* 2 */
                                 "g(lambda x: (\n"                  /* 3 */
                                 "  1), lambda: 2, lambda: 3)\n"    /* 4 */
                                 "def f(): return (i for i in y)\n" /* 5 */
                                 "class C: z = lambda self: [i for i in y]\n";
    static const struct question questions[] = {
        {1, "<lambda>", "<lambda>"},
        {2, "<listcomp>", ""},
        {3, "<lambda>", "<lambda>#1"},
        {4, "<lambda>", ""},
        {5, "<genexpr>", "f"},
        {6, "<listcomp>", "C.<lambda>"},
        {6, "C", ""},
    };
    assert_located(source, questions, COUNT(questions));

    /* Two of one kind in two blocks: the outer one, which must change with the inner one. */
    static const struct question both[] = {{1, "<genexpr>", ""}};
    static const struct change change[] = {{"x = (i for i in y), lambda: (i for i in y)\n",
                                            "x = (i for i in y), lambda: (i for i in z)\n",
                                            " module <lambda>"}};
    assert_located(change[0].before, both, COUNT(both));
    assert_changes(change, 1);
}

static void newer_syntax_is_located(void **state)
{
    (void)state;
    static const char source[] = "def f[T: int](x: T) -> T:\n"
                                 "    type A = list[T]\n"
                                 "    class C[U]:\n"
                                 "        y: U\n"
                                 "type B = int\n"
                                 "@d\n"
                                 "def g(x: int): pass\n"
                                 "def stra\xc3\x9f"
                                 "e\xef\xac\x81(): pass\n";
    static const struct question questions[] = {
        {1, "<generic parameters of f>", ""},
        {1, "f", "f"},
        {2, "A", "f"},
        {3, "<generic parameters of C>", "f"},
        {3, "C", "f.<locals>.C"},
        {3, "__annotate__", "f.<locals>.C"},
        {5, "B", ""},
        {7, "__annotate__", ""},
        {8,
         "stra\xc3\x9f"
         "efi",
         "stra\xc3\x9f"
         "e\xef\xac\x81"},
        {8, "__annotate__", ""},
    };
    assert_located(source, questions, COUNT(questions));
}

static void assert_whole(const char *source, size_t len)
{
    struct ptd_blocks blocks;
    ptd_blocks_parse(source, len, &blocks);
    if (!blocks.broken)
        fail_msg("accepted: %s", source);
    assert_int_equal(blocks.count, 1);
    assert_int_equal(blocks.items[0].kind, PTD_BLOCK_MODULE);
    assert_string_equal(blocks.items[0].key, "");
    assert_string_equal(blocks.items[0].code_name, "<module>");
    assert_true(blocks.items[0].checksum == ptd_hash64(source, len));
    assert_int_equal(ptd_blocks_locate(&blocks, 1, "f"), 0);
    ptd_blocks_release(&blocks);
}

static void unparsable_is_one_block(void **state)
{
    (void)state;
    static const char nul[] = "x = 1\0y";
    static const char *const sources[] = {
        "def f(:\n  pass\n",
        "x = (\n",
        "x = '\n",
        "# coding: no-such-encoding\nx = 1\n",
        "# coding: ascii\nx = '\xc3\xa4'\n",
        "x = '\xe4'\n",
        "x = '\xc0\x80'\n",
        "x = '\xed\xa0\x80'\n",
        "x = '\xf4\x90\x80\x80'\n",
        "x = '\xe2\x82",
        "# coding: euc-jp\nx = '\xff'\n",
        /* the grammar's idea of these columns is not CPython's */
        "if a:\n       \t       b\n",
    };
    assert_whole(nul, sizeof(nul) - 1);
    for (size_t i = 0; i < COUNT(sources); i++)
        assert_whole(sources[i], strlen(sources[i]));

    PTD_CLEANUP_BUF struct ptd_buf wide = PTD_BUF_INIT;
    ptd_buf_adds(&wide, "if a:\n");
    for (int i = 0; i < 300; i++)
        ptd_buf_addc(&wide, ' ');
    ptd_buf_adds(&wide, "b\n");
    assert_whole(wide.data, wide.len);
}

static void encodings_are_decoded(void **state)
{
    (void)state;
    static const char utf8[] = "x = '\xc3\xa4\xc3\xb6'\ndef f(): pass\n";
    static const char *const others[] = {
        "# -*- coding: latin-1 -*-\nx = '\xe4\xf6'\ndef f(): pass\n",
        "#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\nx = '\xe4\xf6'\ndef f(): pass\n",
        "\n#coding=ISO_8859_1\nx = '\xe4\xf6'\ndef f(): pass\n",
        "\xef\xbb\xbf# coding: utf-8\nx = '\xc3\xa4\xc3\xb6'\ndef f(): pass\n",
        "# coding: utf-8-unix\nx = '\xc3\xa4\xc3\xb6'\ndef f(): pass\n",
        "a = 0 # not in the first line but one\n# coding: latin-1\nx = '\xc3\xa4\xc3\xb6'\n",
    };
    for (size_t i = 0; i < 5; i++) {
        const struct change change = {utf8, others[i], ""};
        assert_changes(&change, 1);
    }
    /* A declaration behind code is a comment. */
    struct ptd_blocks blocks = parse(others[5]);
    assert_false(blocks.broken);
    ptd_blocks_release(&blocks);

    static const struct change cp1252[] = {
        {"# coding: cp1252\nx = '\x80'\n", "x = '\xe2\x82\xac'\n", ""}};
    assert_changes(cp1252, 1);
}

static void lines_are_those_of_cpython(void **state)
{
    (void)state;
    static const char source[] = "\xef\xbb\xbfs = 'a\fb\vc\xe2\x80\xa8' \r\n"
                                 "\f\r"
                                 "'''\r\n\n\r'''\n"
                                 "def f(): pass\n";
    struct ptd_blocks blocks = parse(source);
    assert_false(blocks.broken);
    assert_int_equal(blocks.count, 2);
    assert_int_equal(blocks.items[1].line, 7);
    ptd_blocks_release(&blocks);
}

static void assert_same(const struct ptd_blocks *a, const struct ptd_blocks *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->broken, b->broken);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->items[i].key, b->items[i].key);
        assert_string_equal(a->items[i].code_name, b->items[i].code_name);
        assert_int_equal(a->items[i].kind, b->items[i].kind);
        assert_int_equal(a->items[i].line, b->items[i].line);
        assert_int_equal(a->items[i].end_line, b->items[i].end_line);
        assert_true(a->items[i].checksum == b->items[i].checksum);
    }
}

static void serialised_and_back(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "", "x = (\n",
        "def f(): return [i for i in x]\ndef f(): lambda: 1\nclass C:\n def m(): 1\n"};
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct ptd_blocks blocks = parse(sources[i]), back;
        PTD_CLEANUP_BUF struct ptd_buf bytes = PTD_BUF_INIT;
        ptd_blocks_write(&blocks, &bytes);
        assert_int_equal(ptd_blocks_read(bytes.data, bytes.len, &back), 0);
        assert_same(&blocks, &back);
        ptd_blocks_release(&back);
        /* No shorter or longer one is valid. */
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_equal(ptd_blocks_read(bytes.data, len, &back), -1);
        ptd_buf_addc(&bytes, '\0');
        assert_int_equal(ptd_blocks_read(bytes.data, bytes.len, &back), -1);
        /* Any damage gives an error or a set that can be used. */
        for (size_t at = 0; at + 1 < bytes.len; at++) {
            char kept = bytes.data[at];
            bytes.data[at] = (char)(kept ^ 0x81);
            if (ptd_blocks_read(bytes.data, bytes.len - 1, &back) == 0) {
                assert_in_range(ptd_blocks_locate(&back, 1, "<genexpr>"), 0, back.count - 1);
                ptd_blocks_release(&back);
            }
            bytes.data[at] = kept;
        }
        ptd_blocks_release(&blocks);
    }
}

static void repeat(struct ptd_buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        ptd_buf_adds(out, text);
}

static void large_and_deep_sources(void **state)
{
    (void)state;
    struct ptd_blocks blocks;
    PTD_CLEANUP_BUF struct ptd_buf source = PTD_BUF_INIT;
    repeat(&source, "def f(x):\n    return x\n", 20000);
    ptd_blocks_parse(source.data, source.len, &blocks);
    assert_int_equal(blocks.count, 20001);
    assert_string_equal(blocks.items[20000].key, "f#19999");
    assert_string_equal(blocks.items[20000].code_name, "f");
    ptd_blocks_release(&blocks);

    ptd_buf_reset(&source);
    ptd_buf_adds(&source, "x = a");
    repeat(&source, " + a", 5000);
    ptd_blocks_parse(source.data, source.len, &blocks);
    assert_false(blocks.broken);
    ptd_blocks_release(&blocks);

    ptd_buf_reset(&source);
    ptd_buf_adds(&source, "x = ");
    repeat(&source, "lambda:", 5000);
    ptd_buf_adds(&source, "1\n");
    ptd_blocks_parse(source.data, source.len, &blocks);
    assert_true(blocks.broken);
    ptd_blocks_release(&blocks);
}

/* Inputs that libtree-sitter 0.20 does not survive. */
static void hostile_nesting_is_refused(void **state)
{
    (void)state;
    static const char *const parts[] = {"(", "[a,", "{1:", "not ", "~", "a = ", "lambda: "};
    for (size_t i = 0; i < COUNT(parts); i++) {
        PTD_CLEANUP_BUF struct ptd_buf source = PTD_BUF_INIT;
        ptd_buf_adds(&source, "x = ");
        repeat(&source, parts[i], 100000);
        ptd_buf_adds(&source, ")");
        assert_whole(source.data, source.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_all_kinds),          cmocka_unit_test(layout_does_not_count),
        cmocka_unit_test(statements_count),           cmocka_unit_test(functions_count),
        cmocka_unit_test(annotations_count),          cmocka_unit_test(strings_count),
        cmocka_unit_test(tokens_have_borders),        cmocka_unit_test(code_objects_are_located),
        cmocka_unit_test(crowded_lines_are_located),  cmocka_unit_test(newer_syntax_is_located),
        cmocka_unit_test(unparsable_is_one_block),    cmocka_unit_test(encodings_are_decoded),
        cmocka_unit_test(lines_are_those_of_cpython), cmocka_unit_test(serialised_and_back),
        cmocka_unit_test(large_and_deep_sources),     cmocka_unit_test(hostile_nesting_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
