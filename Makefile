# SPDX-License-Identifier: GPL-2.0
#
# gomalloc's verbs; `make help` lists them.  Kbuild builds the modules, and the
# scripts in tools/ run them in guests.

KDIR ?= /lib/modules/$(shell uname -r)/build
GOM := tools/setup.sh && python3 tools/gom

# Only variables that are set are passed on.
TARGET ?=
FILTER ?=
WORKLOAD ?=
SIZE ?=
SCRIPT ?=
SECONDS ?=
TORTURE ?=
TIMES ?=
BUSY ?=

.PHONY: all check bench bench-here soak style htmldocs kunit kunit-loop smoke inspect torture boot clean distclean-cache help

all:
	@test -d $(KDIR) || { echo "error: There are no kernel headers in $(KDIR): install linux-headers-$$(uname -r), or set KDIR=." >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

check:
	@$(GOM) check

bench:
	@$(GOM) bench $(addprefix --target ,$(TARGET)) $(addprefix --workload ,$(WORKLOAD)) $(addprefix --size ,$(SIZE))

soak:
	@$(GOM) soak $(addprefix --target ,$(TARGET)) $(addprefix --seconds ,$(SECONDS))

bench-here:
	@$(MAKE) --no-print-directory -s all BENCH=1
	@python3 tools/gom bench-here $(addprefix --workload ,$(WORKLOAD)) $(addprefix --size ,$(SIZE))

style:
	@$(GOM) style

# Only this verb needs Sphinx; it boots no kernel.
htmldocs:
	@tools/setup.sh docs && python3 tools/gom htmldocs

kunit:
	@$(GOM) kunit $(or $(TARGET),uml) $(if $(FILTER),--filter '$(FILTER)')

kunit-loop:
	@$(GOM) kunit-loop $(or $(TARGET),uml) $(addprefix --times ,$(TIMES)) $(if $(BUSY),--busy) $(if $(FILTER),--filter '$(FILTER)')

smoke:
	@$(GOM) smoke $(or $(TARGET),stock-newest) $(if $(NODES),--nodes $(NODES))

inspect:
	@$(GOM) inspect $(or $(TARGET),stock-newest)

torture:
	@$(if $(TORTURE),,echo "error: TORTURE= is not set; tools/gom torture --help lists the names." >&2; exit 1;) \
	$(GOM) torture $(TORTURE) $(or $(TARGET),stock-newest)

boot:
	@$(if $(SCRIPT),,echo "error: SCRIPT= is not set: it is the file of the script that the guest runs." >&2; exit 1;) \
	$(GOM) boot $(or $(TARGET),uml) --build --script '$(SCRIPT)'

clean:
	rm -rf build
	@if [ -d $(KDIR) ]; then $(MAKE) -s -C $(KDIR) M=$(CURDIR) clean; fi

distclean-cache: clean
	@$(GOM) drop-cache

help:
	@echo "make                 build gomalloc.ko for the running kernel (KDIR=... for another);"
	@echo "                     BENCH=1: also the benchmark and torture modules"
	@echo "make check           build and test on all targets; ends with N passed, N failed, N skipped"
	@echo "make bench           compare with SLUB on all targets; writes build/bench/report.html"
	@echo "                     TARGET=uml|stock-6.1|stock-newest|... WORKLOAD=pair,batch SIZE=64,128"
	@echo "                     WORKLOAD=apps: modules of the kernel over gomalloc, their whole workload;"
	@echo "                     TARGET=uml|uml-6.1: in cycles"
	@echo "make soak            an hour of churn, to see whether anything gets slower or larger:"
	@echo "                     TARGET=uml SECONDS=3600"
	@echo "make bench-here      the comparison on this machine (as root; builds and loads what it needs)"
	@echo "make kunit           KUnit on one target: TARGET=uml|uml-6.1|uml-debug FILTER='suite.case'"
	@echo "make kunit-loop      the suites TIMES=50 times; BUSY=1: with all CPUs busy; TARGET=... FILTER=..."
	@echo "make smoke           SMP smoke test on one target: TARGET=stock-6.1|stock-newest|stock-rt;"
	@echo "                     NODES=2: the test of NUMA nodes, on a machine with so many"
	@echo "make inspect         heap profile, leaks, tracepoints, scavenger, guard pages, failed allocations:"
	@echo "                     TARGET=stock-6.1|..."
	@echo "make torture         a rare situation: TORTURE=unload|fragments|plug|full-node|no-memory-node|"
	@echo "                     reclaim|oom|nmi|irq-stacks|hotplug|isolated|isolated-ticking|profile TARGET=..."
	@echo "tools/gom over-gomalloc DIRECTORY  build a module of yours over gomalloc, and list its calls"
	@echo "tools/gom app ext4 stock-newest    a module of the kernel over gomalloc, in a guest"
	@echo "make boot            boot a target with the modules and run a script: TARGET=... SCRIPT=file"
	@echo "make style           checkpatch.pl, sparse, kernel-doc, headings and layers"
	@echo "make htmldocs        Documentation/ as a site in build/html; warnings are errors"
	@echo "make clean           remove what was built here"
	@echo "make distclean-cache also remove the cache: kernels, packages, compilers"
	@echo
	@echo "Documentation/kernels.rst and tools/gom --help describe targets and cache."
