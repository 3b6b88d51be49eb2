// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cachelines: a QEMU plugin that counts cache lines moved between CPUs.
 *
 * While an emulated CPU is between two marks in its code (see below), each of
 * its memory accesses is looked up in a directory of cache lines, which knows
 * the CPUs that have a copy, as in a machine whose caches never evict a line.
 * An access moves a line if it reads one that only other CPUs have, or writes
 * one that other CPUs have.  Instructions with a lock prefix, and xchg with
 * memory, are counted as well.
 *
 * The marks (plugin.h) are: count, stop, or print the counts as a line and reset
 * them.  The guest's side is tools/bench/lines.h.
 *
 *	qemu-system-x86_64 -plugin cachelines.so,out=FILE ...
 *
 * One thread runs all CPUs (-accel tcg,thread=single), so no locks are needed.
 */
#include "plugin.h"

/* === The directory === */

#define LINE_SHIFT	6
#define DIRECTORY	(1u << 21)	/* lines, a power of two */
#define CPUS		8

struct line {
	uint64_t number;	/* 0: unused */
	uint8_t copies;		/* bitmap of the CPUs that have a copy */
};

static struct line *directory;
static unsigned int lines_known;

static struct line *line_of(uint64_t vaddr)
{
	const uint64_t number = vaddr >> LINE_SHIFT;
	unsigned int i = (number * 0x9e3779b97f4a7c15u >> 32) % DIRECTORY;

	while (directory[i].number && directory[i].number != number)
		i = (i + 1) % DIRECTORY;
	if (!directory[i].number) {
		if (++lines_known > DIRECTORY / 2) {
			fprintf(stderr, "cachelines: the program uses more than %u cache lines\n", DIRECTORY / 2);
			exit(1);
		}
		directory[i].number = number;
	}
	return &directory[i];
}

/* === Counting === */

static bool counting[CPUS];
static uint64_t accesses, transfers, locked;
static FILE *out;

static void memory_accessed(unsigned int cpu, uint32_t info, uint64_t vaddr, void *arg)
{
	struct line *line;
	uint8_t mine;

	if (cpu >= CPUS || !counting[cpu])
		return;
	line = line_of(vaddr);
	mine = 1u << cpu;
	accesses++;
	if (qemu_plugin_mem_is_store(info)) {
		transfers += line->copies && line->copies != mine;
		line->copies = mine;
	} else {
		transfers += line->copies && !(line->copies & mine);
		line->copies |= mine;
	}
}

static void locked_executed(unsigned int cpu, void *arg)
{
	if (cpu < CPUS && counting[cpu])
		locked++;
}

enum mark { MARK_STOP, MARK_COUNT, MARK_LINE, NR_MARKS };

static void marked(unsigned int cpu, void *arg)
{
	if (cpu >= CPUS)
		return;
	counting[cpu] = (enum mark)(uintptr_t)arg == MARK_COUNT;
	if ((enum mark)(uintptr_t)arg != MARK_LINE)
		return;
	fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", transfers, locked, accesses);
	fflush(out);
	accesses = 0;
	transfers = 0;
	locked = 0;
}

/* === Translation === */

/* A lock prefix, or xchg whose operand is not a register. */
static bool is_locked(const uint8_t *bytes, size_t size)
{
	size_t i = 0;

	while (i < size && (bytes[i] == 0x66 || (bytes[i] & 0xf0) == 0x40 || bytes[i] == 0x65 ||
			    bytes[i] == 0x3e))
		i++;
	if (i < size && bytes[i] == 0xf0)
		return true;
	return i + 1 < size && (bytes[i] & 0xfe) == 0x86 && bytes[i + 1] < 0xc0;
}

static void translated(plugin_id id, struct plugin_tb *tb)
{
	const size_t n = qemu_plugin_tb_n_insns(tb);
	uint8_t bytes[INSN_MAX];
	uint32_t mark;
	size_t i, size;

	for (i = 0; i < n; i++) {
		struct plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		size = insn_bytes(insn, bytes);
		if (is_mark(bytes, size, NR_MARKS, &mark))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, CB_NO_REGS,
							       (void *)(uintptr_t)mark);
		if (is_locked(bytes, size))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, locked_executed, CB_NO_REGS,
							       NULL);
		qemu_plugin_register_vcpu_mem_cb(insn, memory_accessed, CB_NO_REGS,
						 MEM_READ_WRITE, NULL);
	}
}

int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	out = plugin_start(info, argc, argv, "cachelines", (void **)&directory, DIRECTORY,
			   sizeof(*directory));
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
