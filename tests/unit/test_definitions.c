#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "syntax/blocks.h"
#include "syntax/definitions.h"

#define NONE PTD_NO_DEFINITION

struct source {
    struct ptd_blocks blocks;
    struct ptd_definitions definitions;
};

static struct source parse(const char *text)
{
    struct source s;
    ptd_blocks_parse(text, strlen(text), &s.blocks);
    assert_false(s.blocks.broken);
    assert_int_equal(
        ptd_definitions_read(s.blocks.definitions.data, s.blocks.definitions.len, &s.definitions),
        0);
    assert_int_equal(s.definitions.block_count, s.blocks.count);
    return s;
}

static void release(struct source *s)
{
    ptd_definitions_release(&s->definitions);
    ptd_blocks_release(&s->blocks);
}

static const struct ptd_definition *item(const struct source *s, size_t i)
{
    assert_true(i < s->definitions.count);
    return &s->definitions.items[i];
}

/* "a b c" */
static void assert_binds(const struct source *s, size_t i, const char *names)
{
    struct ptd_buf got = PTD_BUF_INIT;
    ptd_buf_adds(&got, "");
    for (size_t k = 0; k < item(s, i)->bind_count; k++)
        ptd_buf_addf(&got, "%s%s", k ? " " : "", s->definitions.names[item(s, i)->binds[k]]);
    assert_string_equal(got.data, names);
    ptd_buf_release(&got);
}

static uint32_t how(const struct source *s, const struct ptd_mentions *m, const char *name)
{
    uint32_t id = ptd_definitions_find_name(&s->definitions, name);
    return id == PTD_NO_NAME ? 0 : ptd_mentions_how(m, id);
}

static uint32_t block_how(const struct source *s, const char *key, const char *name)
{
    for (size_t i = 0; i < s->blocks.count; i++)
        if (strcmp(s->blocks.items[i].key, key) == 0)
            return how(s, &s->definitions.blocks[i], name);
    fail_msg("no block %s", key);
    return 0;
}

static uint32_t kind_of(const char *text)
{
    struct source s = parse(text);
    uint32_t kind = item(&s, 0)->kind;
    release(&s);
    return kind;
}

static void kinds_of_statements(void **state)
{
    (void)state;
    assert_int_equal(kind_of("x = 1\n"), PTD_DEFINES_VALUE);
    assert_int_equal(kind_of("x: int\n"), PTD_DEFINES_VALUE);
    assert_int_equal(kind_of("x, (y, *z) = f()\n"), PTD_DEFINES_VALUE);
    assert_int_equal(kind_of("x += [1]\n"), PTD_DEFINES_VALUE);
    assert_int_equal(kind_of("import os\n"), PTD_DEFINES_IMPORT);
    assert_int_equal(kind_of("from . import a\n"), PTD_DEFINES_IMPORT);
    assert_int_equal(kind_of("from __future__ import annotations\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("def f(): pass\n"), PTD_DEFINES_FUNCTION);
    assert_int_equal(kind_of("async def f(): pass\n"), PTD_DEFINES_FUNCTION);
    assert_int_equal(kind_of("@d\ndef f(): pass\n"), PTD_DEFINES_FUNCTION);
    assert_int_equal(kind_of("@d\nclass C: pass\n"), PTD_DEFINES_CLASS);
    assert_int_equal(kind_of("try:\n    import a\nexcept ImportError:\n    a = None\n"),
                     PTD_DEFINES_BRANCHES);
    assert_int_equal(kind_of("if x:\n    def f(): g()\nelse:\n    f = 1\n"), PTD_DEFINES_BRANCHES);
    assert_int_equal(kind_of("if x:\n    g()\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("try:\n    x.y = 1\nfinally:\n    pass\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("g()\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("x.y = 1\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("x[0] = 1\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("del x\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("for i in x: pass\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("old = d.setdefault('a', 1)\n"), PTD_DEFINES_EFFECT);
    assert_int_equal(kind_of("'text'\n"), PTD_DEFINES_NOTHING);
}

static void what_is_bound(void **state)
{
    (void)state;
    struct source s = parse("a = b = 1\n"
                            "x, (y, *z) = f()\n"
                            "import p.q, r as t\n"
                            "from m import u as v, w\n"
                            "try:\n    c = 1\nexcept E as e:\n    def d(): pass\n"
                            "obj.part[1] = 2\n");
    assert_binds(&s, 0, "a b");
    assert_binds(&s, 1, "x y z");
    assert_binds(&s, 2, "p t");
    assert_binds(&s, 3, "v w");
    assert_binds(&s, 4, "c e d");
    assert_binds(&s, 5, "obj");
    assert_true(item(&s, 5)->flags & PTD_DEFINITION_STORES);
    release(&s);
}

static void what_is_imported(void **state)
{
    (void)state;
    struct source s = parse("import p.q\nfrom ..m.n import a as b\nfrom . import *\n");
    const char **names = s.definitions.names;
    const struct ptd_import *i0 = item(&s, 0)->imports, *i1 = item(&s, 1)->imports,
                            *i2 = item(&s, 2)->imports;
    assert_string_equal(names[i0->module], "p.q");
    assert_int_equal(i0->name, PTD_NO_NAME);
    assert_string_equal(names[i0->as], "p");
    assert_string_equal(names[i1->module], "..m.n");
    assert_string_equal(names[i1->name], "a");
    assert_string_equal(names[i1->as], "b");
    assert_string_equal(names[i2->module], ".");
    assert_int_equal(i2->as, PTD_NO_NAME);
    release(&s);
}

static void classes_own_their_statements(void **state)
{
    (void)state;
    struct source s = parse("class C(B):\n    x = 1\n    class D:\n        y = 2\n"
                            "    def f(self): return self.x\nz = 3\n");
    assert_int_equal(item(&s, 0)->owner, NONE);
    assert_int_equal(item(&s, 1)->owner, 0);
    assert_int_equal(item(&s, 2)->owner, 0);
    assert_int_equal(item(&s, 3)->owner, 2);
    assert_int_equal(item(&s, 4)->owner, 0);
    assert_int_equal(item(&s, 5)->owner, NONE);
    assert_true(how(&s, &item(&s, 0)->mentions, "B") & PTD_MENTION_NAME);
    assert_int_equal(how(&s, &item(&s, 0)->mentions, "x"), 0);
    assert_int_equal(block_how(&s, "C.f", "x"), PTD_MENTION_SELF | PTD_MENTION_RETURNED);
    release(&s);
}

static void blocks_mention_what_they_look_up(void **state)
{
    (void)state;
    struct source s =
        parse("def f(p, q=DEFAULT):\n"
              "    global COUNT\n"
              "    COUNT = p\n"
              "    local = mod.NAME + GLOBAL\n"
              "    def g(): return local, INNER\n"
              "    return g(key=local), 'a.b', '--my-option', 'two words', lambda: LAST\n"
              "def h(): return 1 if ONE_LINE else (yield)\n");
    assert_int_equal(block_how(&s, "f", "p"), PTD_MENTION_PARAMETER);
    assert_true(block_how(&s, "f", "DEFAULT") & PTD_MENTION_NAME);
    assert_true(block_how(&s, "f", "COUNT") & PTD_MENTION_NAME);
    assert_true(block_how(&s, "f", "GLOBAL") & PTD_MENTION_NAME);
    assert_int_equal(block_how(&s, "f", "NAME"), PTD_MENTION_ATTRIBUTE);
    assert_int_equal(block_how(&s, "f", "local"), 0);
    assert_int_equal(block_how(&s, "f", "key"), PTD_MENTION_KEYWORD);
    assert_int_equal(block_how(&s, "f", "a"), PTD_MENTION_STRING);
    assert_int_equal(block_how(&s, "f", "b"), PTD_MENTION_STRING);
    assert_int_equal(block_how(&s, "f", "my_option"), PTD_MENTION_STRING);
    assert_int_equal(block_how(&s, "f", "two"), 0);
    assert_int_equal(block_how(&s, "f", "INNER"), 0);
    assert_true(block_how(&s, "f.<locals>.g", "INNER") & PTD_MENTION_NAME);
    assert_int_equal(block_how(&s, "f.<locals>.g", "local"), 0);
    assert_true(block_how(&s, "f.<locals>.<lambda>", "LAST") & PTD_MENTION_NAME);
    assert_true(block_how(&s, "h", "ONE_LINE") & PTD_MENTION_NAME);
    assert_int_equal(how(&s, &item(&s, 0)->mentions, "GLOBAL"), 0);
    release(&s);
}

/* Two lambdas on one line are no blocks: they belong to the definition. */
static void folded_lambdas_belong_to_their_definition(void **state)
{
    (void)state;
    struct source s = parse("f = [lambda: ONE, lambda: TWO]\ng = lambda: THREE\n");
    assert_true(how(&s, &item(&s, 0)->mentions, "ONE") & PTD_MENTION_NAME);
    assert_int_equal(how(&s, &item(&s, 1)->mentions, "THREE"), 0);
    release(&s);
}

static uint32_t reflection(const char *text)
{
    struct source s = parse(text);
    uint32_t result = s.definitions.blocks[1].reflects;
    release(&s);
    return result;
}

static void reflection_is_seen(void **state)
{
    (void)state;
    assert_int_equal(reflection("def f(): return getattr(a, 'b')\n"), 0);
    assert_int_equal(reflection("def f(): return getattr(a, b)\n"), PTD_REFLECT_ATTRIBUTES);
    assert_int_equal(reflection("def f(): return getattr(a, f'{b}')\n"), PTD_REFLECT_ATTRIBUTES);
    assert_int_equal(reflection("def f(): return a.__dict__\n"), PTD_REFLECT_ATTRIBUTES);
    assert_int_equal(reflection("def f(): return inspect.getmembers(a)\n"), PTD_REFLECT_ATTRIBUTES);
    assert_int_equal(reflection("def f(): return globals()[a]\n"), PTD_REFLECT_GLOBALS);
    assert_int_equal(reflection("def f(): exec(a)\n"), PTD_REFLECT_ANYTHING);
    assert_int_equal(reflection("def f(): import_module('a.b')\n"), 0);
    assert_int_equal(reflection("def f(): return import_module(a)\n"), PTD_REFLECT_ANYTHING);
    assert_int_equal(reflection("def f(): import_module(a)\n"), PTD_REFLECT_MODULES);
    assert_int_equal(reflection("def f(): return sys.modules[a]\n"), PTD_REFLECT_MODULES);
}

/* Annotations that nothing evaluates, and what only a type checker reads. */
static void types_are_told_apart(void **state)
{
    (void)state;
    struct source s = parse("from __future__ import annotations\n"
                            "import typing as t\n"
                            "def f(a: A, b: t.List['B'] = D) -> C:\n    return X\n"
                            "v: V = make()\n"
                            "if t.TYPE_CHECKING:\n    from m import Y\n"
                            "if other.TYPE_CHECKING:\n    from m import Z\n");
    assert_int_equal(block_how(&s, "f", "A"), PTD_MENTION_TYPE);
    assert_int_equal(block_how(&s, "f", "B"), PTD_MENTION_TYPE);
    assert_int_equal(block_how(&s, "f", "C"), PTD_MENTION_TYPE);
    assert_true(block_how(&s, "f", "D") & PTD_MENTION_NAME);
    assert_true(block_how(&s, "f", "X") & PTD_MENTION_NAME);
    assert_int_equal(how(&s, &item(&s, 3)->mentions, "V"), PTD_MENTION_TYPE);
    assert_int_equal(item(&s, 4)->flags, PTD_DEFINITION_TYPES);
    assert_binds(&s, 4, "Y");
    assert_int_equal(how(&s, &item(&s, 4)->mentions, "Y"), PTD_MENTION_TYPE);
    assert_int_equal(item(&s, 5)->flags & PTD_DEFINITION_TYPES, 0);
    assert_true(how(&s, &item(&s, 5)->mentions, "Z") & PTD_MENTION_ATTRIBUTE);
    release(&s);

    s = parse("from typing import TYPE_CHECKING, TypeVar, Union\n"
              "def f(a: A): pass\n"
              "if TYPE_CHECKING:\n    import m\nelse:\n    m = n\n"
              "T = TypeVar('T', bound='Other')\n"
              "U = Union[A, B]\n");
    assert_true(block_how(&s, "f", "A") & PTD_MENTION_NAME);
    assert_int_equal(item(&s, 2)->flags & PTD_DEFINITION_TYPES, 0);
    assert_true(how(&s, &item(&s, 2)->mentions, "n") & PTD_MENTION_NAME);
    assert_true(item(&s, 3)->flags & PTD_DEFINITION_TYPES);
    assert_int_equal(how(&s, &item(&s, 3)->mentions, "T"), 0);
    assert_int_equal(how(&s, &item(&s, 3)->mentions, "Other"), PTD_MENTION_STRING);
    assert_true(item(&s, 4)->flags & PTD_DEFINITION_TYPES);
    assert_true(how(&s, &item(&s, 4)->mentions, "A") & PTD_MENTION_NAME);
    release(&s);

    s = parse("if TYPE_CHECKING:\n    from m import Y\n"); /* whose TYPE_CHECKING? */
    assert_int_equal(item(&s, 0)->flags & PTD_DEFINITION_TYPES, 0);
    release(&s);
}

/* A call that adds to something is an assignment to an item of it. */
static void changes_bind_what_they_change(void **state)
{
    (void)state;
    struct source s = parse("x.y.append(z)\nx.run(z)\nf(x).append(z)\n");
    assert_int_equal(item(&s, 0)->kind, PTD_DEFINES_EFFECT);
    assert_true(item(&s, 0)->flags & PTD_DEFINITION_STORES);
    assert_binds(&s, 0, "x");
    assert_int_equal(item(&s, 1)->flags & PTD_DEFINITION_STORES, 0);
    assert_binds(&s, 1, "");
    assert_binds(&s, 2, "");
    release(&s);
}

static uint32_t flags_of(const char *text)
{
    struct source s = parse(text);
    uint32_t flags = item(&s, 0)->flags;
    release(&s);
    return flags;
}

static void flags_of_definitions(void **state)
{
    (void)state;
    assert_int_equal(flags_of("x = 1\n"), 0);
    assert_int_equal(flags_of("x = ('a', -1.5)\n"), 0);
    assert_int_equal(flags_of("x = [1]\n"), PTD_DEFINITION_MUTABLE);
    assert_true(flags_of("x = y + 1\n") & PTD_DEFINITION_RISKY);
    assert_true(flags_of("x = y()\n") & PTD_DEFINITION_CALLS);
    assert_int_equal(flags_of("@property\ndef f(): pass\n"), PTD_DEFINITION_DECORATED);
    assert_int_equal(flags_of("@pytest.mark.slow\ndef f(): pass\n"), PTD_DEFINITION_DECORATED);
    assert_true(flags_of("@app.route('/')\ndef f(): pass\n") & PTD_DEFINITION_CALLS);
    assert_true(flags_of("@pytest.fixture(params=make())\ndef f(): pass\n") & PTD_DEFINITION_CALLS);
}

static bool same_sum(const char *a, const char *b)
{
    struct source s = parse(a), t = parse(b);
    bool same = item(&s, 0)->checksum == item(&t, 0)->checksum;
    release(&s);
    release(&t);
    return same;
}

static void checksums(void **state)
{
    (void)state;
    assert_true(same_sum("x = 'a'\n", "x  =  \"a\"  # why\n"));
    assert_true(same_sum("x = 1_000\n", "x = 1000\n"));
    assert_false(same_sum("x = 1\n", "x = 2\n"));
    assert_false(same_sum("x = f'{a}'\n", "x = f'{b}'\n"));
    assert_true(same_sum("def f(): return 1\n", "def f(): return 2\n"));
    assert_true(same_sum("def f(a=1): pass\n", "def f(a=2): pass\n"));
    assert_false(same_sum("def f(a=1): pass\n", "def f(a): pass\n"));
    assert_false(same_sum("def f(a=g(1)): pass\n", "def f(a=g(2)): pass\n"));
    assert_false(same_sum("@d\ndef f(a=1): pass\n", "@d\ndef f(a=2): pass\n"));
    assert_true(same_sum("x = lambda: 1\n", "x = lambda: 2\n"));
    assert_false(same_sum("x = lambda a: 1\n", "x = lambda b: 1\n"));
    assert_true(same_sum("class C:\n    x = 1\n", "class C:\n    x = 2\n"));
    assert_false(same_sum("class C(A): pass\n", "class C(B): pass\n"));
    assert_false(same_sum("@a\nclass C: pass\n", "@b\nclass C: pass\n"));
}

/* Whether two functions differ, and whether they do without their annotations. */
static bool same_function(const char *a, const char *b, bool *plain)
{
    struct source x = parse(a), y = parse(b);
    bool same = item(&x, 0)->checksum == item(&y, 0)->checksum;
    *plain = item(&x, 0)->plain == item(&y, 0)->plain;
    release(&x);
    release(&y);
    return same;
}

static void functions_without_annotations(void **state)
{
    (void)state;
    static const char *const equal[] = {
        "def f(a, *b, c=1, **d): pass\n",
        "def f(a: A, *b, c=1, **d): pass\n",
        "def f(a: A, *b: B, c: C = 1, **d: D) -> E: pass\n",
        "def f(a: 'A', *b, c: (C) = 1, **d) -> None: return 1\n",
        "def f(a, # c\n *b, c: C[3]=1, **d): pass\n",
    };
    static const char *const other[] = {
        "def g(a, *b, c=1, **d): pass\n",
        "def f(a, *b, c, **d): pass\n",
        "def f(a, **b): pass\n",
        "async def f(a, *b, c=1, **d): pass\n",
        "def f(a, b, c=1, **d): pass\n",
        "def f(a, *, c=1, **d): pass\n",
        "def f[A](a, *b, c=1, **d): pass\n",
        "@a\ndef f(a, *b, c=1, **d): pass\n",
    };
    bool plain;
    for (size_t i = 1; i < sizeof(equal) / sizeof(*equal); i++) {
        assert_false(same_function(equal[0], equal[i], &plain));
        assert_true(plain);
        assert_true(same_function(equal[i], equal[i], &plain));
    }
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
        assert_false(same_function(equal[0], other[i], &plain));
        assert_false(plain);
    }
    assert_false(same_function("@a\ndef f(a: A = 1): pass\n", "@a\ndef f(a=2): pass\n", &plain));
    assert_false(plain);
    /* Nowhere else is summed what two lambdas on one line do. */
    assert_false(same_function("def f(a=lambda: 1, b=lambda: 2): pass\n",
                               "def f(a=lambda: 1, b=lambda: 3): pass\n", &plain));
}

/* What evaluating the annotations of a header does, in words, sorted as in the source. */
static void assert_hints(const char *header, const char *expected)
{
    static const char *const uses[] = {"whole", "argument", "operand", "base", "union", "other"};
    static const char *const shapes[] = {"", " list", " dots first", " dots last", " constants"};
    struct ptd_buf got = PTD_BUF_INIT;
    struct source s = parse(header);
    const struct ptd_definition *d = item(&s, s.definitions.count - 1);
    ptd_buf_adds(&got, "");
    for (size_t i = 0; i < d->hint_count; i++) {
        const struct ptd_hint *h = &d->hints[i];
        ptd_buf_addf(&got, "%s%s", i ? "; " : "", uses[h->use]);
        if (h->name != PTD_NO_NAME)
            ptd_buf_addf(&got, " %s", s.definitions.names[h->name]);
        if (h->use == PTD_HINT_BASE)
            ptd_buf_addf(&got, " %u%s in %s", h->count, shapes[h->shape], uses[h->result]);
    }
    if (strcmp(got.data, expected) != 0)
        fail_msg("%s: %s, not %s", header, got.data, expected);
    ptd_buf_release(&got);
    release(&s);
}

static void annotations_are_taken_apart(void **state)
{
    (void)state;
    assert_hints("def f(a, b=1): pass\n", "");
    assert_hints("def f(a: int, b: 'any text' = 1, *c: None) -> t.A: pass\n",
                 "whole t.A; whole int");
    assert_hints("def f(a: 1, b: ..., c: True, d: (A)): pass\n", "whole A");
    assert_hints("def f(a: List[A]): pass\n", "argument A; base List 1 in whole");
    assert_hints("def f(a: t.Dict[str, List['a.B']]): pass\n",
                 "argument str; base List 1 in argument; base t.Dict 2 in whole");
    assert_hints("def f(a: C[[A, 'B'], None], b: C[..., A], c: T[A, ...]): pass\n",
                 "argument A; base C 2 list in whole; base C 2 dots first in whole; "
                 "base T 2 dots last in whole");
    assert_hints("def f(a: Literal['a b', -1, None], b: Literal['a']): pass\n",
                 "base Literal 3 constants in whole; base Literal 1 in whole");
    assert_hints("def f(a: A | None, b: a.B | list[C] | None): pass\n",
                 "union; operand A; operand a.B; argument C; base list 1 in operand");
    static const char *const others[] = {
        "None | None",   "A + B",  "f()",      "a.b().c", "lambda: 1", "[A]",      "(A, B)",
        "A if B else C", "f'{a}'", "b'a'",     "'\\x'",   "0777",      "1.5",      "-1",
        "{A}",           "not A",  "(a := B)", "a . b",   "await",     "\xc3\xa4",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct ptd_buf text = PTD_BUF_INIT;
        ptd_buf_addf(&text, "def f(x: %s): pass\n", others[i]);
        assert_hints(text.data, "other");
        ptd_buf_release(&text);
    }
    assert_hints("def f(x: A['a b']): pass\n", "base A 1 constants in whole");
    assert_hints("def f(x: A['if', B]): pass\n", "other; argument B; base A 2 in whole");
    assert_hints("def f(x: A['']): pass\n", "base A 1 constants in whole");
    assert_hints("def f(x: A[B, 3]): pass\n", "argument B; other; base A 2 in whole");
    assert_hints("def f(x: A[1:2]): pass\n", "other; base A 1 in whole");
    assert_hints("def f(*x: *A): pass\n", "other");
    assert_hints("def f(x: 'A' | B): pass\n", "union; other; operand B");
    /* Kept as text, it is compiled only. */
    assert_hints("from __future__ import annotations\ndef f(x: A['a b'], y: a.B | 'C'): pass\n",
                 "");
    assert_hints("from __future__ import annotations\ndef f(x: (a := B)): pass\n", "other");
    assert_hints("from __future__ import annotations\ndef f(x: List[(yield)]): pass\n", "other");
    assert_hints("from __future__ import annotations\ndef f(x: '\\x'): pass\n", "other");
}

static void hints_are_told_from_other_mentions(void **state)
{
    (void)state;
    const uint32_t value = PTD_MENTION_NAME | PTD_MENTION_VALUE;
    struct source s = parse("def f(a: A, b: B = B, c: m.C = 1) -> 'D':\n    return E\n"
                            "class K:\n    def g(a: A): return A\n"
                            "def h():\n    global G\n    def i(a: A): pass\n"
                            "if a:\n    def j(a: A): pass\n"
                            "v: A = 1\n");
    assert_int_equal(how(&s, &item(&s, 0)->mentions, "A"), value | PTD_MENTION_HINT);
    assert_int_equal(block_how(&s, "f", "A"), value | PTD_MENTION_HINT);
    assert_int_equal(how(&s, &item(&s, 0)->mentions, "B"), value);
    assert_int_equal(how(&s, &item(&s, 0)->mentions, "m"), PTD_MENTION_NAME | PTD_MENTION_HINT);
    assert_int_equal(how(&s, &item(&s, 0)->mentions, "C"),
                     PTD_MENTION_ATTRIBUTE | PTD_MENTION_HINT);
    assert_int_equal(block_how(&s, "f", "D"), PTD_MENTION_STRING | PTD_MENTION_HINT);
    assert_int_equal(block_how(&s, "K.g", "A") & PTD_MENTION_HINT, 0);
    assert_int_equal(how(&s, &item(&s, 2)->mentions, "A"), value | PTD_MENTION_HINT);
    assert_true(block_how(&s, "h", "G") & PTD_MENTION_GLOBAL);
    assert_int_equal(block_how(&s, "h", "A") & PTD_MENTION_HINT, 0);
    assert_int_equal(block_how(&s, "j", "A") & PTD_MENTION_HINT, 0);
    assert_int_equal(how(&s, &item(&s, 5)->mentions, "A") & PTD_MENTION_HINT, 0);
    release(&s);
}

/* A program in a text is no name, but may read annotations. */
static void readers_in_texts(void **state)
{
    (void)state;
    struct source s = parse("def f():\n    run('import m; help(m.f)')\n"
                            "def g():\n    return 'print(m.f.__annotations__, x)'\n"
                            "def h():\n    'text with pydoc and so on'\n"
                            "def i():\n    'text'\n    \"\"\"\n    >>> help(i)\n    \"\"\"\n");
    assert_int_equal(block_how(&s, "f", "pydoc"), PTD_MENTION_STRING);
    assert_int_equal(block_how(&s, "g", "__annotations__"), PTD_MENTION_STRING);
    assert_int_equal(block_how(&s, "h", "pydoc"), 0);
    assert_int_equal(block_how(&s, "i", "pydoc"), PTD_MENTION_STRING);
    release(&s);
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    struct ptd_blocks blocks;
    struct ptd_definitions d;
    const char *text = "import a\nclass C:\n    x = f('y')\ndef g(a: A[B] | c.D): return C.x\n";
    ptd_blocks_parse(text, strlen(text), &blocks);
    char *data = blocks.definitions.data;
    for (size_t len = 0; len < blocks.definitions.len; len++)
        assert_int_equal(ptd_definitions_read(data, len, &d), -1);
    for (size_t i = 0; i < blocks.definitions.len; i++) {
        data[i] ^= 0x55;
        if (ptd_definitions_read(data, blocks.definitions.len, &d) == 0)
            ptd_definitions_release(&d);
        data[i] ^= 0x55;
    }
    ptd_blocks_release(&blocks);
}

/* What does not parse, or is too deep to be looked at, has none. */
static void nothing_is_known_of_broken_sources(void **state)
{
    (void)state;
    struct ptd_blocks blocks;
    struct ptd_definitions d;
    ptd_blocks_parse("def (", 5, &blocks);
    assert_int_equal(ptd_definitions_read(blocks.definitions.data, blocks.definitions.len, &d), -1);
    ptd_blocks_release(&blocks);
    struct ptd_buf deep = PTD_BUF_INIT;
    ptd_buf_adds(&deep, "x = a");
    for (int i = 0; i < 6000; i++)
        ptd_buf_adds(&deep, i % 50 ? ".b" : ".\\\n b");
    ptd_buf_adds(&deep, "\n");
    ptd_blocks_parse(deep.data, deep.len, &blocks);
    assert_int_equal(ptd_definitions_read(blocks.definitions.data, blocks.definitions.len, &d), -1);
    ptd_blocks_release(&blocks);
    ptd_buf_release(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_statements),
        cmocka_unit_test(what_is_bound),
        cmocka_unit_test(what_is_imported),
        cmocka_unit_test(classes_own_their_statements),
        cmocka_unit_test(blocks_mention_what_they_look_up),
        cmocka_unit_test(folded_lambdas_belong_to_their_definition),
        cmocka_unit_test(reflection_is_seen),
        cmocka_unit_test(types_are_told_apart),
        cmocka_unit_test(changes_bind_what_they_change),
        cmocka_unit_test(flags_of_definitions),
        cmocka_unit_test(checksums),
        cmocka_unit_test(functions_without_annotations),
        cmocka_unit_test(annotations_are_taken_apart),
        cmocka_unit_test(hints_are_told_from_other_mentions),
        cmocka_unit_test(readers_in_texts),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(nothing_is_known_of_broken_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
