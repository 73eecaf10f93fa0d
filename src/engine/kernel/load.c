/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading the programs of an image: map descriptors are put in, the BTF of the functions is loaded,
 * the verifier is run without a log; only when it refuses it is run again with one, which refusal.c
 * then reads. Programs of begin, end, self, test and bench are loaded here like all others. TRACING
 * programs name their function at load, so each point of theirs is a program of its own, loaded
 * when it is attached; the first is loaded here too, so that a refusal comes early.
 *
 * Of programs that are the same one is loaded: a clause on ten functions has one program for all of them, as long as what it reads
 * lies in the same places. The verifier takes the most of the start of large scripts, and works on as many programs at once as
 * there are processors.
 */
#include "engine/kernel/kernel.h"

#include "base/parallel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>

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

enum {
	THREADS_MAX = 4, /* that load programs */
	THREAD_STACK = 256 << 10,
	ALONE_INSNS = 1500, /* starting a thread takes as long as verifying a few hundred */
};

/* what one load needs; made once for the try without a log and the one with it */
struct loading {
	struct bpf_insn *insns;
	uint32_t n_insns;
	struct image_func_info *funcs;
	struct strbuf license;
	char name[BPF_OBJ_NAME_LEN];
	struct bpf_prog_load_opts opts;
};

static int loading_try(struct loading *l, const struct image_prog *p)
{
	return bpf_prog_load(p->prog_type, l->name, strbuf_cstr(&l->license), l->insns, l->n_insns,
			     &l->opts);
}

static void loading_init(struct loading *l, const struct engine *e, uint32_t prog,
			 const struct probe_point *point)
{
	const struct image_prog *p = e->image->progs[prog];
	const struct kernel_prog *k = &e->progs[prog];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = k->attach_type,
		    .prog_flags = p->flags, .attempts = 5);
	uint32_t n_funcs = p->n_funcs;

	*l = (struct loading){ .insns = prog_relocate(e, p), .n_insns = p->n_insns };
	short_name(p->name, l->name);
	strbuf_add_str(&l->license, e->image->license);
	if (point && is_tracing(p)) {
		opts.attach_btf_id = point->btf_id;
		opts.attach_btf_obj_fd = point->btf_fd_module;
	}
	l->funcs = base_alloc((n_funcs + 1) * sizeof(*l->funcs));
	if (n_funcs)
		memcpy(l->funcs, p->funcs, n_funcs * sizeof(*l->funcs));
	if (k->sites_fd >= 0) {
		l->funcs[n_funcs] = (struct image_func_info){ .insn = l->n_insns,
							      .type_id = e->btf_static_func };
		n_funcs += n_funcs > 0;
		l->insns = kernel_sites_rewrite(l->insns, &l->n_insns, k->sites_fd);
	}
	if (e->btf_fd >= 0 && n_funcs) {
		opts.prog_btf_fd = (uint32_t)e->btf_fd;
		opts.func_info = l->funcs;
		opts.func_info_cnt = n_funcs;
		opts.func_info_rec_size = sizeof(*l->funcs);
	}
	l->opts = opts;
}

static void loading_free(struct loading *l)
{
	strbuf_free(&l->license);
	free(l->funcs);
	free(l->insns);
}

static struct err *prog_load(struct engine *e, uint32_t prog, const struct probe_point *point,
			     int *fd)
{
	const struct image_prog *p = e->image->progs[prog];
	struct err *err = NULL;
	struct loading l;
	char *log = NULL;
	int code;

	loading_init(&l, e, prog, point);
	*fd = e->opts.verifier_log ? -1 : loading_try(&l, p);
	code = errno;
	if (*fd < 0) {
		l.opts.log_size = e->opts.log_size ? e->opts.log_size : LOG_BYTES_DEFAULT;
		l.opts.log_level = 1;
		/* not zeroed: only what is written gets memory */
		l.opts.log_buf = log = malloc(l.opts.log_size);
		if (!log)
			base_out_of_memory();
		log[0] = 0;
		*fd = loading_try(&l, p);
		/* a log that did not fit hides the verifier's own answer behind ENOSPC */
		if (*fd < 0 && errno != ENOSPC)
			code = errno;
	}
	if (log && e->opts.verifier_log && e->opts.report)
		e->opts.report(e->opts.report_arg, p->at, "verifier log", log);
	if (*fd < 0)
		err = kernel_prog_refused(e, p, log ? log : "", code);
	free(log);
	loading_free(&l);
	return err;
}

struct err *kernel_prog_load_point(struct engine *e, uint32_t prog, const struct probe_point *p,
				   int *fd)
{
	return prog_load(e, prog, p, fd);
}

static struct err *load_btf(struct engine *e, bool has_sites)
{
	const void *btf = e->image->btf;
	uint32_t size = e->image->btf_size;
	STRBUF_AUTO extended = { 0 };
	char log[1024] = "";
	LIBBPF_OPTS(bpf_btf_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);

	if (!btf)
		return NULL;
	if (has_sites) {
		e->btf_static_func = kernel_sites_extend_btf(btf, size, &extended);
		if (!e->btf_static_func)
			return err_new(0, "the BTF of the functions has no place for one more");
		btf = extended.p;
		size = (uint32_t)extended.n;
	}
	e->btf_fd = bpf_btf_load(btf, size, NULL);
	if (e->btf_fd >= 0)
		return NULL;
	/* the log is wanted on failure only */
	bpf_btf_load(btf, size, &opts);
	return sys_err_explain(
		err_new(errno, "load the BTF of the functions%s%s", log[0] ? ": " : "", log));
}

static const struct probe_point *first_point(const struct image_prog *p)
{
	return p->shape && p->shape->n_points ? p->shape->points : NULL;
}

/* how each program will be attached decides how it is loaded */
static struct err *choose_ways(struct engine *e, uint32_t from, bool *has_sites)
{
	const struct image *im = e->image;

	for (uint32_t i = from; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];
		const struct probe_point *first = first_point(p);
		struct kernel_prog *k = &e->progs[i];

		if (!image_runs(im, p))
			continue;
		k->way = kernel_uprobe_choose(p, e->opts.n_pids || (first && first->pid > 0));
		k->attach_type = default_attach_type(e, p, k->way);
		if (k->way == UPROBE_EVENT && kernel_sites_wanted(p)) {
			TRY(kernel_sites_create(e, i));
			*has_sites = true;
		}
	}
	return NULL;
}

static struct err *prepare(struct engine *e, uint32_t first)
{
	bool has_sites = false;

	TRY(choose_ways(e, first, &has_sites));
	/* loaded programs hold theirs */
	if (e->btf_fd >= 0)
		close(e->btf_fd);
	e->btf_fd = -1;
	return load_btf(e, has_sites);
}

static struct err *load_one(struct engine *e, uint32_t prog)
{
	return prog_load(e, prog, first_point(e->image->progs[prog]), &e->progs[prog].fd);
}

/* a loaded program that does for this one, or IMAGE_NONE */
static uint32_t find_twin(const struct engine *e, uint32_t prog)
{
	uint32_t twin = image_find_twin(e->image, prog);
	const struct kernel_prog *k = &e->progs[prog], *t = &e->progs[twin];

	/* a table of sites is of its own places, and TRACING programs are each for its function */
	if (twin == IMAGE_NONE || k->sites_fd >= 0 || t->sites_fd >= 0 || t->way != k->way ||
	    t->attach_type != k->attach_type || is_tracing(e->image->progs[prog]))
		return IMAGE_NONE;
	return twin;
}

/* what is to be loaded by several threads: numbers of programs */
struct loads {
	struct engine *e;
	VEC(uint32_t) progs;
};

/* without a word: who is refused is loaded again, for the reason */
static void load_silently(void *arg, size_t i)
{
	struct loads *l = arg;
	uint32_t prog = l->progs.v[i];
	const struct image_prog *p = l->e->image->progs[prog];
	struct loading one;

	loading_init(&one, l->e, prog, first_point(p));
	l->e->progs[prog].fd = loading_try(&one, p);
	loading_free(&one);
}

static struct err *load_all(struct loads *l)
{
	struct engine *e = l->e;
	size_t n_threads = parallel_cpus();
	uint64_t n_insns = 0;

	vec_each(p, &l->progs)
		n_insns += e->image->progs[*p]->n_insns;
	/* the first one alone: a kernel that takes none says so once, and libbpf finds out what it can do */
	if (l->progs.n)
		TRY(load_one(e, l->progs.v[0]));
	if (n_insns >= ALONE_INSNS && !e->opts.verifier_log && n_threads > 1)
		parallel_each(l->progs.n, n_threads < THREADS_MAX ? n_threads : THREADS_MAX,
			      THREAD_STACK, load_silently, l);
	vec_each(p, &l->progs)
		if (e->progs[*p].fd < 0)
			TRY(load_one(e, *p));
	return NULL;
}

struct err *kernel_progs_load_from(struct engine *e, uint32_t first, uint32_t *n_new)
{
	struct loads l = { .e = e };
	struct err *err;

	TRY(prepare(e, first));
	for (uint32_t i = first; i < e->image->n_progs; i++) {
		if (!image_runs(e->image, e->image->progs[i]))
			continue;
		e->progs[i].twin = find_twin(e, i);
		if (e->progs[i].twin == IMAGE_NONE)
			vec_push(&l.progs, i);
	}
	*n_new = (uint32_t)l.progs.n;
	err = load_all(&l);
	vec_free(&l.progs);
	if (err)
		return err;
	for (uint32_t i = first; i < e->image->n_progs; i++) {
		uint32_t twin = e->progs[i].twin;

		if (twin == IMAGE_NONE)
			continue;
		e->progs[i].fd = fcntl(e->progs[twin].fd, F_DUPFD_CLOEXEC, 3);
		if (e->progs[i].fd < 0)
			return err_new(errno, "duplicate a program's descriptor");
	}
	return NULL;
}

struct err *kernel_progs_load(struct engine *e)
{
	uint32_t n_new;

	return kernel_progs_load_from(e, 0, &n_new);
}

void kernel_prog_unload(struct kernel_prog *k)
{
	if (k->fd >= 0)
		close(k->fd);
	vec_each(fd, &k->point_fds)
		close(*fd);
	vec_free(&k->point_fds);
	if (k->sites_fd >= 0)
		close(k->sites_fd);
	free(k->group);
}

void kernel_progs_unload(struct engine *e)
{
	for (uint32_t i = 0; i < e->image->n_progs; i++)
		kernel_prog_unload(&e->progs[i]);
	if (e->btf_fd >= 0)
		close(e->btf_fd);
	free(e->progs);
	e->progs = NULL;
}
