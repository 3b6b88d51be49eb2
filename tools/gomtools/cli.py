# SPDX-License-Identifier: GPL-2.0
"""The command line: one subcommand per verb, each calling the file of its own name."""

import argparse
import sys
from pathlib import Path

from . import checkout, grounds, guest, kunit as kunit_suites, modules, smoke as smoke_test
from .ui import Failure, paint


def boot(options):
    """Boot a ground, with modules and a script; exit as the run went."""
    ground = grounds.find(options.ground, options.cpus, options.memory, options.counted)
    script = Path(options.script).read_text() if options.script else options.command
    carried = [Path(module) for module in options.module]
    for module in carried:
        if not module.exists():
            raise Failure(f"There is no module file {module}.")
    if options.build:
        built, _ = modules.build(ground.modules, Path(options.source).resolve())
        carried += built.values()
    result = guest.run(ground, script, carried, options.timeout, options.append,
                       checkout.LOGS / f"boot-{ground.name}.log", on_line=lambda line: print(line, flush=True))
    if not result.passed:
        print(paint("FAILED: ", "red") + result.verdict(), file=sys.stderr)
        return result.status or 1
    return 0


def kunit(options):
    """Run the KUnit suites on one ground."""
    return shown(kunit_suites.run(grounds.find(options.ground), options.filter, options.source))


def smoke(options):
    """Run the smoke test on one ground, with two CPUs where it can have them."""
    return shown(smoke_test.run(grounds.find(options.ground, cpus=2), options.source))


def shown(outcome):
    outcome.show()
    return 1 if outcome.failed else 0


def parser():
    top = argparse.ArgumentParser(prog="tools/gom", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("boot", help="boot a ground with modules and a guest script")
    verb.set_defaults(run=boot)
    verb.add_argument("ground", help=", ".join(grounds.GROUNDS))
    what = verb.add_mutually_exclusive_group(required=True)
    what.add_argument("--script", help="file with the guest's shell script")
    what.add_argument("-c", "--command", help="the guest's shell script itself")
    verb.add_argument("--module", action="append", default=[], help="a module file to put in /modules")
    verb.add_argument("--build", action="store_true", help="build the checkout's modules for this ground first")
    verb.add_argument("--source", default=checkout.ROOT, help="build the modules of this directory instead")
    verb.add_argument("--timeout", type=int, default=120, help="seconds until a hung guest is ended")
    verb.add_argument("--cpus", type=int)
    verb.add_argument("--memory", type=int, help="MiB")
    verb.add_argument("--append", default="", help="more kernel command line")
    verb.add_argument("--counted", action="store_true", help="count instructions (stock grounds)")
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
