# SPDX-License-Identifier: GPL-2.0
"""A chroot with another Debian release and its compiler, which that release's
kernel headers need.

Each command mounts what it needs in a mount namespace of its own, so nothing
stays mounted on the host.
"""

import os
import shutil

from . import cache, checkout, packages, process
from .ui import Failure, step

# W=1 runs kernel-doc, which needs perl or python3.
TOOLS = "gcc,make,libelf-dev,libssl-dev,perl,python3"
ENTER = ('mount -t proc proc "$1/proc" && mount --bind "$2" "$1/mnt" && '
         'root=$1 && shift 2 && exec chroot "$root" "$@"')


def of_release(release):
    """The chroot directory of a Debian release, created at first use."""
    if os.geteuid():
        raise Failure(f"Building with Debian {release}'s compiler needs root: run the command with "
                      f"sudo.")

    def bootstrap(path):
        if not shutil.which("debootstrap"):
            raise Failure("debootstrap is not installed: run tools/setup.sh, or install "
                          "debootstrap.")
        step(f"setting up Debian {release}'s compiler in a chroot (about a minute)")
        process.run(["debootstrap", "--variant=minbase", f"--include={TOOLS}", release, str(path),
                     packages.archive()],
                    checkout.LOGS / f"debootstrap-{release}.log", f"debootstrap of {release}")
    return cache.entry(f"chroots/{release}", bootstrap)


def command(release, directory, argv):
    """The command that runs `argv` in the chroot, which sees `directory` as
    /mnt.
    """
    return ["unshare", "--mount", "sh", "-c", ENTER, "enter", str(of_release(release)),
            str(directory), *argv]
