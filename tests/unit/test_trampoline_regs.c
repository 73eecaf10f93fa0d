/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the traced program can see is the same before a probe and behind it: assembly fills registers, flags, vector registers and the
 * stack below rsp, calls a function with a probe, and compares. And what programs are shown of them is what they are.
 */
#include "tap.h"
#include "err_help.h"
#include "trampoline_help.h"

/* ---- nothing but the counter differs ---- */

enum { N_GENERAL = 16, N_VECTOR = 16, RED_WORDS = 16 };

struct machine {
	uint64_t general[N_GENERAL]; /* as in machine code: rax rcx rdx rbx rsp ... */
	uint64_t flags;
	uint64_t red[RED_WORDS]; /* below rsp, the highest last */
	uint64_t vector[N_VECTOR][2] __attribute__((aligned(16)));
};
_Static_assert(offsetof(struct machine, flags) == 128 && offsetof(struct machine, red) == 136 &&
		       offsetof(struct machine, vector) == 272,
	       "as check_place_text has it");

/* used by the assembly below */
struct machine machine_before, machine_after;
uint64_t kept_stack, called_stack;

/*
 * fill_and_call(function): everything is loaded from machine_before, the function called, everything stored to machine_after. place_inside
 * fills the red zone and has its place behind that.
 */
void fill_and_call(const void *function);
extern const char came_back[], place_entry[], place_inside[], place_inside_at[];
uint64_t called_function;

__asm__(".text\n.p2align 4\n"
	".globl fill_and_call\nfill_and_call:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rdi, called_function(%rip)\n"
	"mov %rsp, kept_stack(%rip)\n"
	"lea machine_before(%rip), %rsp\n"
	".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"movdqa 272+16*\\r(%rsp), %xmm\\r\n"
	".endr\n"
	"mov kept_stack(%rip), %rsp\n"
	"pushq machine_before+128(%rip); popfq\n"
	"mov machine_before+0(%rip), %rax\n"
	"mov machine_before+8(%rip), %rcx\n"
	"mov machine_before+16(%rip), %rdx\n"
	"mov machine_before+24(%rip), %rbx\n"
	"mov machine_before+40(%rip), %rbp\n"
	"mov machine_before+48(%rip), %rsi\n"
	"mov machine_before+56(%rip), %rdi\n"
	"mov machine_before+64(%rip), %r8\n"
	"mov machine_before+72(%rip), %r9\n"
	"mov machine_before+80(%rip), %r10\n"
	"mov machine_before+88(%rip), %r11\n"
	"mov machine_before+96(%rip), %r12\n"
	"mov machine_before+104(%rip), %r13\n"
	"mov machine_before+112(%rip), %r14\n"
	"mov machine_before+120(%rip), %r15\n"
	"call *called_function(%rip)\n"
	".globl came_back\ncame_back:\n"
	"mov %rsp, called_stack(%rip)\n"
	"mov %rax, machine_after+0(%rip)\n"
	"mov %rcx, machine_after+8(%rip)\n"
	"mov %rdx, machine_after+16(%rip)\n"
	"mov %rbx, machine_after+24(%rip)\n"
	"mov %rbp, machine_after+40(%rip)\n"
	"mov %rsi, machine_after+48(%rip)\n"
	"mov %rdi, machine_after+56(%rip)\n"
	"mov %r8, machine_after+64(%rip)\n"
	"mov %r9, machine_after+72(%rip)\n"
	"mov %r10, machine_after+80(%rip)\n"
	"mov %r11, machine_after+88(%rip)\n"
	"mov %r12, machine_after+96(%rip)\n"
	"mov %r13, machine_after+104(%rip)\n"
	"mov %r14, machine_after+112(%rip)\n"
	"mov %r15, machine_after+120(%rip)\n"
	"pushfq; popq machine_after+128(%rip)\n"
	"lea machine_after(%rip), %rax\n"
	".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"movdqa %xmm\\r, 272+16*\\r(%rax)\n"
	".endr\n"
	"mov kept_stack(%rip), %rsp\n"
	"cld\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n"
	".p2align 4\n"
	".globl place_entry\nplace_entry:\n"
	"nopl 8(%rax,%rax,1)\n"
	"ret\n"
	".p2align 4\n"
	".globl place_inside\nplace_inside:\n"
	".irp k, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"pushq machine_before+136+8*\\k(%rip); popq -128+8*\\k(%rsp)\n"
	".endr\n"
	/* pushq has written below rsp: what it overwrote is written again, by a register that has its value already */
	"mov %rax, -8(%rsp)\n"
	".globl place_inside_at\nplace_inside_at:\n"
	"nopl 8(%rax,%rax,1)\n"
	".irp k, 15,14,13,12,11,10,9,8,7,6,5,4,3,2,1,0\n"
	"xchg %rax, -128+8*\\k(%rsp)\n"
	"mov %rax, machine_after+136+8*\\k(%rip)\n"
	"xchg %rax, -128+8*\\k(%rsp)\n"
	".endr\n"
	"ret\n"
	".p2align 4\n");

static void fill(unsigned round)
{
	uint64_t *words = (uint64_t *)&machine_before;

	for (size_t i = 0; i < sizeof(machine_before) / 8; i++)
		words[i] = 0x0123456789abcdefull * (i + 1) ^ (uint64_t)round << 56;
	/* carry, parity, adjust, zero, sign, direction, overflow in all mixtures; the others as they are */
	machine_before.flags = 0x202 | (round & 1) | (round & 2) << 1 | (round & 4) << 2 |
			       (round & 8) << 3 | (round & 16) << 3 | (round & 32) << 5 |
			       (round & 64) << 5;
	machine_before.red[RED_WORDS - 1] = machine_before.general[0];
	memset(&machine_after, 0, sizeof(machine_after));
}

static void check_same(bool has_flags, bool has_red_zone, uint32_t free)
{
	for (unsigned i = 0; i < N_GENERAL; i++)
		if (i != 4 && !(free & 1u << i))
			CHECK_INT(machine_after.general[i], machine_before.general[i]);
	CHECK(!memcmp(machine_after.vector, machine_before.vector, sizeof(machine_after.vector)));
	CHECK_INT(called_stack, kept_stack);
	if (has_flags)
		CHECK_INT(machine_after.flags, machine_before.flags);
	if (has_red_zone)
		CHECK(!memcmp(machine_after.red, machine_before.red, sizeof(machine_after.red)));
}

/* stores what the program sees of struct pt_regs into map 2 and writes every register that a program can */
static const char copy_text[] = "r6 = r1\n"
				"r7 = VAL2\n"
				"COPY"
				"r1 = r6\ncall bpf_x#174\n*(u64 *)(r7 +168) = r0\n"
				"r1 = r6\ncall bpf_x#173\n*(u64 *)(r7 +176) = r0\n"
				"r8 = 8\nr9 = 9\nr1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\nr0 = 77\n"
				"exit\n";
static const struct rt_map_plan copy_plan = { RT_ARRAY, 4, 256, 1, 1 };

static const char *copying(struct strbuf *b, bool is_whole)
{
	const char *at = strstr(copy_text, "COPY");

	strbuf_add(b, copy_text, (size_t)(at - copy_text));
	for (int off = 0; off < 168; off += 8)
		if (is_whole || off == 112)
			strbuf_printf(b, "r1 = *(u64 *)(r6 +%d)\n*(u64 *)(r7 +%d) = r1\n", off,
				      off);
	strbuf_puts(b, at + 4);
	return strbuf_cstr(b);
}

/* what the program saw of general registers, in machine code's order */
static uint64_t seen(const uint64_t *copy, unsigned reg)
{
	static const uint8_t at[] = { 10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0 };

	return copy[at[reg]];
}

static void check_seen(const struct machine *m, uint64_t sp, uint64_t ip, uint64_t cookie,
		       uint64_t func_ip, uint32_t blank)
{
	const uint64_t *copy = (const uint64_t *)(uintptr_t)(room.maps[2].at + 4096 + 64);

	for (unsigned i = 0; i < N_GENERAL; i++)
		CHECK_INT(seen(copy, i), i == 4 ? sp : blank & 1u << i ? 0 : m->general[i]);
	CHECK_INT(copy[15], -1);
	CHECK_INT(copy[16], ip);
	CHECK_INT(copy[18] & 0xcd5, m->flags & 0xcd5);
	CHECK_INT(copy[17], 0x33);
	CHECK_INT(copy[20], 0x2b);
	CHECK_INT(copy[21], cookie);
	CHECK_INT(copy[22], func_ip);
}

/* free: NULL, or registers that are free, on a stack of ours */
static void check_place_on(enum trampoline_kind kind, const uint32_t *free, bool is_whole)
{
	bool is_inside = kind == TRAMPOLINE_INSIDE || kind == TRAMPOLINE_GO;
	bool is_call = kind == TRAMPOLINE_CALL, has_flags = is_inside || (!free && is_whole);
	const char *function = is_inside ? place_inside : place_entry;
	unsigned at = is_inside ? (unsigned)(place_inside_at - place_inside) : 0;
	uint64_t start_ip = (uintptr_t)function;
	STRBUF_AUTO text = { 0 };

	copying(&text, is_whole);
	if (start() && CHECK(user_add_map(&room, &copy_plan)) &&
	    add_on(function, at, kind, free, is_call ? NULL : strbuf_cstr(&text),
		   is_call ? strbuf_cstr(&text) : NULL)) {
		user_install(&room);
		for (unsigned round = 0; round < 128; round++) {
			fill(round);
			fill_and_call(function);
			check_same(has_flags && !is_call, is_inside, free ? *free : 0);
			if (!is_whole)
				continue;
			/* in a call the return address is gone, and where it leads is the place */
			if (!has_flags || is_call)
				machine_before.flags =
					((const uint64_t *)(uintptr_t)(room.maps[2].at + 4096 +
								       64))[18];
			check_seen(&machine_before, is_call ? kept_stack : kept_stack - 8,
				   is_call ? (uintptr_t)came_back : start_ip + at, is_call ? 8 : 7,
				   start_ip + at, free ? *free : 0);
		}
		for (unsigned i = 0; i < USER_STACKS; i++)
			CHECK_INT(user_stack(&room, i)->is_taken, 0);
		CHECK_INT(room.area->n_missed_hits, 0);
	}
	user_unmake(&room);
}

static void check_place(enum trampoline_kind kind, bool is_whole)
{
	check_place_on(kind, NULL, is_whole);
}

TEST(registers_at_entries)
{
	check_place(TRAMPOLINE_ENTRY, false);
	check_place(TRAMPOLINE_ENTRY, true);
}

TEST(registers_inside)
{
	check_place(TRAMPOLINE_INSIDE, false);
	check_place(TRAMPOLINE_INSIDE, true);
}

TEST(registers_at_returns)
{
	check_place(TRAMPOLINE_CALL, false);
	check_place(TRAMPOLINE_CALL, true);
}

/* what is below rsp is the place's, all of it: place_inside compares 128 bytes */
TEST(registers_on_stacks_of_ours)
{
	static const uint32_t none = 0, one = 1 << 12, two = 1 << 12 | 1 << 13;

	check_place_on(TRAMPOLINE_ENTRY, &none, false);
	check_place_on(TRAMPOLINE_ENTRY, &none, true);
	check_place_on(TRAMPOLINE_ENTRY, &one, false);
	check_place_on(TRAMPOLINE_ENTRY, &one, true);
	check_place_on(TRAMPOLINE_GO, &two, false);
	check_place_on(TRAMPOLINE_GO, &two, true);
}
