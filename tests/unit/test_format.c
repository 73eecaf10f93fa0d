/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parser of printf formats and its rules of types (types/format.h). */
#include "types/format.h"

#include "tap.h"

static struct arena arena;

static struct format parse(const char *text)
{
	struct format f;
	struct format_error err;

	CHECK(format_parse(&arena, str_from(text), &f, &err));
	return f;
}

TEST(text_and_specifications_alternate)
{
	struct format f = parse("a %d b %s c");

	CHECK_INT(f.n_specs, 2);
	CHECK_INT(f.n_args, 2);
	CHECK_VIEW(f.specs[0].literal, "a ");
	CHECK_INT(f.specs[0].conv, FORMAT_D);
	CHECK_INT(f.specs[0].at, 2);
	CHECK_INT(f.specs[0].n, 2);
	CHECK_VIEW(f.specs[1].literal, " b ");
	CHECK_INT(f.specs[1].conv, FORMAT_S);
	CHECK_VIEW(f.tail, " c");
	arena_free(&arena);
}

TEST(percent_signs_that_start_nothing_are_text)
{
	struct format f = parse("100%% %y %");

	CHECK_INT(f.n_specs, 0);
	CHECK_VIEW(f.tail, "100% %y %");
	f = parse("%-5%|%%d");
	CHECK_INT(f.n_specs, 0);
	CHECK_VIEW(f.tail, "%|%d");
	arena_free(&arena);
}

TEST(flags_width_precision)
{
	struct format f = parse("%-+ #08.3llx");
	const struct format_spec *s = &f.specs[0];

	CHECK(s->left && s->plus && s->space && s->alternate && s->zero);
	CHECK_INT(s->width, 8);
	CHECK_INT(s->precision, 3);
	CHECK_INT(s->length, FORMAT_LEN_64);
	CHECK_INT(s->conv, FORMAT_X);
	f = parse("%.s");
	CHECK_INT(f.specs[0].precision, 0);
	f = parse("%*.*d");
	CHECK(f.specs[0].width_from_arg && f.specs[0].prec_from_arg);
	CHECK_INT(f.n_args, 3);
	arena_free(&arena);
}

TEST(lengths)
{
	static const struct {
		const char *text;
		enum format_length length;
	} cases[] = {
		{ "%d", FORMAT_LEN_NONE }, { "%hhd", FORMAT_LEN_HH }, { "%hd", FORMAT_LEN_H },
		{ "%ld", FORMAT_LEN_64 },  { "%lld", FORMAT_LEN_64 }, { "%jd", FORMAT_LEN_64 },
		{ "%zd", FORMAT_LEN_64 },  { "%td", FORMAT_LEN_64 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct format f = parse(cases[i].text);

		CHECK_INT(f.specs[0].length, cases[i].length);
	}
	arena_free(&arena);
}

TEST(buffer_and_flag_conversions_take_two_letters)
{
	struct format f = parse("%r%rx%rh%gr");

	CHECK_INT(f.n_specs, 4);
	CHECK_INT(f.specs[0].conv, FORMAT_R);
	CHECK_INT(f.specs[1].conv, FORMAT_RX);
	CHECK_INT(f.specs[2].conv, FORMAT_RH);
	CHECK_INT(f.specs[3].conv, FORMAT_GR);
	arena_free(&arena);
}

TEST(monstrous_widths_are_errors_with_a_place)
{
	struct format f;
	struct format_error err;

	CHECK(!format_parse(&arena, STR("ab%99999d"), &f, &err));
	CHECK_INT(err.at, 3);
	CHECK(!format_parse(&arena, STR("%.4097s"), &f, &err));
	CHECK(format_parse(&arena, STR("%4096s"), &f, &err));
	arena_free(&arena);
}

TEST(conversions_and_types)
{
	struct type_table tt;
	const struct type *str, *buf, *ptr;

	type_table_init(&tt, &arena);
	str = type_string(&tt, 8);
	buf = type_buffer(&tt, 8);
	ptr = type_pointer(&tt, type_void(), SPACE_USER);
	CHECK(format_conv_accepts(FORMAT_S, str));
	CHECK(format_conv_accepts(FORMAT_S, type_int(4, true)));
	CHECK(format_conv_accepts(FORMAT_S, type_simple(TYPE_INET)));
	CHECK(!format_conv_accepts(FORMAT_D, str));
	CHECK(!format_conv_accepts(FORMAT_D, type_simple(TYPE_CGROUP_PATH)));
	CHECK(format_conv_accepts(FORMAT_D, type_bool()));
	CHECK(format_conv_accepts(FORMAT_D, ptr));
	CHECK(format_conv_accepts(FORMAT_P, type_int(8, false)));
	CHECK(format_conv_accepts(FORMAT_R, buf));
	CHECK(format_conv_accepts(FORMAT_S, buf));
	CHECK(!format_conv_accepts(FORMAT_R, str));
	CHECK(!format_conv_accepts(FORMAT_X, buf));
	CHECK(!format_conv_accepts(FORMAT_S, type_none()));
	type_table_free(&tt);
	arena_free(&arena);
}

TEST(checks_name_what_is_wrong)
{
	struct type_table tt;
	struct format f;
	struct format_error err;
	const struct type *args[3];

	type_table_init(&tt, &arena);
	args[0] = type_int(8, true);
	args[1] = type_string(&tt, 4);
	args[2] = type_none();
	f = parse("%d %s");
	CHECK(format_check(&arena, &f, args, 2, &err));
	CHECK(!format_check(&arena, &f, args, 1, &err));
	CHECK_VIEW(err.msg, "not enough arguments for format string (1 supplied, 2 expected)");
	CHECK(!format_check(&arena, &f, args, 3, &err));
	CHECK_VIEW(err.msg, "too many arguments for format string (3 supplied, 2 expected)");
	f = parse("%d %d");
	CHECK(!format_check(&arena, &f, args, 2, &err));
	CHECK_VIEW(err.msg, "unsupported format specifier for type 'string[4]': d");
	CHECK_INT(err.arg, 1);
	CHECK_INT(err.at, 3);
	f = parse("%f");
	CHECK(!format_check(&arena, &f, args, 1, &err));
	CHECK_VIEW(err.msg, "unsupported format specifier: f");
	f = parse("%s");
	CHECK(!format_check(&arena, &f, args + 2, 1, &err));
	CHECK_VIEW(err.msg, "unable to print none type for specifier: s");
	f = parse("%*d");
	CHECK(format_check(&arena, &f, NULL, 2, &err));
	CHECK(!format_check(&arena, &f, (const struct type *[]){ args[1], args[0] }, 2, &err));
	CHECK_INT(err.arg, 0);
	type_table_free(&tt);
	arena_free(&arena);
}

TEST(values_are_cut_to_the_length_modifier)
{
	struct format f = parse("%hhx %hx %x %jx");

	CHECK_INT(format_to_unsigned(&f.specs[0], 0x12345678abcdef), 0xef);
	CHECK_INT(format_to_unsigned(&f.specs[1], 0x12345678abcdef), 0xcdef);
	CHECK_INT(format_to_unsigned(&f.specs[2], 0x12345678abcdef), 0x78abcdef);
	CHECK_INT(format_to_unsigned(&f.specs[3], 0x12345678abcdef), 0x12345678abcdef);
	CHECK_INT(format_to_signed(&f.specs[0], 0xff), -1);
	CHECK_INT(format_to_signed(&f.specs[2], 0xffffffff), -1);
	CHECK_INT(format_to_signed(&f.specs[3], 0xffffffff), 0xffffffff);
	arena_free(&arena);
}
