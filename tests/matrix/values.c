/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of all kinds in C. The caller prints what it passes ("E|function|values") before each call and what came back
 * ("R|function|values") after it; matrix.py has sonde print the same lines and compares. Lines that begin with //@ say how a script
 * reads the values: function, arguments, result.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define NOINLINE __attribute__((noinline))

volatile int64_t sink;
volatile int64_t one = 1;

enum color { RED = 1, GREEN = 5, BLUE = -3 };
struct pair {
	int x;
	long y;
};
struct small {
	short a;
	signed char b;
};
struct big {
	long a, b, c;
};
struct mixed {
	int i;
	double d;
};
struct bits {
	unsigned a : 3;
	int b : 7;
	unsigned long c : 40;
};
struct nested {
	struct pair *p;
	struct {
		int in;
	};
};
union word {
	int i;
	unsigned char bytes[4];
};

//@ f_ints(args.a args.b args.c args.d args.e args.f args.g args.h) retval
NOINLINE long f_ints(signed char a, short b, int c, long d, unsigned char e, unsigned f, long long g,
		     unsigned long h)
{
	sink += a + b + c + d + e + f + g + (long)h;
	return a + b + c + d + e + f + g + (long)h;
}

//@ f_ninth(args.a args.i) retval
NOINLINE int f_ninth(int a, int b, int c, int d, int e, int f, int g, int h, int i)
{
	sink += a + b + c + d + e + f + g + h + i;
	return i - a;
}

//@ f_float(args.a args.b) retval
NOINLINE int f_float(double x, int a, float y, long b)
{
	sink += (int64_t)(x + y) + a + b;
	return (int)b + a;
}

//@ f_pair(args.p.x args.p.y args.k) retval.x retval.y
NOINLINE struct pair f_pair(struct pair p, int k)
{
	sink += p.x + p.y + k;
	return (struct pair){ p.x + k, p.y - k };
}

//@ f_small(args.s.a args.s.b args.k) retval.a retval.b
NOINLINE struct small f_small(struct small s, char k)
{
	sink += s.a + s.b + k;
	return (struct small){ (short)(s.a - 1), (signed char)(s.b + k) };
}

//@ f_big(args.b.a args.b.c args.k) retval.a retval.b retval.c
NOINLINE struct big f_big(struct big b, int k)
{
	sink += b.a + b.b + b.c + k;
	return (struct big){ b.c, b.b + k, b.a };
}

//@ f_mixed(args.m.i args.k) retval.i
NOINLINE struct mixed f_mixed(struct mixed m, int k)
{
	sink += m.i + (int)m.d + k;
	return (struct mixed){ m.i + k, m.d };
}

//@ f_bits(args.b.a args.b.b args.b.c args.k) retval.b
NOINLINE struct bits f_bits(struct bits b, int k)
{
	sink += b.a + b.b + (long)b.c + k;
	b.b = (k + b.b) % 60;
	return b;
}

//@ f_ptr(args.n.p.y args.n.in args.p[1]) retval[0]
NOINLINE int *f_ptr(struct nested *n, int *p)
{
	sink += n->p->y + n->in + p[1];
	return p + 1;
}

//@ f_enum(args.c args.b args.w.i) retval
NOINLINE bool f_enum(enum color c, bool b, union word w)
{
	sink += c + b + w.i;
	return c == GREEN || b;
}

//@ f_text(str(args.s) args.n) str(retval)
NOINLINE const char *f_text(const char *s, unsigned short n)
{
	sink += s[0] + n;
	return s + 1;
}

//@ f_wide(args.k) retval
NOINLINE unsigned char f_wide(__int128 w, unsigned char k)
{
	sink += (int64_t)w + k;
	return (unsigned char)(k + 1);
}

//@ f_unused(args.a args.b args.c) retval
NOINLINE int f_unused(int a, int b, int c)
{
	(void)b;
	sink += c;
	return a * 2;
}

//@ f_clone(args.a args.k) retval
static NOINLINE int f_clone(int a, int k)
{
	sink += a * k;
	return a + k;
}

//@ f_static(args.a args.b) -
static NOINLINE int f_static(int a, int b)
{
	sink += a;
	(void)b;
	return a * 7;
}

//@ f_address(args.a args.p.x) retval
NOINLINE int f_address(int a, struct pair p)
{
	volatile int *q = &a;
	volatile struct pair *r = &p;

	sink += *q + r->x;
	return *q;
}

//@ f_inline(args.a args.b) retval
static inline __attribute__((always_inline)) int f_inline(int a, long b)
{
	sink += a;
	return a * 3 + (int)b;
}

static int (*volatile again)(int);

//@ f_depth(args.n) retval
NOINLINE int f_depth(int n)
{
	int r;

	if (n <= 0)
		return (int)one;
	/* no loop can be made of it */
	r = again(n - 1);
	sink += r;
	return r + n;
}

//@ f_locals(args.a) retval
NOINLINE int f_locals(int a)
{
	int first = a * 2;
	struct pair both = { first + 1, first + 2 };
	int i, total = 0;

	for (i = 0; i < 2; i++) {
		int inner = first + i;

		printf("E|f_locals at|%d|%d|%d|%ld|%d\n", first, i, inner, both.y, total);
		sink += inner; //@at f_locals locals.first locals.i locals.inner locals.both.y locals.total
		total += inner;
	}
	sink += both.x;
	return total;
}

static void calls(int n)
{
	struct pair p = { n * 10, -n };
	struct nested nested = { &p, { n + 7 } };
	int numbers[3] = { n, n * n, n + 1 };
	const char *texts[2] = { "hello", "a longer text" };
	enum color colors[3] = { RED, GREEN, BLUE };

	printf("E|f_ints|%d|%d|%d|%ld|%u|%u|%lld|%lu\n", -n, n * 100, n * -1000, n * 100000000000L, 200 + n,
	       4000000000U + n, -5LL * n, 18000000000000000000UL + n);
	printf("R|f_ints|%ld\n", f_ints((signed char)-n, (short)(n * 100), n * -1000, n * 100000000000L,
					(unsigned char)(200 + n), 4000000000U + n, -5LL * n,
					18000000000000000000UL + n));
	printf("E|f_ninth|%d|%d\n", n, n * 9);
	printf("R|f_ninth|%d\n", f_ninth(n, 2, 3, 4, 5, 6, 7, 8, n * 9));
	printf("E|f_float|%d|%d\n", n, n * 3);
	printf("R|f_float|%d\n", f_float(n * 1.5, n, 2.5f * n, n * 3));
	printf("E|f_pair|%d|%ld|%d\n", p.x, p.y, n);
	struct pair rp = f_pair(p, n);
	printf("R|f_pair|%d|%ld\n", rp.x, rp.y);
	struct small s = { (short)(n * 50), (signed char)(-n) };
	printf("E|f_small|%d|%d|%d\n", s.a, s.b, n);
	s = f_small(s, (char)n);
	printf("R|f_small|%d|%d\n", s.a, s.b);
	struct big b = { n, n + 1, n + 2 };
	printf("E|f_big|%ld|%ld|%d\n", b.a, b.c, n);
	b = f_big(b, n);
	printf("R|f_big|%ld|%ld|%ld\n", b.a, b.b, b.c);
	struct mixed m = { n * 4, n * 0.5 };
	printf("E|f_mixed|%d|%d\n", m.i, n);
	m = f_mixed(m, n);
	printf("R|f_mixed|%d\n", m.i);
	struct bits bits = { n % 8, -n, 1000000000000UL + n };
	printf("E|f_bits|%d|%d|%lu|%d\n", bits.a, bits.b, (unsigned long)bits.c, n);
	bits = f_bits(bits, n);
	printf("R|f_bits|%d\n", bits.b);
	printf("E|f_ptr|%ld|%d|%d\n", p.y, nested.in, numbers[1]);
	printf("R|f_ptr|%d\n", *f_ptr(&nested, numbers));
	union word w = { n * 65537 };
	printf("E|f_enum|%s|%s|%d\n", n % 3 == 0 ? "RED" : n % 3 == 1 ? "GREEN" : "BLUE",
	       n % 2 ? "true" : "false", w.i);
	printf("R|f_enum|%s\n", f_enum(colors[n % 3], n % 2, w) ? "true" : "false");
	printf("E|f_text|%s|%d\n", texts[n % 2], n * 1000);
	printf("R|f_text|%s\n", f_text(texts[n % 2], (unsigned short)(n * 1000)));
	printf("E|f_wide|%d\n", n + 100);
	printf("R|f_wide|%d\n", f_wide((__int128)n << 70, (unsigned char)(n + 100)));
	printf("E|f_unused|%d|%d|%d\n", n, n + 1, n + 2);
	printf("R|f_unused|%d\n", f_unused(n, n + 1, n + 2));
	printf("E|f_clone|%d|%d\n", n, 7);
	printf("R|f_clone|%d\n", f_clone(n, 7));
	printf("E|f_static|%d|%d\n", n, n + 4);
	f_static(n, n + 4);
	printf("E|f_address|%d|%d\n", n, p.x);
	printf("R|f_address|%d\n", f_address(n, p));
	printf("E|f_inline|%d|%d\n", n, n + 1);
	int inlined = f_inline(n, n + 1);
	printf("R|f_inline|%d\n", inlined);
	printf("E|f_locals|%d\n", n);
	printf("R|f_locals|%d\n", f_locals(n));
}

int main(void)
{
	for (int n = 1; n <= 4; n++)
		calls(n * (int)one);
	again = f_depth;
	for (int n = 3; n >= 0; n--)
		printf("E|f_depth|%d\n", n);
	int r = f_depth(3 * (int)one);
	printf("R|f_depth|1\nR|f_depth|2\nR|f_depth|4\nR|f_depth|%d\n", r);
	return 0;
}
