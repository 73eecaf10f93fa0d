/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test probes pass when they return 0, call neither errorf nor exit with a code, and raise no fault. Bench probes run until
 * they have taken a tenth of a second. What a passing test prints is not shown.
 */
#include "session/tests.h"

#include "output/faults.h"

enum { BENCH_NS = 100000000, BENCH_FIRST = 100, BENCH_MAX = 1000000 };

/* while a test runs, its output goes here instead of to the sink */
static ERR_MUST struct err *run_test(struct compilation *c, const struct engine_ops *ops,
				     struct engine *e, struct output *out, uint32_t prog,
				     struct output_test *t)
{
	struct image_globals *g = ops->globals(e);
	uint64_t ret = 0;
	uint64_t errors = out->n_errors;
	int fd = out->out.fd;
	struct err *err;

	g->exiting = g->exit_code = 0;
	out->is_exiting = false;
	sink_flush(&out->out);
	out->out.fd = -1;
	out->out.mode = SINK_FULL;
	err = ops->run_once(e, prog, 1, &ret, &t->ns);
	if (!err)
		err = ops->poll(e, 0, output_event, out);
	faults_poll(out);
	t->text = arena_str(&c->arena, strbuf_str(&out->out.pending));
	strbuf_clear(&out->out.pending);
	out->out.fd = fd;
	out->out.error = 0;
	t->passed = ret == 0 && g->exit_code == 0 && out->n_errors == errors;
	return err;
}

static struct str probe_label(const struct image_prog *p)
{
	struct str name = p->shape->n_points ? p->shape->points[0].symbol : p->name;

	return name.n ? name : p->name;
}

static ERR_MUST struct err *bench_one(const struct engine_ops *ops, struct engine *e, uint32_t prog,
				      uint64_t *mean, uint64_t *rounds)
{
	uint64_t ret;

	*rounds = BENCH_FIRST;
	TRY(ops->run_once(e, prog, (uint32_t)*rounds, &ret, mean));
	*rounds = *mean ? BENCH_NS / *mean : BENCH_MAX;
	if (*rounds > BENCH_MAX)
		*rounds = BENCH_MAX;
	if (*rounds < 1)
		*rounds = 1;
	return ops->run_once(e, prog, (uint32_t)*rounds, &ret, mean);
}

static ERR_MUST struct err *run_all(const struct image *im, const struct engine_ops *ops,
				    struct engine *e, enum probe_kind kind)
{
	uint64_t ret, ns;

	for (uint32_t i = 0; i < im->n_progs; i++)
		if (im->progs[i]->shape->kind == kind)
			TRY(ops->run_once(e, i, 1, &ret, &ns));
	return NULL;
}

/* begin, the benches one after the other, end; what they print comes before the table */
static ERR_MUST struct err *run_benches(struct compilation *c, const struct engine_ops *ops,
					struct engine *e, struct output *out, const uint32_t *progs,
					const struct str *names, uint32_t n)
{
	uint64_t *ns = arena_array(&c->arena, uint64_t, n + 1),
		 *rounds = arena_array(&c->arena, uint64_t, n + 1);

	TRY(run_all(c->image, ops, e, PROBE_BEGIN));
	for (uint32_t i = 0; i < n; i++) {
		TRY(bench_one(ops, e, progs[i], &ns[i], &rounds[i]));
		TRY(ops->poll(e, 0, output_event, out));
	}
	TRY(run_all(c->image, ops, e, PROBE_END));
	TRY(ops->poll(e, 0, output_event, out));
	for (uint32_t i = 0; i < n; i++)
		output_benchmark_result(out, names, i, n, ns[i], rounds[i]);
	output_batch_end(out);
	faults_report_totals(out);
	return NULL;
}

struct err *tests_run(struct compilation *c, const struct engine_ops *ops, struct engine *e,
		      struct output *out, bool is_bench, int *status)
{
	const struct image *im = c->image;
	struct output_test *tests = arena_array(&c->arena, struct output_test, im->n_progs + 1);
	struct str *names = arena_array(&c->arena, struct str, im->n_progs + 1);
	uint32_t *progs = arena_array(&c->arena, uint32_t, im->n_progs + 1), n = 0;
	enum sink_mode mode = out->out.mode;

	for (uint32_t i = 0; i < im->n_progs; i++)
		if (im->progs[i]->shape->kind == (is_bench ? PROBE_BENCH : PROBE_TEST)) {
			progs[n] = i;
			tests[n].name = names[n] = probe_label(im->progs[i]);
			n++;
		}
	if (is_bench)
		return run_benches(c, ops, e, out, progs, names, n);
	for (uint32_t i = 0; i < n; i++) {
		TRY(run_test(c, ops, e, out, progs[i], &tests[i]));
		out->out.mode = mode;
		output_test_result(out, tests, i, n);
		if (!tests[i].passed)
			*status = 1;
	}
	faults_report_totals(out);
	return NULL;
}
