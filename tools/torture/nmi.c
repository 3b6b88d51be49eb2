// SPDX-License-Identifier: GPL-2.0
/* Allocates and frees in NMIs, which the emulator sends under load. */
#include <linux/kconfig.h>

#include "nolock.h"
#include "torture.h"

#if defined(CONFIG_X86_LOCAL_APIC) && !IS_ENABLED(CONFIG_UML)
#include <linux/percpu.h>
#include <asm/nmi.h>

static DEFINE_PER_CPU(struct nolock_state, states);
static bool registered;

static int nmi_handler(unsigned int type, struct pt_regs *regs)
{
	nolock_step(this_cpu_ptr(&states), false);
	return NMI_HANDLED;
}

int torture_nmi(unsigned int on)
{
	if (on && !registered) {
		registered = !register_nmi_handler(NMI_LOCAL, nmi_handler, 0, "gomalloc_torture");
		return registered ? 0 : -EIO;
	}
	if (on || !registered)
		return 0;
	unregister_nmi_handler(NMI_LOCAL, "gomalloc_torture");
	registered = false;
	return nolock_finish(&states, "nmi");
}
#else
int torture_nmi(unsigned int on)
{
	return on ? -EOPNOTSUPP : 0;
}
#endif
