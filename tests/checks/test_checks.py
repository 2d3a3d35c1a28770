"""The checks find what they are for: each rule is broken once in a small tree of its own."""

import tempfile
import unittest
from pathlib import Path

import check_headers
import check_layers
import check_sizes
import check_words


class Checks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="varve-checks-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, file, text):
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def found(self, check):
        return check(self.root)[0]

    def includes(self, file, line):
        self.write(file, f"/* x */\n#include {line}\n")
        offences = self.found(check_layers.check)
        (self.root / file).unlink()
        return offences


class Layers(Checks):
    def test_down_is_fine(self):
        for file, line in [
            ("engine/db/a.c", '"store/store.h"'),
            ("engine/db/a.c", '"db/db.h"'),
            ("engine/query/a.c", '"segment/view.h"'),
            ("cli/a.c", '"gateway.h"'),
            ("gateway/a.c", '"base/json.h"'),
            ("gateway/a.c", "<microhttpd.h>"),
            ("engine/store/a.c", "<rocksdb/c.h>"),
            ("engine/distance/distance_avx2.c", "<immintrin.h>"),
        ]:
            self.assertEqual(self.includes(file, line), [], (file, line))

    def test_up_and_across(self):
        for file, line in [
            ("engine/base/a.c", '"record/id.h"'),
            ("engine/segment/a.c", '"query/query.h"'),
            ("engine/segment/a.c", '"store/store.h"'),
            ("engine/index/a.c", '"field/keyword.h"'),
            ("engine/odd/a.c", '"base/json.h"'),
            ("gateway/a.c", '"db/db.h"'),
            ("snapshot/a.c", '"segment/view.h"'),
            ("compactor/a.c", '"store/store.h"'),
            ("compactor/a.c", '"db/db.h"'),
            ("engine/db/a.c", "<rocksdb/c.h>"),
            ("engine/distance/distance.c", "<immintrin.h>"),
            ("engine/db/a.c", '"store/store_private.h"'),
            ("engine/db/a.c", '"../store/store.h"'),
            ("other/a.c", '"varve.h"'),
        ]:
            self.assertEqual(len(self.includes(file, line)), 1, (file, line))

    def test_own_files_of_a_program(self):
        self.write("gateway/reply.h", "")
        self.write("gateway/dialect/args.h", "")
        self.assertEqual(self.includes("gateway/dialect/a.c", '"reply.h"'), [])
        self.assertEqual(self.includes("gateway/dialect/a.c", '"args.h"'), [])
        self.assertEqual(len(self.includes("cli/a.c", '"reply.h"')), 1)


class Sizes(Checks):
    def lines_of(self, text):
        return [(name, lines) for name, _, lines in check_sizes.c_functions(text)]

    def test_functions_of_c(self):
        text = (
            'static const char *t[] = {"}", "{"};\n'
            "struct a {\n    int x;\n};\n"
            "/* { */ int f(int x)\n{\n    if (x == '{') return 1; // {\n    return 0;\n}\n"
            "#ifdef Q\nint g(int x) {\n#else\nint g(void) {\n#endif\n    return 0;\n}\n"
            "static int h(void) { return 0; }\n"
        )
        self.assertEqual(self.lines_of(text), [("f", 5), ("g", 6), ("h", 1)])

    def test_limits(self):
        self.write("engine/a.c", "void f(void)\n{\n" + "    g();\n" * 67 + "}\n")
        self.assertEqual(self.found(check_sizes.check), [])
        self.write("engine/a.c", "void f(void)\n{\n" + "    g();\n" * 68 + "}\n")
        self.assertIn("f() has 71 lines", self.found(check_sizes.check)[0])
        self.write("engine/a.c", "\n" * 601)
        self.assertIn("601 lines", self.found(check_sizes.check)[0])
        self.write("engine/a.c", "/*" + "é" * 98 + "\n")
        self.assertEqual(self.found(check_sizes.check), [])
        self.write("engine/a.c", "/*" + "é" * 99 + "\n")
        self.assertIn("101 columns", self.found(check_sizes.check)[0])
        self.write("engine/a.c", "")
        self.write("tests/a.py", "def f():\n" + "    pass\n" * 70)
        self.assertIn("f() has 71 lines", self.found(check_sizes.check)[0])


class Words(Checks):
    def test_words(self):
        for text in [
            "/* TO" "DO */",
            "// XX" "X later",
            'open("/ho' 'me/me/x")',
            "cd /wo" "rk/main",
            "pip --index" "-url x",
        ]:
            self.write("engine/a.c", text + "\n")
            self.assertEqual(len(self.found(check_words.check)), 1, text)
        for text in ['"/tmp/varve-XXXXXX"', "data/work/7", "hackneyed", "http://127.0.0.1:7637"]:
            self.write("engine/a.c", text + "\n")
            self.assertEqual(self.found(check_words.check), [], text)


class Headers(Checks):
    GOOD = "/* a.h — one thing. */\n#ifndef VV_A_H\n#define VV_A_H\nint f(int x);\n#endif\n"

    def test_headers(self):
        self.write("engine/base/a.h", self.GOOD)
        self.assertEqual(self.found(check_headers.check), [])
        self.write("engine/base/a.h", self.GOOD.replace("int x", "size_t x"))
        self.assertIn("does not compile", self.found(check_headers.check)[0])
        self.write("engine/base/a.h", self.GOOD.replace("a.h", "b.h"))
        self.assertIn("does not begin", self.found(check_headers.check)[0])
        self.write("engine/base/a.h", "/* a.h — one thing. */\nint f(int x);\n")
        self.assertIn("guard", self.found(check_headers.check)[0])


if __name__ == "__main__":
    unittest.main()
