"""The pages say what the tables of the code say: settings, routes, the example program, links."""

import re

import sources

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
SETTING = re.compile(r"^(?:TEXT|NUMBER|SWITCH)_SETTING\((\w+), \"?([^,\"]*)\"?,", re.MULTILINE)
ENGINE_SETTING = re.compile(r"X\((\w+), (\d+), \"")
ROUTE = re.compile(r"^ROUTE\((\w+),\s*\"([^\"]+)\",[^\"]*\"([^\"]*)\"\)", re.MULTILINE)

OPERATIONS = "docs/operations.md"
ROUTES = "docs/http-lynse.md"
EMBEDDING = "docs/embedding.md"
EXAMPLE = "docs/examples/embed.c"


def read(root, file):
    return (root / file).read_text(encoding="utf-8")


def broken_links(root):
    for path in sources.walk(root):
        if path.suffix != ".md":
            continue
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            if "://" not in target and not (path.parent / target).exists():
                yield f"{path.relative_to(root)}: links to {target}, which is not there"


def missing_settings(root):
    page = read(root, OPERATIONS)
    table = read(root, "engine/varve.h").split("#define VARVE_SETTING_TABLE", 1)[1]
    settings = SETTING.findall(read(root, "gateway/settings.def"))
    settings += ENGINE_SETTING.findall(table.split("typedef", 1)[0])
    for key, default in settings:
        if f"| `{key}` | {default or '–'} |" not in page:
            yield f"{OPERATIONS}: has no row for {key} with the default {default or '–'}"


def missing_routes(root):
    page = read(root, ROUTES)
    for method, path, summary in ROUTE.findall(read(root, "gateway/routes.def")):
        if not re.search(
            rf"^\| {method} `{re.escape(path)}` \| \w+ \| {re.escape(summary)} \|$",
            page,
            re.MULTILINE,
        ):
            yield f"{ROUTES}: has no row for {method} {path}: {summary}"


def other_example(root):
    if f"```c\n{read(root, EXAMPLE)}```\n" not in read(root, EMBEDDING):
        yield f"{EMBEDDING}: its program is not that of {EXAMPLE}"


def check(root):
    offences = [
        *broken_links(root),
        *missing_settings(root),
        *missing_routes(root),
        *other_example(root),
    ]
    return offences, "docs: settings, routes, example, links"


if __name__ == "__main__":
    sources.run(check, __doc__)
