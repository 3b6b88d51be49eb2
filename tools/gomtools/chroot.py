# SPDX-License-Identifier: GPL-2.0
"""A small Debian of another release, with its compiler: what headers of that release's
kernels have to be built against with.

Everything is mounted in a mount namespace of the command's own, so that nothing stays
mounted on the host, however the command ends.
"""

import os
import shutil

from . import cache, checkout, packages, process
from .ui import Failure, step

# perl and python3 run the kernel-doc that W=1 checks comments with.
TOOLS = "gcc,make,libelf-dev,libssl-dev,perl,python3"
ENTER = ('mount -t proc proc "$1/proc" && mount --bind "$2" "$1/mnt" && '
         'root=$1 && shift 2 && exec chroot "$root" "$@"')


def of_release(release):
    """The directory of the chroot of a Debian release, made at first use."""
    if os.geteuid():
        raise Failure(f"Building with Debian {release}'s compiler needs root: run the command with sudo.")

    def bootstrap(path):
        if not shutil.which("debootstrap"):
            raise Failure("debootstrap is not installed: run tools/setup.sh, or install debootstrap.")
        step(f"setting up Debian {release}'s compiler in a chroot (about a minute)")
        process.run(["debootstrap", "--variant=minbase", f"--include={TOOLS}", release, str(path),
                     packages.archive()],
                    checkout.LOGS / f"debootstrap-{release}.log", f"debootstrap of {release}")
    return cache.entry(f"chroots/{release}", bootstrap)


def command(release, directory, argv):
    """The command that runs `argv` in the chroot, which sees `directory` as /mnt."""
    return ["unshare", "--mount", "sh", "-c", ENTER, "enter", str(of_release(release)),
            str(directory), *argv]
