/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IR as text, for -d ir and golden tests: one instruction per line, "%n" a vreg, "Ln" a label. For reading only; nothing
 * parses it.
 */
#include "image/disasm.h"
#include "ir/ops.h"

#include <inttypes.h>

static void print_mem(const struct ir_insn *in, uint32_t base, int32_t off, struct strbuf *out)
{
	strbuf_printf(out, off ? "[%%%u %+d]" : "[%%%u]", base, off);
}

static void print_b(const struct ir_insn *in, struct strbuf *out)
{
	if (in->flags & IRF_IMM)
		strbuf_printf(out, "%" PRId64, in->imm);
	else
		strbuf_printf(out, "%%%u", in->b);
}

static void print_args(const struct ir_insn *in, struct strbuf *out)
{
	strbuf_putc(out, '(');
	for (unsigned i = 0; i < in->n_args && i < 5; i++)
		strbuf_printf(out, "%s%%%u", i ? ", " : "", in->src[i]);
	strbuf_putc(out, ')');
}

static void print_map(const struct ir_module *m, int64_t map, struct strbuf *out)
{
	if (m && m->image && (uint64_t)map < m->image->n_maps)
		strbuf_printf(out, "%.*s", STR_ARG(m->image->maps[map]->name));
	else
		strbuf_printf(out, "#%" PRId64, map);
}

static void print_func_name(const struct ir_module *m, int64_t func, struct strbuf *out)
{
	if (m && (uint64_t)func < m->n_funcs)
		strbuf_printf(out, "%.*s", STR_ARG(m->funcs[func]->name));
	else
		strbuf_printf(out, "#%" PRId64, func);
}

static void print_rest(const struct ir_module *m, const struct ir_insn *in, struct strbuf *out);

static void print_insn(const struct ir_module *m, const struct ir_insn *in, struct strbuf *out)
{
	bool has_size = in->op == IR_LOAD || in->op == IR_STORE || in->op == IR_BSWAP ||
			in->op == IR_ZEXT || in->op == IR_SEXT || in->op == IR_ATOMIC;

	if (in->op == IR_LABEL) {
		strbuf_printf(out, "L%u:", in->target);
		return;
	}
	strbuf_putc(out, '\t');
	if (ir_def(in))
		strbuf_printf(out, "%%%u = ", ir_def(in));
	strbuf_puts(out, ir_op_name(in->op));
	if (has_size)
		strbuf_printf(out, ".%u%s", in->size,
			      in->op == IR_LOAD && (in->flags & IRF_SIGNED) ? "s" : "");
	print_rest(m, in, out);
}

/* what follows the name of the operation */
static void print_rest(const struct ir_module *m, const struct ir_insn *in, struct strbuf *out)
{
	switch (in->op) {
	case IR_NOP:
	case IR_CTX: return;
	case IR_JMP: strbuf_printf(out, " L%u", in->target); return;
	}
	strbuf_putc(out, ' ');
	switch (in->op) {
	case IR_IMM:
	case IR_SLOT:
	case IR_PARAM: strbuf_printf(out, "%" PRId64, in->imm); break;
	case IR_SET:
	case IR_BR:
		strbuf_printf(out, "%%%u %s ", in->a, ir_cc_name(in->cc));
		print_b(in, out);
		if (in->op == IR_BR)
			strbuf_printf(out, " L%u%s", in->target,
				      in->flags & IRF_UNLIKELY ? " unlikely" : "");
		break;
	case IR_LOAD: print_mem(in, in->a, in->off, out); break;
	case IR_STORE:
		print_mem(in, in->a, in->off, out);
		strbuf_puts(out, " = ");
		print_b(in, out);
		break;
	case IR_ZERO:
		print_mem(in, in->a, in->off, out);
		strbuf_printf(out, " %" PRId64, in->imm);
		break;
	case IR_COPY:
		print_mem(in, in->a, in->off, out);
		strbuf_puts(out, " = ");
		print_mem(in, in->b, in->off2, out);
		strbuf_printf(out, " %" PRId64, in->imm);
		break;
	case IR_ATOMIC:
		strbuf_printf(out, "%s ", ir_atomic_name(in->cc));
		print_mem(in, in->a, in->off, out);
		strbuf_printf(out, ", %%%u", in->b);
		if (in->cc == ATOMIC_CMPXCHG)
			strbuf_printf(out, " if %%%u", in->c);
		break;
	case IR_MAP:
	case IR_MAP_VALUE:
		print_map(m, in->imm, out);
		if (in->op == IR_MAP_VALUE)
			strbuf_printf(out, " %+d", in->off);
		break;
	case IR_FUNC: print_func_name(m, in->imm, out); break;
	case IR_CALL:
		strbuf_printf(out, "%s", image_helper_name(in->imm));
		print_args(in, out);
		break;
	case IR_CALL_FN:
		print_func_name(m, in->imm, out);
		print_args(in, out);
		break;
	case IR_BOUND: strbuf_printf(out, "%%%u <= %" PRId64, in->a, in->imm); break;
	case IR_RET: strbuf_printf(out, in->a ? "%%%u" : "0", in->a); break;
	case IR_MOV:
	case IR_NEG:
	case IR_BSWAP:
	case IR_ZEXT:
	case IR_SEXT: strbuf_printf(out, "%%%u", in->a); break;
	default: /* arithmetic */
		strbuf_printf(out, "%%%u, ", in->a);
		print_b(in, out);
		break;
	}
}

static void print_func(const struct ir_module *m, const struct ir_func *f, struct strbuf *out)
{
	static const char *const kinds[] = {
		[IR_FUNC_PROGRAM] = "program",
		[IR_FUNC_SUBPROG] = "subprog",
		[IR_FUNC_LOOP] = "loop",
		[IR_FUNC_FOR_EACH] = "for_each",
	};

	strbuf_printf(out, "%s %.*s(%u)\n", kinds[f->kind], STR_ARG(f->name), f->n_params);
	for (uint32_t s = 0; s < f->n_slots; s++)
		strbuf_printf(out, "\tslot %u: %u bytes, align %u\n", s, f->slots[s].size,
			      f->slots[s].align);
	for (uint32_t i = 0; i < f->n; i++) {
		print_insn(m, &f->insn[i], out);
		strbuf_putc(out, '\n');
	}
}

void ir_print(const struct ir_module *m, struct strbuf *out)
{
	for (uint32_t i = 0; i < m->n_funcs; i++) {
		if (i)
			strbuf_putc(out, '\n');
		print_func(m, m->funcs[i], out);
	}
}
