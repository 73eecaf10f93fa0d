/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads of the process's own memory by programs, whose addresses may be anything. What is mapped for certain is read directly;
 * everything else by the kernel (process_vm_readv on itself), where an address that is not there is an error, not a fault. What is
 * certain, and why nothing else is: docs/internals/user-reads.md.
 */
#include "engine/user/rt/inside.h"

enum {
	SYS_PROCESS_VM_READV = 310,
	SYS_PROCESS_VM_WRITEV = 311,
	G_BYTES =
		256, /* at the beginning of a struct runtime.g, which is larger: its number, its stack */
	OWN_STACK = 16384, /* programs, what they call and their trampoline together need less */
};

struct piece {
	void *at;
	uint64_t n;
};

int64_t rt_read_by_kernel(void *to, uint64_t n, const void *from)
{
	struct piece local = { to, n }, remote = { (void *)from, n };

	return syscall6(SYS_PROCESS_VM_READV, own()->own_pid, (int64_t)(uintptr_t)&local, 1,
			(int64_t)(uintptr_t)&remote, 1, 0);
}

void rt_zero(void *at, uint64_t n)
{
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(0) : "memory");
}

static void copy(void *to, const void *from, uint64_t n)
{
	/* one load where it is a word: others may be writing it */
	if (n == 8)
		*(volatile uint64_t *)to = *(const volatile uint64_t *)from;
	else if (n == 4)
		*(volatile uint32_t *)to = *(const volatile uint32_t *)from;
	else
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static bool is_on_page_of(uint64_t from, uint64_t sp)
{
	return from >= sp && from / RT_PAGE == sp / RT_PAGE;
}

/* the struct runtime.g of what runs: Go never gives back the memory of one */
static uint64_t goroutine(void)
{
	const struct rt_private *p = own();
	uint64_t base = p->g_offset && p->has_fsgsbase ? fs_base() : 0;

	return base ? *(const volatile uint64_t *)(uintptr_t)(base + (uint64_t)p->g_offset) : 0;
}

/*
 * How many bytes from an address on are there for certain: the rest of the page that this very stack is on, seen from below (the
 * processor has just pushed there), and of the page that the traced program's is on; ranges that the tracer vouches for; the goroutine.
 */
static uint64_t sure_bytes(uint64_t from)
{
	const struct rt_private *p = own();
	uint64_t g;

	if (is_on_page_of(from, stack_pointer()) || is_on_page_of(from, program_sp()))
		return RT_PAGE - from % RT_PAGE;
	for (unsigned i = 0; i < RT_SURE_RANGES; i++)
		if (from - p->sure[i].start < p->sure[i].end - p->sure[i].start)
			return p->sure[i].end - from;
	g = goroutine();
	if (g && from - g < G_BYTES)
		return g + G_BYTES - from;
	return 0;
}

static uint64_t fail(void *to, uint64_t n)
{
	rt_zero(to, n);
	return (uint64_t)(int64_t)RT_EFAULT;
}

uint64_t rt_probe_read_user(void *to, uint32_t n, const void *from)
{
	if (sure_bytes((uintptr_t)from) >= n)
		copy(to, from, n);
	else if (rt_read_by_kernel(to, n, from) != (int64_t)n)
		return fail(to, n);
	return 0;
}

uint64_t rt_copy_from_user(void *to, uint32_t n, const void *from)
{
	return rt_probe_read_user(to, n, from);
}

/* the length with its NUL of a text within n bytes that are there; 0: it is longer */
static uint32_t copy_text(char *to, uint64_t n, const char *from)
{
	for (uint64_t i = 0; i < n; i++) {
		to[i] = ((const volatile char *)from)[i];
		if (!to[i])
			return (uint32_t)i + 1;
	}
	return 0;
}

/* up to the end of the text or of the page, page by page: what lies behind the text need not be there */
uint64_t rt_probe_read_user_str(char *to, uint32_t n, const char *from)
{
	uint64_t sure = sure_bytes((uintptr_t)from);
	uint32_t done = 0, length;

	length = copy_text(to, sure < n ? sure : n, from);
	if (length)
		return length;
	if (sure >= n)
		done = n;
	while (done < n) {
		uint64_t rest = RT_PAGE - ((uintptr_t)(from + done) & (RT_PAGE - 1));
		uint32_t want = rest < n - done ? (uint32_t)rest : n - done;

		if (rt_read_by_kernel(to + done, want, from + done) != (int64_t)want)
			return fail(to, n);
		for (uint32_t i = 0; i < want; i++)
			if (!to[done + i]) {
				/* programs of others make keys of what they have cleared and then read a text to: no byte behind it */
				rt_zero(to + done + i + 1, want - i - 1);
				return done + i + 1;
			}
		done += want;
	}
	if (n)
		to[n - 1] = 0;
	return n;
}

/*
 * Of the kernel's memory a process has none. But programs copy and clear large pieces of their own, too, by this: values of
 * maps, work areas, their stack (ir/build_put.c).
 */
static bool is_ours(uint64_t from, uint64_t n)
{
	uint64_t at = (uintptr_t)area(), sp = stack_pointer();

	return (from - at < area()->bytes && n <= at + area()->bytes - from) ||
	       (from - sp < OWN_STACK && n <= sp + OWN_STACK - from);
}

uint64_t rt_probe_read_kernel(void *to, uint32_t n, const void *from)
{
	uint64_t at = (uintptr_t)from;

	if (!is_ours(at, n))
		return fail(to, n);
	if (at - (uintptr_t)area() >= area()->bytes)
		return rt_probe_read_user(to, n, from);
	copy(to, from, n);
	return 0;
}

uint64_t rt_probe_read_kernel_str(char *to, uint32_t n, const char *from)
{
	uint64_t at = (uintptr_t)from, rest = (uintptr_t)area() + area()->bytes - at;
	uint32_t length;

	if (!is_ours(at, 1))
		return fail(to, n);
	if (at - (uintptr_t)area() >= area()->bytes)
		return rt_probe_read_user_str(to, n, from);
	length = copy_text(to, rest < n ? rest : n, from);
	if (!length && n)
		to[n - 1] = 0;
	return length ? length : n;
}

uint64_t rt_probe_write_user(void *to, const void *from, uint32_t n)
{
	struct piece local = { (void *)from, n }, remote = { to, n };

	return syscall6(SYS_PROCESS_VM_WRITEV, own()->own_pid, (int64_t)(uintptr_t)&local, 1,
			(int64_t)(uintptr_t)&remote, 1, 0) == (int64_t)n
		       ? 0
		       : (uint64_t)(int64_t)RT_EFAULT;
}
