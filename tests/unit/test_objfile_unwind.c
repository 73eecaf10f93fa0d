/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk in user space: over stacks made by hand, rule by rule; and over this program's own stack, against libgcc's
 * unwinder.
 */
#include "objfile/unwind.h"

#include "base/vec.h"
#include "objfile/proc.h"

#include "tap.h"

#include <execinfo.h>
#include <unistd.h>

enum { STACK = 0x7000, WORDS = 64 };

/* ---- by hand: code at 0x1000 has the rule of the test, code at 0x2000 ends, code at 0x3000 has no CFI ---- */

struct world {
	uint32_t rule;
	uint64_t words[WORDS];
};

static struct cfi_table *one_rule(uint32_t rule)
{
	static uint64_t words[2];
	static struct cfi_table t;

	words[0] = 1 | 1ULL << 32;
	words[1] = (uint64_t)rule << 32;
	t = (struct cfi_table){ .words = words, .n_words = 2, .n_pages = 1, .n_rows = 1 };
	return &t;
}

static enum unwind_place find(void *arg, uint64_t addr, const struct cfi_table **table,
			      uint64_t *vaddr)
{
	struct world *w = arg;

	*vaddr = 0;
	switch (addr & ~0xfffULL) {
	case 0x1000: *table = one_rule(w->rule); return UNWIND_PLACE_TABLE;
	case 0x2000:
		*table = one_rule(cfi_rule(CFI_STOP, 0, CFI_STOP_END));
		return UNWIND_PLACE_TABLE;
	case 0x3000: return UNWIND_PLACE_NO_CFI;
	default: return UNWIND_PLACE_NONE;
	}
}

static bool read_word(void *arg, uint64_t addr, uint64_t *word)
{
	struct world *w = arg;

	if (addr < STACK || addr % 8 || (addr - STACK) / 8 >= WORDS)
		return false;
	*word = w->words[(addr - STACK) / 8];
	return true;
}

static uint64_t frames[16];
static uint32_t n, n_fp;

static enum unwind_end walk(struct world *w, uint64_t ip, uint64_t sp, uint64_t bp, uint32_t max)
{
	struct unwind_world uw = { w, find, read_word };
	struct unwind_regs regs = { ip, sp, bp };

	return unwind_stack(&uw, &regs, frames, max, &n, &n_fp);
}

TEST(rsp_and_an_offset)
{
	struct world w = { .rule = cfi_rule(CFI_SP, 0, 24), .words = { 0, 0, 0x2010 } };

	CHECK_INT(walk(&w, 0x1000, STACK, 0, 16), UNWIND_WHOLE);
	CHECK_INT(n, 2);
	CHECK_INT(frames[0], 0x1000);
	CHECK_INT(frames[1], 0x2010);
	CHECK_INT(walk(&w, 0x1000, STACK, 0, 1), UNWIND_LIMIT);
	CHECK_INT(n, 1);
}

TEST(a_saved_rbp_leads_on)
{
	/* at 0x1000: CFA = rsp + 16, rbp saved below the return address; then no CFI, so that rbp counts */
	struct world w = { .rule = cfi_rule(CFI_SP, 2, 16),
			   .words = { STACK + 32, 0x3010, 0, 0, 0, 0x2010 } };

	CHECK_INT(walk(&w, 0x1000, STACK, 1, 16), UNWIND_WHOLE);
	CHECK_INT(n, 3);
	CHECK_INT(frames[2], 0x2010);
	CHECK_INT(n_fp, 1);
}

TEST(rbp_elsewhere)
{
	/* saved four words below the CFA; and lost */
	struct world w = { .rule = cfi_rule(CFI_SP, 4, 40),
			   .words = { 0, STACK + 64, 0, 0, 0x3010, 0, 0, 0, 0, 0x2010 } };

	CHECK_INT(walk(&w, 0x1000, STACK, 1, 16), UNWIND_WHOLE);
	CHECK_INT(n, 3);
	w.rule = cfi_rule(CFI_SP, CFI_BP_LOST, 40);
	CHECK_INT(walk(&w, 0x1000, STACK, STACK + 64, 16), UNWIND_WHOLE); /* rbp 0 is an end */
	CHECK_INT(n, 2);
}

TEST(a_lazy_plt_entry)
{
	struct world w = { .rule = cfi_rule(CFI_PLT, 0, 11), .words = { 0x2010, 0x2020 } };

	CHECK_INT(walk(&w, 0x1006, STACK, 0, 16), UNWIND_WHOLE);
	CHECK_INT(frames[1], 0x2010);
	CHECK_INT(walk(&w, 0x100b, STACK, 0, 16), UNWIND_WHOLE);
	CHECK_INT(frames[1], 0x2020);
}

TEST(a_signal_frame_is_left_at_the_very_instruction)
{
	/* rbp, and behind it rsp and rip, where the rule says */
	struct world w = { .rule = cfi_rule(CFI_SIGNAL, 0, 48) };

	w.words[1] = 0;
	w.words[6] = STACK + 200;
	w.words[7] = 0x2000; /* one less would be other code */
	CHECK_INT(walk(&w, 0x1000, STACK, 5, 16), UNWIND_WHOLE);
	CHECK_INT(n, 2);
	CHECK_INT(frames[1], 0x2000);
}

TEST(realigned_frames)
{
	struct world w = { .rule = cfi_rule(CFI_BP_DEREF, CFI_BP_AT_BP, -8),
			   .words = { 0, STACK + 40, STACK + 80, 0, 0x2010 } };

	CHECK_INT(walk(&w, 0x1000, STACK, STACK + 16, 16), UNWIND_WHOLE);
	CHECK_INT(frames[1], 0x2010);
	w.rule = cfi_rule(CFI_SP_DEREF, 0, 8); /* the old rsp, one word below the CFA */
	w.words[5] = 0x2020;
	w.words[1] = STACK + 40;
	CHECK_INT(walk(&w, 0x1000, STACK, 0, 16), UNWIND_WHOLE);
	CHECK_INT(frames[1], 0x2020);
}

TEST(failures_are_no_ends)
{
	struct world w = { .rule = cfi_rule(CFI_STOP, 0, CFI_STOP_ODD) };

	CHECK_INT(walk(&w, 0x1000, STACK, 0, 16), UNWIND_FAILED);
	CHECK_INT(n, 1);
	w.rule = cfi_rule(CFI_SP, 0, 8 * WORDS + 16); /* beyond what can be read */
	CHECK_INT(walk(&w, 0x1000, STACK, 0, 16), UNWIND_FAILED);
	w.rule = cfi_rule(CFI_SP, 0, 0); /* not above the callee */
	CHECK_INT(walk(&w, 0x1000, STACK, 0, 16), UNWIND_FAILED);
	w.rule = cfi_rule(CFI_BP, 2, 16);
	CHECK_INT(walk(&w, 0x1000, STACK + 64, STACK, 16), UNWIND_FAILED);
	CHECK_INT(walk(&w, 0x9000, STACK, 0, 16), UNWIND_FAILED); /* no code */
	w.rule = cfi_rule(CFI_SP, 0, 8);
	w.words[0] = 0x9000;
	CHECK_INT(walk(&w, 0x1000, STACK, 0, 16), UNWIND_FAILED);
	CHECK_INT(n, 1); /* what is no code's address is no frame */
	w.words[0] = 0;
	CHECK_INT(walk(&w, 0x1000, STACK, 0, 16), UNWIND_WHOLE); /* a return address of 0 */
}

TEST(no_walk_goes_on_for_ever)
{
	struct world w = { .rule = cfi_rule(CFI_SP, 0, 8) };

	for (int i = 0; i < WORDS; i++)
		w.words[i] = 0x1010;
	CHECK_INT(walk(&w, 0x1000, STACK, 0, 16), UNWIND_LIMIT);
	CHECK_INT(n, 16);
}

/* ---- this program's own stack ---- */

enum { MAPPINGS = 1000 }; /* the sanitizers have many */

struct self {
	struct proc_maps maps;
	struct cfi_table *tables[MAPPINGS];
	struct objfile *files[MAPPINGS];
};

static enum unwind_place find_self(void *arg, uint64_t addr, const struct cfi_table **table,
				   uint64_t *vaddr)
{
	struct self *s = arg;
	const struct proc_map *m = proc_maps_find(&s->maps, addr);
	uint32_t i = m ? (uint32_t)(m - s->maps.v) : MAPPINGS;
	char path[512];

	if (i >= MAPPINGS || !m->exec || !m->ino)
		return UNWIND_PLACE_NONE;
	snprintf(path, sizeof(path), "%.*s", (int)m->path.n, m->path.p);
	if (!s->files[i] &&
	    (objfile_open(path, &s->files[i]) || cfi_table_of(s->files[i], &s->tables[i])))
		return UNWIND_PLACE_NONE;
	*table = s->tables[i];
	return objfile_offset_to_vaddr(s->files[i], addr - m->start + m->offset, vaddr) && *table
		       ? UNWIND_PLACE_TABLE
		       : UNWIND_PLACE_NONE;
}

static bool read_self(void *arg, uint64_t addr, uint64_t *word)
{
	(void)arg;
	memcpy(word, (const void *)(uintptr_t)addr, sizeof(*word));
	return true;
}

static struct self self;

__attribute__((noinline)) static void compare(int depth)
{
	struct unwind_world w = { &self, find_self, read_self };
	uint64_t mine[100];
	void *theirs[100];
	struct unwind_regs regs;
	uint32_t k;
	int n, own;

	if (depth) {
		compare(depth - 1);
		__asm__ volatile("");
		return;
	}
	__asm__ volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
			 : "=r"(regs.ip), "=r"(regs.sp), "=r"(regs.bp));
	CHECK_INT(unwind_stack(&w, &regs, mine, 100, &k, NULL), UNWIND_WHOLE);
	n = backtrace(theirs, 100);
	/* the sanitizers' backtrace() has a frame of its own in front */
	own = n > 2 && k > 1 && (uint64_t)(uintptr_t)theirs[1] != mine[1];
	CHECK_INT(k, n - own);
	for (int i = 1; i < (int)k && i + own < n; i++)
		CHECK(mine[i] == (uint64_t)(uintptr_t)theirs[i + own]);
}

TEST(own_stack_as_libgcc_sees_it)
{
	struct err *err = proc_maps_read(getpid(), &self.maps);

	CHECK(!err);
	compare(20);
	for (int i = 0; i < MAPPINGS; i++) {
		cfi_table_free(self.tables[i]);
		objfile_unref(self.files[i]);
	}
	proc_maps_free(&self.maps);
}
