/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Typed printing of stored values as text and JSON, and printf (output/value.h, output/printf.h). */
#include "output/printf.h"

#include "output/aggregate.h"
#include "output/cgroup.h"
#include "output/gfp.h"
#include "output/json.h"
#include "output/users.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tap.h"

static struct arena arena;
static struct type_table tt;
static struct value_env env;
static struct strbuf out;

static void begin(void)
{
	type_table_init(&tt, &arena);
	env = (struct value_env){ .trunc_trailer = STR("..") };
}

static void end(void)
{
	strbuf_free(&out);
	type_table_free(&tt);
	arena_free(&arena);
}

static const char *text(const struct type *t, const void *data)
{
	strbuf_clear(&out);
	value_put(&env, VALUE_TEXT, t, data, &out);
	return strbuf_cstr(&out);
}

static const char *json(const struct type *t, const void *data)
{
	strbuf_clear(&out);
	value_put(&env, VALUE_JSON, t, data, &out);
	return strbuf_cstr(&out);
}

static const char *key_json(const struct type *t, const void *data)
{
	strbuf_clear(&out);
	value_put_key(&env, VALUE_JSON, t, data, &out);
	return strbuf_cstr(&out);
}

static struct type_field field(const char *name, const struct type *t, uint32_t offset)
{
	return (struct type_field){ .name = str_from(name), .type = t, .offset = offset };
}

static struct type *make_struct(bool is_union, uint32_t size, struct type_field *fields, uint32_t n)
{
	struct type *t = type_new_struct(&tt, STR("s"), is_union);

	t->size = size;
	t->fields = fields;
	t->n_fields = n;
	t->is_complete = true;
	return t;
}

TEST(integers_by_size_and_sign)
{
	int64_t minus = -5;
	uint64_t big = UINT64_MAX;
	uint8_t byte = 200;

	begin();
	CHECK_STR(text(type_int(8, true), &minus), "-5");
	CHECK_STR(text(type_int(8, false), &big), "18446744073709551615");
	CHECK_STR(text(type_int(1, false), &byte), "200");
	CHECK_STR(text(type_int(1, true), &byte), "-56");
	CHECK_STR(text(type_int(4, true), &minus), "-5");
	CHECK_STR(text(type_bool(), &byte), "true");
	CHECK_STR(text(type_none(), &byte), "null");
	end();
}

TEST(json_numbers_that_no_double_holds_are_strings)
{
	uint64_t v = 1ull << 53;

	begin();
	CHECK_STR(json(type_int(8, false), &v), "9007199254740992");
	v++;
	CHECK_STR(json(type_int(8, false), &v), "\"9007199254740993\"");
	v = UINT64_MAX;
	CHECK_STR(json(type_int(8, false), &v), "\"18446744073709551615\"");
	CHECK_STR(json(type_int(8, true), &v), "-1");
	v = 1ull << 63;
	CHECK_STR(json(type_int(8, true), &v), "-9223372036854775808");
	end();
}

TEST(pointers_are_hexadecimal_in_text_and_numbers_in_json)
{
	uint64_t p = 0x32;

	begin();
	CHECK_STR(text(type_pointer(&tt, type_int(2, true), SPACE_KERNEL), &p), "0x32");
	CHECK_STR(json(type_pointer(&tt, type_int(2, true), SPACE_KERNEL), &p), "50");
	p = 0;
	CHECK_STR(text(type_pointer(&tt, type_void(), SPACE_KERNEL), &p), "0x0");
	end();
}

TEST(enums_by_name_in_text_by_number_in_json)
{
	static const struct type_enumerator e[] = { { STR_INIT("ONE"), 1 },
						    { STR_INIT("MINUS"), -1 } };
	const struct type *t;
	int32_t v = 1;

	begin();
	t = type_new_enum(&tt, STR("e"), 4, true, e, 2);
	CHECK_STR(text(t, &v), "ONE");
	CHECK_STR(json(t, &v), "1");
	v = -1;
	CHECK_STR(text(t, &v), "MINUS");
	v = 444;
	CHECK_STR(text(t, &v), "444");
	end();
}

TEST(strings_end_at_nul_and_show_when_they_were_cut)
{
	begin();
	CHECK_STR(text(type_string(&tt, 6), "hello\0"), "hello");
	CHECK_STR(text(type_string(&tt, 6), "hello\1"), "hello..");
	CHECK_STR(text(type_string(&tt, 6), "hi\0\0\0\0"), "hi");
	CHECK_STR(json(type_string(&tt, 6), "hello\1"), "\"hello..\"");
	CHECK_STR(text(type_string(&tt, 1), "\0"), "");
	end();
}

TEST(json_strings_are_escaped_and_valid)
{
	begin();
	CHECK_STR(json(type_string(&tt, 16), "a\r\n\t\\\" b\0\0\0\0\0\0\0"),
		  "\"a\\r\\n\\t\\\\\\\" b\"");
	CHECK_STR(json(type_string(&tt, 4), "\x01\x1b\x7f\0"), "\"\\u0001\\u001b\x7f\"");
	CHECK_STR(json(type_string(&tt, 4), "\xc3\xa9z\0"), "\"\xc3\xa9z\"");
	CHECK_STR(json(type_string(&tt, 4), "\xc3z\xff\0"), "\"\\\\xc3z\\\\xff\"");
	/* a surrogate and an overlong form are no characters */
	CHECK_STR(json(type_string(&tt, 6), "\xed\xa0\x80\xc0\x80\0"),
		  "\"\\\\xed\\\\xa0\\\\x80\\\\xc0\\\\x80\"");
	end();
}

TEST(control_bytes_are_shown_on_a_terminal_only)
{
	const char *s = "a\x1b[31m\n\xc2\x9b\x9b\xc3\xa9";

	begin();
	CHECK_STR(text(type_string(&tt, 16), "a\x1b[31m\n\xc2\x9b\x9b\xc3\xa9\0\0\0\0"), s);
	env.escape_control = true;
	CHECK_STR(text(type_string(&tt, 16), "a\x1b[31m\n\xc2\x9b\x9b\xc3\xa9\0\0\0\0"),
		  "a\\x1b[31m\n\\xc2\\x9b\\x9b\xc3\xa9");
	end();
}

TEST(buffers)
{
	static const struct {
		uint32_t n;
		char bytes[8];
	} b = { 7, "ok_key" };
	const struct type *t;

	begin();
	t = type_buffer(&tt, 8);
	CHECK_STR(text(t, &b), "ok_key\\x00");
	CHECK_STR(json(t, &b), "[111,107,95,107,101,121,0]");
	strbuf_clear(&out);
	value_put_buffer(&(struct value_env){ 0 }, t, &b, BUFFER_HEX_ESCAPED, &out);
	CHECK_STR(strbuf_cstr(&out), "\\x6f\\x6b\\x5f\\x6b\\x65\\x79\\x00");
	strbuf_clear(&out);
	value_put_buffer(&(struct value_env){ 0 }, t, &b, BUFFER_HEX_SPACED, &out);
	CHECK_STR(strbuf_cstr(&out), "6f 6b 5f 6b 65 79 00");
	end();
}

TEST(a_buffer_length_from_outside_is_not_believed)
{
	static const struct {
		uint32_t n;
		char bytes[8];
	} b = { 4000000000u, "abcdefgh" };

	begin();
	CHECK_STR(text(type_buffer(&tt, 8), &b), "abcdefgh");
	end();
}

TEST(tuples_and_records)
{
	struct {
		int64_t a;
		char s[8];
		struct {
			int64_t x, y;
		} in;
	} v = { 1, "a b", { 4, 5 } };
	const struct type *pair, *t, *r;

	begin();
	pair = type_tuple(&tt, (const struct type *[]){ type_int(8, true), type_int(8, true) },
			  NULL, 2);
	t = type_tuple(&tt, (const struct type *[]){ type_int(8, true), type_string(&tt, 8), pair },
		       NULL, 3);
	CHECK_INT(t->size, sizeof(v));
	CHECK_STR(text(t, &v), "(1, a b, (4, 5))");
	CHECK_STR(json(t, &v), "[1,\"a b\",[4,5]]");
	CHECK_STR(key_json(t, &v), "\"1,a b,(4,5)\"");
	strbuf_clear(&out);
	value_put_key(&env, VALUE_TEXT, t, &v, &out);
	CHECK_STR(strbuf_cstr(&out), "1, a b, (4, 5)");
	r = type_tuple(&tt, (const struct type *[]){ type_int(8, true), type_string(&tt, 8), pair },
		       (const struct str[]){ STR("a"), STR("b"), STR("c") }, 3);
	CHECK_STR(text(r, &v), "{ .a = 1, .b = a b, .c = (4, 5) }");
	CHECK_STR(json(r, &v), "{\"a\": 1, \"b\": \"a b\", \"c\": [4,5]}");
	CHECK_STR(text(type_tuple(&tt, NULL, NULL, 0), &v), "()");
	end();
}

TEST(arrays)
{
	int32_t v[4] = { 5, 6, 7, -8 };
	const struct type *row;

	begin();
	row = type_array(&tt, type_int(4, true), 2);
	CHECK_STR(text(type_array(&tt, type_int(4, true), 4), v), "[5,6,7,-8]");
	CHECK_STR(text(type_array(&tt, row, 2), v), "[[5,6],[7,-8]]");
	CHECK_STR(json(type_array(&tt, row, 2), v), "[[5,6],[7,-8]]");
	CHECK_STR(text(type_array(&tt, type_int(1, true), 6), "hello\0"),
		  "[104,101,108,108,111,0]");
	end();
}

TEST(char_arrays_in_structs_are_text)
{
	struct type_field f[2];
	const struct type *chars, *t;

	begin();
	chars = type_array(&tt, type_int(1, true), 3);
	f[0] = field("a", chars, 0);
	f[1] = field("b", type_array(&tt, chars, 2), 3);
	t = make_struct(false, 9, f, 2);
	CHECK_STR(text(t, "he\0abcxy\0"), "{ .a = he, .b = [abc,xy] }");
	CHECK_STR(json(t, "he\0abcxy\0"), "{\"a\": \"he\", \"b\": [\"abc\",\"xy\"]}");
	end();
}

TEST(structs_with_bit_fields_and_anonymous_members)
{
	/* struct { int m; union { int i; void *p; }; unsigned a:4, b:8; _Bool f:1; } */
	struct type_field inner[] = { field("i", type_int(4, true), 0),
				      field("n", type_none(), 0) };
	struct type_field f[6];
	struct {
		int32_t m, u;
		uint32_t bits;
	} v = { 2, 5, 1 | 217 << 4 | 1 << 12 };
	const struct type *t;

	begin();
	f[0] = field("m", type_int(4, true), 0);
	f[1] = field("", make_struct(true, 4, inner, 2), 4);
	f[2] = (struct type_field){
		.name = STR("a"), .type = type_int(4, false), .offset = 8, .bit_size = 4
	};
	f[3] = (struct type_field){ .name = STR("b"),
				    .type = type_int(4, true),
				    .offset = 8,
				    .bit_offset = 4,
				    .bit_size = 8 };
	f[4] = (struct type_field){
		.name = STR("f"), .type = type_bool(), .offset = 9, .bit_offset = 4, .bit_size = 1
	};
	f[5] = (struct type_field){
		.type = type_int(4, false), .offset = 8, .bit_offset = 13, .bit_size = 3
	};
	t = make_struct(false, 12, f, 6);
	CHECK_STR(text(t, &v), "{ .m = 2, .i = 5, .n = null, .a = 1, .b = 217, .f = true }");
	CHECK_STR(json(t, &v),
		  "{\"m\": 2, \"i\": 5, \"n\": null, \"a\": 1, \"b\": 217, \"f\": true}");
	CHECK_STR(text(make_struct(false, 0, NULL, 0), &v), "{}");
	end();
}

TEST(addresses)
{
	struct stored_inet v4 = { AF_INET, { 127, 0, 0, 1 } };
	struct stored_inet v6 = { AF_INET6, { [15] = 1 } };

	begin();
	CHECK_STR(text(type_simple(TYPE_INET), &v4), "127.0.0.1");
	CHECK_STR(text(type_simple(TYPE_INET), &v6), "::1");
	CHECK_STR(text(type_simple(TYPE_MACADDR), "\x05\x04\x03\xc0\x01\xbb"), "05:04:03:C0:01:BB");
	end();
}

/* the first hierarchy that is mounted, as output names it, and the id of its root */
static bool find_hierarchy(char name[64], uint64_t *id)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char line[4096], root[1024], type[32];
	bool found = false;
	struct stat st;

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %1023s %31s", root, type) != 2 ||
		    strncmp(type, "cgroup", 6) != 0)
			continue;
		found = stat(root, &st) == 0;
		*id = st.st_ino;
		snprintf(name, 64, "%.60s",
			 strcmp(type, "cgroup2") == 0 ? "unified" : strrchr(root, '/') + 1);
	}
	if (f)
		fclose(f);
	return found;
}

TEST(control_group_paths)
{
	struct stored_cgroup_path cg = { 0, UINT32_MAX, 0 };
	struct str filters[] = { STR_NULL, STR("no such") };
	char name[64], want[72];

	if (!find_hierarchy(name, &cg.id))
		SKIP("no control groups are mounted");
	begin();
	snprintf(want, sizeof(want), "%s:/", name);
	CHECK_HAS(text(type_simple(TYPE_CGROUP_PATH), &cg), want);
	filters[0] = str_from(name);
	env.strings = filters;
	env.n_strings = 2;
	cg.filter = 0;
	CHECK_STR(text(type_simple(TYPE_CGROUP_PATH), &cg), want);
	cg.filter = 1;
	CHECK_STR(text(type_simple(TYPE_CGROUP_PATH), &cg), "");
	cg.id = UINT64_MAX;
	cg.filter = UINT32_MAX;
	CHECK_STR(text(type_simple(TYPE_CGROUP_PATH), &cg), "");
	cgroup_forget();
	end();
}

TEST(user_names)
{
	uint32_t uid = 0, nobody_has = 4123456789u;

	begin();
	CHECK_STR(text(type_simple(TYPE_USERNAME), &uid), "root");
	CHECK_STR(text(type_simple(TYPE_USERNAME), &nobody_has), "4123456789");
	users_forget();
	end();
}

TEST(timestamps)
{
	struct str formats[] = { STR("%m/%d/%y %H:%M:%S.%f %%f"), STR("%s.%f") };
	struct stored_timestamp ts = { 0, CLOCK_STORED_TAI, 86400000123456ull };

	begin();
	setenv("TZ", "UTC", 1);
	tzset();
	env.strings = formats;
	env.n_strings = 2;
	CHECK_STR(text(type_simple(TYPE_TIMESTAMP), &ts), "01/02/70 00:00:00.000123 %f");
	env.clock.offset[CLOCK_STORED_BOOT] = 5000000000ll;
	ts = (struct stored_timestamp){ 1, CLOCK_STORED_BOOT, 123000 };
	CHECK_STR(text(type_simple(TYPE_TIMESTAMP), &ts), "5.000123");
	CHECK_STR(json(type_simple(TYPE_TIMESTAMP), &ts), "\"5.000123\"");
	ts = (struct stored_timestamp){ 1, CLOCK_STORED_TAI, 1 };
	CHECK_STR(text(type_simple(TYPE_TIMESTAMP), &ts), "(?)");
	end();
}

TEST(the_clock_agrees_with_the_system)
{
	struct output_clock c;
	struct timespec mono, real;
	int64_t got, want;

	output_clock_init(&c);
	/* a machine that has slept for an hour since: this clock has stood meanwhile, the others have not */
	got = output_clock_real(&c, CLOCK_STORED_MONOTONIC, 0);
	c.slept -= 3600ll * 1000000000;
	CHECK(output_clock_real(&c, CLOCK_STORED_MONOTONIC, 0) - got > 3599ll * 1000000000);
	got = output_clock_real(&c, CLOCK_STORED_BOOT, 0);
	CHECK_INT(got, c.offset[CLOCK_STORED_BOOT]);
	output_clock_init(&c);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	got = output_clock_real(&c, CLOCK_STORED_MONOTONIC,
				(uint64_t)mono.tv_sec * 1000000000 + (uint64_t)mono.tv_nsec);
	want = real.tv_sec * 1000000000 + real.tv_nsec;
	CHECK(llabs(got - want) < 500000000);
}

/* ---- symbols and stacks ---- */

static bool fake_kernel(void *arg, uint64_t addr, struct output_symbol *sym)
{
	*sym = (struct output_symbol){ STR("vfs_read"), addr - 0x1000, STR_NULL };
	return addr >= 0x1000 && addr < 0x2000;
}

static bool fake_user(void *arg, uint32_t pid, uint64_t addr, struct output_symbol *sym)
{
	*sym = (struct output_symbol){ STR("main"), addr - 0x400000, STR("/bin/x") };
	return pid == 7 && addr >= 0x400000 && addr < 0x500000;
}

static size_t fake_build_id(void *arg, uint32_t pid, uint64_t addr, uint8_t id[64],
			    uint64_t *offset)
{
	memcpy(id, "\xde\xad\x0b", 3);
	*offset = addr - 0x400000;
	return addr >= 0x400000 ? 3 : 0;
}

static const struct output_symbols fake_symbols = { .kernel = fake_kernel,
						    .user = fake_user,
						    .build_id = fake_build_id };

static bool fake_stack(void *arg, uint64_t hash, uint64_t *frames, uint32_t max)
{
	static const uint64_t kernel[] = { 0x1010, 0x9999 }, user[] = { 0x400012, 0x99 };

	memcpy(frames, hash == 1 ? kernel : user, max * sizeof(*frames));
	return hash == 1 || hash == 2;
}

TEST(symbols)
{
	struct stored_usym u = { 0x400010, 7, 0 };
	uint64_t k = 0x1004;

	begin();
	env.symbols = &fake_symbols;
	CHECK_STR(text(type_simple(TYPE_KSYM), &k), "vfs_read");
	CHECK_STR(json(type_simple(TYPE_USYM), &u), "\"main\"");
	u.addr = 1;
	CHECK_STR(text(type_simple(TYPE_USYM), &u), "0x1");
	env.symbols = NULL;
	CHECK_STR(text(type_simple(TYPE_KSYM), &k), "0x1004");
	end();
}

TEST(stacks_in_all_modes)
{
	struct stored_stack k = { 1, 2, 0 }, u = { 2, 2, 7 }, lost = { 3, 2, 7 },
			    none = { 0, 0, 7 };

	begin();
	env.symbols = &fake_symbols;
	env.stack = fake_stack;
	CHECK_STR(text(type_stack(&tt, TYPE_KSTACK, STACK_MODE_BPFTRACE, 127), &k),
		  "\n        vfs_read+16\n        0x9999\n");
	CHECK_STR(text(type_stack(&tt, TYPE_KSTACK, STACK_MODE_BPFTRACE, 1), &k),
		  "\n        vfs_read+16\n");
	CHECK_STR(text(type_stack(&tt, TYPE_KSTACK, STACK_MODE_PERF, 127), &k),
		  "\n\t1010 vfs_read+16\n\t9999 0x9999\n");
	CHECK_STR(text(type_stack(&tt, TYPE_USTACK, STACK_MODE_PERF, 127), &u),
		  "\n\t400012 main+18 (/bin/x)\n\t99 0x99 ([unknown])\n");
	CHECK_STR(text(type_stack(&tt, TYPE_USTACK, STACK_MODE_RAW, 127), &u), "\n400012\n99\n");
	CHECK_STR(text(type_stack(&tt, TYPE_USTACK, STACK_MODE_BUILD_ID, 127), &u),
		  "\ndead0b 0x12\n99\n");
	CHECK_STR(text(type_stack(&tt, TYPE_USTACK, STACK_MODE_RAW, 127), &none), "\n");
	CHECK_HAS(text(type_stack(&tt, TYPE_USTACK, STACK_MODE_RAW, 127), &lost), "not kept");
	CHECK_STR(key_json(type_stack(&tt, TYPE_KSTACK, STACK_MODE_BPFTRACE, 127), &k),
		  "\"\\nvfs_read+16\\n0x9999\\n\"");
	end();
}

/* ---- printf ---- */

static const char *print(const char *format, const struct type *const *types, uint32_t n,
			 const void *payload)
{
	struct event_field fields[8];
	struct format f;
	struct format_error err;
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		fields[i] = (struct event_field){ types[i], at };
		at += (types[i]->size + 7) / 8 * 8;
	}
	if (!CHECK(format_parse(&arena, str_from(format), &f, &err)))
		return "";
	strbuf_clear(&out);
	printf_render(&env, &f, fields, n, payload, &out);
	return strbuf_cstr(&out);
}

static const char *print_int(const char *format, const struct type *t, int64_t v)
{
	return print(format, &t, 1, &v);
}

TEST(printf_of_integers)
{
	const struct type *i64 = type_int(8, true), *u64 = type_int(8, false);

	begin();
	CHECK_STR(print_int("value: %dms100\n", i64, 100), "value: 100ms100\n");
	CHECK_STR(print_int("%x", i64, 0x12345678abcdef), "78abcdef");
	CHECK_STR(print_int("%hhx", i64, 0x12345678abcdef), "ef");
	CHECK_STR(print_int("%jx", i64, 0x12345678abcdef), "12345678abcdef");
	CHECK_STR(print_int("%llu", u64, -1), "18446744073709551615");
	CHECK_STR(print_int("%d", i64, 1ll << 32), "0");
	CHECK_STR(print_int("%ld", i64, -(1ll << 32)), "-4294967296");
	CHECK_STR(print_int("%04x|", i64, 2), "0002|");
	CHECK_STR(print_int("%-5d|", i64, -2), "-2   |");
	CHECK_STR(print_int("%+d", i64, 2), "+2");
	CHECK_STR(print_int("%#x %%", i64, 255), "0xff %");
	CHECK_STR(print_int("%o", i64, 8), "10");
	CHECK_STR(print_int("%X", i64, 0xab), "AB");
	CHECK_STR(print_int("%5.3d|", i64, 7), "  007|");
	CHECK_STR(print_int("%c%%", i64, 0x41), "A%");
	CHECK_STR(print_int("%p", u64, 0xffff), "0xffff");
	CHECK_STR(print_int("%8p|", u64, 0x1f), "    0x1f|");
	CHECK_STR(print_int("%d", type_bool(), 1), "1");
	CHECK_STR(print_int("%s", type_bool(), 1), "true");
	CHECK_STR(print_int("%s", i64, -3), "-3");
	end();
}

TEST(printf_of_text)
{
	struct {
		int64_t n;
		char s[8];
	} v = { 5, "hello" };
	const struct type *types[3];

	begin();
	types[0] = type_int(8, true);
	types[1] = type_string(&tt, 8);
	CHECK_STR(print("%d %s!\n", types, 2, &v), "5 hello!\n");
	CHECK_STR(print("%3d|%-7s|", types, 2, &v), "  5|hello  |");
	CHECK_STR(print("%d|%7.2s|", types, 2, &v), "5|     he|");
	types[0] = type_int(4, true);
	CHECK_STR(print("%*s|", types, 2, &v), "hello|");
	v.n = -8;
	CHECK_STR(print("%*s|", types, 2, &v), "hello   |");
	types[1] = type_tuple(
		&tt, (const struct type *[]){ type_int(1, false), type_int(1, false) }, NULL, 2);
	CHECK_STR(print("%d %12s|", types, 2, &v), "-8   (104, 101)|");
	end();
}

TEST(printf_of_buffers)
{
	static const struct {
		uint32_t n;
		char bytes[8];
	} b = { 6, "Hello" };
	const struct type *t;

	begin();
	t = type_buffer(&tt, 8);
	CHECK_STR(print("%r", &t, 1, &b), "Hello\\x00");
	CHECK_STR(print("%s", &t, 1, &b), "Hello\\x00");
	CHECK_STR(print("%rx", &t, 1, &b), "\\x48\\x65\\x6c\\x6c\\x6f\\x00");
	CHECK_STR(print("%rh", &t, 1, &b), "48 65 6c 6c 6f 00");
	end();
}

TEST(printf_pads_enums_by_name)
{
	static const struct type_enumerator e[] = { { STR_INIT("A"), 0 } };
	const struct type *t;

	begin();
	t = type_new_enum(&tt, STR("e"), 4, false, e, 1);
	CHECK_STR(print_int("%-5s|", t, 0), "A    |");
	CHECK_STR(print_int("%5s", t, 0), "    A");
	CHECK_STR(print_int("%d", t, 0), "0");
	end();
}

TEST(allocation_flags)
{
	begin();
	CHECK_STR(print_int("GFPFlags: %gr\n", type_int(8, false), 1), "GFPFlags: GFP_DMA\n");
	CHECK_STR(print_int("%gr", type_int(8, false), 0), "0");
	CHECK_STR(print_int("%gr", type_int(8, false), 0xcc0), "GFP_KERNEL");
	CHECK_STR(print_int("%gr", type_int(8, false), 0xcc0 | 0x100), "GFP_KERNEL|__GFP_ZERO");
	CHECK_STR(print_int("%gr", type_int(8, false), 0x820), "GFP_ATOMIC");
	CHECK_STR(print_int("%gr", type_int(8, false), 1ll << 40), "0x10000000000");
	end();
}

/* ---- aggregations ---- */

TEST(aggregations_merge_their_cpus)
{
	uint64_t counts[3] = { 1, 2, 3 };
	int64_t sums[2] = { -10, 3 };
	struct stored_minmax mm[3] = { { (uint64_t)-5, 1 }, { 0, 0 }, { 7, 1 } };
	struct stored_avg avg[2] = { { 9, 2 }, { 6, 1 } };
	const struct type *t;

	begin();
	CHECK_INT(aggregate_merge(type_simple(TYPE_COUNT), counts, 3).value, 6);
	CHECK_INT(aggregate_merge(type_aggregate(&tt, TYPE_SUM, true, NULL), sums, 2).value, -7);
	CHECK_INT(aggregate_merge(type_aggregate(&tt, TYPE_MIN, true, NULL), mm, 3).value, -5);
	CHECK_INT(aggregate_merge(type_aggregate(&tt, TYPE_MAX, true, NULL), mm, 3).value, 7);
	CHECK_INT(aggregate_merge(type_aggregate(&tt, TYPE_MIN, false, NULL), mm, 3).value, 7);
	CHECK_INT(aggregate_merge(type_aggregate(&tt, TYPE_AVG, true, NULL), avg, 2).value, 5);
	t = type_aggregate(&tt, TYPE_STATS, true, NULL);
	strbuf_clear(&out);
	aggregate_put(VALUE_TEXT, t, avg, 2, 1, &out);
	CHECK_STR(strbuf_cstr(&out), "{ .count = 3, .average = 5, .total = 15 }");
	strbuf_clear(&out);
	aggregate_put(VALUE_JSON, t, avg, 2, 1, &out);
	CHECK_STR(strbuf_cstr(&out), "{\"count\": 3, \"average\": 5, \"total\": 15}");
	end();
}

TEST(order_of_values)
{
	int64_t a = -1, b = 1;

	begin();
	CHECK(value_compare(type_int(8, true), &a, &b) < 0);
	CHECK(value_compare(type_int(8, false), &a, &b) > 0);
	CHECK(value_compare(type_string(&tt, 4), "ab\0", "b\0\0") < 0);
	CHECK_INT(value_compare(type_int(8, true), &a, &a), 0);
	end();
}

/* whatever the programs stored: no read outside of the value (ASan), JSON stays valid UTF-8 without control bytes */
TEST(random_bytes_of_every_type)
{
	const struct type *types[24];
	uint32_t n = 0, seed = 1;

	begin();
	env.symbols = &fake_symbols;
	env.escape_control = true;
	types[n++] = type_bool();
	types[n++] = type_int(8, true);
	types[n++] = type_pointer(&tt, type_void(), SPACE_KERNEL);
	types[n++] = type_string(&tt, 9);
	types[n++] = type_buffer(&tt, 9);
	types[n++] = type_array(&tt, type_int(2, false), 3);
	types[n++] = type_stack(&tt, TYPE_USTACK, STACK_MODE_PERF, 127);
	for (enum type_kind k = TYPE_KSYM; k <= TYPE_COUNT; k++)
		if (k != TYPE_CGROUP_PATH)
			types[n++] = type_simple(k);
	types[n++] = type_aggregate(&tt, TYPE_STATS, true, NULL);
	types[n] = type_tuple(&tt, types, NULL, n);
	n++;
	CHECK(types[n - 1]->size > 100);
	for (int round = 0; round < 300; round++) {
		const struct type *t = types[round % (int)n];
		char *exact = malloc(t->size + 1);
		const char *j;

		for (uint32_t i = 0; i < t->size; i++) {
			seed = seed * 1103515245 + 12345;
			exact[i] = (char)(seed >> 16);
		}
		exact = realloc(exact, t->size ? t->size : 1);
		text(t, exact);
		j = json(t, exact);
		for (size_t i = 0; j[i];) {
			size_t len = utf8_length((const uint8_t *)j + i, strlen(j) - i);

			if (!CHECK(len > 0 && (uint8_t)j[i] >= 0x20))
				break;
			i += len;
		}
		free(exact);
	}
	users_forget();
	end();
}
