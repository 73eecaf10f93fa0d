/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocation flags by name. Bits are those of include/linux/gfp_types.h (6.11 and later, without kernel debugging
 * options, which append bits at the top); the order in which compound names are tried is that of
 * include/trace/events/mmflags.h: larger sets first, what is left then shows by itself.
 */
#include "output/gfp.h"

#include <inttypes.h>

enum {
	DMA = 1 << 0,
	HIGHMEM = 1 << 1,
	DMA32 = 1 << 2,
	MOVABLE = 1 << 3,
	HIGH = 1 << 5,
	IO = 1 << 6,
	FS = 1 << 7,
	ZERO = 1 << 8,
	DIRECT = 1 << 10,
	KSWAPD = 1 << 11,
	WRITE = 1 << 12,
	NOWARN = 1 << 13,
	RETRY_MAYFAIL = 1 << 14,
	NOFAIL = 1 << 15,
	NORETRY = 1 << 16,
	MEMALLOC = 1 << 17,
	COMP = 1 << 18,
	NOMEMALLOC = 1 << 19,
	HARDWALL = 1 << 20,
	THISNODE = 1 << 21,
	ACCOUNT = 1 << 22,
	ZEROTAGS = 1 << 23,
	SKIP_ZERO = 1 << 24,
	SKIP_KASAN = 1 << 25,
	NO_OBJ_EXT = 1 << 26,
	RECLAIM = DIRECT | KSWAPD,
	KERNEL = RECLAIM | IO | FS,
	USER = KERNEL | HARDWALL,
	HIGHUSER = USER | HIGHMEM,
	HIGHUSER_MOVABLE = HIGHUSER | MOVABLE | SKIP_KASAN,
	TRANSHUGE_LIGHT = (HIGHUSER_MOVABLE | COMP | NOMEMALLOC | NOWARN) & ~RECLAIM,
	NOIO = RECLAIM,
	NOFS = RECLAIM | IO,
};

static const struct {
	uint32_t bits;
	const char *name;
} gfp_names[] = {
	{ TRANSHUGE_LIGHT | DIRECT, "GFP_TRANSHUGE" },
	{ TRANSHUGE_LIGHT, "GFP_TRANSHUGE_LIGHT" },
	{ HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE" },
	{ HIGHUSER, "GFP_HIGHUSER" },
	{ USER, "GFP_USER" },
	{ KERNEL | ACCOUNT, "GFP_KERNEL_ACCOUNT" },
	{ KERNEL, "GFP_KERNEL" },
	{ NOFS, "GFP_NOFS" },
	{ HIGH | KSWAPD, "GFP_ATOMIC" },
	{ NOIO, "GFP_NOIO" },
	{ KSWAPD | NOWARN, "GFP_NOWAIT" },
	{ DMA, "GFP_DMA" },
	{ HIGHMEM, "__GFP_HIGHMEM" },
	{ DMA32, "GFP_DMA32" },
	{ HIGH, "__GFP_HIGH" },
	{ IO, "__GFP_IO" },
	{ FS, "__GFP_FS" },
	{ ZERO, "__GFP_ZERO" },
	{ DIRECT, "__GFP_DIRECT_RECLAIM" },
	{ KSWAPD, "__GFP_KSWAPD_RECLAIM" },
	{ WRITE, "__GFP_WRITE" },
	{ NOWARN, "__GFP_NOWARN" },
	{ RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL" },
	{ NOFAIL, "__GFP_NOFAIL" },
	{ NORETRY, "__GFP_NORETRY" },
	{ MEMALLOC, "__GFP_MEMALLOC" },
	{ COMP, "__GFP_COMP" },
	{ NOMEMALLOC, "__GFP_NOMEMALLOC" },
	{ HARDWALL, "__GFP_HARDWALL" },
	{ THISNODE, "__GFP_THISNODE" },
	{ ACCOUNT, "__GFP_ACCOUNT" },
	{ ZEROTAGS, "__GFP_ZEROTAGS" },
	{ SKIP_ZERO, "__GFP_SKIP_ZERO" },
	{ SKIP_KASAN, "__GFP_SKIP_KASAN" },
	{ NO_OBJ_EXT, "__GFP_NO_OBJ_EXT" },
};

void gfp_put(uint64_t flags, struct strbuf *out)
{
	const char *separator = "";

	if (!flags) {
		strbuf_putc(out, '0');
		return;
	}
	for (size_t i = 0; i < sizeof(gfp_names) / sizeof(gfp_names[0]); i++) {
		if ((flags & gfp_names[i].bits) != gfp_names[i].bits)
			continue;
		strbuf_printf(out, "%s%s", separator, gfp_names[i].name);
		flags &= ~(uint64_t)gfp_names[i].bits;
		separator = "|";
	}
	if (flags)
		strbuf_printf(out, "%s0x%" PRIx64, separator, flags);
}
