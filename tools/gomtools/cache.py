# SPDX-License-Identifier: GPL-2.0
"""The cache outside the checkout: packages, kernel sources, built kernels,
chroots.

An entry is a directory.  It is valid if its stamp `NAME.complete` exists, which
is written last.  An entry of an interrupted run is made again, or continued
where that is possible.  A lock for each entry lets two runs share the cache.
"""

import contextlib
import errno
import fcntl
import os
import shutil
from pathlib import Path

from .ui import Failure


def root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(Path.home(), ".cache")
    return Path(base) / "gomalloc"


@contextlib.contextmanager
def locked(name):
    """Hold the lock of an entry; another run waits."""
    locks = root() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with open(locks / name.replace("/", "_"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entry(name, make, resume=False):
    """Return the directory `name`, calling `make(directory)` if it is not
    complete.

    With `resume`, `make` continues in the directory of an interrupted run.
    """
    path = root() / name
    stamp = path.with_name(path.name + ".complete")
    if stamp.exists():
        return path
    with locked(name), disk_space_explained(path):
        if stamp.exists():
            return path
        if path.exists() and not resume:
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        make(path)
        stamp.touch()
    return path


def drop(name):
    """Remove an entry; the next use makes it again."""
    path = root() / name
    path.with_name(path.name + ".complete").unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def write(path, text):
    """Write a small file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


@contextlib.contextmanager
def disk_space_explained(path):
    """Report a full disk by a sentence, also if a child process found it full.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise Failure(out_of_space(path)) from error
    except Failure as failure:
        if shutil.disk_usage(path.parent).free < 256 << 20:
            raise Failure(out_of_space(path)) from failure
        raise


def out_of_space(path):
    return (f"The disk of {path.parent} is full: free about 12 GB there, "
            "or set XDG_CACHE_HOME to a larger disk.")
