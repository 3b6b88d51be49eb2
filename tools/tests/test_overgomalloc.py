# SPDX-License-Identifier: GPL-2.0
"""`tools/gom over-gomalloc`: the table of call sites, the comparison of code,
and what is refused.
"""

import contextlib
import io
import subprocess
import tempfile
import unittest
from pathlib import Path

from gomtools import callsites, elf, outoftree, overgomalloc, samecode
from gomtools.ui import Failure

MODULE = """
void kfree(const void *p);
void *__kmalloc_noprof(unsigned long size, unsigned int flags);
char *kstrdup(const char *text, unsigned int flags);
void kmem_cache_odd(void);
void kfree_other(const void *p);

#ifndef RELEASE
#define RELEASE kfree
#endif
void (*release)(const void *p) = RELEASE;
#ifdef MORE
int more[2] __attribute__((section(".init.data"))) = { 1 };
#endif

void *one(void) { return __kmalloc_noprof(8, 1); }
void two(void *p) { kfree(p); kfree(kstrdup("text", 1)); kmem_cache_odd(); EXTRA; }
void (*taken(void))(const void *p) { return kfree; }
"""
HEADER = """
#pragma redefine_extname kfree gom_slab_kfree
#pragma redefine_extname __kmalloc_noprof gom_slab___kmalloc_noprof
"""


def compiled(*options, extra=""):
    """The object file of MODULE, as a kernel module is compiled."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in (("module.c", MODULE), ("header.h", HEADER)):
            Path(scratch, name).write_text(text)
        subprocess.run(["gcc", "-c", "-O2", "-fno-pie", "-mcmodel=kernel", f"-DEXTRA={extra}",
                        *options, "-o", "module.o", "module.c"], cwd=scratch, check=True)
        return elf.read(Path(scratch, "module.o"))


def over_gomalloc(extra=""):
    return compiled("-include", "header.h", extra=extra)


class CallSites(unittest.TestCase):
    def test_calls_and_pointers_are_told_apart(self):
        found = callsites.redirected(callsites.uses(over_gomalloc()))
        self.assertEqual(found, {"kfree": callsites.Uses(2, 2),
                                 "__kmalloc_noprof": callsites.Uses(1, 0)})

    def test_calls_through_a_register_as_in_user_mode_linux(self):
        found = callsites.redirected(callsites.uses(
            compiled("-include", "header.h", "-mcmodel=large", "-fno-pic")))
        self.assertEqual(found["kfree"], callsites.Uses(2, 2))
        self.assertEqual(found["__kmalloc_noprof"], callsites.Uses(1, 0))

    def test_functions_left_to_the_kernel_are_listed(self):
        found = callsites.uses(over_gomalloc())
        self.assertEqual(list(callsites.left_alone(found)), ["kstrdup"])
        self.assertEqual(list(callsites.not_redirected(found)), ["kmem_cache_odd"])

    def test_over_slub_nothing_is_redirected(self):
        found = callsites.uses(compiled())
        self.assertEqual(callsites.redirected(found), {})
        self.assertIn("kfree", callsites.not_redirected(found))

    def test_names_that_stay_with_the_kernel(self):
        for name in ("kmemdup_noprof", "kvasprintf", "memdup_user_nul", "devm_kmalloc",
                     "__alloc_skb", "mempool_create_noprof", "kstrdup_const"):
            self.assertTrue(callsites.left_alone({name: callsites.Uses(1)}), name)
        for name in ("kfree", "memcpy", "alloc_pages_noprof", "mempool_free", "kmalloc_caches",
                     "skb_copy_bits"):
            self.assertFalse(callsites.left_alone({name: callsites.Uses(1)}), name)
        self.assertFalse(callsites.not_redirected({"kfree_skb_reason": callsites.Uses(1)}))

    def test_table(self):
        lines = list(overgomalloc.table(callsites.uses(over_gomalloc())))
        self.assertEqual(lines[0].split(), ["gomalloc's", "calls", "pointers"])
        self.assertEqual(lines[1].split(), ["kfree", "2", "2"])
        self.assertEqual(lines[2].split(), ["__kmalloc", "1", "0"])
        self.assertEqual(lines[3], "3 calls and 2 function pointers of 2 functions")
        self.assertEqual(len({len(line) for line in lines[:3]}), 1)


class SameCode(unittest.TestCase):
    def test_only_names_differ(self):
        self.assertEqual(samecode.differences(compiled(), over_gomalloc()), [])

    def test_another_instruction_is_found(self):
        found = samecode.differences(compiled(), over_gomalloc(extra="*(int *)p = 1"))
        self.assertIn("two", [each.function for each in found])

    def test_another_callee_is_found(self):
        found = samecode.differences(compiled("-Dkmem_cache_odd=kfree_odd"), over_gomalloc())
        self.assertEqual(len(found), 1)
        self.assertIn("kfree_odd", str(found[0]))
        self.assertEqual(found[0].function, "two")

    def test_another_function_of_gomalloc_is_found(self):
        found = samecode.differences(compiled("-Dkstrdup=gom_slab_kfree"), over_gomalloc())
        self.assertTrue(found)

    def test_gomallocs_function_over_slub_is_found(self):
        self.assertTrue(samecode.differences(over_gomalloc(), compiled()))

    def test_another_function_pointer_in_data_is_found(self):
        found = samecode.differences(compiled("-DRELEASE=kfree_other"), over_gomalloc())
        self.assertEqual([str(each) for each in found],
                         [".data+0x0: kfree_other against gom_slab_kfree"])

    def test_code_that_goes_on_is_found(self):
        ours = over_gomalloc()
        text = next(each for each in ours.sections if each.name == ".text")
        text.data += b"\x90"
        self.assertIn("one ends here", [each.what for each in samecode.differences(compiled(), ours)])

    def test_a_section_of_one_build_is_found(self):
        for plain, ours in ((compiled("-DMORE"), over_gomalloc()),
                            (compiled(), compiled("-include", "header.h", "-DMORE"))):
            self.assertEqual([str(each) for each in samecode.differences(plain, ours)],
                             [".init.data+0x0: the section is in one of the builds only"])

    def test_other_strings_are_no_difference(self):
        text = '__builtin_printf(%s); __builtin_printf("end")'
        plain, ours = (compiled(*options, extra=text % string) for options, string in (
            ((), '"a.c"'), (("-include", "header.h"), '"another/a.c"')))
        self.assertEqual(samecode.differences(plain, ours), [])


class Refusals(unittest.TestCase):
    def test_flag_that_makes_usbcore_free_the_buffer(self):
        found = list(overgomalloc.refusals({"a/driver.c": b"x;\nurb->f |= URB_FREE_BUFFER;\n"}))
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("a/driver.c:2: URB_FREE_BUFFER: usbcore would free"))

    def test_comments_and_strings_do_not_count(self):
        text = (b'/* URB_FREE_BUFFER\n */\nf("URB_FREE_BUFFER"); // URB_FREE_BUFFER\n'
                b'MY_URB_FREE_BUFFER')
        self.assertEqual(list(overgomalloc.refusals({"driver.c": text})), [])

    def reason(self, text, side=outoftree.GOMALLOC):
        with tempfile.NamedTemporaryFile("w") as log:
            log.write(text)
            log.flush()
            return overgomalloc.reason(Path(log.name), side)

    def test_function_that_the_header_refuses(self):
        found = self.reason("  CC main.o\nmain.c:7:2: error: ‘slab_build_skb’ is unavailable: "
                            "gomalloc: the stack frees it\n")
        self.assertEqual(found.splitlines()[1], "main.c:7: slab_build_skb: the stack frees it.")

    def test_error_of_the_compiler(self):
        found = self.reason("make: *** nothing\nmain.c:7:2: error: ‘y’ undeclared\n",
                            outoftree.SLUB)
        self.assertIn("does not build by itself: main.c:7:2: error: ‘y’ undeclared", found)
        self.assertEqual(self.reason("make: *** killed\n"), "")

    def check(self, word, **files):
        with tempfile.TemporaryDirectory() as scratch:
            for name, text in files.items():
                Path(scratch, name).write_text(text)
            with self.assertRaisesRegex(Failure, word):
                overgomalloc.run(scratch, kernel="/nonexistent")

    def test_directory_without_a_module(self):
        self.check("no Kbuild")
        self.check("no line `obj-m", Makefile="all:\n\ttrue\n")

    def test_missing_headers(self):
        self.check("no kernel headers in /nonexistent", Kbuild="obj-m := a.o\n", **{"a.c": ""})

    def test_missing_directory(self):
        with self.assertRaisesRegex(Failure, "not a directory"):
            overgomalloc.run("/nonexistent")


class RealModule(unittest.TestCase):
    FILES = {
        "Makefile": "obj-m := sample.o\nsample-y := main.o deep/part.o\n",
        "main.c": "#include <linux/module.h>\nvoid part(const char *text);\n"
                  "static int __init sample_init(void)\n{\n\tpart(__func__);\n\treturn 0;\n}\n"
                  "module_init(sample_init);\nMODULE_LICENSE(\"GPL\");\n"
                  "MODULE_DESCRIPTION(\"sample\");\n",
        "deep/part.c": "#include <linux/slab.h>\nvoid part(const char *text);\n"
                       "void part(const char *text)\n{\n\tpr_info(\"%s\", text);\n"
                       "\tkfree(kzalloc(24, GFP_KERNEL));\n}\n",
    }

    def test_subfolders_are_redirected_and_sources_not_changed(self):
        with tempfile.TemporaryDirectory() as above:
            scratch = Path(above, "sample")     # the name in build/over-gomalloc/
            for name, text in self.FILES.items():
                Path(scratch, name).parent.mkdir(exist_ok=True)
                Path(scratch, name).write_text(text)
            shown = io.StringIO()
            with contextlib.redirect_stdout(shown):
                self.assertEqual(overgomalloc.run(scratch, target="uml"), 0)
            self.assertEqual({str(path.relative_to(scratch)) for path in Path(scratch).rglob("*")},
                             {*self.FILES, "deep"})
        self.assertRegex(shown.getvalue(), r"kfree +1 +0\n")
        self.assertIn("the code is the same but for these names", shown.getvalue())


class Tree(unittest.TestCase):
    def test_files_that_are_gone_are_removed(self):
        with tempfile.TemporaryDirectory() as scratch:
            outoftree.update({"a/b.c": b"1", "c.c": b"2"}, Path(scratch))
            outoftree.update({"c.c": b"3"}, Path(scratch))
            self.assertFalse(Path(scratch, "a/b.c").exists())
            self.assertEqual(Path(scratch, "c.c").read_bytes(), b"3")

    def test_unchanged_files_keep_their_time(self):
        with tempfile.TemporaryDirectory() as scratch:
            outoftree.update({"c.c": b"3"}, Path(scratch))
            before = Path(scratch, "c.c").stat().st_mtime_ns
            outoftree.update({"c.c": b"3"}, Path(scratch))
            self.assertEqual(Path(scratch, "c.c").stat().st_mtime_ns, before)


if __name__ == "__main__":
    unittest.main()
