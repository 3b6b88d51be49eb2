# SPDX-License-Identifier: GPL-2.0
"""as_slab.h: its table is complete, and refusals are compile-time errors."""

import re
import subprocess
import unittest

from gomtools import checkout

HEADER = checkout.ROOT / "gomalloc/as_slab.h"
PRAGMA = re.compile(r"^#\s*pragma redefine_extname (\w+)\s+(\w+)$", re.M)
DECLARED = re.compile(r"\bgom_slab_(\w+)[;(]")
# Names without a function of their own: called by the others only.
INTERNAL = {"kvmalloc", "kfree_bulk", "kfree_rcu_flush"}

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

    def test_a_refusal_can_be_allowed(self):
        done = compiled("void *f(void *p) { return slab_build_skb(p); }",
                        "-DGOM_ALLOW_slab_build_skb")
        self.assertEqual(done.returncode, 0, done.stderr)
