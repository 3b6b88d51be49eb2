#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Installs missing packages that the tools need.  The Makefile runs it before
# every verb that needs more than a compiler.  If nothing is missing, it does
# nothing, and needs neither root nor network.
#
# The argument names a set of packages: "tests" (the default), or "docs".

fail() {
	echo "error: $*" >&2
	exit 1
}

case ${1:-tests} in
tests)
	packages="
		python3 perl
		gcc make flex bison bc libelf-dev libssl-dev xz-utils
		sparse
		busybox-static qemu-system-x86
		iso-codes gnuplot-nox google-perftools
		debootstrap debian-archive-keyring
		e2fsprogs
	"
	;;
docs)
	packages="
		python3 xz-utils debian-archive-keyring
		python3-sphinx furo
	"
	;;
*)
	fail "There is no set of packages '$1': use tests or docs."
	;;
esac

command -v apt-get > /dev/null && command -v dpkg-query > /dev/null ||
	fail "This machine has no apt-get: the tools need Debian 12 or 13."

missing=
for package in $packages; do
	# Look for packages, not commands: busybox must be the static one.
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

[ "$(id -u)" = 0 ] ||
	fail "Missing packages:$missing. Install them as root: apt-get install$missing"

echo "==> installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update > "$log" 2>&1
if ! apt-get -qq install -y --no-install-recommends $missing >> "$log" 2>&1; then
	tail -n 5 "$log" >&2
	if [ "$(df -Pk /var/cache/apt | awk 'NR == 2 { print $4 }')" -lt 1000000 ]; then
		fail "There is too little disk space to install$missing: free at least 1 GB on the disk of /var and run the command again."
	fi
	fail "The packages$missing cannot be installed: check the network and the package source in /etc/apt, then run the command again."
fi
