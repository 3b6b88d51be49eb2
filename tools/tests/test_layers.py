# SPDX-License-Identifier: GPL-2.0
"""Calls of a higher layer are found by headers and by symbols."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from gomtools import checkout, layers


class Layers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def compile(self, name, text):
        path = self.write(name, text)
        subprocess.run(["gcc", "-c", "-o", str(path.with_suffix(".o")), str(path)], check=True)

    def test_a_header_of_a_layer_above(self):
        self.write("percpu/mcache.h", "")
        self.write("heap/mheap.c", '#include "percpu/mcache.h"\n')
        self.assertEqual(list(layers.by_includes(self.root)),
                         ['heap/mheap.c uses "percpu/mcache.h" of percpu, which is not below heap'])

    def test_headers_of_lower_layers_and_of_the_same(self):
        self.write("gomalloc.h", "")
        for name in ("base/compat.h", "heap/mheap.h", "percpu/mcache.h", "debug/check.h"):
            self.write(name, '#include "gomalloc.h"\n')
        self.write("percpu/tiny.c",
                   '#include "base/compat.h"\n#include "heap/mheap.h"\n'
                   '#include "percpu/mcache.h"\n')
        self.write("debug/check.c", '#include "percpu/mcache.h"\n')
        self.write("module.c", '#include "debug/check.h"\n#include "base/compat.h"\n')
        self.assertEqual(list(layers.by_includes(self.root)), [])

    def test_debug_is_not_used(self):
        self.write("debug/check.h", "")
        self.write("api/malloc.c", '#include "debug/check.h"\n')
        self.assertEqual(len(list(layers.by_includes(self.root))), 1)

    def test_an_unknown_folder(self):
        self.write("base/compat.h", "")
        self.write("common/util.c", '#include "base/compat.h"\n')
        self.assertIn("is in none of the layers", list(layers.by_includes(self.root))[0])

    def test_a_symbol_declared_without_header(self):
        self.compile("percpu/mcache.c", "int gom_mcache_flush(void) { return 0; }\n")
        self.compile("heap/mheap.c",
                     "int gom_mcache_flush(void);\nint grow(void) { return gom_mcache_flush(); }\n")
        self.compile("api/malloc.c",
                     "int gom_mcache_flush(void);\nint get(void) { return gom_mcache_flush(); }\n")
        self.assertEqual(list(layers.by_symbols(self.root, self.root)),
                         ["heap/mheap.o uses gom_mcache_flush of percpu, which is not below heap"])

    def test_the_sources_have_no_violations(self):
        self.assertEqual(list(layers.by_includes(checkout.ROOT / "gomalloc")), [])


if __name__ == "__main__":
    unittest.main()
