// SPDX-License-Identifier: GPL-2.0
/* Allocating and freeing in NMIs, which the emulator sends while others use the allocator. */
#include <linux/kconfig.h>

#include "nolock.h"
#include "torture.h"

#if defined(CONFIG_X86_LOCAL_APIC) && !IS_ENABLED(CONFIG_UML)
#include <linux/percpu.h>
#include <asm/nmi.h>

static DEFINE_PER_CPU(struct nolock_hand, hands);
static bool registered;

static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	nolock_step(this_cpu_ptr(&hands), false);
	return NMI_HANDLED;
}

int torture_nmi(unsigned int on)
{
	if (on && !registered) {
		registered = !register_nmi_handler(NMI_LOCAL, on_nmi, 0, "gomalloc_torture");
		return registered ? 0 : -EIO;
	}
	if (on || !registered)
		return 0;
	unregister_nmi_handler(NMI_LOCAL, "gomalloc_torture");
	registered = false;
	return nolock_finish(&hands, "nmi");
}
#else
int torture_nmi(unsigned int on)
{
	return on ? -EOPNOTSUPP : 0;
}
#endif
