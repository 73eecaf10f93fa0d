/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "sonde demangle": what c++filt and rustfilt do, in one. Names behind the word are printed one a line; without any, standard
 * input is copied with each mangled name in it replaced. Output can be piped on while input still comes.
 */
#include "cli/demangle_cmd.h"

#include "base/strbuf.h"
#include "objfile/demangle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_LIMIT = 65536 }; /* longer words are no names */

static bool is_token_char(char c)
{
	return c == '_' || c == '$' || c == '.' || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* one word of the input; a dot at its end may be that of a sentence */
static void put_word(struct demangler *d, struct str word)
{
	struct str name = word, text;

	text = demangler_get(d, name, DEMANGLE_TOOL);
	while (str_eq(text, name) && name.n && name.p[name.n - 1] == '.') {
		name = str_sub(name, 0, name.n - 1);
		text = demangler_get(d, name, DEMANGLE_TOOL);
	}
	word = str_sub(word, name.n, word.n);
	fwrite(text.p, 1, text.n, stdout);
	fwrite(word.p, 1, word.n, stdout);
}

static int filter(struct demangler *d)
{
	STRBUF_AUTO word = { 0 };
	char piece[16384];
	ssize_t n;

	while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)) {
		for (ssize_t i = 0; i < n; i++) {
			if (is_token_char(piece[i]) && word.n < TOKEN_LIMIT) {
				strbuf_putc(&word, piece[i]);
				continue;
			}
			put_word(d, strbuf_str(&word));
			strbuf_clear(&word);
			fputc(piece[i], stdout);
		}
		fflush(stdout);
		if (ferror(stdout))
			return 1;
	}
	put_word(d, strbuf_str(&word));
	if (n < 0) {
		fprintf(stderr, "ERROR: read standard input: %s\n", strerror(errno));
		return 1;
	}
	return fflush(stdout) || ferror(stdout);
}

static void print_help(void)
{
	printf("USAGE:\n"
	       "  sonde demangle NAME...   print names of C++ and Rust symbols as the programmer wrote them\n"
	       "  sonde demangle           the same for every symbol in the text on standard input\n"
	       "\n"
	       "examples:\n"
	       "  sonde demangle _ZN4args5hello17h0fef0123456789abE\n"
	       "  nm -n ./app | sonde demangle\n");
}

int demangle_cmd(int argc, char **argv)
{
	struct demangler *d;
	int status = 0, from = 0;

	if (argc && (!strcmp(argv[0], "-h") || !strcmp(argv[0], "--help"))) {
		print_help();
		return 0;
	}
	if (argc && !strcmp(argv[0], "--")) {
		from = 1;
	} else if (argc && argv[0][0] == '-' && argv[0][1]) {
		fprintf(stderr, "ERROR: unknown option '%s'\nHINT: see sonde demangle --help\n",
			argv[0]);
		return 1;
	}
	d = demangler_new();
	if (from == argc)
		status = filter(d);
	for (int i = from; i < argc; i++) {
		put_word(d, str_from(argv[i]));
		fputc('\n', stdout);
	}
	demangler_free(d);
	return status || fflush(stdout) || ferror(stdout);
}
