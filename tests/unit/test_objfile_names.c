/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One spelling of names, and which names fit what somebody wrote. */
#include "objfile/names.h"

#include "tap.h"

static void spells(const char *name, const char *want)
{
	STRBUF_AUTO b = { 0 };

	names_spell(str_from(name), &b);
	CHECK_STR(strbuf_cstr(&b), want);
}

static void fits(bool want, const char *written, const char *name)
{
	struct arena a;
	struct name_pattern p;
	bool got;

	arena_init(&a);
	name_pattern_init(&p, str_from(written), &a);
	got = name_pattern_fits(&p, str_from(name));
	CHECK(got == want);
	if (got != want)
		printf("# '%s' and '%s': %d, path '%.*s', word '%.*s'\n", written, name, got,
		       STR_ARG(p.path), STR_ARG(p.word));
	arena_free(&a);
}

TEST(rust_has_one_spelling)
{
	spells("args::hello", "args::hello");
	spells("ge::show::<u8>", "ge::show<u8>");
	spells("tc::main::{{closure}}", "tc::main::{closure}");
	spells("tc::main::{closure#0}", "tc::main::{closure#0}");
	spells("<tc::Sq as tc::Area>::area", "<tc::Sq as tc::Area>::area");
	spells("tc::m::<impl tc::Area for tc::Sq>::area", "<tc::Sq as tc::Area>::area");
	spells("core::str::<impl str>::len", "str::len");
	spells("<a::m::Sq<u64>>::get", "a::m::Sq<u64>::get");
	spells("<[T] as core::fmt::Debug>::fmt", "<[T] as core::fmt::Debug>::fmt");
	spells("a::f::<fn(u8) -> u16>", "a::f<fn(u8) -> u16>");
}

TEST(cxx_has_one_spelling)
{
	spells("app::put(std::__cxx11::basic_string<char, std::char_traits<char>, "
	       "std::allocator<char> > const&, int)",
	       "app::put(std::string const&, int)");
	spells("f[abi:cxx11](int)", "f(int)");
	spells("std::__1::vector<int, std::__1::allocator<int> >::size() const",
	       "std::vector<int>::size() const");
	spells("std::vector<std::vector<int> >::at(unsigned long)",
	       "std::vector<std::vector<int>>::at(unsigned long)");
	spells("operator<<(S&, int)", "operator<<(S&, int)");
	spells("S::f() [clone .constprop.0]", "S::f()");
}

TEST(go_has_one_spelling)
{
	spells("main.add[go.shape.int]", "main.add[int]");
	spells("main.add[go.shape.int_0,go.shape.string_1]", "main.add[int,string]");
	spells("main.(*P).Set", "main.(*P).Set");
	spells("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3.Unmarshal");
}

TEST(rust_fits)
{
	fits(true, "args::hello", "args::hello");
	fits(false, "args::hello", "args::hello2");
	fits(false, "hello", "args::hello");
	fits(true, "ge::show", "ge::show::<u8>");
	fits(true, "ge::show<u8>", "ge::show::<u8>");
	fits(true, "ge::show::<u8>", "ge::show<u8>");
	fits(false, "ge::show<u8>", "ge::show::<u16>");
	fits(true, "<tc::Sq as tc::Area>::area", "tc::m::<impl tc::Area for tc::Sq>::area");
	fits(true, "<tc::Sq as tc::Area>::area", "<tc::Sq<u8> as tc::Area>::area");
	fits(true, "<* as tc::Area>::area", "<tc::Sq as tc::Area>::area");
	fits(true, "a::m::Sq::get", "<a::m::Sq<u64>>::get");
	fits(true, "a::m::Sq<u64>::get", "<a::m::Sq<u64>>::get");
	fits(true, "tc::main::{closure}", "tc::main::{closure#1}");
	fits(true, "tc::main::{{closure}}", "tc::main::{closure#1}");
	fits(false, "tc::main::{closure#0}", "tc::main::{closure#1}");
	/* names without numbers do not say which one it is */
	fits(false, "tc::main::{closure#0}", "tc::main::{{closure}}");
	fits(true, "ge::sh*", "ge::show::<u8>");
	fits(true, "*::show", "ge::show::<u8>");
	fits(true, "*<u8>", "ge::show::<u8>");
	fits(false, "*<u16>", "ge::show::<u8>");
}

TEST(cxx_fits)
{
	static const char put[] =
		"app::put(std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const&, int)";

	fits(true, "app::put", put);
	fits(true, "app::put(std::string const&, int)", put);
	fits(true, "app::put(const std::string&,int)", put);
	fits(true, "app::put(std::__cxx11::basic_string<char> const&, int)", put);
	fits(false, "app::put(int)", put);
	fits(true, "app::*(std::string const&, *)", put);
	fits(true, "app::twice", "int app::twice<int>(int)");
	fits(true, "app::twice<int>", "int app::twice<int>(int)");
	fits(true, "app::twice<int>(int)", "int app::twice<int>(int)");
	fits(true, "int app::twice<int>(int)", "int app::twice<int>(int)");
	fits(false, "app::twice<long>", "int app::twice<int>(int)");
	fits(true, "make", "std::vector<int, std::allocator<int> > make<int>()");
	fits(true, "app::box::put", "app::box<int>::put(int const&)");
	fits(true, "app::box<int>::put", "app::box<int>::put(int const&)");
	fits(true, "app::box<*>::put", "app::box<int>::put(int const&)");
	fits(true, "S::operator()", "S::operator()(int) const");
	fits(true, "S::operator()(int) const", "S::operator()(int) const");
	fits(true, "operator<<", "operator<<(S&, int)");
	fits(false, "operator<", "operator<<(S&, int)");
	fits(true, "operator<", "bool operator< <int>(S<int>, int)");
	fits(true, "S::operator->", "S::operator->()");
	fits(true, "(anonymous namespace)::f", "(anonymous namespace)::f(int)");
	fits(true, "main::{lambda(int)#1}::operator()",
	     "main::{lambda(int)#1}::operator()(int) const");
	fits(true, "f::S::m", "f(int)::S::m()");
	fits(true, "f", "f[abi:cxx11](int)");
	fits(true, "f(char const*)", "f(char const*)");
	fits(false, "f(char const*)", "f(char const)");
	fits(true, "std::vector<int>::push_back",
	     "std::vector<int, std::allocator<int> >::push_back(int const&)");
	fits(true, "S::~S", "S::~S()");
	fits(true, "S::f", "S::f() [clone .constprop.0]");
}

TEST(cxx_helpers_are_not_the_function)
{
	fits(false, "S::f", "non-virtual thunk to S::f()");
	fits(false, "S::*", "virtual thunk to S::f()");
	fits(true, "non-virtual thunk to S::f()", "non-virtual thunk to S::f()");
	fits(true, "main::*lambda*", "main::{lambda(int)#1}::operator()(int) const");
}

TEST(inline_namespaces_when_asked)
{
	static const struct {
		const char *written, *name;
		bool want;
	} rows[] = {
		{ "app::f", "app::v2::f(int)", true },
		{ "app::f(int)", "app::v2::f(int)", true },
		{ "app::v2::f", "app::v2::f(int)", true },
		{ "absl::Status::ok", "absl::lts_20230802::Status::ok() const", true },
		{ "fmt::print", "fmt::v10::print(int)", true },
		{ "app::f", "app::other::f(int)", false },
		{ "app::f", "app::vis::f(int)", false },
		{ "app::f", "v2::f(int)", false },
		{ "v2::f", "v2::f(int)", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a;
		struct name_pattern p;

		arena_init(&a);
		name_pattern_init(&p, str_from(rows[i].written), &a);
		p.skips_inline = true;
		CHECK(name_pattern_fits(&p, str_from(rows[i].name)) == rows[i].want);
		arena_free(&a);
	}
	fits(false, "app::f", "app::v2::f(int)");
}

TEST(go_fits)
{
	fits(true, "main.add", "main.add[go.shape.int]");
	fits(true, "main.add[...]", "main.add[go.shape.int]");
	fits(true, "main.add[int]", "main.add[go.shape.int_0]");
	fits(false, "main.add[int]", "main.add[go.shape.string_0]");
	fits(true, "main.add[go.shape.int]", "main.add[go.shape.int]");
	fits(true, "main.add", "main.add[...]");
	fits(true, "main.(*P).Set", "main.(*P).Set");
	fits(true, "main.(*List).Push", "main.(*List[go.shape.int]).Push");
	fits(true, "main.(*List[...]).Push", "main.(*List[go.shape.int]).Push");
	fits(false, "main.(*P).Set", "main.(*Q).Set");
	fits(true, "main.init.0", "main.init.0");
	fits(true, "main.main.func*", "main.main.func1");
	fits(true, "gopkg.in/yaml.v3.Unmarshal", "gopkg.in/yaml%2ev3.Unmarshal");
}

TEST(which_stars_are_wild)
{
	CHECK(!name_is_wild(STR("main.(*P).Set")));
	CHECK(!name_is_wild(STR("f(char const*)")));
	CHECK(!name_is_wild(STR("f(char**, int*)")));
	CHECK(!name_is_wild(STR("S::operator*")));
	CHECK(!name_is_wild(STR("a::f<*const u8>")));
	CHECK(name_is_wild(STR("f*")));
	CHECK(name_is_wild(STR("f(*)")));
	CHECK(name_is_wild(STR("main.(*).Set")));
	CHECK(name_is_wild(STR("app::*::f")));
}

TEST(words_and_last_parts)
{
	struct arena a;
	struct name_pattern p;

	arena_init(&a);
	name_pattern_init(&p, STR("app::Server::handle(std::string const&)"), &a);
	CHECK_VIEW(p.word, "Server");
	name_pattern_init(&p, STR("<tc::Sq as tc::Area>::area"), &a);
	CHECK_VIEW(p.word, "area");
	name_pattern_init(&p, STR("std::operator<<"), &a);
	CHECK_VIEW(p.word, "");
	name_pattern_init(&p, STR("std::string::at"), &a);
	CHECK_VIEW(p.word, "at");
	CHECK_VIEW(name_last_part(STR("app::box<int>::put(int const&)")), "put");
	CHECK_VIEW(name_last_part(STR("ge::show<u8>")), "show");
	CHECK_VIEW(name_last_part(STR("main.(*P).Set")), "Set");
	CHECK_VIEW(name_last_part(STR("plain")), "plain");
	arena_free(&a);
}

/* any bytes: brackets that never close, operators at the ends */
TEST(odd_texts_are_taken)
{
	static const char *const odd[] = { "",
					   "<",
					   "::<",
					   "f(((",
					   "operator",
					   "operator<",
					   "<impl ",
					   "[clone ",
					   "%",
					   "%2",
					   "go.shape.",
					   "std::__1::",
					   "a<b>>>>c",
					   "{{{",
					   ")>]}",
					   ",std::allocator<",
					   "<impl X for ",
					   "<>::",
					   "<",
					   "<a>" };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
			STRBUF_AUTO b = { 0 };
			struct arena a;
			struct name_pattern p;

			arena_init(&a);
			name_pattern_init(&p, str_from(odd[i]), &a);
			if (i == k)
				CHECK(name_pattern_fits(&p, str_from(odd[k])));
			else
				name_pattern_fits(&p, str_from(odd[k]));
			names_spell(str_from(odd[k]), &b);
			name_last_part(str_from(odd[k]));
			arena_free(&a);
		}
}
