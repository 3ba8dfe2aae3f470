#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of the documentation, and what becomes of them: tests/cli/docs-commands.sh.

usage: docs_commands.py list FILE...
       docs_commands.py run TABLE SCENE FILE...
"list" prints each command as "file:line: words". "run" tries them, in the directory where it is called, which is a lab for it.

Commands are the lines of indented and fenced blocks of Markdown whose first line begins with a program that is known here, "orthrus ...",
"systemctl ..." and "make ..." between backticks, and in manual pages the lines of literal displays and .Dl that begin with a prompt, and .Ql.

What is tried: `orthrus --help` and the words, which are all read before it helps, so that a noun, verb or option that is not there is an error; and
then for real, with --plan where the command changes something, unless a word of it stands for something (NAME, ...) or TABLE says otherwise. A
command in prose that lacks its arguments is only named there; one in our sources is only read.
Of other programs: make's target and test, systemctl's unit, the options of our programs in their --help or manual page, a file of the project.

TABLE has lines "HOW PATTERN # reason", the first that fits counts: parse (the words only), an exit status or several (0,3), endless (it is
ended after a while, and had not ended by itself); "program NAME # reason" is another program whose options are not looked at.
SCENE has lines "WORD=TEXT": what stands for WORD in the lab.
"""
import fnmatch
import glob
import os
import re
import shlex
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

TOP = os.environ["TOP"]
BUILD = os.environ.get("BUILD", os.path.join(TOP, "build"))
OURS = ("orthrus", "orthrusd", "orthrus-guard", "orthrus-imager", "orthrus-node", "orthrus-setup")
KNOWN = OURS + ("make", "systemctl", "journalctl")
# Their indented blocks are commands and nothing else: a program that nobody knows is a mistake.
GUIDES = ("README.md", "docs/first-hour.md", "docs/operations.md", "docs/troubleshooting.md")
PLACE = re.compile(r"(^|[\s/=@:,])([A-Z][A-Z_]*(/[A-Z]+)?)($|[\s/.:,[])|\.\.\.|~|<")
BESIDE = 4


class Command:
    def __init__(self, path, line, text, inline):
        self.path, self.line, self.text, self.inline = os.path.relpath(path, TOP), line, text, inline

    def where(self):
        return f"{self.path}:{self.line}"


def simple_commands(text):
    """The simple commands of a line of shell, as lists of words; None: it is no shell."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return None
    out, skip = [[]], False
    for word in words:
        if set(word) <= set(";&|()"):
            out.append([])
        elif set(word) <= set("<>&"):
            skip = True
        elif skip:
            skip = False
        else:
            out[-1].append(word)
    for c in out:  # A=1 program
        while c and re.match(r"[A-Za-z_]+=", c[0]):
            c.pop(0)
    return [c for c in out if c]


def without_comment(text):
    """Up to a '#' that begins a word outside of quotes."""
    quote = ""
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c == "#" and (i == 0 or text[i - 1].isspace()):
            return text[:i].rstrip()
    return text.rstrip()


def block_commands(path, block, known, said):
    """Of a block of (line, text): its commands, when the first line is one."""
    joined, held = [], None
    for n, text in block:
        text = text.strip()
        if held:
            n, text = held[0], held[1] + " " + text
            held = None
        if text.endswith("\\"):
            held = (n, text[:-1].rstrip())
            continue
        joined.append((n, text))
    word = joined[0][1].split()[0] if joined and joined[0][1] else ""
    if word not in known:
        if word and os.path.relpath(path, TOP) in GUIDES and not word.startswith(("#", "RESULT")):
            said.append(f"{os.path.relpath(path, TOP)}:{joined[0][0]}: {word} is no program that is known here")
        return
    for n, text in joined:
        bare = without_comment(text)
        if not bare:
            continue
        if simple_commands(bare) is None:
            said.append(f"{os.path.relpath(path, TOP)}:{n}: no line of shell: {bare}")
        else:
            yield Command(path, n, bare, False)


def of_markdown(path, text, known, said):
    lines, block, fenced, code_before = text.split("\n"), [], None, False
    blank = True
    for n, line in enumerate(lines + [""], 1):
        if line.lstrip().startswith("```"):
            if fenced is None:
                fenced = line.strip()[3:]
            else:
                if fenced != "text":
                    yield from block_commands(path, block, known, said)
                fenced, block = None, []
            continue
        if fenced is not None:
            block.append((n, line))
            continue
        indented = re.match(r" {4,}\S", line) and (blank or code_before)
        if indented:
            block.append((n, line))
        elif block and line.strip():
            yield from block_commands(path, block, known, said)
            block = []
        if not indented:
            for m in re.finditer(r"`([^`]+)`", line):
                if m.group(1).split(" ")[0] in KNOWN and " " in m.group(1):
                    yield Command(path, n, m.group(1), True)
        code_before = bool(indented) or (code_before and not line.strip())
        blank = not line.strip()
    yield from block_commands(path, block, known, said)


def of_manual(path, text, known, said):
    literal, block = False, []
    for n, line in enumerate(text.split("\n"), 1):
        line = line.replace("\\e", "\\").replace("\\-", "-").replace("\\&", "")
        if re.match(r"\.Bd -literal", line):
            literal, block = True, []
        elif line.startswith(".Ed"):
            literal = False
            if block:
                yield from block_commands(path, block, known, said)
            block = []
        elif literal:
            m = re.match(r"[#$] (.*)", line)
            if m:
                block.append((n, m.group(1)))
            elif block and block[-1][1].endswith("\\"):
                block.append((n, line))
        elif line.startswith(".Dl "):
            m = re.match(r"\.Dl [#$] (.*)", line)
            if m:
                yield from block_commands(path, [(n, m.group(1))], known, said)
        else:
            m = re.match(r"\.Ql (.*?)( [.,:;)])*$", line)
            if m and m.group(1).split(" ")[0] in KNOWN and " " in m.group(1):
                yield Command(path, n, m.group(1), True)


def of_source(path, text):
    """What our programs tell people to type: between backticks, in strings of C. What printf puts in is a word."""
    for m in re.finditer(r'"(?:\\.|[^"\\\n])*"(?:\s*"(?:\\.|[^"\\\n])*")*', text):
        whole = "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', m.group(0)))
        for command in re.findall(r"`(orthrus [^`]*)`", whole):
            yield Command(path, text.count("\n", 0, m.start()) + 1, re.sub(r"(%[-.*0-9]*(ll|l|z)?[a-z])+", "n01", command), True)


def commands(files, known, said):
    for path in files:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if path.endswith((".c", ".h")):
            yield from of_source(path, text)
        else:
            yield from (of_markdown if path.endswith(".md") else of_manual)(path, text, known, said)


def effects():
    """(noun, verb) -> its effect and how many arguments it must have, from the one table of commands."""
    with open(os.path.join(TOP, "cmd/commands.h"), encoding="utf-8") as f:
        rows = re.findall(r'X\("(\w+)", "(\w+)", \w+, (CMD_\w+), "([^"]*)"', f.read())
    return {(noun, verb): (effect, len(re.sub(r"\[[^]]*\]", "", args).replace(" -- ", " ").split())) for noun, verb, effect, args in rows}


class Table:
    def __init__(self, path):
        self.rules, self.programs, self.used = [], set(), set()
        with open(path, encoding="utf-8") as f:
            for line in f:
                if not line.strip() or line.startswith("#"):
                    continue
                how, rest = line.strip().split(" ", 1)
                what, _, reason = rest.partition(" # ")
                if not reason.strip():
                    sys.exit(f"{path}: no reason is given: {line.strip()}")
                if how == "program":
                    self.programs.add(what.strip())
                else:
                    self.rules.append((how, what.strip()))

    def find(self, text):
        for how, pattern in self.rules:
            if fnmatch.fnmatchcase(text, re.sub(r"\[", "[[]", pattern)):
                self.used.add(pattern)
                return how
        return None


def call(words, timeout):
    try:
        r = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return None, ""
    return r.returncode, (r.stdout + r.stderr).decode("utf-8", "replace")


class Runner:
    def __init__(self, table, scene):
        self.table, self.effects, self.counts = table, effects(), {"parsed": 0, "run": 0, "planned": 0, "other": 0}
        self.scene = [line.rstrip("\n").split("=", 1) for line in scene if "=" in line]
        with open(os.path.join(TOP, "Makefile"), encoding="utf-8") as f:
            self.targets = set(re.findall(r"^([a-z][a-z-]*):", f.read(), re.MULTILINE))
        self.units = {os.path.basename(p) for p in glob.glob(os.path.join(TOP, "packages/*"))}
        self.lock = threading.Lock()

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def orthrus(self, c, words):
        args = words[1:]
        if not args or args[0] == "n01" or args[0].isupper() or (c.inline and not re.match(r"[a-z-]", args[0])):
            return None
        end = args.index("--") if "--" in args else len(args)
        status, text = call([os.path.join(BUILD, "orthrus"), "--help"] + args, 20)
        if status != 0 and not (c.inline and "needs a value" in text):
            return f"its words make no sense: {text.strip()}"
        self.count("parsed")
        whole = " ".join(words)
        how = self.table.find(whole)
        if how == "parse" or (how is None and PLACE.search(whole)) or c.path.endswith((".c", ".h")) or "--help" in args or "--version" in args:
            return None
        plain = [a for a in args[:end] if not a.startswith("-")]
        at = next((i for i in range(len(plain) - 1) if (plain[i], plain[i + 1]) in self.effects), None)
        if at is None:
            return None  # a noun alone
        effect, least = self.effects[plain[at], plain[at + 1]]
        if effect == "CMD_CHANGES" and plain[at:at + 2] == ["node", "discover"] and "--approve" not in args:
            effect = "CMD_READS"  # it only looks then
        if c.inline and len(plain) - at - 2 + len(args) - end < least + (end < len(args)):
            return None
        if effect not in ("CMD_READS", "CMD_READS_HERE") and "--plan" not in args[:end]:
            verb = next(i for i in range(len(args) - 1) if args[i:i + 2] == plain[at:at + 2]) + 2
            args = args[:verb] + ["--plan"] + args[verb:]
            self.count("planned")
        else:
            self.count("run")
        for word, text in self.scene:
            args = [a.replace(word, text) for a in args]
        status, text = call([os.path.join(BUILD, "orthrus")] + args, 4 if how == "endless" else 60)
        if how == "endless":
            return None if status is None else f"ended by itself, with {status}: {text.strip()[:600]}"
        if status is None:
            return "does not end"
        if str(status) not in (how or "0").split(","):
            return f"exit status {status}: {text.strip()[:600]}"
        return None

    def make(self, words):
        for word in words[1:]:
            name, _, value = word.partition("=")
            if not _:
                if not word.startswith("-") and word not in self.targets:
                    return f"the Makefile has no target {word}"
            elif name == "T":
                for t in value.split():
                    kind, _, test = t.rpartition("/")
                    if not glob.glob(os.path.join(TOP, "tests", kind or "*", test + ".*")) and not os.path.isdir(os.path.join(TOP, "tests", t)):
                        return f"there is no test {t}"
        return None

    def systemctl(self, words):
        args = [w for w in words[1:] if not w.startswith("-")]
        for unit in args[1:] if words[0] == "systemctl" else []:
            name = re.sub(r"@[^.]*", "@", unit)
            if not {name, name + ".service"} & self.units and not PLACE.search(unit):
                with subprocess.Popen(["grep", "-rlqF", "--include=*.c", unit, os.path.join(TOP, "installer")]) as p:
                    if p.wait() != 0:
                        return f"there is no unit {unit}"
        return None

    def program(self, words):
        status, text = call([os.path.join(BUILD, words[0]), "--help"], 20)
        if status != 0:
            return f"--help ends with {status}"
        page = os.path.join(TOP, f"docs/man/{words[0]}.8") # which a lint compares with the program's own table
        if os.path.exists(page):
            with open(page, encoding="utf-8") as f:
                text += re.sub(r"\bFl -", "--", f.read())
        for word in words[1:]:
            option = word.split("=")[0]
            if option.startswith("--") and option != "--" and not re.search(re.escape(option) + r"(?![a-z-])", text):
                return f"there is no {option}"
        return None

    def one(self, c, words):
        name = words[0]
        if name == "orthrus":
            return self.orthrus(c, words)
        self.count("other")
        if name in OURS:
            return self.program(words) if not c.inline or words[1].startswith("-") else None # else it is what the program says
        if name == "make":
            return self.make(words)
        if name in ("systemctl", "journalctl"):
            return self.systemctl(words)
        if "/" in name:
            return None if os.access(os.path.join(TOP, name), os.X_OK) else f"there is no program {name}"
        return None if name in self.table.programs else f"{name} is not in the table of programs"

    def run(self, found):
        """What is wrong, in the order of FOUND. They only look, each only once: so many beside each other, since some wait."""
        each = [((c.inline, c.path.endswith((".c", ".h")), *words), c, words) for c in found for words in simple_commands(c.text) or []]
        once = {key: (c, words) for key, c, words in reversed(each)}
        with ThreadPoolExecutor(BESIDE) as pool:
            done = dict(zip(once, pool.map(lambda a: self.one(*a), once.values())))
        return [f"{c.where()}: {' '.join(words)}: {done[key]}" for key, c, words in each if done[key]]


def main():
    if sys.argv[1:2] == ["list"]:
        said = []
        for c in commands(sys.argv[2:], KNOWN, said):
            print(f"{c.where()}: {'(inline) ' if c.inline else ''}{c.text}")
        print("\n".join(said))
        return 1 if said else 0
    table, said = Table(sys.argv[2]), []
    with open(sys.argv[3], encoding="utf-8") as f:
        runner = Runner(table, f.readlines())
    found = list(commands(sys.argv[4:], set(KNOWN) | table.programs, said))
    said += runner.run(found)
    said += [f"tests/cli/docs-commands.table: nothing is like \"{p}\"" for _, p in table.rules if p not in table.used]
    for line in said:
        print(f"FAIL: {line}")
    print(f"RESULT docs-commands commands={len(found)} " + " ".join(f"{k}={v}" for k, v in runner.counts.items()) + f" wrong={len(said)}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
