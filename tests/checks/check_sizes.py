"""Files of at most 600 lines, functions of at most 70, lines of at most 100 columns."""

import ast
import re
import statistics

import sources

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

COLUMN_SUFFIXES = {".c", ".h", ".cc", ".py", ".sh"}
FILE_SUFFIXES = COLUMN_SUFFIXES | {".def", ".cmake"}
SWITCHED_OFF = "clang-format off"  # tables keep their columns

DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$", re.MULTILINE)
NAME = re.compile(r"\b(?!__attribute__)(\w+)\s*\(")


def without_directives(text):
    """Preprocessor lines blanked; of #if … #else … #endif the first branch is kept."""
    lines = DIRECTIVE.sub(lambda m: "\x01" + m.group().replace("\n", "\n\x01"), text).split("\n")
    dropping, depth, kept = [], 0, []
    for line in lines:
        directive = re.match(r"\x01[ \t]*#[ \t]*(\w+)", line)
        word = directive.group(1) if directive else ""
        if word in ("if", "ifdef", "ifndef"):
            depth += 1
        elif word in ("else", "elif") and (not dropping or dropping[-1] != depth):
            dropping.append(depth)
        elif word == "endif":
            if dropping and dropping[-1] == depth:
                dropping.pop()
            depth -= 1
        kept.append("" if line.startswith("\x01") or dropping else line)
    return "\n".join(kept)


def c_functions(text):
    """(name, first line, number of lines) of each function defined."""
    text = without_directives(sources.without_literals(text))
    text = re.sub(r'\bextern\s*""\s*\{', lambda m: "\n" * m.group().count("\n"), text)
    depth, start, head = 0, 0, ""
    for match in re.finditer(r"[{};]", text):
        mark, at = match.group(), match.start()
        if depth == 0 and mark in "{;":
            head = text[start:at]
            body_start = start
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth = max(0, depth - 1)
            if depth == 0 and is_function(head):
                first = body_start + len(head) - len(head.lstrip())
                line = text.count("\n", 0, first) + 1
                yield NAME.search(head).group(1), line, text.count("\n", first, at) + 1
        if depth == 0:
            start = match.end()


def is_function(head):
    head = head.strip()
    return (
        bool(NAME.search(head))
        and "=" not in head
        and not head.startswith(("typedef", "enum", "union"))
        and not re.match(r"struct\s+\w*\s*$", head)
    )


def py_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def functions_of(path, text):
    if path.suffix in {".c", ".h", ".cc"}:
        return c_functions(text)
    return py_functions(text) if path.suffix == ".py" else ()


def long_lines(file, text):
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > COLUMNS_MAX:
            yield f"{file}:{number}: {len(line)} columns, {COLUMNS_MAX} at the most"


def check(root):
    offences, file_lines, function_lines = [], [], []
    for path in sources.walk(root):
        if path.suffix not in FILE_SUFFIXES:
            continue
        file, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        file_lines.append(text.count("\n"))
        if file_lines[-1] > FILE_LINES_MAX:
            offences.append(f"{file}:1: {file_lines[-1]} lines, {FILE_LINES_MAX} at the most")
        if path.suffix in COLUMN_SUFFIXES and SWITCHED_OFF not in text:
            offences += long_lines(file, text)
        for name, line, lines in functions_of(path, text):
            function_lines.append(lines)
            if lines > FUNCTION_LINES_MAX:
                offences.append(
                    f"{file}:{line}: {name}() has {lines} lines, "
                    f"{FUNCTION_LINES_MAX} at the most"
                )
    return offences, summary(file_lines, function_lines)


def summary(files, functions):
    def part(what, sizes):
        if not sizes:
            return f"0 {what}"
        return (
            f"{len(sizes)} {what} of {statistics.median(sizes):.0f} lines (median), "
            f"longest {max(sizes)}"
        )

    return "sizes: " + part("files", files) + "; " + part("functions", functions)


if __name__ == "__main__":
    sources.run(check, __doc__)
