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
 * A mark is a nop of eight bytes whose displacement is a command: count, stop,
 * or print the counts as a line and reset them.  The guest's side is
 * tools/bench/lines.h.
 *
 *	qemu-system-x86_64 -plugin cachelines.so,out=FILE ...
 *
 * One thread runs all CPUs (-accel tcg,thread=single), so no locks are needed.
 * Not all of Debian's packages contain QEMU's header, so the part of the
 * interface that is used, stable since QEMU 4.2, is declared here.  insn_data()
 * copies from version 3 on.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* === QEMU's interface === */

typedef uint64_t plugin_id;
struct plugin_tb;
struct plugin_insn;

struct plugin_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
};

enum { CB_NO_REGS };
enum { MEM_READ_WRITE = 3 };

typedef void (*tb_trans_cb)(plugin_id id, struct plugin_tb *tb);
typedef void (*exec_cb)(unsigned int cpu, void *arg);
typedef void (*mem_cb)(unsigned int cpu, uint32_t info, uint64_t vaddr, void *arg);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct plugin_insn *insn, exec_cb cb, int flags,
					    void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct plugin_insn *insn, mem_cb cb, int flags, int rw,
				      void *arg);
size_t qemu_plugin_tb_n_insns(const struct plugin_tb *tb);
struct plugin_insn *qemu_plugin_tb_get_insn(const struct plugin_tb *tb, size_t index);
void *qemu_plugin_insn_data(const struct plugin_insn *insn, void *to, size_t len);
size_t qemu_plugin_insn_size(const struct plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);

/* A version of the interface that this QEMU supports; set by the build. */
__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_VERSION;

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

#define INSN_MAX	15
#define MARK_MAGIC	0x676f6d00u	/* "gom", and the mark in the lowest byte */

static int interface_version;

static size_t insn_bytes(const struct plugin_insn *insn, uint8_t *bytes)
{
	size_t size = qemu_plugin_insn_size(insn);

	if (size > INSN_MAX)
		size = INSN_MAX;
	if (interface_version >= 3)
		qemu_plugin_insn_data(insn, bytes, size);
	else
		memcpy(bytes, qemu_plugin_insn_data(insn, NULL, 0), size);
	return size;
}

static bool is_mark(const uint8_t *bytes, size_t size, uint32_t *mark)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x84, 0x00 };

	if (size != sizeof(nopl) + sizeof(*mark) || memcmp(bytes, nopl, sizeof(nopl)))
		return false;
	memcpy(mark, bytes + sizeof(nopl), sizeof(*mark));
	*mark -= MARK_MAGIC;
	return *mark < NR_MARKS;
}

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
		if (is_mark(bytes, size, &mark))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, CB_NO_REGS,
							       (void *)(uintptr_t)mark);
		if (is_locked(bytes, size))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, locked_executed, CB_NO_REGS,
							       NULL);
		qemu_plugin_register_vcpu_mem_cb(insn, memory_accessed, CB_NO_REGS,
						 MEM_READ_WRITE, NULL);
	}
}

__attribute__((visibility("default")))
int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	interface_version = info->version.cur;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "cachelines: the argument out=FILE is missing\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	directory = calloc(DIRECTORY, sizeof(*directory));
	if (!out || !directory) {
		fprintf(stderr, "cachelines: cannot write to %s, or there is no memory\n", argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
