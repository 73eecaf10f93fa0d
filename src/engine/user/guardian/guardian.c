/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front end's side of the guardian, and the guardian itself; see guardian.h. The two talk through a pair of sockets: messages with a
 * head, one question at a time. The end of the front end is seen twice: by the socket, and by its pidfd, since what the
 * front end forks later has the socket, too.
 */
#include "engine/user/guardian/guardian.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/user/guardian/clean.h"
#include "engine/user/guardian/guardian_private.h"
#include "engine/user/process/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { ROUND_MS = 50 };

struct guardian {
	const struct guardian_ops *ops;
	void *arg;
	pid_t pid;
	int socket;
	bool has_ended, has_restored; /* it said that it has taken everything out */
	struct clean_file file;
	struct err *rest; /* what could not be taken out, or who had to do it */
};

/* ---- in the guardian ---- */

struct self {
	const struct guardian_ops *ops;
	void *arg;
	struct clean_file file;
	int socket, front_end; /* a pidfd */
	int changes;           /* a signalfd */
};

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* the front end's pipes must end when it does: nothing of it is held open here but what is needed */
static void close_others(const struct self *s, const struct guardian_files *files)
{
	FREE_AUTO int *keep = base_alloc((files->n_keep + 3) * sizeof(*keep));
	unsigned n = 0, from = 3;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	for (unsigned i = 0; i < files->n_keep; i++)
		keep[n++] = files->keep[i];
	keep[n++] = files->memory;
	keep[n++] = s->socket;
	keep[n++] = s->front_end;
	qsort(keep, n, sizeof(*keep), by_number);
	for (unsigned i = 0; i < n; i++) {
		if (keep[i] < 3 || (unsigned)keep[i] < from)
			continue;
		if ((unsigned)keep[i] > from)
			syscall(SYS_close_range, from, keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	syscall(SYS_close_range, from, ~0u, 0);
}

/* what ends programs in number (a terminal's keys, the end of a session, lack of memory) is not for this one: it ends by itself */
static void stand_apart(void)
{
	static const int ignored[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE,
				       SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN,
				       SIGTTOU, SIGXCPU, SIGXFSZ };
	FD_AUTO score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	setsid();
	prctl(PR_SET_NAME, "sonde-guardian");
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (score >= 0)
		(void)!write(score, "-900", 4); /* refused to ordinary users */
}

static void send_news(struct self *s)
{
	struct strbuf news = { 0 };

	if (s->ops->take_news)
		s->ops->take_news(s->arg, &news);
	if (news.n)
		guardian_send(s->socket, MESSAGE_NEWS, strbuf_str(&news));
	strbuf_free(&news);
}

/* false: nobody is there any more to ask, or it told us to stop */
static bool answer(struct self *s)
{
	struct guardian_report report = { 0 };
	struct guardian_message m = { 0 };
	bool goes_on = false;

	if (guardian_receive(s->socket, &m) && m.kind == MESSAGE_ASK) {
		struct err *e = s->ops->ask ? s->ops->ask(s->arg, strbuf_str(&m.text), &report)
					    : err_new(EOPNOTSUPP, "ask the guardian");

		send_news(s);
		goes_on = guardian_send_report(s->socket, e, &report);
		err_free(e);
	}
	strbuf_free(&report.text);
	strbuf_free(&m.text);
	return goes_on;
}

/* false: no process is left */
static bool go_round(struct self *s)
{
	struct strbuf note = { 0 };
	bool goes_on = s->ops->round(s->arg, &note);

	/* a front end that is gone is noticed elsewhere */
	if (note.n)
		guardian_send(s->socket, MESSAGE_NOTE, strbuf_str(&note));
	strbuf_free(&note);
	send_news(s);
	return goes_on;
}

static void look(struct self *s)
{
	struct signalfd_siginfo info;

	while (read(s->changes, &info, sizeof(info)) > 0)
		;
	s->ops->look(s->arg);
	send_news(s);
}

/* SIGCHLD: from processes that we trace, too */
static void await_changes(struct self *s)
{
	sigset_t set;

	s->changes = -1;
	if (!s->ops->look)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->changes = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void watch(struct self *s)
{
	struct pollfd v[] = { { .fd = s->socket, .events = POLLIN },
			      { .fd = s->front_end, .events = POLLIN },
			      { .fd = s->changes, .events = POLLIN } };
	uint64_t next = clock_monotonic_ns() + ROUND_MS * 1000000ull;

	for (;;) {
		uint64_t now = clock_monotonic_ns();
		int n = poll(v, 3, now < next ? (int)((next - now) / 1000000) + 1 : 0);

		if (n > 0 && v[1].revents)
			return;
		if (n > 0 && v[0].revents && !answer(s))
			return;
		if (n > 0 && v[2].revents)
			look(s);
		if (clock_monotonic_ns() < next)
			continue;
		remote_tend();
		if (!go_round(s))
			return;
		next = clock_monotonic_ns() + ROUND_MS * 1000000ull;
	}
}

/*
 * A front end that was killed cannot give back what maps and rings held. Processes may still map the file, because a thread of theirs may
 * be on its way through code of ours: it finds zeroes
 */
static void empty_memory(const struct self *s, int memory)
{
	struct pollfd p = { .fd = s->front_end, .events = POLLIN };
	struct stat st;

	if (poll(&p, 1, 0) == 1 && !fstat(memory, &st))
		(void)fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, st.st_size);
}

__attribute__((noreturn)) static void be_guardian(struct self *s,
						  const struct guardian_files *files)
{
	struct guardian_report report = { 0 };
	struct clean_counts counts = { 0 };
	struct err *e;

	stand_apart();
	close_others(s, files);
	await_changes(s);
	e = s->ops->attach(s->arg, &report);
	send_news(s);
	if (!e && guardian_send_report(s->socket, NULL, &report))
		watch(s);
	s->ops->detach(s->arg);
	if (e)
		guardian_send_report(s->socket, e, &report);
	/* children that processes forked have patches, too, and nobody else knows them */
	guardian_send_gone(s->socket, clean_mappers(&s->file, true, &counts));
	empty_memory(s, files->memory);
	_exit(0);
}

/* ---- in the front end ---- */

/* the guardian was killed: what it left is in processes that still map the file */
static struct err *mend(const struct guardian *g)
{
	struct clean_counts counts = { 0 };
	struct err *e = clean_mappers(&g->file, true, &counts);

	if (e)
		return err_wrap(e, "after the guardian process %d was killed", (int)g->pid);
	return err_new(0,
		       "the guardian process %d was killed; %u functions were restored without it",
		       (int)g->pid, counts.n_restored);
}

/* what it said when it went */
static void note_gone(struct guardian *g, const struct guardian_message *m)
{
	g->has_restored = true;
	g->rest = guardian_parse_gone(m);
}

static void collect(struct guardian *g)
{
	if (g->has_ended)
		return;
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	g->has_ended = true;
	if (!g->has_restored)
		g->rest = mend(g);
	if (g->rest && g->has_restored)
		err_hint(g->rest, "sonde clean --all restores what is left, later");
}

/* true: it came unasked */
static bool tell(struct guardian *g, const struct guardian_message *m)
{
	if (m->kind == MESSAGE_NOTE && g->ops->note)
		g->ops->note(g->arg, strbuf_str(&m->text));
	if (m->kind == MESSAGE_NEWS && g->ops->news)
		g->ops->news(g->arg, strbuf_str(&m->text));
	return m->kind == MESSAGE_NOTE || m->kind == MESSAGE_NEWS;
}

/* the next message that was asked for */
static bool receive(struct guardian *g, struct guardian_message *m)
{
	while (guardian_receive(g->socket, m)) {
		if (!tell(g, m))
			return true;
	}
	return false;
}

/* the next report; an error of the guardian's is returned, ESRCH: it has ended */
static ERR_MUST struct err *await_report(struct guardian *g, struct guardian_report *report)
{
	struct guardian_report ignored = { 0 };
	struct guardian_message m = { 0 };
	struct err *e = NULL;

	if (!report)
		report = &ignored;
	if (g->has_ended || !receive(g, &m) || m.kind != MESSAGE_REPORT)
		e = err_new(ESRCH, "the guardian process %d has ended", (int)g->pid);
	else if (!guardian_parse_report(&m, report, &e))
		e = err_new(EPROTO, "the guardian process %d", (int)g->pid);
	if (m.kind == MESSAGE_GONE)
		note_gone(g, &m);
	strbuf_free(&m.text);
	strbuf_free(&ignored.text);
	return e;
}

static ERR_MUST struct err *start_process(const struct guardian_ops *ops, void *arg,
					  const struct guardian_files *files, struct guardian *g)
{
	struct self s = { .ops = ops, .arg = arg, .file = g->file };
	int pair[2];

	s.front_end = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (s.front_end < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		struct err *e = err_new(errno, "talk to a guardian process");

		if (s.front_end >= 0)
			close(s.front_end);
		return e;
	}
	fflush(NULL);
	g->pid = fork();
	if (!g->pid) {
		s.socket = pair[1];
		be_guardian(&s, files);
	}
	close(pair[1]);
	close(s.front_end);
	g->socket = pair[0];
	return g->pid < 0 ? err_new(errno, "start a guardian process") : NULL;
}

struct err *guardian_start(const struct guardian_ops *ops, void *arg,
			   const struct guardian_files *files, struct guardian_report *report,
			   struct guardian **ret)
{
	struct guardian *g = base_alloc(sizeof(*g));
	struct err *e;

	*ret = NULL;
	*g = (struct guardian){ .ops = ops, .arg = arg, .socket = -1 };
	e = clean_file_of(files->memory, &g->file);
	if (!e)
		e = start_process(ops, arg, files, g);
	if (e) {
		g->has_ended = true; /* there is none */
		err_free(guardian_stop(g));
		return e;
	}
	e = await_report(g, report);
	if (e) {
		err_free(guardian_stop(g));
		return e;
	}
	*ret = g;
	return NULL;
}

struct err *guardian_ask(struct guardian *g, struct str question, struct guardian_report *answer)
{
	if (g->has_ended || !guardian_send(g->socket, MESSAGE_ASK, question))
		return err_new(ESRCH, "the guardian process %d has ended", (int)g->pid);
	return await_report(g, answer);
}

bool guardian_has_ended(struct guardian *g)
{
	struct pollfd p = { .fd = g->socket, .events = POLLIN };
	struct guardian_message m = { 0 };

	if (g->has_ended)
		return true;
	/* unasked it says only notes, and that it goes */
	while (poll(&p, 1, 0) > 0 && p.revents) {
		bool is_there = guardian_receive(g->socket, &m);

		if (is_there && tell(g, &m))
			continue;
		if (is_there && m.kind == MESSAGE_GONE)
			note_gone(g, &m);
		collect(g);
		break;
	}
	strbuf_free(&m.text);
	return g->has_ended;
}

pid_t guardian_pid(const struct guardian *g)
{
	return g->pid;
}

struct err *guardian_stop(struct guardian *g)
{
	struct guardian_message m = { 0 };
	struct err *rest;

	if (!g)
		return NULL;
	if (!g->has_ended) {
		guardian_send(g->socket, MESSAGE_STOP, STR_NULL);
		while (!g->has_restored && receive(g, &m))
			if (m.kind == MESSAGE_GONE)
				note_gone(g, &m);
		collect(g);
	}
	strbuf_free(&m.text);
	if (g->socket >= 0)
		close(g->socket);
	rest = g->rest;
	free(g);
	return rest;
}
