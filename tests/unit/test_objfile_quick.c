/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quick looks at files, the list of what is mapped, and what a program needs: compared with dlsym() and our own process. */
#include "objfile/mapped.h"
#include "objfile/needed.h"
#include "objfile/quick.h"
#include "objfile/word_search.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

TEST(the_longest_word_is_looked_for)
{
	CHECK_VIEW(quick_word(STR("SSL_write")), "SSL_write");
	CHECK_VIEW(quick_word(STR("crypto/tls.(*Conn).Write")), "crypto");
	CHECK_VIEW(quick_word(STR("app::Server::handle_one")), "handle_one");
	CHECK_VIEW(quick_word(STR("ab*abc*b")), "abc");
	CHECK_VIEW(quick_word(STR("*")), "");
}

/* the file that a function of this process is in */
static struct objfile *file_of(void *function)
{
	struct objfile *f = NULL;
	Dl_info info;

	if (dladdr(function, &info) && info.dli_fname)
		err_free(objfile_open(info.dli_fname, &f));
	return f;
}

TEST(what_libc_has_and_has_not)
{
	static const char *const there[] = { "malloc", "printf", "getenv", "qsort", "strtol" };
	static const char *const elsewhere[] = { "SSL_write", "no_such_function", "mallocx",
						 "main" };
	OBJFILE_AUTO f = file_of(dlsym(RTLD_DEFAULT, "getenv"));

	if (!CHECK(f != NULL))
		return;
	for (unsigned i = 0; i < sizeof(there) / sizeof(*there); i++)
		CHECK(dlsym(RTLD_DEFAULT, there[i]) &&
		      quick_may_have_function(f, str_from(there[i])));
	for (unsigned i = 0; i < 3; i++)
		CHECK(!quick_may_have_function(f, str_from(elsewhere[i])));
	/* patterns are not told from names that merely hold their longest word */
	CHECK(quick_may_have_function(f, STR("mallo*")) && quick_may_have_function(f, STR("*")));
	CHECK(!quick_may_have_function(f, STR("no_such_function*")));
	CHECK(!quick_has_usdt(f, STR("no_such_provider"), STR("*")));
	/* names of other languages whose words stand in names of C */
	CHECK(!quick_may_have_function(f, STR("net/printf.(*malloc).getenv")));
	CHECK(!quick_may_have_function(f, STR("std::printf::malloc")));
	/* with type arguments words have no lengths in front of them; those inside of <> count for Rust's methods of traits */
	CHECK(quick_may_have_function(f, STR("a::getenv<no::such_type>")));
	CHECK(quick_may_have_function(f, STR("<a::strtol as b::printf>::getenv")));
	CHECK(!quick_may_have_function(f, STR("<a::no_such_type as b::x>::getenv")));
}

TEST(many_names_are_answered_as_each_of_them)
{
	static const char *const names[] = {
		"malloc",         "printf", "SSL_write", "no_such_function",
		"std::malloc",    "mallo*", "*",         "a/b.(*malloc).x",
		"many_names_are", "x",      "main",      "operator"
	};
	enum { N = sizeof(names) / sizeof(*names) };
	struct str asked[N];
	bool ret[N];

	for (unsigned i = 0; i < N; i++)
		asked[i] = str_from(names[i]);
	for (unsigned k = 0; k < 2; k++) {
		OBJFILE_AUTO f = NULL;

		if (k)
			err_free(objfile_open("/proc/self/exe", &f));
		else
			f = file_of(dlsym(RTLD_DEFAULT, "getenv"));
		if (!CHECK(f != NULL))
			return;
		quick_may_have_functions(f, asked, N, ret);
		for (unsigned i = 0; i < N; i++)
			if (!CHECK(ret[i] == quick_may_have_function(f, asked[i])))
				printf("# %s\n", names[i]);
	}
}

/* few letters, so that words overlap, repeat and stand at the ends; memmem knows the truth */
TEST(words_are_found_where_memmem_finds_them)
{
	unsigned seed = 7, n_found = 0, n_absent = 0;

	for (unsigned round = 0; round < 3000; round++) {
		char text[64], words[8][12];
		struct str asked[8];
		bool found[8] = { 0 };
		size_t n = (size_t)rand_r(&seed) % sizeof(text);

		for (size_t i = 0; i < n; i++)
			text[i] = (char)('a' + rand_r(&seed) % 2);
		for (unsigned w = 0; w < 8; w++) {
			size_t len = 1 + (size_t)rand_r(&seed) % (sizeof(words[w]) - 1);

			for (size_t i = 0; i < len; i++)
				words[w][i] = (char)('a' + rand_r(&seed) % 2);
			asked[w] = str_make(words[w], len);
		}
		word_search((struct bytes){ .p = (const uint8_t *)text, .n = n }, asked, 8, found);
		for (unsigned w = 0; w < 8; w++) {
			bool is_there = memmem(text, n, asked[w].p, asked[w].n) != NULL;

			if (!CHECK(found[w] == is_there))
				return;
			n_found += is_there;
			n_absent += !is_there;
		}
	}
	CHECK(n_found > 1000 && n_absent > 1000);
}

/* long texts are searched in pieces: a word is found wherever it stands, also where one piece meets the next, and nowhere else */
TEST(words_are_found_in_long_texts)
{
	enum { N = (5 << 20) + 77, LEN = 12 };
	const struct str asked[] = { STR("a_long_one_x"), STR("another_one"), STR("absent_one") };
	size_t piece = N / 5;
	uint8_t *text = base_alloc(N);

	memset(text, 'x', N);
	for (size_t at = piece * 2 - 2 * LEN; at < piece * 2 + LEN; at++) {
		bool found[3] = { 0 };

		memset(text, 'x', N / 2);
		memcpy(text + at, asked[0].p, asked[0].n);
		memcpy(text + N - asked[1].n, asked[1].p, asked[1].n);
		word_search((struct bytes){ .p = text, .n = N }, asked, 3, found);
		if (!CHECK(found[0] && found[1] && !found[2]))
			break;
	}
	free(text);
}

TEST(our_own_files_are_mapped_once_each)
{
	struct mapped_files m;
	pid_t self = getpid();
	unsigned n_libc = 0;
	struct err *e = mapped_files_read(&self, 1, &m);

	CHECK(!e);
	vec_each(f, &m.files) {
		int fd = mapped_file_open(*f);
		struct arena a;

		arena_init(&a);
		n_libc += str_find((*f)->path, STR("/libc.so")) >= 0;
		CHECK(mapped_file_is_used_by(*f, self));
		if (CHECK(fd >= 0)) {
			CHECK(str_eq(mapped_file_path(*f, fd, &a), (*f)->path));
			close(fd);
		}
		arena_free(&a);
	}
	CHECK_INT(n_libc, 1);
	mapped_files_free(&m);
	err_free(e);
}

TEST(a_deleted_file_is_opened_by_its_mapping)
{
	char path[] = "/tmp/test_quickXXXXXX";
	int fd = mkstemp(path), opened;
	struct mapped_files m;
	pid_t self = getpid();
	bool found = false;
	void *at;

	if (geteuid())
		SKIP("/proc/PID/map_files is for root");
	CHECK(ftruncate(fd, 4096) == 0);
	at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	close(fd);
	unlink(path);
	CHECK(at != MAP_FAILED && !mapped_files_read(&self, 1, &m));
	vec_each(f, &m.files) {
		if (!str_eq((*f)->path, str_from(path)))
			continue;
		found = true;
		opened = mapped_file_open(*f);
		CHECK((*f)->is_deleted && opened >= 0);
		close(opened);
		munmap(at, 4096);
		CHECK(!mapped_file_is_used_by(*f, self));
		CHECK_INT(mapped_file_open(*f), -1);
	}
	CHECK(found);
	mapped_files_free(&m);
}

TEST(what_a_program_needs)
{
	struct mapped_files m;
	bool has_libc = false, has_loader = false;
	char self[4096] = { 0 };

	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	needed_files_read(self, &m);
	if (CHECK(m.files.n >= 2))
		CHECK_VIEW(m.files.v[0]->path, self);
	vec_each(f, &m.files) {
		has_libc |= str_find((*f)->path, STR("/libc.so")) >= 0;
		has_loader |= str_find((*f)->path, STR("/ld-linux")) >= 0;
	}
	CHECK(has_libc && has_loader);
	mapped_files_free(&m);
	needed_files_read("/no/such/program", &m);
	CHECK_INT(m.files.n, 0);
	mapped_files_free(&m);
}
