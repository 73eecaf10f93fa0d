/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For locations.py: reads addresses, writes where the variables of the function there are: "ADDRESS NAME: LOCATION" in the
 * notation that the script gets from other tools.
 */
#include "base/strbuf.h"
#include "objfile/debuginfo.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct type_table types;

static const char *reg_name(unsigned offset)
{
	static const char *const names[] = { "r15", "r14", "r13", "r12", "rbp", "rbx", "r11",
					     "r10", "r9",  "r8",  "rax", "rcx", "rdx", "rsi",
					     "rdi", "?",   "rip", "?",   "?",   "rsp" };

	return offset / 8 < sizeof(names) / sizeof(names[0]) ? names[offset / 8] : "?";
}

static void write_op(const struct loc_op *o)
{
	switch (o->op) {
	case LOC_OP_CONST: printf("%lld ", (long long)o->value); break;
	case LOC_OP_REG: printf("%s ", reg_name(o->reg)); break;
	case LOC_OP_ENTRY_REG: printf("%s@entry ", reg_name(o->reg)); break;
	case LOC_OP_ADD_CONST: printf("%+lld ", (long long)o->value); break;
	case LOC_OP_FILE_ADDR: printf("file:%llx ", (long long)o->value); break;
	default: printf("op%u.%u ", o->op, o->size); break;
	}
}

static void write_piece(const struct loc_piece *p)
{
	uint64_t value = 0;

	switch (p->kind) {
	case LOC_REG: printf("reg %s ", reg_name(p->reg)); break;
	case LOC_FLOAT_REG: printf("xmm%u ", p->reg); break;
	case LOC_MEM: printf("mem "); break;
	case LOC_VALUE: printf("value "); break;
	case LOC_CONST:
		memcpy(&value, p->data, p->size < 8 ? p->size : 8);
		printf("const %llu ", (unsigned long long)value);
		break;
	default: printf("absent "); break;
	}
	for (uint32_t i = 0; i < p->n_ops; i++)
		write_op(&p->ops[i]);
}

static struct err *write_vars(struct debuginfo *d, uint64_t pc)
{
	const struct di_instance *own = NULL;
	const struct di_var *vars;
	struct di_func fn;
	bool found;
	uint32_t n;

	TRY(debuginfo_function_at(d, pc, &arena, &fn, &found));
	for (uint32_t i = 0; found && i < fn.n_instances && !own; i++)
		if (!fn.instances[i].is_inlined)
			for (uint32_t k = 0; k < fn.instances[i].n_ranges; k++)
				if (pc >= fn.instances[i].ranges[k].start &&
				    pc < fn.instances[i].ranges[k].end)
					own = &fn.instances[i];
	if (!own)
		return NULL;
	TRY(debuginfo_vars(d, &fn, own, pc, false, &types, &arena, &vars, &n));
	for (uint32_t i = 0; i < n; i++) {
		printf("%llx %.*s %u: ", (unsigned long long)pc, STR_ARG(vars[i].name),
		       vars[i].type->size);
		for (uint32_t k = 0; k < vars[i].loc.n_pieces; k++) {
			if (vars[i].loc.n_pieces > 1)
				printf("[%u+%u] ", vars[i].loc.pieces[k].offset,
				       vars[i].loc.pieces[k].size);
			write_piece(&vars[i].loc.pieces[k]);
		}
		if (!vars[i].loc.n_pieces)
			printf("absent %.*s", STR_ARG(vars[i].loc.why));
		printf("\n");
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct strbuf text = { 0 };
	struct debuginfo *d = NULL;
	struct objfile *f;
	struct err *e;
	char line[64];

	if (argc != 2)
		return 2;
	arena_init(&arena);
	type_table_init(&types, &arena);
	e = objfile_open(argv[1], &f);
	if (!e)
		e = objfile_debuginfo(f, &d);
	while (!e && d && fgets(line, sizeof(line), stdin))
		e = write_vars(d, strtoull(line, NULL, 16));
	if (e) {
		err_format(e, &text);
		fprintf(stderr, "%s\n", strbuf_cstr(&text));
		return 1;
	}
	type_table_free(&types);
	arena_free(&arena);
	objfile_unref(f);
	return d ? 0 : 3;
}
