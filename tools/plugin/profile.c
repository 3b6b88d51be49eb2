// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * profile: a QEMU plugin that counts the instructions of a workload by address.
 *
 * Between two marks in the guest's code, every execution of a block of
 * instructions is counted.  At the end of the emulator one line is written for
 * each block of the kernel that was executed, its first address and the number
 * of instructions, and one for all of user space, with the address 0.  A mark is
 * a nop of eight bytes, as in cachelines.c; the guest's side is
 * tools/apps/mark.c.  Two more marks pause the count and resume it, for a
 * process that takes samples meanwhile (tools/apps/peak.c).
 *
 *	qemu-system-x86_64 -plugin profile.so,out=FILE ...
 *
 * One CPU is expected.  A block that an exception interrupts is counted whole.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* === QEMU's interface, see cachelines.c === */

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

typedef void (*tb_trans_cb)(plugin_id id, struct plugin_tb *tb);
typedef void (*exec_cb)(unsigned int cpu, void *arg);
typedef void (*exit_cb)(plugin_id id, void *arg);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct plugin_tb *tb, exec_cb cb, int flags, void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(struct plugin_insn *insn, exec_cb cb, int flags,
					    void *arg);
void qemu_plugin_register_atexit_cb(plugin_id id, exit_cb cb, void *arg);
size_t qemu_plugin_tb_n_insns(const struct plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct plugin_tb *tb);
struct plugin_insn *qemu_plugin_tb_get_insn(const struct plugin_tb *tb, size_t index);
void *qemu_plugin_insn_data(const struct plugin_insn *insn, void *to, size_t len);
size_t qemu_plugin_insn_size(const struct plugin_insn *insn);

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_VERSION;

/* === Counting === */

#define BLOCKS	(1u << 22)	/* a power of two */

struct block {
	uint64_t address;	/* 0: user space */
	uint32_t size;		/* in instructions; 0: unused */
	uint64_t executed;
};

static struct block *blocks;
static unsigned int blocks_known;
static bool counting, paused;
static FILE *out;

static struct block *block_of(uint64_t address, uint32_t size)
{
	unsigned int i = ((address + size) * 0x9e3779b97f4a7c15u >> 32) % BLOCKS;

	while (blocks[i].size && (blocks[i].address != address || blocks[i].size != size))
		i = (i + 1) % BLOCKS;
	if (!blocks[i].size) {
		if (++blocks_known > BLOCKS / 2) {
			fprintf(stderr, "profile: the guest executes more than %u blocks\n", BLOCKS / 2);
			exit(1);
		}
		blocks[i].address = address;
		blocks[i].size = size;
	}
	return &blocks[i];
}

static void executed(unsigned int cpu, void *arg)
{
	struct block *block = arg;

	block->executed += counting && !paused;
}

enum mark { MARK_STOP, MARK_COUNT, MARK_PAUSE, MARK_RESUME, NR_MARKS };

static void marked(unsigned int cpu, void *arg)
{
	switch ((enum mark)(uintptr_t)arg) {
	case MARK_STOP:
	case MARK_COUNT:
		counting = (enum mark)(uintptr_t)arg == MARK_COUNT;
		break;
	default:
		paused = (enum mark)(uintptr_t)arg == MARK_PAUSE;
	}
}

static void finish(plugin_id id, void *arg)
{
	unsigned int i;

	for (i = 0; i < BLOCKS; i++)
		if (blocks[i].executed)
			fprintf(out, "%" PRIx64 " %" PRIu64 "\n", blocks[i].address,
				blocks[i].executed * blocks[i].size);
	fclose(out);
}

/* === Translation === */

#define INSN_MAX	15
#define MARK_MAGIC	0x676f6d00u	/* "gom", and the mark in the lowest byte */

static int interface_version;

static bool is_mark(const struct plugin_insn *insn, uint32_t *mark)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x84, 0x00 };
	size_t size = qemu_plugin_insn_size(insn);
	uint8_t bytes[INSN_MAX];

	if (size != sizeof(nopl) + sizeof(*mark))
		return false;
	if (interface_version >= 3)
		qemu_plugin_insn_data(insn, bytes, size);
	else
		memcpy(bytes, qemu_plugin_insn_data(insn, NULL, 0), size);
	if (memcmp(bytes, nopl, sizeof(nopl)))
		return false;
	memcpy(mark, bytes + sizeof(nopl), sizeof(*mark));
	*mark -= MARK_MAGIC;
	return *mark < NR_MARKS;
}

static void translated(plugin_id id, struct plugin_tb *tb)
{
	const size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	bool user = !(address >> 63);
	uint32_t mark;
	size_t i;

	for (i = 0; user && i < n; i++) {
		struct plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_mark(insn, &mark))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, CB_NO_REGS,
							       (void *)(uintptr_t)mark);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, CB_NO_REGS,
					     block_of(user ? 0 : address, n));
}

__attribute__((visibility("default")))
int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	interface_version = info->version.cur;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "profile: the argument out=FILE is missing\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	blocks = calloc(BLOCKS, sizeof(*blocks));
	if (!out || !blocks) {
		fprintf(stderr, "profile: cannot write to %s, or there is no memory\n", argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
