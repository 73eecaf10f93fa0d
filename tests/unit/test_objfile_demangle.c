/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Demangling: the spellings, what is left alone, and names built to explode. */
#include "objfile/demangle.h"

#include "base/strbuf.h"

#include "tap.h"

#include <stdlib.h>

static void check(const char *mangled, enum demangle_form form, const char *want)
{
	char *got = demangle_name(str_from(mangled), form);

	CHECK_STR(got, want);
	free(got);
}

TEST(cxx_forms)
{
	check("_ZN3app3Srv6handleEiPKc", DEMANGLE_FULL, "app::Srv::handle(int, char const*)");
	check("_ZN3app3Srv6handleEiPKc", DEMANGLE_PLAIN, "app::Srv::handle");
	check("_Z5twiceIiET_S0_", DEMANGLE_FULL, "int twice<int>(int)");
	check("_Z5twiceIiET_S0_", DEMANGLE_NO_RETURN, "twice<int>(int)");
	check("_Z5twiceIiET_S0_", DEMANGLE_PLAIN, "twice<int>");
	check("_ZN1SC2Ev", DEMANGLE_PLAIN, "S::S");
	check("_ZN1SD1Ev", DEMANGLE_FULL, "S::~S()");
	check("_Znwm", DEMANGLE_FULL, "operator new(unsigned long)");
	check("_ZN1S1fEv.constprop.0", DEMANGLE_FULL, "S::f()");
	check("_ZN1S1fEv.constprop.0", DEMANGLE_TOOL, "S::f() [clone .constprop.0]");
	check("_ZN1S1fEv.constprop.0", DEMANGLE_PLAIN, "S::f");
}

TEST(rust_both_schemes)
{
	check("_ZN4args5hello17h0fef0123456789abE", DEMANGLE_FULL, "args::hello");
	check("_ZN4args5hello17h0fef0123456789abE.llvm.123", DEMANGLE_PLAIN, "args::hello");
	check("_ZN35_$LT$tc..Sq$u20$as$u20$tc..Area$GT$4area17h0fef0123456789abE", DEMANGLE_FULL,
	      "<tc::Sq as tc::Area>::area");
	check("_RNvCs1234_7mycrate3foo", DEMANGLE_FULL, "mycrate::foo");
	check("_RINvCs1234_2ge4showhEB2_", DEMANGLE_FULL, "ge::show<u8>");
	check("_RINvCs1234_2ge4showhEB2_", DEMANGLE_TOOL, "ge::show::<u8>");
}

TEST(not_mangled)
{
	static const char *const names[] = {
		"main", "",    "_",   "_Z",      "_R",          "_start", "main.(*P).Set",
		"_Zqq", "_Rx", "_ZN", "_ZZZZZZ", "__cxa_throw", "_R_foo"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check(names[i], DEMANGLE_FULL, NULL);
	CHECK_INT(demangle_kind(STR("_ZN4args5hello17h0fef0123456789abE")), MANGLING_RUST);
	CHECK_INT(demangle_kind(STR("_ZN4args5hello17h0fef0123456789aXE")), MANGLING_CXX);
	CHECK_INT(demangle_kind(STR("_RNvCs1234_7mycrate3foo")), MANGLING_RUST);
	CHECK_INT(demangle_kind(STR("runtime.main")), MANGLING_NONE);
}

/* f(A<A<A<...,S>,S>,S>): each substitution doubles the text; 60 levels would print 2^60 bytes */
TEST(exploding_names_are_given_up)
{
	STRBUF_AUTO name = { 0 };

	strbuf_puts(&name, "_Z1f1AIiiE");
	for (int i = 0; i < 60; i++) {
		strbuf_puts(&name, "S_IS");
		if (i == 0)
			strbuf_puts(&name, "0_S0_E");
		else if (i <= 36)
			strbuf_printf(&name, "%c_S%c_E", i <= 9 ? '0' + i : 'A' + i - 10,
				      i <= 9 ? '0' + i : 'A' + i - 10);
		else
			strbuf_printf(&name, "1%c_S1%c_E", '0' + (i - 37) % 10,
				      '0' + (i - 37) % 10);
	}
	check(strbuf_cstr(&name), DEMANGLE_FULL, NULL);
	strbuf_clear(&name);
	strbuf_puts(&name, "_Z");
	strbuf_fill(&name, 'P', 20000);
	check(strbuf_cstr(&name), DEMANGLE_FULL, NULL);
	strbuf_clear(&name);
	strbuf_puts(&name, "_Z1f");
	strbuf_fill(&name, 'P', 10000);
	strbuf_putc(&name, 'i');
	check(strbuf_cstr(&name), DEMANGLE_FULL, NULL);
}

TEST(cache_gives_the_same_view_again)
{
	struct demangler *d = demangler_new();
	char buf[] = "_ZN1S1fEv";
	struct str a = demangler_get(d, str_from(buf), DEMANGLE_FULL);
	struct str plain = STR("main");

	CHECK_VIEW(a, "S::f()");
	buf[2] = 'X'; /* the cache keeps its own copy of the key */
	CHECK(demangler_get(d, STR("_ZN1S1fEv"), DEMANGLE_FULL).p == a.p);
	CHECK_VIEW(demangler_get(d, STR("_ZN1S1fEv"), DEMANGLE_PLAIN), "S::f");
	CHECK(demangler_get(d, plain, DEMANGLE_FULL).p == plain.p);
	CHECK_VIEW(demangler_get(d, STR("_Zbroken"), DEMANGLE_FULL), "_Zbroken");
	demangler_free(d);
}
