/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guardian: a front end (a child of this test) patches a busy program through it and then is killed, ends, asks, fails. The
 * program must have its own bytes again each time, and go on with right answers. This test collects guardians whose front end is gone.
 */
#include "base/clock.h"
#include "engine/user/guardian/clean.h"
#include "engine/user/guardian/guardian.h"
#include "engine/user/patch/patches.h"

#include "tap.h"
#include "err_help.h"
#include "patch_target.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <time.h>

enum { KILLS = 30, LONGEST_US = 20000 };
#define RELEASED_AT 0x123456789abull

/* ---- what the guardian does ---- */

static struct err *attach(void *arg, struct guardian_report *out)
{
	struct target *t = arg;
	struct patch_counts counts = { 0 };
	struct err *e;

	TRY(target_prepare(t));
	TRY(patches_begin(&t->r, &t->area, 8));
	TRY(patches_note(&t->r, &t->area, t->v, N_FUNCTIONS));
	TRY(remote_stop(&t->r, TIMEOUT_MS));
	e = patch_install(&t->r, t->v, N_FUNCTIONS, &counts);
	remote_go(&t->r);
	out->n_attached = counts.n_installed;
	out->n_failed = counts.n_refused;
	strbuf_puts(&out->text, "attached");
	return e;
}

static void detach(void *arg)
{
	struct target *t = arg;
	struct patch_counts counts;
	struct err *e;

	if (t->r.mem_fd < 0)
		return;
	e = remote_stop(&t->r, TIMEOUT_MS);
	if (!e)
		e = patch_remove(&t->r, t->v, N_FUNCTIONS, &counts);
	err_free(e);
	remote_close(&t->r);
}

static bool is_there(const struct target *t)
{
	return proc_state(t->pid) != '?' && proc_state(t->pid) != 'Z';
}

static bool round_of(void *arg, struct strbuf *note)
{
	static unsigned n; /* of this guardian */
	struct target *t = arg;

	if (n++ < 2)
		strbuf_printf(note, "round %u of %d;", n, (int)t->pid);
	return is_there(t);
}

static struct err *ask(void *arg, struct str question, struct guardian_report *answer)
{
	struct target *t = arg;

	if (str_is(question, "fail"))
		return err_hint(err_wrap(err_new(ENOSPC, "inner"), "outer"), "a hint");
	strbuf_printf(&answer->text, "%.*s of %d", STR_ARG(question), (int)t->pid);
	answer->n_attached = 5;
	answer->has_foreign = true;
	answer->released_at = RELEASED_AT;
	return NULL;
}

static struct strbuf notes;

static void take_note(void *arg, struct str text)
{
	(void)arg;
	strbuf_add_str(&notes, text);
}

static const struct guardian_ops ops = {
	.attach = attach, .round = round_of, .note = take_note, .ask = ask, .detach = detach
};

static struct err *begin(struct target *t, struct guardian_report *report, struct guardian **g)
{
	const struct guardian_files files = { .memory = t->memory };

	return guardian_start(&ops, t, &files, report, g);
}

/* ---- tests ---- */

TEST(attaches_and_takes_out)
{
	struct guardian_report r = { 0 };
	struct guardian *g = NULL;
	struct target t;

	if (target_start(&t) && check_err(begin(&t, &r, &g), "guardian")) {
		CHECK_INT(r.n_attached, N_FUNCTIONS);
		CHECK_INT(r.n_failed, 0);
		CHECK_VIEW(strbuf_str(&r.text), "attached");
		CHECK_INT(changed_in(&t, t.pid), N_FUNCTIONS);
		check_goes_on();
		CHECK(t.view[0] > 0);
		CHECK(!guardian_has_ended(g));
		check_err(guardian_stop(g), "guardian");
		CHECK_INT(changed_in(&t, t.pid), 0);
		check_goes_on();
	}
	strbuf_free(&r.text);
	target_finish(&t);
}

TEST(answers_and_errors_travel)
{
	struct guardian_report r = { 0 };
	struct guardian *g = NULL;
	STRBUF_AUTO text = { 0 };
	struct target t;
	char want[32];
	struct err *e;

	if (target_start(&t) && check_err(begin(&t, NULL, &g), "guardian")) {
		check_err(guardian_ask(g, STR("bytes"), &r), "guardian");
		snprintf(want, sizeof(want), "bytes of %d", (int)t.pid);
		CHECK_VIEW(strbuf_str(&r.text), want);
		CHECK_INT(r.n_attached, 5);
		CHECK(r.has_foreign);
		CHECK_INT(r.released_at, RELEASED_AT);
		e = guardian_ask(g, STR("fail"), NULL);
		if (CHECK(e)) {
			err_format(e, &text);
			CHECK_VIEW(strbuf_str(&text), "outer: inner: No space left on device");
			CHECK_STR(err_get_hint(e), "a hint");
			CHECK_INT(err_code(e), ENOSPC);
		}
		err_free(e);
		check_err(guardian_stop(g), "guardian");
	}
	strbuf_free(&r.text);
	target_finish(&t);
}

static bool has_notes(void *arg)
{
	return guardian_has_ended(arg) || str_find(strbuf_str(&notes), STR("round 2")) >= 0;
}

/* unasked, and in front of answers */
TEST(notes_of_rounds_come)
{
	struct guardian *g = NULL;
	struct target t;
	char want[64];

	strbuf_clear(&notes);
	if (target_start(&t) && check_err(begin(&t, NULL, &g), "guardian")) {
		comes(has_notes, g);
		snprintf(want, sizeof(want), "round 1 of %d;round 2 of %d;", (int)t.pid,
			 (int)t.pid);
		CHECK_VIEW(strbuf_str(&notes), want);
		check_err(guardian_ask(g, STR("bytes"), NULL), "guardian");
		check_err(guardian_stop(g), "guardian");
	}
	strbuf_free(&notes);
	target_finish(&t);
}

TEST(a_failing_attach)
{
	const struct rlimit none = { 0, 0 };
	struct guardian *g = NULL;
	struct target t;
	struct err *e;

	if (target_start(&t)) {
		CHECK_INT(prlimit(t.pid, RLIMIT_NOFILE, &none, NULL), 0);
		e = begin(&t, NULL, &g);
		CHECK(e && err_code(e) == EMFILE);
		CHECK(!g);
		err_free(e);
		CHECK_INT(waitpid(-1, NULL, WNOHANG),
			  0); /* the program lives, the guardian is collected */
		check_goes_on();
	}
	target_finish(&t);
}

static unsigned count_fds(pid_t pid)
{
	struct dirent *entry;
	unsigned n = 0;
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	while (d && (entry = readdir(d)))
		n += entry->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

TEST(stands_apart)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	struct guardian *g = NULL;
	struct target t;

	if (target_start(&t) && check_err(begin(&t, NULL, &g), "guardian")) {
		pid_t pid = guardian_pid(g);

		CHECK(getsid(pid) == pid);
		/* standard ones, memory file, socket, pidfd, the process's memory */
		CHECK_INT(count_fds(pid), 7);
		for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
			kill(pid, signals[i]);
		check_err(guardian_ask(g, STR("bytes"), NULL), "guardian");
		CHECK_INT(changed_in(&t, t.pid), N_FUNCTIONS);
		check_err(guardian_stop(g), "guardian");
		CHECK_INT(changed_in(&t, t.pid), 0);
	}
	target_finish(&t);
}

static bool guardian_ended(void *arg)
{
	return guardian_has_ended(arg);
}

TEST(ends_when_no_process_is_left)
{
	struct guardian *g = NULL;
	struct target t;
	struct err *e;

	if (target_start(&t) && check_err(begin(&t, NULL, &g), "guardian")) {
		pid_t pid = guardian_pid(g);

		target_finish(&t);
		comes(guardian_ended, g);
		CHECK(kill(pid, 0) && errno == ESRCH);
		e = guardian_ask(g, STR("bytes"), NULL);
		CHECK(e && err_code(e) == ESRCH);
		err_free(e);
		check_err(guardian_stop(g), "guardian");
		return;
	}
	target_finish(&t);
}

static bool child_has_called(void *arg)
{
	return report->n_of_child > *(unsigned long *)arg;
}

/* forked while the patches were in: it has them, too, and nobody told the guardian */
TEST(forked_children_are_restored)
{
	struct guardian *g = NULL;
	unsigned long some = 100;
	struct target t;

	if (target_start(&t) && check_err(begin(&t, NULL, &g), "guardian")) {
		report->wants_child = 1;
		comes(child_has_called, &some);
		CHECK_INT(changed_in(&t, report->child), N_FUNCTIONS);
		check_err(guardian_stop(g), "guardian");
		CHECK_INT(changed_in(&t, report->child), 0);
		CHECK_INT(changed_in(&t, t.pid), 0);
		some = report->n_of_child + 100;
		comes(child_has_called, &some);
	}
	target_finish(&t);
}

static void check_killed(struct err *e)
{
	STRBUF_AUTO text = { 0 };

	if (CHECK(e)) {
		err_format(e, &text);
		CHECK_HAS(strbuf_cstr(&text), "was killed; 4 functions were restored without it");
	}
	err_free(e);
}

/* the documented hole: who patches is killed itself. The front end mends it when it stops */
TEST(a_killed_guardian)
{
	struct guardian *g = NULL;
	struct target t;

	if (target_start(&t) && check_err(begin(&t, NULL, &g), "guardian")) {
		kill(guardian_pid(g), SIGKILL);
		comes(guardian_ended, g);
		CHECK_INT(changed_in(&t, t.pid), 0);
		check_goes_on();
		check_killed(guardian_stop(g));
	}
	target_finish(&t);
}

/* ---- kill -9 ---- */

struct front_end {
	pid_t pid, guardian;
	int from_it; /* a pipe: the guardian's number comes when it has attached */
};

static bool start_front_end(struct target *t, struct front_end *ret)
{
	int pair[2];

	if (!CHECK(!pipe(pair)))
		return false;
	fflush(stdout);
	ret->pid = fork();
	if (!ret->pid) {
		struct guardian *g;
		pid_t guardian = 0;
		struct err *e = begin(t, NULL, &g);

		if (!e)
			guardian = guardian_pid(g);
		err_free(e);
		(void)!write(pair[1], &guardian, sizeof(guardian));
		for (;;)
			pause();
	}
	close(pair[1]);
	ret->from_it = pair[0];
	return true;
}

/* false: it had not attached yet, or could not */
static bool attached(struct front_end *f)
{
	return read(f->from_it, &f->guardian, sizeof(f->guardian)) == sizeof(f->guardian) &&
	       f->guardian;
}

static bool has_other_children(pid_t but)
{
	struct pid_list all = { 0 };
	bool is_there = false;

	/* by everybody's parent: the kernel's list of children can miss some while others end */
	if (!check_err(proc_all(&all), "processes"))
		return false;
	vec_each(pid, &all)
		is_there |= *pid != but && proc_parent(*pid) == getpid();
	vec_free(&all);
	return is_there;
}

/* all children but the program itself: the front end, and its guardian, which is ours then */
static void collect_all(pid_t but)
{
	for (unsigned ms = 0; ms < WAIT_MS; ms++) {
		pid_t got = waitpid(-1, NULL, WNOHANG | __WALL);

		if (got < 0 || (got == 0 && !has_other_children(but)))
			return; /* if it is the program that is gone, that is seen later */
		if (got == 0)
			poll(NULL, 0, 1);
	}
	CHECK(!"guardians did not end in time");
}

/* how long a front end takes to attach here and now, in us; on a busy machine the kills come earlier than they could */
static unsigned measure_attach(struct target *t)
{
	uint64_t begun = clock_monotonic_ns();
	struct guardian *g = NULL;

	check_err(begin(t, NULL, &g), "guardian");
	begun = (clock_monotonic_ns() - begun) / 1000;
	check_err(guardian_stop(g), "guardian");
	return begun < LONGEST_US ? (unsigned)begun : LONGEST_US;
}

/* life_us 0: when it has attached */
static bool kill_one(struct target *t, unsigned life_us, unsigned *n_attached)
{
	const struct timespec life = { .tv_nsec = life_us * 1000 };
	struct front_end f = { 0 };
	bool is_attached = false;

	if (!start_front_end(t, &f))
		return false;
	if (life_us)
		nanosleep(&life, NULL);
	else
		is_attached = CHECK(attached(&f));
	kill(f.pid, SIGKILL);
	collect_all(t->pid);
	*n_attached += is_attached || attached(&f);
	close(f.from_it);
	return CHECK_INT(changed_in(t, t->pid), 0) && CHECK(is_there(t));
}

TEST(front_ends_killed_at_any_moment)
{
	unsigned n_attached = 0, attach_us, n = 0, seed = (unsigned)time(NULL);
	struct target t;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (target_start(&t)) {
		attach_us = measure_attach(&t);
		while (n < KILLS &&
		       kill_one(&t, 1 + (unsigned)rand_r(&seed) % (2 * attach_us), &n_attached))
			n++;
		CHECK_INT(n, KILLS);
		kill_one(&t, 0, &n_attached);
		printf("# of %u, %u had attached, which takes %u us; %lu calls\n", n + 1,
		       n_attached, attach_us, calls());
		check_goes_on();
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	target_finish(&t);
}

/* what was counted is nobody's any more: processes that keep the file mapped keep no memory with it */
TEST(memory_of_a_killed_front_end)
{
	enum { PAGES = 64, BLOCKS_OF_PAGE = 8 };
	struct front_end f = { 0 };
	struct target t;
	struct stat st;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (target_start(&t) && CHECK(!posix_fallocate(t.memory, 0, PAGES * 4096)) &&
	    start_front_end(&t, &f) && CHECK(attached(&f))) {
		CHECK(!fstat(t.memory, &st) && st.st_blocks >= PAGES * BLOCKS_OF_PAGE);
		kill(f.pid, SIGKILL);
		collect_all(t.pid);
		/* a thread that was on its way counts once more, in the first page */
		CHECK(!fstat(t.memory, &st) && st.st_blocks <= BLOCKS_OF_PAGE);
		check_goes_on();
	}
	close(f.from_it);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	target_finish(&t);
}

/* both are killed: what stands in the process is enough to mend it */
TEST(cleaning_by_what_stands_in_the_process)
{
	struct clean_file any = { 0 };
	struct clean_counts counts = { 0 };
	struct front_end f = { 0 };
	struct target t;
	uint8_t breakpoint = 0xcc;
	struct remote r;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (target_start(&t) && start_front_end(&t, &f) && CHECK(attached(&f))) {
		check_err(clean_process(t.pid, &any, false, &counts), "clean");
		CHECK_INT(counts.guardian, f.guardian);
		CHECK_INT(counts.n_restored, 0);
		kill(f.guardian, SIGKILL);
		kill(f.pid, SIGKILL);
		collect_all(t.pid);
		CHECK_INT(changed_in(&t, t.pid), N_FUNCTIONS);
		/* somebody else wrote over one of them: that stays */
		pause_all(true);
		if (check_err(remote_open(t.pid, &r), "target"))
			CHECK(remote_write(&r, t.v[1].site, &breakpoint, 1));
		counts = (struct clean_counts){ 0 };
		check_err(clean_process(t.pid, &any, false, &counts), "clean");
		CHECK_INT(counts.n_areas, 1);
		CHECK_INT(counts.n_restored, N_FUNCTIONS - 1);
		CHECK_INT(counts.n_foreign, 1);
		CHECK_INT(counts.guardian, 0);
		remote_write(&r, t.v[1].site, (const void *)(uintptr_t)t.v[1].site, PATCH_JUMP);
		remote_close(&r);
		pause_all(false);
		check_goes_on();
		CHECK_INT(changed_in(&t, t.pid), 0);
	}
	close(f.from_it);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	target_finish(&t);
}
