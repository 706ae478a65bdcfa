#!/usr/bin/env python3
"""Random trees and ignore files, judged by `git check-ignore` and by the engine's rules.

usage: check_ignore_git.py IGNORE_REPLAY [ROUNDS [SEED]]

IGNORE_REPLAY is tests/fuzz/ignore_replay.c, linked with the engine's change and base libraries.
A tree on which the two disagree is printed with its ignore files, and the exit code is 1.
"""

import os
import random
import subprocess
import sys
import tempfile

NAMES = [
    *("a", "b", "ab", "abc", "a.py", "b.txt", "foo", "foobar", "bar", ".hid", "x y", "x ", "#c"),
    *("!n", "a*b", "a?", "[a]", "a\\b", "A", "1", "-", "]", "^", "é", "a\x0b", "a\tb", "a-b"),
]
PIECES = [
    *("a", "b", "c", "foo", "bar", "ab", "x y", ".", ".py", "txt", "*", "*", "*", "?", "**", "**"),
    *("***", "/", "/", "/", "/**/", "**/", "/**", "\\a", "\\*", "\\?", "\\[", "\\\\", "\\ ", "\\!"),
    *("[ab]", "[a-c]", "[!a]", "[^b]", "[]a]", "[!]a]", "[a-]", "[-a]", "[a\\]b]", "[\\a-\\c]"),
    *("[[:alpha:]]", "[[:space:]]", "[![:digit:]_]", "[[:punct:]]", "[[:nope:]]", "[[:]", "[a"),
    *("[[:alpha:", "[a/b]", "[!/]", "\\/", "[z-a]", "[[.]", "[[:a]", "A", "é", "\t", "#", "!", "-"),
    *("[[:upper:][:digit:]]", "[[::]]", "[a-[:alpha:]]", "[\\", "]", "^"),
]


def blur(rng: random.Random, name: str) -> str:
    """A glob that matches the name, or nearly."""
    out = []
    for c in name:
        plain = "\\" + c if c in "*?[\\" else c
        other = rng.choice("ab./]-")
        blurred = [f"[{c}{other}]", f"[{other}-{c}]", f"[!{other}]", f"[^{c}]", f"[{c}-{other}]"]
        out.append(rng.choice([plain] * 12 + ["?", "*", "**", "\\" + c, "", *blurred]))
    return rng.choice(["".join(out), "".join(out), "".join(out), "*", "**", name[:1] + "*"])


def make_body(rng: random.Random, paths: list[str]) -> str:
    if paths and rng.random() < 0.6:
        parts = rng.choice(paths).split("/")
        parts = parts[rng.choice([0, 0, 0, -1, -2]) :]
        if len(parts) > 1 and rng.random() < 0.3:
            del parts[rng.randrange(len(parts))]
        for _ in range(rng.choice([0, 0, 1, 2])):
            parts.insert(rng.randrange(len(parts) + 1), rng.choice(["**", "**", "*", "***"]))
        slash = rng.choice(["/"] * 9 + ["\\/", "//"])
        return slash.join(blur(rng, p) if rng.random() < 0.4 else p for p in parts)
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 6)))


def make_pattern(rng: random.Random, paths: list[str]) -> str:
    body = make_body(rng, paths)
    prefix = rng.choice(["", "", "", "", "!", "!", "/", "!/", "#", "\\#", "\\!", " "])
    suffix = rng.choice([""] * 8 + ["/", "/", " ", "  ", "\\ ", "\\  ", "\\", "/ ", "\t", "**"])
    return prefix + body + suffix


def make_ignore_file(rng: random.Random, paths: list[str]) -> bytes:
    lines = [make_pattern(rng, paths) for _ in range(rng.randint(1, 6))]
    ends = [rng.choice(["\n", "\n", "\n", "\r\n", "\n\n", "\r\n\r\n", "\r\r\n"]) for _ in lines]
    if rng.random() < 0.3:
        ends[-1] = rng.choice(["", "\r"])
    text = "".join(line + end for line, end in zip(lines, ends)).encode()
    return (b"\xef\xbb\xbf" if rng.random() < 0.1 else b"") + text


def make_tree(rng: random.Random, top: str, depth: int) -> None:
    names = rng.sample(NAMES, rng.randint(1, 7))
    for name in names:
        path = os.path.join(top, name)
        kind = rng.random()
        if depth and kind < 0.55:
            os.mkdir(path)
            make_tree(rng, path, depth - 1)
        elif kind < 0.6:
            os.symlink(rng.choice([".", "nowhere", "a"]), path)
        else:
            open(path, "w").close()


def all_paths(top: str) -> list[bytes]:
    found = []
    for folder, folders, files in os.walk(os.fsencode(top)):
        if b".git" in folders:
            folders.remove(b".git")
        found += [os.path.relpath(os.path.join(folder, n), os.fsencode(top)) for n in folders]
        found += [os.path.relpath(os.path.join(folder, n), os.fsencode(top)) for n in files]
    return found


def ask(command: list[str], top: str, stdin: bytes = b"") -> set[bytes]:
    run = subprocess.run(command, cwd=top, input=stdin, stdout=subprocess.PIPE, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{command[0]} failed with {run.returncode}")
    return set(run.stdout.split(b"\0")[:-1])


def round_agrees(rng: random.Random, replay: str) -> tuple[bool, int, int]:
    with tempfile.TemporaryDirectory() as top:
        subprocess.run(["git", "init", "-q", top], check=True)
        make_tree(rng, top, 3)
        folders = [top, *(f for f, _, _ in os.walk(top) if f != top and "/.git" not in f)]
        files = [os.path.join(top, ".git", "info", "exclude"), os.path.join(top, ".gitignore")]
        files += [os.path.join(f, ".gitignore") for f in rng.sample(folders, len(folders) // 3)]
        below = {f: [os.fsdecode(p) for p in all_paths(f)] for f in folders}
        for file in files:
            folder = os.path.dirname(file)
            with open(file, "wb") as out:
                out.write(make_ignore_file(rng, below.get(folder, below[top])))
        paths = all_paths(top)  # now with the ignore files
        git = ask(["git", "check-ignore", "--no-index", "-z", "--stdin"], top, b"\0".join(paths))
        ours = ask([replay], top)
        for path in sorted(git ^ ours):
            print(f"{path!r}: git {'ignores' if path in git else 'keeps'} it, we do not agree")
        if git != ours:
            for file in files:
                print(os.path.relpath(file, top), open(file, "rb").read())
        return git == ours, len(paths), len(git)


def main() -> int:
    replay = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    os.environ.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1")
    judged = ignored = failed = 0
    for i in range(rounds):
        agrees, count, hits = round_agrees(random.Random(seed + i), replay)
        judged += count
        ignored += hits
        failed += not agrees
        if not agrees:
            print(f"-- seed {seed + i}")
    print(f"{rounds} trees, {judged} paths, {ignored} ignored (seed {seed})")
    print(f"{failed} trees judged differently")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
