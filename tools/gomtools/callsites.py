# SPDX-License-Identifier: GPL-2.0
"""Which functions of the kernel a module calls, and how often: from the
relocations in its file.
"""

import re
from dataclasses import dataclass

from . import elf

PREFIX = "gom_slab_"
# Relocations of call and jump instructions; others take a function's address.
CALLS = {elf.X86_64: {4}, elf.AARCH64: {282, 283}}
ABSOLUTE = 1    # R_X86_64_64
SOON = 512      # bytes
# Names in recent kernels end so, for the profile of allocations.
SUFFIX = re.compile(r"_noprof$")
# Sections that say where the code calls something; they are not code.
ABOUT_CODE = re.compile(r"^\.(discard|call_sites|static_call_sites|retpoline_sites|return_sites|"
                        r"ibt_endbr_seal|orc_|altinstr|export_symbol)|^__(mcount_loc|bug_table|"
                        r"ex_table|jump_table|patchable_function_entries)")

# What the kernel allocates for a module with kmalloc() on its own account, and
# what it frees or keeps itself.
ALLOCATES = re.compile(r"_*(" + "|".join([
    r"kstrn?dup(_const|_quotable\w*)?", r"kv?memdup(_nul|_array)?", r"kv?asprintf(_const)?",
    r"v?memdup_user(_nul)?", r"strndup_user", r"devm_k\w+", r"devm_\w*alloc\w*",
    r"(napi_|netdev_)?alloc_skb\w*", r"build_skb\w*", r"skb_clone", r"skb_copy(_expand)?",
    r"__pskb_copy_fclone",
    r"mempool_(create|init)\w*", r"bioset_init|bio_alloc\w*", r"alloc_workqueue\w*",
    r"crypto_alloc_\w+", r"usb_alloc_urb", r"sg_alloc_table\w*", r"alloc_percpu\w*",
    r"kmemdup_\w+", r"match_strdup", r"simple_xattr_alloc", r"single_open\w*", r"seq_open\w*",
    r"__seq_open_private", r"alloc_netdev_mqs", r"alloc_etherdev_mqs"]) + ")")

# Functions of linux/slab.h.
SLAB = re.compile(r"_*(k[vz]*(m|c|re|z)?alloc\w*|k[vz]*free(?!_skb)\w*|kmem_cache_\w+|ksize|"
                  r"mempool_(alloc|free)_slab|kmem_dump_obj)")
DATA = {"kmalloc_caches", "kmalloc_info"}


@dataclass
class Uses:
    """How often a function is used: called, or its address is taken."""

    calls: int = 0
    pointers: int = 0


def calls_by_register(code, offset):
    """How often the address at this place of x86-64 code is called, if it is
    loaded into a register: user-mode Linux is compiled so.
    """
    if offset < 2 or code[offset - 2] & 0xfe != 0x48 or code[offset - 1] & 0xf8 != 0xb8:
        return 0
    load = code[offset - 2:offset]
    extended, register = load[0] & 1, load[1] & 7
    until = code[offset + 8:offset + 8 + SOON].partition(load)[0]
    calls = [b"\x41" * extended + b"\xff" + bytes([base + register]) for base in (0xd0, 0xe0)]
    return sum(until.count(call) for call in calls)


def calls_at(module, section, relocation):
    """How many calls a relocation stands for; 0: a function's address is
    taken.
    """
    if not section.executable:
        return 0
    if module.machine == elf.X86_64 and relocation.kind == ABSOLUTE:
        return calls_by_register(section.data, relocation.offset)
    return int(relocation.kind in CALLS.get(module.machine, ()))


def uses(module):
    """{undefined symbol: Uses} of a module."""
    found = {}
    for section in module.sections:
        if not section.loaded or ABOUT_CODE.match(section.name):
            continue
        for each in section.relocations:
            if each.symbol.section or not each.symbol.name:
                continue
            use = found.setdefault(each.symbol.name, Uses())
            calls = calls_at(module, section, each)
            use.calls += calls
            use.pointers += not calls
    return found


def redirected(found):
    """{function of the kernel: Uses} of those that are gomalloc's."""
    return {name.removeprefix(PREFIX): use for name, use in found.items()
            if name.startswith(PREFIX)}


def left_alone(found):
    """{function: Uses} of those that allocate, and stay SLUB's."""
    return {name: use for name, use in found.items()
            if ALLOCATES.fullmatch(SUFFIX.sub("", name))}


def not_redirected(found):
    """{function: Uses} of linux/slab.h's that as_slab.h leaves to SLUB."""
    return {name: use for name, use in found.items()
            if SLAB.fullmatch(SUFFIX.sub("", name)) and name not in DATA}


def rows(table):
    """The table as rows of texts: functions that are called most come first."""
    order = sorted(table, key=lambda name: (-table[name].calls, -table[name].pointers, name))
    return [[SUFFIX.sub("", name), str(table[name].calls), str(table[name].pointers)]
            for name in order]
