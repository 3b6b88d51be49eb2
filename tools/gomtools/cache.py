# SPDX-License-Identifier: GPL-2.0
"""The cache outside the checkout: packages, kernel sources, built kernels, chroots.

An entry is a directory that counts only once its stamp `NAME.complete` exists, and
the stamp is written last.  So an interrupted run leaves an entry that is simply
made again (or, where its maker can, continued), never one that is half right.
A lock per entry lets two runs share the cache.
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
    """Hold the entry's lock; a second run waits here for the first."""
    locks = root() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with open(locks / name.replace("/", "_"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entry(name, make, resume=False):
    """Return the directory `name`, calling `make(directory)` if it is not complete.

    With `resume`, what an interrupted run left is kept for `make` to go on from.
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
    """Forget an entry, so that the next use makes it again."""
    path = root() / name
    path.with_name(path.name + ".complete").unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def write(path, text):
    """Write a small file so that a reader sees the old or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


@contextlib.contextmanager
def disk_space_explained(path):
    """Turn 'no space left' into a sentence, also when a child process met it."""
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
