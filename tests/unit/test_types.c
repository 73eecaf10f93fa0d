/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interning, stored sizes, fields and spellings of types, against what type.h promises. */
#include "types/type.h"

#include "tap.h"

static struct arena arena;
static struct type_table table;

static struct type_table *fresh(void)
{
	type_table_free(&table);
	arena_free(&arena);
	arena_init(&arena);
	type_table_init(&table, &arena);
	return &table;
}

#define CHECK_SPELL(t, want) CHECK_VIEW(type_spelling(&arena, (t)), want)

TEST(equal_types_are_one_pointer)
{
	struct type_table *tt = fresh();
	const struct type *i32 = type_int(4, true);

	CHECK(type_int(4, true) == i32);
	CHECK(type_int(4, false) != i32);
	CHECK(type_pointer(tt, i32, SPACE_USER) == type_pointer(tt, i32, SPACE_USER));
	CHECK(type_pointer(tt, i32, SPACE_USER) != type_pointer(tt, i32, SPACE_KERNEL));
	CHECK(type_array(tt, i32, 3) == type_array(tt, i32, 3));
	CHECK(type_array(tt, i32, 3) != type_array(tt, i32, 4));
	CHECK(type_string(tt, 64) == type_string(tt, 64));
	CHECK(type_string(tt, 64) != type_buffer(tt, 64));
	CHECK(type_new_struct(tt, STR("a"), false) != type_new_struct(tt, STR("a"), false));
	CHECK(type_aggregate(tt, TYPE_SUM, true, NULL) != type_aggregate(tt, TYPE_SUM, false, NULL));
	CHECK(type_aggregate(tt, TYPE_LHIST, false, (int64_t[]){ 0, 9, 1 }) !=
	      type_aggregate(tt, TYPE_LHIST, false, (int64_t[]){ 0, 9, 3 }));
}

TEST(tuples_and_records)
{
	struct type_table *tt = fresh();
	const struct type *parts[] = { type_int(1, true), type_int(8, true), type_string(tt, 3) };
	struct str names[] = { STR("a"), STR("bc"), STR("d") };
	struct str shifted[] = { STR("ab"), STR("c"), STR("d") };
	const struct type *t = type_tuple(tt, parts, NULL, 3);
	const struct type *r = type_tuple(tt, parts, names, 3);
	struct type_field f;

	CHECK(t == type_tuple(tt, parts, NULL, 3));
	CHECK(t != type_tuple(tt, parts, NULL, 2));
	CHECK(t != r);
	CHECK(r != type_tuple(tt, parts, shifted, 3));
	CHECK_INT(t->size, 24);
	CHECK_INT(t->align, 8);
	CHECK_INT(t->fields[0].offset, 0);
	CHECK_INT(t->fields[1].offset, 8);
	CHECK_INT(t->fields[2].offset, 16);
	CHECK(type_find_field(r, STR("bc"), &f));
	CHECK_INT(f.offset, 8);
	CHECK(!type_find_field(r, STR("x"), &f));
	CHECK(!type_find_field(t, STR("a"), &f));
	CHECK_SPELL(t, "(int8,int64,string[3])");
	CHECK_SPELL(r, "record { .a = int8, .bc = int64, .d = string[3] }");
	CHECK_SPELL(type_tuple(tt, NULL, NULL, 0), "()");
	CHECK_INT(type_tuple(tt, NULL, NULL, 0)->size, 0);
}

TEST(stored_sizes)
{
	struct type_table *tt = fresh();

	CHECK_INT(type_bool()->size, 1);
	CHECK_INT(type_buffer(tt, 5)->size, 12);
	CHECK_INT(type_simple(TYPE_USYM)->size, sizeof(struct stored_usym));
	CHECK_INT(type_simple(TYPE_INET)->size, 20);
	CHECK_INT(type_simple(TYPE_TIMESTAMP)->size, 16);
	CHECK_INT(type_stack(tt, TYPE_USTACK, STACK_MODE_PERF, 5)->size, 16);
	CHECK_INT(type_aggregate(tt, TYPE_MIN, true, NULL)->size, 16);
	CHECK_INT(type_aggregate(tt, TYPE_TSERIES, true, NULL)->size, 24);
	CHECK_INT(type_aggregate(tt, TYPE_HIST, false, NULL)->size, 8);
	CHECK_INT(type_array(tt, type_int(8, false), UINT32_MAX)->size, UINT32_MAX);
	CHECK(type_array(tt, type_int(8, false), 0)->is_flex);
}

TEST(fields_through_anonymous_members)
{
	struct type_table *tt = fresh();
	struct type *outer = type_new_struct(tt, STR("outer"), false);
	struct type *anon = type_new_struct(tt, STR_NULL, true);
	struct type_field inner_fields[] = {
		{ .name = STR("x"), .type = type_int(4, true) },
		{ .name = STR("y"), .type = type_int(2, true), .offset = 2 }
	};
	struct type_field outer_fields[] = { { .name = STR("a"), .type = type_int(8, true) },
					     { .type = anon, .offset = 8 } };
	struct type_field f;

	CHECK(!type_find_field(outer, STR("a"), &f)); /* not complete, and nobody completes it */
	*anon = (struct type){ .kind = TYPE_STRUCT,
			       .is_union = true,
			       .is_complete = true,
			       .size = 4,
			       .align = 4,
			       .fields = inner_fields,
			       .n_fields = 2 };
	outer->fields = outer_fields;
	outer->n_fields = 2;
	outer->is_complete = true;
	CHECK(type_find_field(outer, STR("y"), &f));
	CHECK_INT(f.offset, 10);
	CHECK_INT(f.type->size, 2);
	CHECK(!type_find_field(outer, STR(""), &f));
	CHECK_SPELL(outer, "struct outer");
	CHECK_SPELL(anon, "union {int32,int16}");
}

TEST(spellings)
{
	struct type_table *tt = fresh();
	const struct type *i8 = type_int(1, true);
	struct type fn = { .kind = TYPE_FUNCTION,
			   .elem = type_int(4, true),
			   .fields = &(struct type_field){ .type = i8 },
			   .n_fields = 1 };

	CHECK_SPELL(type_int(8, false), "uint64");
	CHECK_SPELL(type_string(tt, 10), "string[10]");
	CHECK_SPELL(type_buffer(tt, 10), "buffer[14]");
	CHECK_SPELL(type_pointer(tt, i8, SPACE_KERNEL), "int8 *");
	CHECK_SPELL(type_pointer(tt, type_void(), SPACE_KERNEL), "void *");
	CHECK_SPELL(type_pointer(tt, &fn, SPACE_KERNEL), "int32 (*)(int8)");
	CHECK_SPELL(type_array(tt, i8, 2), "int8[2]");
	CHECK_SPELL(type_new_enum(tt, STR("e"), 4, false, NULL, 0), "enum e");
	CHECK_SPELL(type_stack(tt, TYPE_KSTACK, STACK_MODE_BPFTRACE, 127), "kstack_bpftrace_127");
	CHECK_SPELL(type_stack(tt, TYPE_USTACK, STACK_MODE_BUILD_ID, 20), "ustack_build_id_20");
	CHECK_SPELL(type_aggregate(tt, TYPE_SUM, false, NULL), "usum_t");
	CHECK_SPELL(type_aggregate(tt, TYPE_STATS, true, NULL), "stats_t");
	CHECK_SPELL(type_aggregate(tt, TYPE_COUNT, true, NULL), "count_t");
	CHECK_SPELL(type_simple(TYPE_MACADDR), "mac_address");
	CHECK_SPELL(type_simple(TYPE_CGROUP_PATH), "cgroup_path_t");
	CHECK_SPELL(type_none(), "none");
}

TEST(kinds)
{
	struct type_table *tt = fresh();

	CHECK(type_is_integer(type_bool()));
	CHECK(!type_is_integer(type_pointer(tt, type_void(), SPACE_NONE)));
	CHECK(type_is_scalar(type_pointer(tt, type_void(), SPACE_NONE)));
	CHECK(type_is_aggregation(type_simple(TYPE_COUNT)));
	CHECK(!type_is_aggregation(type_simple(TYPE_USERNAME)));
	CHECK(type_is_castable_aggregation(type_aggregate(tt, TYPE_AVG, true, NULL)));
	CHECK(!type_is_castable_aggregation(type_aggregate(tt, TYPE_HIST, true, NULL)));
	CHECK(type_is_char_array(type_array(tt, type_int(1, true), 4)));
	CHECK(!type_is_char_array(type_array(tt, type_int(1, false), 4)));
}
