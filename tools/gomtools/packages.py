# SPDX-License-Identifier: GPL-2.0
"""Debian's kernel packages, of this release and newer ones.

The package source and keys come from the system's apt configuration, which is
not changed: apt-get uses directories and a source list in the cache.  The
package lists are fetched at most once a day; without network the old ones are
used.
"""

import functools
import json
import os
import re
import subprocess
import time
from pathlib import Path

from . import cache, process
from .ui import Failure, note, step

# The suites that are searched, oldest release first; the newest kernel may be
# in any.
SUITES = ["bookworm", "bookworm-security", "bookworm-backports",
          "trixie", "trixie-security", "trixie-backports", "forky", "sid"]
KEYRINGS = ["/usr/share/keyrings/debian-archive-keyring.pgp",
            "/usr/share/keyrings/debian-archive-keyring.gpg"]
MAX_AGE = 24 * 3600


def directory():
    return cache.root() / "apt"


def apt_options():
    """Options of apt-get for its directories in the cache."""
    at = directory()
    return ["-o", f"Dir::Etc::sourcelist={at}/sources.list", "-o", "Dir::Etc::sourceparts=-", "-o",
            f"Dir::State::lists={at}/lists", "-o", f"Dir::Cache={at}/cache", "-o",
            "APT::Sandbox::User=", "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"]


@functools.lru_cache(maxsize=None)
def archive(security=False):
    """The URI of Debian's packages in the system's apt configuration."""
    suite = "-security" if security else ""
    targets = process.lines(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)",
                             "Created-By: Packages"])
    names = "|".join(s for s in SUITES if "-" not in s) + "|stable|oldstable|testing|unstable"
    for line in targets:
        uri, _, release = line.partition(" ")
        if re.fullmatch(f"({names}){suite}", release):
            return uri
    if security:
        return None
    raise Failure("apt has no Debian package source configured: add one for this release to "
                  "/etc/apt/sources.list and run the command again.")


def source_lines():
    keyring = next((k for k in KEYRINGS if os.path.exists(k)), None)
    signed = f"[signed-by={keyring}] " if keyring else ""
    for suite in SUITES:
        uri = archive(security=suite.endswith("-security"))
        if uri:
            yield f"deb {signed}{uri} {suite} main"


def update():
    """Fetch the package lists; return {package: [[version, suite], …]}."""
    at = directory()
    for part in ("lists/partial", "cache/archives/partial"):
        (at / part).mkdir(parents=True, exist_ok=True)
    cache.write(at / "sources.list", "\n".join(source_lines()) + "\n")
    step("looking up Debian's newest kernels (about 40 MB, at most once a day)")
    subprocess.run(["apt-get", *apt_options(), "-qq", "update"],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    names = process.lines(["apt-cache", *apt_options(), "pkgnames", "linux-"])
    names = [n for n in names
             if re.match(r"linux-(source|image|binary|modules|headers|kbuild)-", n)]
    found = {}
    if names:
        for line in process.lines(["apt-cache", *apt_options(), "madison", *names]):
            name, version, origin = (part.strip() for part in line.split("|"))
            found.setdefault(name, []).append([version, origin.split()[1].partition("/")[0]])
    return found


@functools.lru_cache(maxsize=None)
def index():
    """All kernel packages: {package: [[version, suite], …]}."""
    answer = directory() / "packages.json"
    with cache.locked("apt"):
        if answer.exists() and time.time() - answer.stat().st_mtime < MAX_AGE:
            return json.loads(answer.read_text())
        found = update()
        if found:
            cache.write(answer, json.dumps(found, indent=1))
            return found
    if answer.exists():
        note("the package lists cannot be fetched; those in the cache are used.")
        return json.loads(answer.read_text())
    raise Failure("Debian's package lists cannot be fetched: check the network (and the package "
                  "source in /etc/apt), then run the command again.")


def version_key(version):
    return [int(number) for number in re.findall(r"\d+", version)]


def matching(pattern):
    """(match, version, suite) of every package whose name matches, newest
    first.
    """
    found = [(match, version, suite)
             for name, places in index().items() if (match := re.fullmatch(pattern, name))
             for version, suite in places]
    return sorted(found, key=lambda item: version_key(item[1]), reverse=True)


def suite_of(name, version):
    return next(suite for v, suite in index()[name] if v == version)


def release_of(suite):
    """The release of a suite, whose compiler its headers need."""
    return suite.partition("-")[0]


def download(name, version):
    """The path of the downloaded package file."""
    def fetch(path):
        step(f"downloading {name} {version}")
        done = subprocess.run(["apt-get", *apt_options(), "-qq", "download", f"{name}={version}"],
                              cwd=path, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode or not list(path.glob("*.deb")):
            raise Failure(f"The package {name} {version} cannot be downloaded "
                          f"({process.tail(done.stderr, 1)}): "
                          "check the network, then run the command again.")
    return next(cache.entry(f"packages/{name}_{version}", fetch).glob("*.deb"))


def extract(package, where):
    """Unpack a package file into `where`."""
    # dpkg-deb --extract would replace the link /lib -> usr/lib by a directory.
    Path(where).mkdir(parents=True, exist_ok=True)
    script = ('set -o pipefail; dpkg-deb --fsys-tarfile "$1" | '
              'tar -x --keep-directory-symlink --no-same-owner -C "$2"')
    process.run(["bash", "-c", script, "extract", str(package), str(where)],
                cache.root() / "logs" / f"{package.name}.log", f"Unpacking {package.name}")
