// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * profile: a QEMU plugin that counts the instructions of a workload by address.
 *
 * Between two marks in the guest's code, every execution of a block of
 * instructions is counted.  At the end of the emulator one line is written for
 * each block of the kernel that was executed, its first address and the number
 * of instructions, and one for all of user space, with the address 0.  The
 * guest's side of the marks (plugin.h) is tools/apps/mark.h.  Two more marks
 * pause the count and resume it, for a process that takes samples meanwhile
 * (tools/apps/peak.c).
 *
 *	qemu-system-x86_64 -plugin profile.so,out=FILE ...
 *
 * One CPU is expected.  A block that an exception interrupts is counted whole.
 */
#include "plugin.h"

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

static void translated(plugin_id id, struct plugin_tb *tb)
{
	const size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	bool user = !(address >> 63);
	uint8_t bytes[INSN_MAX];
	uint32_t mark;
	size_t i;

	for (i = 0; user && i < n; i++) {
		struct plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_mark(bytes, insn_bytes(insn, bytes), NR_MARKS, &mark))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, CB_NO_REGS,
							       (void *)(uintptr_t)mark);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, CB_NO_REGS,
					     block_of(user ? 0 : address, n));
}

int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	out = plugin_start(info, argc, argv, "profile", (void **)&blocks, BLOCKS, sizeof(*blocks));
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
