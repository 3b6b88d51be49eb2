# SPDX-License-Identifier: GPL-2.0
#
# gomalloc: what people want to do, one verb each.  `make help` lists them.
# How the module is built stands in Kbuild; what is done in guests, in tools/.

KDIR ?= /lib/modules/$(shell uname -r)/build
GOM := tools/setup.sh && python3 tools/gom

# Only what was given on the command line is passed on.
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
	@test -d $(KDIR) || { echo "error: no kernel headers in $(KDIR): install linux-headers-$$(uname -r), or give KDIR=." >&2; exit 1; }
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

# Only this verb needs Sphinx, and it needs no kernel to boot.
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
	@$(if $(TORTURE),,echo "error: which torture? Give TORTURE=name; tools/gom torture --help lists them." >&2; exit 1;) \
	$(GOM) torture $(TORTURE) $(or $(TARGET),stock-newest)

boot:
	@$(if $(SCRIPT),,echo "error: which script shall the guest run? Give SCRIPT=file." >&2; exit 1;) \
	$(GOM) boot $(or $(TARGET),uml) --build --script '$(SCRIPT)'

clean:
	rm -rf build
	@if [ -d $(KDIR) ]; then $(MAKE) -s -C $(KDIR) M=$(CURDIR) clean; fi

distclean-cache: clean
	@$(GOM) drop-cache

help:
	@echo "make                 build gomalloc.ko for the running kernel (KDIR=... for another);"
	@echo "                     BENCH=1: the benchmark and torture modules as well"
	@echo "make check           build and test on every target; ends with N passed, N failed, N skipped"
	@echo "make bench           measure against SLUB on every target; writes build/bench/report.html"
	@echo "                     TARGET=uml|stock-6.1|stock-newest|... WORKLOAD=pair,batch SIZE=64,128"
	@echo "make soak            an hour of churn: does anything get slower or larger? TARGET=uml SECONDS=3600"
	@echo "make bench-here      the same on this machine (root; builds what it needs, loads gomalloc.ko if it is not)"
	@echo "make kunit           KUnit on one target: TARGET=uml|uml-6.1|uml-debug FILTER='suite.case'"
	@echo "make kunit-loop      the suites TIMES=50 times; BUSY=1: while all CPUs are busy; TARGET=... FILTER=..."
	@echo "make smoke           SMP smoke test on one target: TARGET=stock-6.1|stock-newest|stock-rt;"
	@echo "                     NODES=2: where memory comes from on a machine of so many NUMA nodes"
	@echo "make inspect         heap profile, tracepoints, scavenger, fences on one: TARGET=stock-6.1|..."
	@echo "make torture         one of TORTURE=unload|fragments|plug|full-node|no-memory-node|reclaim|oom|nmi|"
	@echo "                     irq-stacks|isolated|isolated-ticking|profile"
	@echo "make boot            boot a target with the modules and a script: TARGET=... SCRIPT=file"
	@echo "make style           checkpatch.pl, sparse and kernel-doc, as the newest kernel has them"
	@echo "make htmldocs        Documentation/ as a site in build/html; a warning is an error"
	@echo "make clean           remove what was built here"
	@echo "make distclean-cache also remove the cache: kernels, packages, compilers"
	@echo
	@echo "Targets and cache are explained in Documentation/, and by tools/gom --help."
