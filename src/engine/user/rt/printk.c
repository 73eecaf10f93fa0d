/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bpf_printk of programs of others: a line to the tracer, by the ring. What the format may say, and what is an error, is the kernel's
 * (kernel/bpf/helpers.c's users know it from bpf-helpers(7)): d i u x X with l and ll, c, s, p and its kinds, flags and a width. The text is
 * written right into the record: there is no room for it on the stack.
 */
#include "engine/user/rt/inside.h"

enum {
	MOST_TEXT = 1023,  /* of a line, as in the kernel */
	STRING_ROOM = 512, /* for a text of which nobody knows how long it is: the kernel takes as much */
	NUMBER_ROOM = 48,  /* for anything else */
	MOST_WIDTH = 512,
	MOST_ARGS = 12,
	DIGITS = 20,
};

/* where the text goes. Nothing is written behind the end */
struct line {
	char *at, *end;
};

/* one conversion */
struct spec {
	char kind;       /* d u x X c s p; 0: none that there is */
	char of_pointer; /* of p: what follows it, or 0 */
	bool is_left, has_zeroes, has_plus, has_blank;
	uint32_t width, bytes;
};

static void put(struct line *l, char c)
{
	if (l->at < l->end)
		*(volatile char *)l->at++ = c;
}

static void pad(struct line *l, char c, uint32_t n)
{
	while (n-- && l->at < l->end)
		put(l, c);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* nothing of a name: what may follow p and s */
static bool ends_word(char c)
{
	return !is_digit(c) && !((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* from behind the % -> behind the conversion. A text that ends has a NUL there, and that is no conversion */
static const char *read_spec(const char *f, struct spec *s)
{
	*s = (struct spec){ .bytes = 4 };
	for (;; f++) {
		if (*f == '-')
			s->is_left = true;
		else if (*f == '0')
			s->has_zeroes = true;
		else if (*f == '+')
			s->has_plus = true;
		else if (*f == ' ')
			s->has_blank = true;
		else
			break;
	}
	for (; is_digit(*f); f++)
		s->width = s->width < MOST_WIDTH ? s->width * 10 + (uint32_t)(*f - '0')
						 : MOST_WIDTH;
	if (*f == 'p') {
		s->kind = 'p';
		s->bytes = 8;
		if (ends_word(f[1]))
			return f + 1;
		s->of_pointer = f[1];
		if ((f[1] == 'k' || f[1] == 'u') && f[2] == 's') {
			s->kind = ends_word(f[3]) ? 's' : 0;
			return f + 3;
		}
		if ((f[1] == 'i' || f[1] == 'I') && (f[2] == '4' || f[2] == '6'))
			return f + 3;
		if (f[1] != 'K' && f[1] != 'x' && f[1] != 's' && f[1] != 'S' && f[1] != 'B')
			s->kind = 0;
		return f + 2;
	}
	if (*f == 's' || *f == 'c') {
		s->kind = *f == 'c' || ends_word(f[1]) ? *f : 0;
		return f + 1;
	}
	for (unsigned n = 0; *f == 'l' && n < 2; n++, f++)
		s->bytes = 8;
	if (*f == 'd' || *f == 'i' || *f == 'u' || *f == 'x' || *f == 'X')
		s->kind = *f == 'i' ? 'd' : *f;
	return *f ? f + 1 : f;
}

static void put_number(struct line *l, const struct spec *s, uint64_t v)
{
	bool is_hex = s->kind == 'x' || s->kind == 'X' || s->kind == 'p', is_negative = false;
	const char ten = s->kind == 'X' ? 'A' : 'a';
	uint32_t n = 0, width = s->kind == 'p' ? 16 : s->width, sign;
	char digits[DIGITS];

	if (s->bytes == 4)
		v = s->kind == 'd' ? (uint64_t)(int64_t)(int32_t)v : (uint32_t)v;
	if (s->kind == 'd' && (int64_t)v < 0) {
		is_negative = true;
		v = 0 - v;
	}
	do {
		uint32_t d = (uint32_t)(is_hex ? v % 16 : v % 10);

		((volatile char *)digits)[n++] = (char)(d < 10 ? '0' + d : ten + d - 10);
		v = is_hex ? v / 16 : v / 10;
	} while (v && n < DIGITS);
	sign = s->kind == 'd' && (is_negative || s->has_plus || s->has_blank);
	width = width > n + sign ? width - n - sign : 0;
	if (!s->is_left && !s->has_zeroes && s->kind != 'p')
		pad(l, ' ', width);
	if (sign)
		put(l, is_negative ? '-' : s->has_plus ? '+' : ' ');
	if ((!s->is_left && s->has_zeroes) || s->kind == 'p')
		pad(l, '0', width);
	while (n)
		put(l, digits[--n]);
	if (s->is_left && s->kind != 'p')
		pad(l, ' ', width);
}

/* read to where it will stand; on the left of it there may have to be blanks */
static void put_string(struct line *l, const struct spec *s, uint64_t from)
{
	uint64_t room = (uint64_t)(l->end - l->at);
	int64_t n = (int64_t)rt_probe_read_user_str(
		l->at, (uint32_t)(room < STRING_ROOM ? room : STRING_ROOM),
		(const char *)(uintptr_t)from);
	uint32_t length = n > 0 ? (uint32_t)n - 1 : 0, gap;

	gap = s->width > length ? s->width - length : 0;
	if (gap > room - length)
		gap = (uint32_t)(room - length);
	for (uint32_t i = length; !s->is_left && gap && i; i--)
		((volatile char *)l->at)[i - 1 + gap] = l->at[i - 1];
	if (!s->is_left)
		pad(l, ' ', gap);
	l->at += length;
	if (s->is_left)
		pad(l, ' ', gap);
}

/* i4 and I4: dotted, the first with all its zeroes; i6 and I6: hexadecimal, the second with colons */
static void put_internet(struct line *l, const struct spec *s, bool is_six, uint64_t from)
{
	struct spec one = { .kind = is_six ? 'x' : 'u', .bytes = 4, .has_zeroes = true };
	uint8_t bytes[16];
	uint32_t n = is_six ? 16 : 4;

	one.width = is_six ? 2 : s->of_pointer == 'i' ? 3 : 0;
	if (rt_probe_read_user(bytes, n, (const void *)(uintptr_t)from))
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (i && (!is_six || (s->of_pointer == 'I' && i % 2 == 0)))
			put(l, is_six ? ':' : '.');
		put_number(l, &one, ((volatile uint8_t *)bytes)[i]);
	}
}

/* bytes that a line may take; 0: the format is none, or asks for more arguments than there are */
static uint32_t room_of(const char *f, uint32_t n_format, uint32_t n_args)
{
	const char *end = f + n_format - 1;
	uint32_t room = 0, n = 0;
	struct spec s;

	while (f < end && *f) {
		room++;
		if (*f++ != '%')
			continue;
		if (*f == '%') {
			f++;
			continue;
		}
		f = read_spec(f, &s);
		if (!s.kind || f > end || n++ >= n_args)
			return 0;
		room += (s.kind == 's' ? STRING_ROOM : NUMBER_ROOM) + s.width;
	}
	return (room < MOST_TEXT ? room : MOST_TEXT) + 1;
}

static void put_format(struct line *l, const char *f, uint32_t n_format, const uint64_t *args)
{
	const char *end = f + n_format - 1;
	struct spec s;

	while (f < end && *f) {
		if (*f != '%' || f[1] == '%') {
			put(l, *f);
			f += 1 + (*f == '%');
			continue;
		}
		f = read_spec(f + 1, &s);
		if (s.kind == 's')
			put_string(l, &s, *args++);
		else if (s.kind == 'c')
			put(l, (char)*args++);
		else if (s.kind == 'p' && (s.of_pointer | 32) == 'i')
			put_internet(l, &s, f[-1] == '6', *args++);
		else
			put_number(l, &s, *args++);
	}
}

/* the verifier has seen to it that the format is there, and that its last byte is a NUL or nothing that matters */
int64_t rt_trace_vprintk(const char *format, uint32_t n_format, const uint64_t *args,
			 uint32_t n_bytes)
{
	uint32_t room;
	struct rt_line *head;
	struct line l;

	if (!n_format || n_bytes % sizeof(*args) || n_bytes > MOST_ARGS * sizeof(*args) ||
	    format[n_format - 1])
		return RT_EINVAL;
	room = room_of(format, n_format, n_bytes / sizeof(*args));
	if (!room)
		return RT_EINVAL;
	head = rt_ring_reserve(ring(), area()->ring_size, own()->pid,
			       (uint32_t)sizeof(*head) + room, time_stamp(), 0);
	if (!head)
		return RT_E2BIG;
	rt_ring_set_kind(head, RT_RING_LINE);
	l.at = (char *)(head + 1);
	l.end = l.at + room - 1;
	put_format(&l, format, n_format, args);
	head->n = (uint32_t)(l.at - (char *)(head + 1));
	head->tid = rt_tracers_tid();
	rt_get_current_comm(head->comm, sizeof(head->comm));
	rt_ring_commit(head, true);
	return head->n;
}

int64_t rt_trace_printk(const char *format, uint32_t n_format, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t args[3] = { a, b, c };

	return rt_trace_vprintk(format, n_format, args, sizeof(args));
}
