/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making and dumping images, and the disassembler where the data tests do not reach it. */
#include "tap.h"

#include "image/disasm.h"

TEST(new_image_has_its_maps)
{
	struct arena a;
	struct image *im;

	arena_init(&a);
	im = image_new(&a);
	CHECK_INT(im->n_maps, 3);
	CHECK_INT(im->maps[im->ring_map]->bpf_type, BPF_MAP_TYPE_RINGBUF);
	CHECK_INT(im->maps[im->globals_map]->value_size, sizeof(struct image_globals));
	CHECK_INT(im->maps[im->globals_map]->flags, BPF_F_MMAPABLE);
	CHECK_INT(im->maps[im->faults_map]->max_entries, 1);
	CHECK(im->scratch_map == IMAGE_NONE && im->stacks_map == IMAGE_NONE);
	arena_free(&a);
}

TEST(faults_grow_their_map)
{
	struct arena a;
	struct image *im;

	arena_init(&a);
	im = image_new(&a);
	for (uint32_t i = 0; i < 20; i++)
		CHECK_INT(image_add_fault(im, (struct image_fault){ .kind = FAULT_READ, .prog = i }),
			  i);
	CHECK_INT(im->maps[im->faults_map]->value_size, 20 * sizeof(struct image_fault_count));
	CHECK_INT(im->maps[im->faults_map]->max_entries, 1);
	CHECK_INT(im->faults[19].prog, 19);
	arena_free(&a);
}

TEST(strings_are_shared)
{
	struct arena a;
	struct image *im;
	char text[] = "%H:%M";

	arena_init(&a);
	im = image_new(&a);
	CHECK_INT(image_add_string(im, str_from(text)), 0);
	CHECK_INT(image_add_string(im, STR("%S")), 1);
	CHECK_INT(image_add_string(im, STR("%H:%M")), 0);
	text[1] = 'x'; /* the image has its own copy */
	CHECK_VIEW(im->strings[0], "%H:%M");
	arena_free(&a);
}

TEST(pointers_to_maps_stay_good)
{
	struct arena a;
	struct image *im;
	struct image_map *first;

	arena_init(&a);
	im = image_new(&a);
	first = im->maps[0];
	for (uint32_t i = 0; i < 100; i++)
		CHECK_INT(image_add_map(
				  im, (struct image_map){ .name = STR_INIT("@m"), .key_size = i }),
			  3 + i);
	CHECK(im->maps[0] == first);
	CHECK_INT(im->maps[102]->key_size, 99);
	arena_free(&a);
}

static void disasm_is(struct bpf_insn in, const char *want)
{
	struct bpf_insn two[2] = { in };
	STRBUF_AUTO b = { 0 };

	image_disasm_insn(two, &b);
	CHECK_STR(strbuf_cstr(&b), want);
}

TEST(disasm_of_what_is_no_instruction)
{
	disasm_is((struct bpf_insn){ .code = 0xff }, "invalid alu op ff");
	disasm_is((struct bpf_insn){ .code = BPF_LD | BPF_ABS | BPF_W }, "invalid op 20");
	disasm_is((struct bpf_insn){ .code = BPF_JMP | 0xe0 }, "invalid jump op e5");
	disasm_is((struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = 100000 },
		  "call bpf_unknown#100000");
	disasm_is((struct bpf_insn){ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .imm = 0x33 },
		  "invalid atomic op 33");
}

TEST(disasm_names_maps_and_functions)
{
	struct arena a;
	struct image *im;
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD },
		{ 0 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 2, .src_reg = BPF_PSEUDO_MAP_VALUE },
		{ .imm = 16 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 3,
		  .src_reg = BPF_PSEUDO_FUNC,
		  .imm = 3 },
		{ 0 },
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct image_reloc relocs[] = { { 0, RELOC_MAP, 2 }, { 2, RELOC_MAP_VALUE, 1 } };
	struct image_func_info funcs[] = { { 0, 5 }, { 8, 7 } };
	struct image_prog p = { .insns = insns,
				.n_insns = 9,
				.relocs = relocs,
				.n_relocs = 2,
				.funcs = funcs,
				.n_funcs = 2 };
	STRBUF_AUTO b = { 0 };

	arena_init(&a);
	im = image_new(&a);
	image_disasm_prog(im, &p, NULL, &b);
	CHECK_STR(strbuf_cstr(&b), "   0: r1 = map[faults]\n"
				   "   2: r2 = map[globals][0]+16\n"
				   "   4: r3 = subprog[+3] ; function 1\n"
				   "   6: call pc+1 ; function 1\n"
				   "   7: exit\n"
				   "function 1:\n"
				   "   8: exit\n");
	arena_free(&a);
}

TEST(dump)
{
	struct arena a;
	struct sources s = { 0 };
	struct image *im;
	struct event_field fields[] = { { type_int(8, false), 0 }, { type_int(4, true), 8 } };
	STRBUF_AUTO b = { 0 };

	arena_init(&a);
	sources_add(&s, STR("x.bt"), STR("begin { printf(\"%d\\n\", 1) }"));
	im = image_new(&a);
	image_add_map(im, (struct image_map){ .name = STR_INIT("@n"),
					      .role = MAP_SCRIPT,
					      .bpf_type = BPF_MAP_TYPE_HASH,
					      .key_size = 8,
					      .value_size = 8,
					      .max_entries = 64,
					      .key_type = type_int(8, false),
					      .value_type = type_int(8, true),
					      .at = { 8, 14 } });
	image_add_event(im, (struct event_layout){ .kind = EVENT_PRINTF,
						   .format = STR_INIT("\"%d\"\n\x01"),
						   .size = 12,
						   .fields = fields,
						   .n_fields = 2,
						   .at = { 8, 25 } });
	image_add_event(im,
			(struct event_layout){ .kind = EVENT_CLEAR, .map = 3, .at = SPAN_NONE });
	image_add_fault(im, (struct image_fault){ .kind = FAULT_MAP_FULL,
						  .helper = STR_INIT("map_update_elem"),
						  .map = 3,
						  .at = SPAN_NONE,
						  .is_quiet = true });
	image_add_string(im, STR("%H"));
	image_dump(im, &s, &b);
	CHECK_HAS(strbuf_cstr(&b),
		  "map 0 ring: ring, ringbuf, key 0, value 0, entries 262144, flags 0x0\n");
	CHECK_HAS(strbuf_cstr(&b),
		  "map 2 faults: faults, array, key 4, value 16, entries 1, flags 0x400\n");
	CHECK_HAS(
		strbuf_cstr(&b),
		"map 3 @n: script, hash, key 8, value 8, entries 64, flags 0x0, uint64 -> int64 at x.bt:1:9-15\n");
	CHECK_HAS(
		strbuf_cstr(&b),
		"event 0 printf: 12 bytes, \"\\\"%d\\\"\\n\\x01\" at x.bt:1:9-26\n\t+0 uint64\n\t+8 int32\n");
	CHECK_HAS(strbuf_cstr(&b), "event 1 clear: 0 bytes, map 3\n");
	CHECK_HAS(strbuf_cstr(&b), "fault 0 map full: prog 0, map_update_elem, map 3, quiet\n");
	CHECK_HAS(strbuf_cstr(&b), "string 0 \"%H\"\n");
	sources_free(&s);
	arena_free(&a);
}
