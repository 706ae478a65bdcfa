"""Checks the #include lines of runner/ and embed/ against the layers; compiles each header alone.

The table says what the files of a directory may include besides their own directory. CMakeLists.txt
links the libraries by the same table.
"""

import os
import re
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent

MAY_USE = {
    "base": set(),
    "contract": {"base"},
    "config": {"contract", "base"},
    "syntax": {"contract", "base"},
    "change": {"contract", "base"},
    "store": {"contract", "base"},
    "journal": {"contract", "base"},
    "lines": {"journal", "contract", "base"},
    "select": {"contract", "base"},
    "report": {"select", "contract", "base"},  # the selection is a value
    "session": {"config", "contract", "base"},
    "serve": {"contract", "base"},  # a program of its own
    "http": {"contract", "base"},
    "exchange": {"http", "contract", "base"},  # the same
    "state": {"change", "store", "syntax", "contract", "base"},
    "record": {"journal", "state", "change", "store", "syntax", "contract", "base"},
    "passes": {"record", "state", "journal", "store", "syntax", "contract", "base"},
    "remote": {"contract", "base"},
    "transfer": {"http", "contract", "base"},
    "merge": {"state", "store", "contract", "base"},
    "watch": {"change", "contract", "base"},
    "graph": {"change", "syntax", "contract", "base"},
    "cmd": {
        "graph",
        "passes",
        "remote",
        "report",
        "watch",
        "merge",
        "select",
        "record",
        "state",
        "journal",
        "lines",
        "store",
        "change",
        "syntax",
        "session",
        "config",
        "contract",
        "base",
    },
    "main": {"cmd", "exchange", "serve", "config", "contract", "base"},
    "embed": {"contract", "base"},
}

# System headers that only these layers may include, and the pkg-config package they come with.
RESERVED = {
    "sqlite3.h": ({"store", "lines", "serve"}, "sqlite3"),
    "microhttpd.h": ({"serve"}, "libmicrohttpd"),
    "jansson.h": ({"exchange", "serve"}, "jansson"),
    "nettle/sha2.h": ({"exchange", "serve"}, "nettle"),
    "tree_sitter/api.h": ({"syntax"}, "tree-sitter"),
    "xxhash.h": ({"base"}, "libxxhash"),
    "curl/curl.h": ({"http"}, "libcurl"),
    "hiredis.h": ({"transfer"}, "hiredis"),
    "iniparser.h": ({"transfer"}, None),
    "zstd.h": ({"transfer"}, "libzstd"),
    "Python.h": ({"embed"}, None),
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def layer_of(path):
    """The layer that a file belongs to: its directory below runner/, "main", or "embed"."""
    parts = path.relative_to(TOP).parts
    if parts[0] == "embed":
        return "embed"
    return parts[1] if len(parts) > 2 else "main"


def target_of(source, name):
    """The file that `#include "name"` of `source` means, or None."""
    for folder in (source.parent, TOP / "runner", TOP / "embed"):
        if (folder / name).is_file():
            return (folder / name).resolve()
    return None


def check_file(source):
    layer = layer_of(source)
    where = source.relative_to(TOP)
    if layer not in MAY_USE:
        yield f"{where}: the table in tests/check_includes.py has no layer '{layer}'"
        return
    text = source.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        kind, name = match.groups()
        place = f"{where}:{text.count(chr(10), 0, match.start()) + 1}"
        if kind == "<":
            allowed = RESERVED.get(name, (None, None))[0]
            if allowed is not None and layer not in allowed:
                yield f"{place}: {layer} may not include <{name}>"
            continue
        target = target_of(source, name)
        if target is None:
            yield f'{place}: "{name}" is not a file of ours'
        elif layer_of(target) not in MAY_USE[layer] | {layer}:
            yield f"{place}: {layer} may not use {layer_of(target)} ({name})"


def package_flags():
    packages = [package for _, package in RESERVED.values() if package]
    done = subprocess.run(
        ["pkg-config", "--cflags", *packages], capture_output=True, text=True, check=True
    )
    return [*done.stdout.split(), "-isystem", sysconfig.get_path("include")]


def compile_alone(header, flags):
    """Compiles a file that holds nothing but this header, twice included."""
    line = f'#include "{header}"\n'
    command = [os.environ.get("CC", "cc"), "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only"]
    command += ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
    command += ["-I", str(TOP / "runner"), "-I", str(TOP / "embed"), *flags, "-x", "c", "-"]
    done = subprocess.run(command, input=line + line, capture_output=True, text=True)
    if done.returncode != 0:
        return f"{header.relative_to(TOP)}: does not compile alone\n{done.stderr}"
    return None


def main():
    sources = sorted(p for top in ("runner", "embed") for p in (TOP / top).rglob("*.[ch]"))
    problems = [problem for source in sources for problem in check_file(source)]
    headers = [source for source in sources if source.suffix == ".h"]
    flags = package_flags()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda header: compile_alone(header, flags), headers)
        problems += [problem for problem in results if problem]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(sources)} files, {len(headers)} headers, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
