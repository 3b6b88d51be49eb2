# SPDX-License-Identifier: GPL-2.0
# The kernel's own test of zeroed memory runs while it is loaded.

work() {
	dmesg | grep "test_meminit: .*tests.* failed" &&
		fail "test_meminit found memory that is not zeroed"
	dmesg | grep -q "test_meminit: all [0-9]* tests passed" || fail "test_meminit has not passed"
	dmesg | grep -o "test_meminit: all [0-9]* tests passed"
}
