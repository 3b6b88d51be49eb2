# SPDX-License-Identifier: GPL-2.0
"""Kernel configuration fragments: tools/kernel-configs/*.config.

A fragment has the format of .config.  In addition a line may end in `# since
X.Y` or `# until X.Y` (and `: why`), the first or last kernel version to which
it applies.  All settings must be in the final .config; else the build of the
kernel fails and names the option.
"""

import re
from pathlib import Path

from .ui import Failure

DIRECTORY = Path(__file__).resolve().parent.parent / "kernel-configs"
OPTION = re.compile(r"(?P<setting>CONFIG_\w+=(?:\"[^\"]*\"|\S+)|# CONFIG_\w+ is not set)"
                    r"(?:\s+(?:#\s*)?(?P<limit>since|until) (?P<version>\d+\.\d+)(?::.*)?)?\s*")


def applies(limit, version, series):
    if not limit:
        return True
    bound = tuple(int(n) for n in version.split("."))
    return series >= bound if limit == "since" else series <= bound


def settings(fragments, series):
    """The settings of these fragments for a kernel of this series, in order."""
    wanted = {}
    for name in fragments:
        for number, line in enumerate((DIRECTORY / name).read_text().splitlines(), 1):
            match = OPTION.fullmatch(line)
            if match and applies(match["limit"], match["version"], series):
                option = re.search(r"CONFIG_\w+", match["setting"])[0]
                wanted[option] = match["setting"]
            elif not match and line.strip() and not line.startswith(("# ", "#\n")) and line != "#":
                raise Failure(f"{DIRECTORY / name}:{number} is no kernel option: {line}")
    return list(wanted.values())


def missing(wanted, config):
    """The settings that are not in the final .config."""
    lines = set(config.splitlines())
    names = {re.split("[= ]", line.removeprefix("# "))[0] for line in lines}
    return [s for s in wanted if s not in lines and not
            (s.startswith("# ") and s.split()[1] not in names)]
