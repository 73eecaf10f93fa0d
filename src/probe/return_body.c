/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code of one function: its ranges, decoded, and the parts of it that the compiler moved away. Bytes that are no
 * instructions, or too many of them, leave it undecided.
 */
#include "probe/return_private.h"

#include "objfile/symtab.h"

enum {
	MAX_FUNCTION = 4 << 20, /* bytes read of one piece */
	MAX_PIECES = 64,        /* of one function: ranges and cold parts */
};

void body_free(struct body *b)
{
	vec_each(p, &b->pieces) {
		free(p->bytes);
		free(p->depth);
		code_free(&p->code);
	}
	vec_free(&b->pieces);
}

struct piece *body_piece_at(struct body *b, uint64_t addr)
{
	vec_each(p, &b->pieces)
		if (addr >= p->start && addr < p->end)
			return p;
	return NULL;
}

void body_add_piece(struct body *b, uint64_t start, uint64_t end)
{
	struct piece p = { .start = start, .end = end };

	if (b->pieces.n == MAX_PIECES || end - start > MAX_FUNCTION) {
		b->undecided = "it is too large to be read";
		return;
	}
	p.bytes = base_alloc(end - start);
	if (!objfile_read_vaddr(b->f, start, p.bytes, end - start)) {
		free(p.bytes);
		b->undecided = "its code cannot be read";
		return;
	}
	code_decode(p.bytes, end - start, start, &p.code);
	p.depth = base_alloc((p.code.n + 1) * sizeof(*p.depth));
	for (uint32_t i = 0; i < p.code.n; i++)
		p.depth[i] = DEPTH_UNKNOWN;
	if (p.code.n == 0 || p.code.n_bad)
		b->undecided = "it holds bytes that are no instructions";
	else if (p.code.is_doubtful)
		b->undecided = "it jumps into the middle of an instruction";
	vec_push(&b->pieces, p);
}

/*
 * Is the code that a jump goes to a part of this function? A symbol says so, or, where only the unwinding table knows of it:
 * it goes back into the middle of the function, or has no way out at all.
 */
static bool is_part(struct body *b, const struct return_range *r, const struct symbol *s)
{
	bool is_way_out = false, is_back = false;
	struct body part = { .f = b->f };

	if (s)
		return s->flags & SYMBOL_CLONE_COLD;
	body_add_piece(&part, r->start, r->end);
	for (uint32_t k = 0; part.pieces.n && k < part.pieces.v[0].code.n; k++) {
		const struct code *c = &part.pieces.v[0].code;
		const struct code_insn *i = &c->insn[k];

		if (code_is_jump_out(c, i) && body_piece_at(b, i->target))
			is_back |= i->target != b->pieces.v[0].start;
		else
			is_way_out |= i->kind == CODE_RET || i->kind == CODE_JMP_INDIRECT ||
				      code_is_jump_out(c, i);
	}
	is_back |= part.undecided != NULL;
	body_free(&part);
	return is_back || !is_way_out;
}

/* jumps to a part that the compiler moved away make it one of the function's pieces */
void body_add_parts(struct body *b)
{
	for (size_t i = 0; i < b->pieces.n; i++)
		for (uint32_t k = 0; k < b->pieces.v[i].code.n; k++) {
			const struct code *c = &b->pieces.v[i].code;
			const struct symbol *s;
			struct return_range r;
			uint64_t target = c->insn[k].target;

			if (code_is_jump_out(c, &c->insn[k]) && !body_piece_at(b, target) &&
			    layout_range_at(b->f, target, &r, &s) && is_part(b, &r, s))
				body_add_piece(b, r.start, r.end);
		}
}
