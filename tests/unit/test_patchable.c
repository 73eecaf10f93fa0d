/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where functions can be patched, by hand-made code in which one obligation alone forbids it; displaced instructions executed in
 * another place against the same in their own; how many functions of this machine's libc can be patched.
 */
#include "arch/x86_64/relocate.h"
#include "base/cleanup.h"
#include "objfile/elf.h"
#include "objfile/symtab.h"
#include "probe/patchable.h"
#include "probe/placement.h"

#include "tap.h"

#include <sys/mman.h>

#define START 0x1000
#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static struct patchable try_at(const uint8_t *bytes, size_t n, uint64_t from, uint64_t target)
{
	struct placement_edges e = { .is_complete = true };
	struct patchable p;
	CODE_AUTO c;

	code_decode(bytes, n, START, &c);
	if (target)
		vec_push(&e.targets, target);
	patchable_choose(&c, bytes, from, &e, &p);
	placement_edges_free(&e);
	return p;
}

static struct patchable try_with(const uint8_t *bytes, size_t n, uint64_t target)
{
	return try_at(bytes, n, START, target);
}

static void expect(struct patchable p, unsigned at, unsigned len, const char *reason)
{
	CHECK_INT(p.address, START + at);
	CHECK_INT(p.len, len);
	CHECK_STR(p.reason ? p.reason : "", reason);
}

TEST(prologues)
{
	/* push rbp; mov rbp, rsp; sub rsp, 16 */
	expect(try_with(BYTES(0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0xc9, 0xc3), 0), 0, 8,
	       "");
	/* endbr64 stays where it is */
	expect(try_with(BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0xb8, 1, 0, 0, 0, 0xc3), 0), 4, 5, "");
	/* xor eax, eax; ret; and padding that nothing enters */
	expect(try_with(BYTES(0x31, 0xc0, 0xc3, 0x0f, 0x1f, 0x44, 0x00, 0x00), 0), 0, 8, "");
	expect(try_with(BYTES(0x31, 0xc0, 0xc3), 0), 0, 0, "the function is too short");
}

/* a RET has no room behind it: the jump stands in front, and the probe runs between the displaced instructions */
TEST(returns)
{
	/* 0: mov eax, 1; 5: add rsp, 8; 9: ret; then another function */
	static const uint8_t leaf[] = { 0xb8, 1, 0, 0, 0, 0x48, 0x83, 0xc4, 8, 0xc3 };
	/* 0: call far; 5: ret: what is called comes back to the RET itself */
	static const uint8_t call[] = { 0xe8, 0, 0x10, 0, 0, 0xc3 };
	struct patchable p = try_at(leaf, sizeof(leaf), START + 9, 0);

	expect(p, 5, 5, "");
	CHECK_INT(p.at, START + 9);
	CHECK_INT(p.n_insns, 2);
	/* a branch to the RET would pass the probe by */
	expect(try_at(leaf, sizeof(leaf), START + 9, START + 9), 9, 0, "the function is too short");
	expect(try_at(call, sizeof(call), START + 5, 0), 5, 0, "the function is too short");
}

/* what may fault stays where it is: the jump ends in front of it. len 0: there is none */
static struct patchable try_ahead(const uint8_t *bytes, size_t n, uint64_t from, uint64_t target)
{
	struct placement_edges e = { .is_complete = true };
	struct patchable_function fn = {
		.start = START, .size = n, .bytes = (uint8_t *)bytes, .edges = &e
	};
	struct patchable p = { 0 };
	CODE_AUTO c;

	code_decode(bytes, n, START, &c);
	fn.code = c;
	if (target)
		vec_push(&e.targets, target);
	if (!patchable_ahead(&fn, from, &p))
		p = (struct patchable){ .address = from };
	placement_edges_free(&e);
	return p;
}

/* a Go function's inside: patchable_at would move the instruction that uses rax, or rcx */
TEST(ahead_of_the_place)
{
	/* 0: push rbp; 1: mov [rsp+88], rax; 6: mov rdx, [rax+64]; 10: ret */
	static const uint8_t plain[] = { 0x55, 0x48, 0x89, 0x44, 0x24, 0x58,
					 0x48, 0x8b, 0x50, 0x40, 0xc3 };
	/* 0: call far; 5: mov rcx, [rsp+8]; 10: mov rcx, [rcx+16]; 14: ret: the call comes back to the jump */
	static const uint8_t called[] = { 0xe8, 0, 0x10, 0,    0,    0x48, 0x8b, 0x4c,
					  0x24, 8, 0x48, 0x8b, 0x49, 0x10, 0xc3 };
	struct patchable p = try_ahead(plain, sizeof(plain), START + 6, 0);

	expect(p, 1, 5, "");
	CHECK_INT(p.at, START + 6);
	CHECK_INT(p.n_insns, 1);
	expect(try_ahead(called, sizeof(called), START + 10, 0), 5, 5, "");
	/* who jumps to the place would pass the probe by; who jumps between would land in the jump */
	expect(try_ahead(plain, sizeof(plain), START + 6, START + 6), 6, 0, "");
	/* nothing is moved over a call, nor from before the function */
	expect(try_ahead(called, sizeof(called), START + 5, 0), 5, 0, "");
	expect(try_ahead(plain, sizeof(plain), START + 1, 0), 1, 0, "");
}

TEST(branches_into_it)
{
	/* 0: inc eax; 2: dec edi; 4: jnz 2; 6: ret */
	expect(try_with(BYTES(0xff, 0xc0, 0xff, 0xcf, 0x75, 0xfc, 0xc3), 0), 0, 0,
	       "other code jumps to it");
	/* back to the entry itself: each time a call, as the kernel counts */
	expect(try_with(BYTES(0xff, 0xc0, 0xff, 0xcf, 0x75, 0xfa, 0xc3), 0), 0, 6, "");
	/* behind endbr64 it is a loop */
	expect(try_with(BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0xc0, 0xff, 0xcf, 0x75, 0xfa, 0xc3), 0),
	       4, 0, "a loop begins behind its endbr64");
	/* from elsewhere: between the first and the second */
	expect(try_with(BYTES(0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3), START + 1), 0, 0,
	       "other code jumps to it");
}

TEST(what_cannot_move)
{
	expect(try_with(BYTES(0xe3, 0x03, 0x90, 0x90, 0x90, 0xc3), 0), 0, 0,
	       "it is a jump that has a short form only");
	expect(try_with(BYTES(0x90, 0x0f, 0x05, 0x90, 0x90, 0xc3), 0), 0, 0,
	       "the kernel knows system calls by their place");
	expect(try_with(BYTES(0xcc, 0x90, 0x90, 0x90, 0x90, 0xc3), 0), 0, 0, "it is a trap");
	/* push rbx; call rax; pop rbx; ret: it returns to byte 3 */
	expect(try_with(BYTES(0x53, 0xff, 0xd0, 0x5b, 0xc3, 0x90, 0x90), 0), 0, 0,
	       "what it calls comes back into the first bytes");
	/* call [rsp + 8] */
	expect(try_with(BYTES(0xff, 0x54, 0x24, 0x08, 0x90, 0xc3), 0), 0, 0,
	       "it calls through the stack");
}

/* ---- executed elsewhere ---- */

enum { PAGE = 4096 };

/* the displaced instructions of the function at `at`, written to `to`, and a jump to what follows them */
static bool displace(uint8_t *at, size_t n, uint8_t *to, unsigned wanted)
{
	unsigned done = 0, len = 0;
	int32_t distance;
	CODE_AUTO c;

	code_decode(at, n, (uintptr_t)at, &c);
	for (uint32_t k = 0; k < c.n && len < wanted; k++) {
		unsigned got = relocate_insn(&c.insn[k], at + len, (uintptr_t)to + done, to + done);

		if (!CHECK(got > 0 && !relocate_refusal(&c.insn[k], at + len)))
			return false;
		done += got;
		len += c.insn[k].len;
	}
	to[done] = 0xe9;
	distance = (int32_t)((at + len) - (to + done + 5));
	memcpy(to + done + 1, &distance, sizeof(distance));
	return true;
}

static void compare(const uint8_t *bytes, size_t n, unsigned wanted)
{
	uint8_t *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long (*here)(long), (*there)(long);
	uint8_t *to = page + PAGE;

	memcpy(page, bytes, n);
	memcpy(&here, &page, sizeof(here));
	memcpy(&there, &to, sizeof(there));
	if (displace(page, n, to, wanted))
		for (long v = -3; v < 4; v++)
			CHECK_INT(there(v), here(v));
	munmap(page, 2 * PAGE);
}

TEST(executed_elsewhere)
{
	/* lea rax, [rip + 0x10]; add rax, rdi; ret */
	compare(BYTES(0x48, 0x8d, 0x05, 0x10, 0, 0, 0, 0x48, 0x01, 0xf8, 0xc3), 5);
	/* mov eax, 7; add [rip + 3], eax ... here: cmp dword [rip - 7], 7 with an immediate behind the displacement; setz al; ret */
	compare(BYTES(0xb8, 0, 0, 0, 0, 0x83, 0x3d, 0xf5, 0xff, 0xff, 0xff, 0x07, 0x0f, 0x94, 0xc0,
		      0xc3),
		12);
	/* test rdi, rdi; js +4; mov rax, rdi; ret; or rax, -1; ret */
	compare(BYTES(0x48, 0x85, 0xff, 0x78, 0x04, 0x48, 0x89, 0xf8, 0xc3, 0x48, 0x83, 0xc8, 0xff,
		      0xc3),
		5);
	/* call +1; ret; pop rax; push rax; sub rax, [rsp]; ... the return address is the one of its own place */
	compare(BYTES(0xe8, 0x01, 0, 0, 0, 0xc3, 0x48, 0x8b, 0x04, 0x24, 0x48, 0x01, 0xf8, 0xc3),
		5);
	/* lea rax, [rip + 3]; call rax; ret; lea eax, [rdi + 1]; ret */
	compare(BYTES(0x48, 0x8d, 0x05, 0x03, 0, 0, 0, 0xff, 0xd0, 0xc3, 0x8d, 0x47, 0x01, 0xc3),
		9);
	/* jmp +2; ud2; lea rax, [rdi + rdi]; ret */
	compare(BYTES(0xeb, 0x02, 0x0f, 0x0b, 0x90, 0x48, 0x8d, 0x04, 0x3f, 0xc3), 2);
}

TEST(out_of_reach)
{
	const uint8_t lea[] = { 0x48, 0x8d, 0x05, 0x10, 0, 0, 0 };
	uint8_t out[RELOCATE_MAX];
	int32_t distance;
	CODE_AUTO c;

	code_decode(lea, sizeof(lea), START, &c);
	CHECK_INT(relocate_insn(&c.insn[0], lea, START + (1ull << 33), out), 0);
	CHECK_INT(relocate_insn(&c.insn[0], lea, START + 0x1000, out), 7);
	memcpy(&distance, out + 3, sizeof(distance));
	CHECK_INT(distance, 0x10 - 0x1000);
}

/* ---- a real file ---- */

TEST(most_of_libc)
{
	OBJFILE_AUTO f = NULL;
	struct err *e = objfile_open("/lib/x86_64-linux-gnu/libc.so.6", &f);
	unsigned n = 0, good = 0;
	struct symtab *t;

	if (e) {
		err_free(e);
		SKIP("no libc where Debian has it");
	}
	t = objfile_symtab(f);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct symbol *s = &t->v[i];
		struct patchable p;

		if (!symbol_is_func(s) || s->flags & SYMBOL_NOT_ENTRY ||
		    !patchable_find(f, s->addr, s->size, &p))
			continue;
		n++;
		good += p.len > 0;
	}
	printf("# libc: %u of %u functions\n", good, n);
	CHECK(n > 1000 && good * 10 > n * 9);
}
