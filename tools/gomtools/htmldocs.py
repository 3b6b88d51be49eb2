# SPDX-License-Identifier: GPL-2.0
"""`make htmldocs`: the pages of Documentation/ as a site in build/html.

Sphinx and its theme are Debian's packages.  The kernel-doc extension is that of
the newest kernel source in the cache.  With warnings the site is built, but the
exit status is 1.
"""

import os
import shutil
import subprocess
from pathlib import Path

from . import checkout, process, sources
from .ui import Failure, step

PAGES = checkout.ROOT / "Documentation"
SITE = checkout.BUILD / "html"
LOG = checkout.LOGS / "htmldocs.log"
WARNINGS = checkout.LOGS / "htmldocs-warnings.log"
EXTENSION = "Documentation/sphinx/kerneldoc.py"
# Debian's, independent of $PATH.
SPHINX = Path("/usr/bin/sphinx-build")


def kernel():
    """The source tree with the kernel-doc extension."""
    source = sources.newest()
    if not (source.path / EXTENSION).exists():
        raise Failure(f"The source of Linux {source.version} holds no {EXTENSION}, which reads the "
                      f"kernel-doc.")
    return source


def command():
    return [str(SPHINX), "-b", "html", "-n", "-E", "-a", "-W", "--keep-going", "-q",
            "-w", str(WARNINGS), "-d", str(checkout.BUILD / "doctrees"), str(PAGES), str(SITE)]


def run():
    if not SPHINX.exists():
        raise Failure(f"There is no {SPHINX}: run tools/setup.sh docs as root.")
    source = kernel()
    step(f"making {SITE.relative_to(checkout.ROOT)} with the kernel-doc extension of Linux "
         f"{source.version}")
    shutil.rmtree(SITE, ignore_errors=True)
    checkout.LOGS.mkdir(parents=True, exist_ok=True)
    WARNINGS.write_text("")
    with open(LOG, "w") as log:
        done = subprocess.run(command(), stdin=subprocess.DEVNULL, stdout=log,
                              stderr=subprocess.STDOUT,
                              env={**os.environ, "srctree": str(source.path)})
    warned = [line.replace(f"{checkout.ROOT}/", "") for line in WARNINGS.read_text().splitlines()]
    if warned and (SITE / "index.html").exists():
        raise Failure("The site was built with these warnings, which are errors:\n"
                      + "\n".join(warned))
    if done.returncode:
        raise Failure(f"Sphinx failed (exit {done.returncode}); the end of {LOG}:\n"
                      f"{process.tail(LOG.read_text(errors='replace'))}")
    print(SITE / "index.html")
    return 0
