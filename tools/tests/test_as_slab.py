# SPDX-License-Identifier: GPL-2.0
"""as_slab.h: its table is complete, and refusals are compile-time errors."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from gomtools import checkout

HEADER = checkout.ROOT / "gomalloc/as_slab.h"
PRAGMA = re.compile(r"^#\s*pragma redefine_extname (\w+)\s+(\w+)$", re.M)
DECLARED = re.compile(r"\bgom_slab_(\w+)[;(]")
# Names without a function of their own: called by the others only.
INTERNAL = {"kvmalloc", "kfree_bulk", "kfree_rcu_flush", "owns"}

PROTOTYPES = """
struct sk_buff;
struct shash_instance;
struct sk_buff *slab_build_skb(void *data);
void shash_free_singlespawn_instance(struct shash_instance *inst);
void kfree(const void *p);
"""


def compiled(text, *options):
    return subprocess.run(["gcc", "-x", "c", "-S", "-O2", "-o", "-", "-include", str(HEADER), *options,
                           "-"], input=PROTOTYPES + text, capture_output=True, text=True)


class Table(unittest.TestCase):
    def test_names_follow_one_rule(self):
        pairs = PRAGMA.findall(HEADER.read_text())
        self.assertGreater(len(pairs), 40)
        for name, replacement in pairs:
            self.assertEqual(replacement, "gom_slab_" + name)

    def test_every_function_of_the_shim_is_in_the_table(self):
        table = {name for name, _ in PRAGMA.findall(HEADER.read_text())}
        declared = set(DECLARED.findall((checkout.ROOT / "gomalloc/slab/slab.h").read_text()))
        self.assertEqual(declared - INTERNAL, table)


class Header(unittest.TestCase):
    def test_calls_and_pointers_are_renamed(self):
        done = compiled("void f(void *p) { kfree(p); }\nvoid (*g)(const void *) = kfree;")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(re.findall(r"\bgom_slab_kfree\b", done.stdout)), 2, done.stdout)
        self.assertNotRegex(done.stdout, r"\bkfree\b")

    def test_a_refused_call_names_the_reason(self):
        done = compiled("void *f(void *p) { return slab_build_skb(p); }")
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"error: .*slab_build_skb.*frees the data by kfree\(\)")

    def test_a_refused_pointer_names_the_reason(self):
        done = compiled("void (*f)(struct shash_instance *) = shash_free_singlespawn_instance;")
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"error: .*shash_free_singlespawn_instance.*frees the instance")

    def test_each_refusal_is_of_its_versions(self):
        always = ["slab_build_skb", "shash_free_singlespawn_instance",
                  "ahash_free_singlespawn_instance", "textsearch_register",
                  "__gameport_register_port", "__serio_register_port", "dma_fence_free",
                  "drm_plane_helper_destroy", "snd_hda_gen_free", "snd_hda_gen_remove"]
        refused = {(6, 1): [*always, "build_skb", "tcf_exts_destroy"],
                   (7, 3): [*always, "ahash_request_free"]}
        for version, names in refused.items():
            with tempfile.TemporaryDirectory() as folder:
                self.check_refusals(folder, version, names)

    def check_refusals(self, folder, version, names):
        (Path(folder) / "linux").mkdir()
        (Path(folder) / "linux/version.h").write_text(
            f"#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))\n"
            f"#define LINUX_VERSION_CODE KERNEL_VERSION({version[0]}, {version[1]}, 0)\n")
        for name in names:
            text = f"void *f(void) {{ return {name}; }}"
            with self.subTest(name=name, version=version):
                self.assertRegex(compiled(text, "-I", folder).stderr,
                                 f"error: .*{name}.*gomalloc: .*")
                allowed = compiled(text, "-I", folder, f"-DGOM_ALLOW_{name}")
                self.assertNotIn("gomalloc: ", allowed.stderr)

    def test_a_refusal_can_be_allowed(self):
        done = compiled("void *f(void *p) { return slab_build_skb(p); }",
                        "-DGOM_ALLOW_slab_build_skb")
        self.assertEqual(done.returncode, 0, done.stderr)
