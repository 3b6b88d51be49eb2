# SPDX-License-Identifier: GPL-2.0
"""All public functions are documented, and all pages are in the index."""

import re
import tempfile
import unittest
from pathlib import Path

from gomtools import checkout, interface
from gomtools.ui import Failure

PAGES = checkout.ROOT / "Documentation"


def sources(files):
    """A folder with files: {path: text}."""
    directory = tempfile.TemporaryDirectory()
    for name, text in files.items():
        path = Path(directory.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


class Interface(unittest.TestCase):
    def test_the_page_names_each_public_function_once(self):
        self.assertEqual(sorted(interface.named()), sorted(interface.declared()))

    def test_each_has_kernel_doc(self):
        self.assertEqual(interface.declared() - set(interface.documented()), set())

    def test_names_in_comments_and_with_underscores_do_not_count(self):
        with sources({"gom.h": "/* not gom_this() */\nvoid *__gom_that(void);\nvoid gom_free(const "
                      "void *p);\n"}) as root:
            self.assertEqual(interface.declared(Path(root) / "gom.h"), {"gom_free"})

    def test_files_in_subfolders_are_found(self):
        with sources({"api/malloc.c": "/**\n * gom_free - free memory\n",
                      "heap/mheap.c": "int x;\n"}) as root:
            self.assertEqual(interface.documented(Path(root)),
                             {"gom_free": Path(root) / "api/malloc.c"})

    def test_kernel_doc_in_two_files_is_an_error(self):
        with sources({"a.c": "/**\n * gom_free - free\n",
                      "b/b.c": "/**\n * gom_free() - free\n"}) as root:
            with self.assertRaises(Failure):
                interface.documented(Path(root))

    def test_all_lines_of_a_directive_are_read(self):
        text = (".. kernel-doc:: gomalloc\n   :identifiers: gom_a gom_b\n"
                "                 gom_c\n\nText: gom_d\n")
        with sources({"page.rst": text}) as root:
            self.assertEqual(list(interface.named(Path(root) / "page.rst")),
                             ["gom_a", "gom_b", "gom_c"])


class Pages(unittest.TestCase):
    def test_the_index_has_each_page(self):
        index = (PAGES / "index.rst").read_text()
        pages = {path.stem for path in PAGES.glob("*.rst")} - {"index"}
        self.assertEqual(pages - set(re.findall(r"^   (\S+)$", index, re.MULTILINE)), set())
        self.assertEqual(pages - set(re.findall(r"``([\w-]+)\.rst``", index)), set())

    def test_functions_in_paths_rst_exist(self):
        code = "\n".join(path.read_text() for path in interface.SOURCES.rglob("*.[ch]"))
        named = set(re.findall(r"\b(gom_\w+)\(", (PAGES / "paths.rst").read_text()))
        self.assertTrue(named)
        self.assertEqual({name for name in named if not re.search(rf"\b{name}\(", code)}, set())


if __name__ == "__main__":
    unittest.main()
