# SPDX-License-Identifier: GPL-2.0
"""The command line: a subcommand for each verb, which calls the file of that
name.
"""

import argparse
import shutil
import sys
from pathlib import Path

from . import (appbench, apps, bench, cache, check, checkout, guest, htmldocs, inspection, kunit,
               kunitloop, modules, outoftree, overgomalloc, planted, smoke, style, targets,
               torture)
from .ui import Failure, paint, step


def boot(options):
    """Boot a target with modules and a script; return the exit status."""
    target = targets.find(options.target, options.cpus, options.memory, options.counted,
                          options.nodes)
    script = Path(options.script).read_text() if options.script else options.command
    carried = [Path(module) for module in options.module]
    for module in carried:
        if not module.exists():
            raise Failure(f"There is no module file {module}.")
    if options.build:
        built, _ = modules.build(target.modules)
        carried += built.values()
    result = guest.run(target, script, carried, options.timeout, options.append,
                       checkout.LOGS / f"boot-{target.name}.log",
                       on_line=lambda line: print(line, flush=True))
    if not result.passed:
        print(paint("FAILED: ", "red") + result.verdict(), file=sys.stderr)
        return result.status or 1
    return 0


def shown(outcome):
    outcome.show()
    return 1 if outcome.failed else 0


def build(options):
    """Build the modules for a target or header set."""
    built, warned = modules.build(options.target)
    for path in built.values():
        print(path.relative_to(checkout.ROOT))
    for line in warned:
        print(paint(line, "red"), file=sys.stderr)
    return 1 if warned else 0


def drop_cache(_):
    step(f"removing {cache.root()}")
    shutil.rmtree(cache.root(), ignore_errors=True)
    return 0


def add_boot(verbs):
    verb = verbs.add_parser("boot", help="boot a target with modules and a guest script")
    verb.set_defaults(run=boot)
    verb.add_argument("target", help=", ".join(targets.TARGETS))
    what = verb.add_mutually_exclusive_group(required=True)
    what.add_argument("--script", help="file with the guest's shell script")
    what.add_argument("-c", "--command", help="the guest's shell script itself")
    verb.add_argument("--module", action="append", default=[],
                      help="a module file to put in /modules")
    verb.add_argument("--build", action="store_true",
                      help="build the checkout's modules for this target first")
    verb.add_argument("--timeout", type=int, default=120,
                      help="seconds until a hung guest is killed")
    verb.add_argument("--cpus", type=int)
    verb.add_argument("--nodes", type=int,
                      help="number of NUMA nodes, with equal parts of CPUs and memory (stock "
                      "targets)")
    verb.add_argument("--memory", type=int, help="MiB")
    verb.add_argument("--append", default="", help="added to the kernel command line")
    verb.add_argument("--counted", action="store_true", help="count instructions (stock targets)")


def compare_with_slub(options):
    if options.workload.startswith("apps"):
        return appbench.run(options.workload, options.target)
    return bench.run(options.target or list(bench.PLAN), options.workload, options.size)


def add_bench(verbs, name, what, run):
    verb = verbs.add_parser(name, help=what)
    verb.set_defaults(run=run)
    verb.add_argument("--workload", default="", help="only these, separated by commas")
    verb.add_argument("--size", default="", help="only these sizes, separated by commas")
    return verb


def add_over_gomalloc(verbs):
    verb = verbs.add_parser("over-gomalloc", help="build a module of yours over gomalloc, and say "
                            "which of its calls are gomalloc's")
    verb.set_defaults(run=lambda options: overgomalloc.run(options.directory, options.kernel,
                                                           options.target, options.module))
    verb.add_argument("directory", help="of the module, with its Kbuild or Makefile; not changed")
    verb.add_argument("--kernel", default="", help="directory of kernel headers (default: the "
                      "running kernel's)")
    verb.add_argument("--target", default="", help=", ".join(targets.TARGETS))
    verb.add_argument("--module", default="", help="show this one, if there are several")


def parser():
    top = argparse.ArgumentParser(
        prog="tools/gom", description="gomalloc's tools: kernels, guests, tests, benchmark.")
    verbs = top.add_subparsers(metavar="verb", required=True)
    add_boot(verbs)
    verb = verbs.add_parser("build", help="build the modules for a target or header set")
    verb.set_defaults(run=build)
    verb.add_argument("target")
    verb = verbs.add_parser("check", help="all tests, on all targets")
    verb.set_defaults(run=lambda options: check.run())
    verb = verbs.add_parser("kunit", help="the KUnit suites on one target")
    verb.set_defaults(run=lambda options: shown(kunit.run(targets.find(options.target),
                                                          options.filter)))
    verb.add_argument("target")
    verb.add_argument("--filter", default="", help="glob of suite or suite.case")
    verb = verbs.add_parser("kunit-loop", help="the KUnit suites, repeatedly, on one target")
    verb.set_defaults(run=lambda options: kunitloop.run(options.target, options.times, options.busy,
                                                        options.filter))
    verb.add_argument("target")
    verb.add_argument("--times", type=int, default=50)
    verb.add_argument("--busy", action="store_true",
                      help="keep all of this machine's CPUs busy meanwhile")
    verb.add_argument("--filter", default="", help="glob of suite or suite.case")
    verb = verbs.add_parser("smoke", help="the SMP smoke test on one target")
    verb.set_defaults(run=lambda options: shown(smoke.run(check.smoke_target(options.target,
                                                                             options.nodes))))
    verb.add_argument("--nodes", type=int, default=1,
                      help="number of NUMA nodes: with several, test these")
    verb.add_argument("target")
    verb = verbs.add_parser("inspect",
                            help="heap profile, tracepoints, scavenger and guard pages on a stock "
                            "target")
    verb.set_defaults(run=lambda options: shown(inspection.run(check.smoke_target(options.target))))
    verb.add_argument("target")
    verb = verbs.add_parser("torture", help="a rare situation, created on a stock target")
    verb.set_defaults(run=lambda options: shown(torture.run(options.name, options.target)))
    verb.add_argument("name", help=", ".join(torture.TORTURES))
    verb.add_argument("target")
    verb = verbs.add_parser("app", help="modules of the kernel, unmodified, over SLUB or gomalloc")
    verb.set_defaults(run=lambda options: shown(apps.run(options.name, options.target,
                                                         options.over, options.gomalloc)))
    verb.add_argument("name", help=", ".join(apps.APPS))
    verb.add_argument("target", help=", ".join([*apps.OLD_AND_NEW, *apps.NATIVE]))
    verb.add_argument("--gomalloc", default="", help="parameters of gomalloc.ko, such as "
                      "as_slab_debug=1")
    verb.add_argument("--over", choices=list(outoftree.SIDES), default=outoftree.GOMALLOC)
    add_over_gomalloc(verbs)
    verb = verbs.add_parser("planted", help="bugs planted in copies of overlayfs, and what "
                            "gomalloc says about them")
    verb.set_defaults(run=lambda options: planted.run(options.guest))
    verb.add_argument("guest", nargs="*", help=f"{', '.join(planted.GUESTS)} (default: all)")
    verb = verbs.add_parser("style", help="checkpatch, sparse, kernel-doc, headings and layers")
    verb.set_defaults(run=lambda options: style.run())
    verb = verbs.add_parser("htmldocs", help="the documentation as a site in build/html")
    verb.set_defaults(run=lambda options: htmldocs.run())
    verb = add_bench(verbs, "bench", "the comparison with SLUB, in guests",
                     compare_with_slub)
    verb.add_argument("--target", action="append", help=", ".join(bench.PLAN))
    add_bench(verbs, "bench-here", "the comparison with SLUB, on this machine",
              lambda options: bench.run_here(options.workload, options.size))
    verb = verbs.add_parser("soak",
                            help="an hour of churn, to see whether anything gets slower or larger")
    verb.set_defaults(run=lambda options: bench.soak(options.target, options.seconds))
    verb.add_argument("--target", default="uml", help="uml, stock-6.1, stock-newest")
    verb.add_argument("--seconds", type=int, default=3600)
    verb = verbs.add_parser("drop-cache", help="remove the cache")
    verb.set_defaults(run=drop_cache)
    return top


def main():
    options = parser().parse_args()
    try:
        return options.run(options)
    except Failure as failure:
        print(paint("error:", "red", sys.stderr), failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
