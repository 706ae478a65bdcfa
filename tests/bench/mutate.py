"""Small random changes to Python source, one at a time, made on the text so that all else stays.

A Site is a place and a change that could be made there. Sites have a kind (what the report counts
by) and an operation within it; `choose` takes the kinds in turn, then an operation, then a place,
so that constants, of which there are most, do not crowd out the rest.
"""

import ast
import os
import random
import re
import warnings

SOURCE_KINDS = ("body", "constant", "class attribute", "decorator", "default")
KINDS = SOURCE_KINDS + ("conftest", "helper")

BINARY = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "+"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
}
COMPARE = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", ">="),
    ast.GtE: (">=", "<"),
    ast.Gt: (">", "<="),
    ast.LtE: ("<=", ">"),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
}
DELETABLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Delete)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Site:
    def __init__(self, kind, operation, path, line, start, end, text):
        self.kind = kind
        self.operation = operation
        self.path = path
        self.line = line
        self.start = start
        self.end = end
        self.text = text

    def apply(self, source):
        return source[: self.start] + self.text + source[self.end :]

    def __str__(self):
        return "%s, %s: %s:%d" % (self.kind, self.operation, self.path, self.line)


def other_constant(value):
    """Another literal of the same type, or None."""
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, (int, float)):
        return repr(value + 1)
    if isinstance(value, str):
        return repr(value + "_")
    if isinstance(value, bytes):
        return repr(value + b"_")
    return "0" if value is None else None


class Finder:
    """Collects the sites of one file. `role` is source, conftest, helper or test."""

    def __init__(self, path, source, role):
        self.path = path
        self.source = source
        self.role = role
        self.sites = []
        self.lines = [0]
        for match in re.finditer(b"\n", source):
            self.lines.append(match.end())

    def offset(self, line, column):
        return self.lines[line - 1] + column

    def span(self, node):
        start = self.offset(node.lineno, node.col_offset)
        return start, self.offset(node.end_lineno, node.end_col_offset)

    def add(self, kind, operation, node, start, end, text):
        if self.role in ("conftest", "helper"):
            kind = self.role
        elif self.role == "test":
            kind = "helper"
        self.sites.append(
            Site(kind, operation, self.path, node.lineno, start, end, text.encode("utf-8"))
        )

    # -- expressions

    def expression(self, kind, node, operation=None):
        """Sites within an expression; formatted strings have no usable positions before 3.12."""
        if node is None or isinstance(node, ast.JoinedStr):
            return
        if isinstance(node, ast.Constant):
            text = other_constant(node.value)
            if text is not None:
                self.add(kind, operation or "constant", node, *self.span(node), text)
        elif isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            self.operator(kind, node, node.left, node.right, BINARY[type(node.op)], escape=True)
        elif isinstance(node, ast.BoolOp):
            change = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            self.operator(kind, node, node.values[0], node.values[1], change)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            self.operator(kind, node, node.left, node.comparators[0], COMPARE[type(node.ops[0])])
        if isinstance(node, ast.Lambda):
            self.expression("body", node.body)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.expr, ast.keyword, ast.comprehension, ast.slice)):
                self.expression(kind, child, operation)

    def operator(self, kind, node, left, right, change, escape=False):
        start, end = self.span(left)[1], self.span(right)[0]
        between = self.source[start:end].decode("utf-8")
        pattern = re.escape(change[0]) if escape else change[0]
        if "#" not in between and len(re.findall(pattern, between)) == 1:
            text = re.sub(pattern, " %s " % change[1], between)
            self.add(kind, "operator", node, start, end, text)

    # -- statements

    def body_of(self, function):
        for statement in function.body:
            self.statement(statement)

    def statement(self, node):
        if isinstance(node, FUNCTIONS):
            self.function(node)
            return
        if isinstance(node, ast.ClassDef):
            self.class_body(node)
            return
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, DELETABLE) and not docstring:
            self.add("body", "deleted statement", node, *self.span(node), "pass")
        if isinstance(node, ast.Return) and node.value is not None:
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                self.add("body", "return", node, *self.span(node), "return None")
        if isinstance(node, ast.If):
            start, end = self.span(node.test)
            text = "not (%s)" % self.source[start:end].decode("utf-8")
            self.add("body", "condition", node, start, end, text)
        for name, value in ast.iter_fields(node):
            if name == "annotation":
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.expr):
                    self.expression("body", child)
                elif isinstance(child, ast.stmt):
                    self.statement(child)
                elif isinstance(child, ast.ExceptHandler):
                    self.body_of(child)
                elif isinstance(child, ast.withitem):
                    self.expression("body", child.context_expr)

    # -- definitions

    def function(self, node):
        self.decorators(node)
        for default in node.args.defaults + [d for d in node.args.kw_defaults if d]:
            self.expression("default", default, "default value")
        self.body_of(node)

    def class_body(self, node):
        self.decorators(node)
        for statement in node.body:
            if isinstance(statement, FUNCTIONS):
                self.function(statement)
            elif isinstance(statement, ast.ClassDef):
                self.class_body(statement)
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
                self.expression("class attribute", statement.value)

    def decorators(self, node):
        first = node.decorator_list[0] if node.decorator_list else node
        indent = self.source[self.offset(first.lineno, 0) :].split(b"\n", 1)[0]
        indent = indent[: len(indent) - len(indent.lstrip())].decode("ascii", "replace")
        start = self.offset(first.lineno, 0)
        self.add("decorator", "added", node, start, start, indent + "@(lambda same: same)\n")
        for decorator in node.decorator_list:
            start = self.offset(decorator.lineno, 0)
            end = self.lines[decorator.end_lineno]
            self.add("decorator", "removed", decorator, start, end, "")
            if isinstance(decorator, ast.Call):
                for argument in decorator.args + [word.value for word in decorator.keywords]:
                    self.expression("decorator", argument, "argument")

    def module(self, tree):
        for statement in tree.body:
            if self.role == "test":
                # Of a test file only what serves its tests: the tests themselves are no helpers.
                if isinstance(statement, FUNCTIONS) and not statement.name.startswith("test"):
                    self.function(statement)
            elif isinstance(statement, FUNCTIONS):
                self.function(statement)
            elif isinstance(statement, ast.ClassDef):
                self.class_body(statement)
            elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                self.expression("constant", statement.value)


def role_of(path, in_tests):
    leaf = os.path.basename(path)
    if leaf == "conftest.py":
        return "conftest"
    if not in_tests:
        return "source"
    return "test" if leaf.startswith("test_") or leaf.endswith("_test.py") else "helper"


def python_files(root, folders):
    for folder in folders:
        for base, names, leaves in os.walk(os.path.join(root, folder)):
            names.sort()
            for leaf in sorted(leaves):
                if leaf.endswith(".py"):
                    yield os.path.relpath(os.path.join(base, leaf), root)


def sites_of_file(root, path, role):
    with open(os.path.join(root, path), "rb") as stream:
        source = stream.read()
    if source.startswith(b"\xef\xbb\xbf") or re.search(b"\r(?!\n)", source):
        return []
    try:
        source.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    finder = Finder(path, source, role)
    finder.module(tree)
    return finder.sites


def all_sites(root, entry):
    """Every site of a project: its sources, its conftest files, its helpers in test folders."""
    tests = set(python_files(root, entry["tests"]))
    unused = tuple(entry.get("unused", ()))
    paths = sorted(tests | set(python_files(root, entry["sources"])))
    if os.path.exists(os.path.join(root, "conftest.py")) and "conftest.py" not in paths:
        paths.append("conftest.py")
    sites = []
    for path in paths:
        if path.startswith(unused):
            continue  # checked by other tools, never seen by pytest
        sites += sites_of_file(root, path, role_of(path, path in tests))
    return sites


def compiles(source, path):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, path, "exec")
        return True
    except (SyntaxError, ValueError):
        return False


def is_change(root, site):
    with open(os.path.join(root, site.path), "rb") as stream:
        source = stream.read()
    mutant = site.apply(source)
    if not compiles(mutant, site.path):
        return False
    return ast.dump(ast.parse(source)) != ast.dump(ast.parse(mutant))


def choose(root, entry, seed, kinds=KINDS):
    """Yields different sites, kinds in turn, until there are none; fixed by the seed."""
    generator = random.Random(seed)
    pools = {}
    for site in all_sites(root, entry):
        if site.kind in kinds:
            pools.setdefault(site.kind, {}).setdefault(site.operation, []).append(site)
    while pools:
        for kind in [kind for kind in kinds if kind in pools]:
            site = None
            while pools[kind] and (site is None or not is_change(root, site)):
                operation = generator.choice(sorted(pools[kind]))
                sites = pools[kind][operation]
                site = sites.pop(generator.randrange(len(sites)))
                if not sites:
                    del pools[kind][operation]
            if site is not None:
                yield site
            if not pools[kind]:
                del pools[kind]
