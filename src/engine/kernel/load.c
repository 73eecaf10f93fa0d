/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading the programs of an image: map descriptors are put in, the BTF of the functions is loaded,
 * the verifier is run without a log; only when it refuses it is run again with one, which refusal.c
 * then reads. Programs of begin, end, self, test and bench are loaded here like all others. TRACING
 * programs name their function at load, so each point of theirs is a program of its own, loaded
 * when it is attached; the first is loaded here too, so that a refusal comes early.
 */
#include "engine/kernel/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

/* of the second run, when the options do not say: a log of the longest programs' last path */
#define LOG_BYTES_DEFAULT (16u << 20)

static bool is_tracing(const struct image_prog *p)
{
	return p->prog_type == BPF_PROG_TYPE_TRACING;
}

/* the instructions with descriptors in the places of map indices */
static struct bpf_insn *prog_relocate(const struct engine *e, const struct image_prog *p)
{
	struct bpf_insn *insns = base_alloc(p->n_insns * sizeof(*insns));

	memcpy(insns, p->insns, p->n_insns * sizeof(*insns));
	for (uint32_t i = 0; i < p->n_relocs; i++) {
		struct bpf_insn *insn = &insns[p->relocs[i].insn];

		insn->src_reg = p->relocs[i].kind == RELOC_MAP_VALUE ? BPF_PSEUDO_MAP_VALUE
								     : BPF_PSEUDO_MAP_FD;
		insn->imm = e->map_fds[p->relocs[i].index];
	}
	return insns;
}

static uint32_t default_attach_type(const struct engine *e, const struct image_prog *p,
				    enum uprobe_way way)
{
	if (p->attach_type)
		return p->attach_type;
	if (way == UPROBE_MULTI)
		return SYS_BPF_TRACE_UPROBE_MULTI;
	switch (p->shape ? p->shape->kind : PROBE_BEGIN) {
	case PROBE_FENTRY: return BPF_TRACE_FENTRY;
	case PROBE_FEXIT: return BPF_TRACE_FEXIT;
	case PROBE_ITER: return BPF_TRACE_ITER;
	case PROBE_KPROBE:
	case PROBE_KRETPROBE:
		/*
		 * one link for many functions; a single one, with an offset perhaps, takes a perf
		 * event
		 */
		return p->shape->n_points > 1 && features_has(FEATURE_KPROBE_MULTI)
			       ? BPF_TRACE_KPROBE_MULTI
			       : 0;
	default: return 0;
	}
}

/* a name that bpf(2) takes: 15 letters, digits and underscores */
static void short_name(struct str name, char out[BPF_OBJ_NAME_LEN])
{
	size_t n = name.n < BPF_OBJ_NAME_LEN - 1 ? name.n : BPF_OBJ_NAME_LEN - 1;

	memcpy(out, name.p, n);
	out[n] = 0;
}

static struct err *prog_load(struct engine *e, const struct image_prog *p, uint32_t attach_type,
			     const struct probe_point *point, int *fd)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach_type,
		    .prog_flags = p->flags, .attempts = 5);
	struct bpf_insn *insns = prog_relocate(e, p);
	STRBUF_AUTO license = { 0 };
	char name[BPF_OBJ_NAME_LEN], *log = NULL;
	struct err *err = NULL;
	int code;

	short_name(p->name, name);
	strbuf_add_str(&license, e->image->license);
	if (point && is_tracing(p)) {
		opts.attach_btf_id = point->btf_id;
		opts.attach_btf_obj_fd = point->btf_fd_module;
	}
	if (e->btf_fd >= 0 && p->n_funcs) {
		opts.prog_btf_fd = (uint32_t)e->btf_fd;
		opts.func_info = p->funcs;
		opts.func_info_cnt = p->n_funcs;
		opts.func_info_rec_size = sizeof(*p->funcs);
	}
	*fd = e->opts.verifier_log ? -1
				   : bpf_prog_load(p->prog_type, name, strbuf_cstr(&license), insns,
						   p->n_insns, &opts);
	code = errno;
	if (*fd < 0) {
		opts.log_size = e->opts.log_size ? e->opts.log_size : LOG_BYTES_DEFAULT;
		opts.log_level = 1;
		opts.log_buf = log =
			malloc(opts.log_size); /* not zeroed: only what is written gets memory */
		if (!log)
			base_out_of_memory();
		log[0] = 0;
		*fd = bpf_prog_load(p->prog_type, name, strbuf_cstr(&license), insns, p->n_insns,
				    &opts);
		/* a log that did not fit hides the verifier's own answer behind ENOSPC */
		if (*fd < 0 && errno != ENOSPC)
			code = errno;
	}
	if (log && e->opts.verifier_log && e->opts.report)
		e->opts.report(e->opts.report_arg, p->at, "verifier log", log);
	if (*fd < 0)
		err = kernel_prog_refused(e, p, log ? log : "", code);
	free(log);
	free(insns);
	return err;
}

struct err *kernel_prog_load_point(struct engine *e, uint32_t prog, const struct probe_point *p,
				   int *fd)
{
	return prog_load(e, e->image->progs[prog], e->progs[prog].attach_type, p, fd);
}

static struct err *load_btf(struct engine *e)
{
	char log[1024] = "";
	LIBBPF_OPTS(bpf_btf_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);

	if (!e->image->btf)
		return NULL;
	/* the log is wanted on failure only */
	e->btf_fd = bpf_btf_load(e->image->btf, e->image->btf_size, NULL);
	if (e->btf_fd >= 0)
		return NULL;
	bpf_btf_load(e->image->btf, e->image->btf_size, &opts);
	return sys_err_explain(
		err_new(errno, "load the BTF of the functions%s%s", log[0] ? ": " : "", log));
}

struct err *kernel_progs_load(struct engine *e)
{
	const struct image *im = e->image;

	TRY(load_btf(e));
	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];
		struct kernel_prog *k = &e->progs[i];
		const struct probe_point *first = p->shape && p->shape->n_points ? p->shape->points
										 : NULL;

		k->way = kernel_uprobe_choose(p, e->opts.n_pids || (first && first->pid > 0));
		k->attach_type = default_attach_type(e, p, k->way);
		TRY(prog_load(e, p, k->attach_type, first, &k->fd));
	}
	return NULL;
}

void kernel_progs_unload(struct engine *e)
{
	for (uint32_t i = 0; i < e->image->n_progs; i++) {
		struct kernel_prog *k = &e->progs[i];

		if (k->fd >= 0)
			close(k->fd);
		vec_each(fd, &k->point_fds)
			close(*fd);
		vec_free(&k->point_fds);
	}
	if (e->btf_fd >= 0)
		close(e->btf_fd);
	free(e->progs);
	e->progs = NULL;
}
