/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checker on whole scripts: what comes through, and that what ir relies on holds of the tree.
 */
#include "sema_fixture.h"
#include "tap.h"

/* the promises of sema.h about single nodes */
static bool node_is_sound(void *arg, struct node *n)
{
	unsigned *faults = arg;
	const struct type *t = n->type;

	if (!t)
		++*faults;
	if (n->kind == NODE_IDENT || n->kind == NODE_POSITIONAL || n->kind == NODE_SIZEOF ||
	    n->kind == NODE_TYPEINFO || n->kind == NODE_COMPTIME || n->kind == NODE_TYPE_VALUE)
		++*faults;
	if (n->kind == NODE_VAR && !n->var.ref)
		++*faults;
	if (n->kind == NODE_MAP && !n->map.ref)
		++*faults;
	if (n->kind == NODE_BINARY && type_is_integer(n->binary.a->type) &&
	    type_is_integer(n->binary.b->type) && n->op != OP_LAND && n->op != OP_LOR &&
	    n->binary.a->type->size != n->binary.b->type->size)
		++*faults;
	if (n->kind == NODE_ASSIGN && n->op == OP_NONE &&
	    n->assign.target->type != n->assign.value->type)
		++*faults;
	if (n->kind == NODE_MAP && n->map.key && n->map.key->type != n->map.ref->key_type)
		++*faults;
	if (n->kind == NODE_FIELD && n->field.a->type->kind == TYPE_POINTER)
		++*faults;
	return !(n->kind == NODE_CALL && n->call.n_args && n->call.args->kind == NODE_IDENT);
}

static unsigned unsound(struct unit *u)
{
	unsigned faults = 0;

	for (uint32_t i = 0; i < u->n_insts; i++) {
		if (u->insts[i]->predicate)
			node_walk(u->insts[i]->predicate, node_is_sound, &faults);
		node_walk(u->insts[i]->body, node_is_sound, &faults);
	}
	return faults;
}

static void comes_through(const char *script)
{
	struct fixture f;

	fixture_check(&f, script);
	if (!CHECK(f.unit != NULL) || !CHECK(f.text.n == 0))
		printf("# %s\n# %s\n", script, strbuf_cstr(&f.text));
	else if (!CHECK_INT(unsound(f.unit), 0))
		printf("# %s\n", script);
	fixture_free(&f);
}

TEST(straight_path)
{
	comes_through(
		"begin { printf(\"hi %d\\n\", 1); $x = 1; @a[1, \"x\"] = $x + 2; @c = count(); print(@a); exit(); }");
	comes_through("uprobe:/bin/x:f { @[arg0] = count(); } interval:s:1 { print(@); clear(@); }");
	comes_through(
		"uretprobe:/bin/x:f /retval > 0/ { @sizes = hist(retval); @s[comm, pid] = sum(retval); }");
	comes_through(
		"begin { @start[tid] = nsecs; } end { $d = nsecs - @start[tid]; @ns = avg($d); delete(@start, tid); }");
	comes_through(
		"struct s { int a; char name[8]; struct s *next; } "
		"uprobe:/bin/x:f { $p = (struct s *)arg0; printf(\"%d %s\\n\", $p->next->a, $p.next.name); }");
	comes_through(
		"begin { for ($i : 0..10) { @[$i] = $i * 2; } for ($kv : @) { print(($kv.0, $kv.1)); } }");
	comes_through(
		"tracepoint:a:b { @[str(args.filename)] = count(); if (args.comm == \"x\") { print(args.a); } }");
}
