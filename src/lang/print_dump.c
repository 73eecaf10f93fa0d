/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree dump of -d ast: one node on a line, two spaces of indentation for each level, what sema found out behind
 * ' :: '. For people and golden tests; nothing reads it back.
 */
#include "lang/print.h"

static const char *const kind_names[NODE_N_KINDS] = {
	[NODE_INT] = "int",
	[NODE_STRING] = "string",
	[NODE_BOOL] = "bool",
	[NODE_POSITIONAL] = "param",
	[NODE_VAR] = "var",
	[NODE_MAP] = "map",
	[NODE_IDENT] = "ident",
	[NODE_CALL] = "call",
	[NODE_UNARY] = "unary",
	[NODE_BINARY] = "binary",
	[NODE_TERNARY] = "ternary",
	[NODE_FIELD] = "field",
	[NODE_TUPLE_FIELD] = "element",
	[NODE_INDEX] = "index",
	[NODE_CAST] = "cast",
	[NODE_SIZEOF] = "sizeof",
	[NODE_OFFSETOF] = "offsetof",
	[NODE_TYPEINFO] = "typeinfo",
	[NODE_TYPE_VALUE] = "type",
	[NODE_TUPLE] = "tuple",
	[NODE_RECORD] = "record",
	[NODE_NAMED] = "named",
	[NODE_COMPTIME] = "comptime",
	[NODE_BLOCK] = "block",
	[NODE_IF] = "if",
	[NODE_ASSIGN] = "assign",
	[NODE_EXPR] = "expr",
	[NODE_LET] = "let",
	[NODE_WHILE] = "while",
	[NODE_UNROLL] = "unroll",
	[NODE_FOR_MAP] = "for",
	[NODE_FOR_RANGE] = "for",
	[NODE_BREAK] = "break",
	[NODE_CONTINUE] = "continue",
	[NODE_RETURN] = "return",
	[NODE_IMPORT] = "import",
};

static const char *const op_texts[] = {
	[OP_NONE] = "",
	[OP_ADD] = "+",
	[OP_SUB] = "-",
	[OP_MUL] = "*",
	[OP_DIV] = "/",
	[OP_MOD] = "%",
	[OP_AND] = "&",
	[OP_OR] = "|",
	[OP_XOR] = "^",
	[OP_SHL] = "<<",
	[OP_SHR] = ">>",
	[OP_LAND] = "&&",
	[OP_LOR] = "||",
	[OP_EQ] = "==",
	[OP_NE] = "!=",
	[OP_LT] = "<",
	[OP_LE] = "<=",
	[OP_GT] = ">",
	[OP_GE] = ">=",
	[OP_NEG] = "-",
	[OP_NOT] = "!",
	[OP_INV] = "~",
	[OP_DEREF] = "*",
	[OP_ADDR] = "&",
	[OP_PRE_INC] = "++",
	[OP_PRE_DEC] = "--",
	[OP_POST_INC] = "++ (post)",
	[OP_POST_DEC] = "-- (post)",
};

static void print_quoted(struct str s, struct strbuf *out)
{
	strbuf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\n')
			strbuf_puts(out, "\\n");
		else if (c == '\t')
			strbuf_puts(out, "\\t");
		else if (c == '"' || c == '\\')
			strbuf_printf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			strbuf_printf(out, "\\x%02x", c);
		else
			strbuf_putc(out, (char)c);
	}
	strbuf_putc(out, '"');
}

/* what stands behind the kind on the node's own line */
static void dump_detail(const struct node *n, struct strbuf *out)
{
	switch (n->kind) {
	case NODE_INT:
		if (n->flags & NODE_F_UINT64)
			strbuf_printf(out, " %llu", (unsigned long long)n->integer);
		else
			strbuf_printf(out, " %lld", (long long)n->integer);
		break;
	case NODE_BOOL: strbuf_puts(out, n->integer ? " true" : " false"); break;
	case NODE_POSITIONAL:
		if (n->integer)
			strbuf_printf(out, " $%lld", (long long)n->integer);
		else
			strbuf_puts(out, " $#");
		break;
	case NODE_STRING:
	case NODE_IMPORT:
		strbuf_putc(out, ' ');
		print_quoted(n->string, out);
		break;
	case NODE_VAR: strbuf_printf(out, " $%.*s", STR_ARG(n->var.name)); break;
	case NODE_MAP: strbuf_printf(out, " %.*s", STR_ARG(n->map.name)); break;
	case NODE_IDENT: strbuf_printf(out, " %.*s", STR_ARG(n->ident.name)); break;
	case NODE_CALL: strbuf_printf(out, " %.*s", STR_ARG(n->call.name)); break;
	case NODE_FIELD:
		strbuf_printf(out, " %s%.*s", n->flags & NODE_F_ARROW ? "->" : ".",
			      STR_ARG(n->field.name));
		break;
	case NODE_TUPLE_FIELD: strbuf_printf(out, " .%u", n->field.index); break;
	case NODE_NAMED: strbuf_printf(out, " %.*s", STR_ARG(n->named.name)); break;
	case NODE_UNARY:
	case NODE_BINARY: strbuf_printf(out, " %s", op_texts[n->op]); break;
	case NODE_ASSIGN: strbuf_printf(out, " %s=", op_texts[n->op]); break;
	case NODE_FOR_MAP:
	case NODE_FOR_RANGE: strbuf_puts(out, n->kind == NODE_FOR_MAP ? " map" : " range"); break;
	case NODE_EXPR:
		if (n->flags & NODE_F_DISCARD)
			strbuf_puts(out, " _ =");
		break;
	case NODE_CAST:
		if (n->flags & NODE_F_IMPLICIT)
			strbuf_puts(out, " implicit");
		break;
	case NODE_OFFSETOF:
		for (uint32_t i = 0; i < n->offsetof_.n_path; i++)
			strbuf_printf(out, "%s%.*s", i ? "." : " .", STR_ARG(n->offsetof_.path[i]));
		break;
	default: break;
	}
}

static void dump_line(int depth, const char *text, struct strbuf *out)
{
	strbuf_fill(out, ' ', (size_t)depth * 2);
	strbuf_puts(out, text);
	strbuf_putc(out, '\n');
}

struct dump {
	struct strbuf *out;
	int depth;
};

static void dump_child(void *arg, struct node **slot)
{
	struct dump *d = arg;

	ast_dump_node(*slot, d->depth, d->out);
}

void ast_dump_node(const struct node *n, int depth, struct strbuf *out)
{
	struct dump d = { out, depth + 1 };
	/* node_children only hands out slots, it changes nothing */
	struct node *m = (struct node *)n;
	struct type_expr **type = node_type_expr(m);

	strbuf_fill(out, ' ', (size_t)depth * 2);
	strbuf_puts(out, n->kind < NODE_N_KINDS ? kind_names[n->kind] : "?");
	dump_detail(n, out);
	if (type && *type) {
		strbuf_puts(out, " (");
		type_expr_print(*type, NULL, out);
		strbuf_putc(out, ')');
	}
	if (n->type && n->type->kind != TYPE_NONE) {
		strbuf_puts(out, " :: ");
		type_spell(n->type, out);
	}
	if (n->flags & NODE_F_DEAD)
		strbuf_puts(out, " (not taken)");
	strbuf_putc(out, '\n');
	if (n->kind == NODE_BLOCK && n->block.value) {
		for (struct node *s = n->block.stmts; s; s = s->next)
			ast_dump_node(s, depth + 1, out);
		dump_line(depth + 1, "value", out);
		ast_dump_node(n->block.value, depth + 2, out);
		return;
	}
	node_children(m, dump_child, &d);
}

static void dump_macro(const struct macro_def *m, struct strbuf *out)
{
	strbuf_printf(out, "macro %.*s(", STR_ARG(m->name));
	for (uint32_t i = 0; i < m->n_params; i++)
		strbuf_printf(out, "%s%s%.*s", i ? ", " : "",
			      m->params[i].kind == MACRO_VAR ? "$" : "",
			      STR_ARG(m->params[i].name));
	strbuf_puts(out, ")\n");
	ast_dump_node(m->body, 1, out);
}

static void dump_fn(const struct fn_def *f, struct strbuf *out)
{
	strbuf_printf(out, "fn %.*s(", STR_ARG(f->name));
	for (uint32_t i = 0; i < f->n_params; i++) {
		strbuf_printf(out, "%s$%.*s : ", i ? ", " : "", STR_ARG(f->params[i].name));
		type_expr_print(f->params[i].type, NULL, out);
	}
	strbuf_putc(out, ')');
	if (f->result) {
		strbuf_puts(out, " : ");
		type_expr_print(f->result, NULL, out);
	}
	strbuf_putc(out, '\n');
	ast_dump_node(f->body, 1, out);
}

static void dump_config(const struct script *s, struct strbuf *out)
{
	if (s->has_config)
		strbuf_puts(out, "config\n");
	for (const struct config_item *c = s->config; c; c = c->next) {
		strbuf_printf(out, "  %.*s = ", STR_ARG(c->key));
		if (c->kind == CONFIG_STRING)
			print_quoted(c->text, out);
		else if (c->kind == CONFIG_INT)
			strbuf_printf(out, "%lld", (long long)c->integer);
		else
			strbuf_add_str(out, c->text);
		strbuf_putc(out, '\n');
	}
}

void ast_dump(const struct script *s, struct strbuf *out)
{
	dump_config(s, out);
	for (const struct import_decl *d = s->imports; d; d = d->next) {
		strbuf_puts(out, "import ");
		print_quoted(d->path, out);
		strbuf_putc(out, '\n');
	}
	for (const struct map_decl *m = s->maps; m; m = m->next)
		strbuf_printf(out, "let %.*s = %.*s(%lld)\n", STR_ARG(m->name), STR_ARG(m->kind),
			      (long long)m->max_entries);
	for (const struct macro_def *m = s->macros; m; m = m->next)
		if (!m->is_internal)
			dump_macro(m, out);
	for (const struct fn_def *f = s->fns; f; f = f->next)
		dump_fn(f, out);
	for (const struct clause *c = s->clauses; c; c = c->next) {
		strbuf_puts(out, "clause\n");
		for (const struct attach_point *ap = c->points; ap; ap = ap->next)
			strbuf_printf(out, "  probe %.*s\n", STR_ARG(ap->text));
		if (c->predicate) {
			dump_line(1, "predicate", out);
			ast_dump_node(c->predicate, 2, out);
		}
		ast_dump_node(c->body, 1, out);
	}
}
