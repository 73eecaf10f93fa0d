// SPDX-License-Identifier: GPL-2.0-or-later
// Objects of C++'s library as arguments and results, by value, reference, pointer and smart pointer: for tests/run/values.test.
#include <string>
#include <vector>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <cstdio>
struct P {
	int a;
	std::string b;
	const char *c;
	std::vector<int> v;
};
enum class Color { Red = 1, Green };
__attribute__((noinline)) int inspect(const std::string &s, std::string *ps, std::string_view sv,
				      const P &p, P *pp, std::unique_ptr<P> up,
				      std::shared_ptr<P> sp, Color c, const std::optional<int> &o,
				      const std::map<std::string, int> &m)
{
	asm volatile("");
	return s.size() + ps->size() + sv.size() + p.a + pp->a + up->a + sp->a + (int)c + *o +
	       m.size();
}
__attribute__((noinline)) std::string text(int n)
{
	return std::string(n, 'x');
}
__attribute__((noinline)) std::optional<int> maybe(int n)
{
	if (n)
		return n;
	return {};
}
__attribute__((noinline)) P object(int n)
{
	return P{ n, "kk", "cc", { 1, 2 } };
}
int main()
{
	P p{ 5, "bee", "cc", { 1, 2, 3 } };
	std::string s = "hello", l(40, 'y');

	printf("%d\n", inspect(s, &l, "view", p, &p, std::make_unique<P>(p), std::make_shared<P>(p),
			       Color::Green, 3, { { "a", 1 } }));
	printf("%zu\n", text(3).size() + text(30).size() + maybe(0).has_value() +
				maybe(4).has_value() + object(9).a);
}
