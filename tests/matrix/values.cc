// SPDX-License-Identifier: GPL-2.0-or-later
// Calls of all kinds in C++; see values.c and matrix.py.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#define NOINLINE __attribute__((noinline))

volatile int64_t sink;
volatile int64_t one = 1;

namespace app
{
enum class Mode : unsigned char { Off, On = 7 };

struct Base {
	int id;
};
struct Point : Base {
	int x, y;
};
struct Traced { // not trivially copyable: travels by address
	long a;
	int b;
	Traced(long a, int b) : a(a), b(b) {}
	Traced(const Traced &o) : a(o.a), b(o.b) { sink = sink + 1; }
	~Traced() { sink = sink + 1; }
};
struct Shape {
	int sides;
	explicit Shape(int s) : sides(s) {}
	virtual ~Shape() = default;
	virtual int area(int k);
};

struct Server {
	int port;
	long hits = 0;
	explicit Server(int p) : port(p) {}
	//@ app::Server::handle(args.this.port args.n args.name) retval
	NOINLINE int handle(int n, const std::string &name)
	{
		hits += n;
		sink = sink + (int64_t)name.size();
		return port + n;
	}
	//@ app::Server::make(args.port) retval.port
	static NOINLINE Server make(int port)
	{
		return Server(port + (int)one);
	}
};

//@ app::Shape::area(args.this.sides args.k) retval
NOINLINE int Shape::area(int k)
{
	sink = sink + sides;
	return sides * k;
}

//@ app::f_reference(args.p.x args.p.id args.m) retval.y
NOINLINE const Point &f_reference(const Point &p, Mode m)
{
	sink = sink + p.x + (int)m;
	return p;
}

//@ app::f_traced(args.t.a args.t.b args.k) retval.a retval.b
NOINLINE Traced f_traced(Traced t, int k)
{
	sink = sink + t.a;
	return Traced(t.a + k, t.b - k);
}

//@ app::f_string(args.s args.v args.n) retval
NOINLINE std::string f_string(std::string s, std::string_view v, long n)
{
	sink = sink + (int64_t)s.size() + (int64_t)v.size() + n;
	return s + "+" + std::string(v);
}

//@ app::f_vector(args.v args.o) retval
NOINLINE std::vector<int> f_vector(const std::vector<int> &v, std::optional<int> o)
{
	std::vector<int> r(v);

	r.push_back(o.value_or(-1));
	sink = sink + (int64_t)r.size();
	return r;
}

//@ app::f_template<long>(args.a args.b) retval
template <typename T> NOINLINE T f_template(T a, int b)
{
	sink = sink + (int64_t)a;
	return a * b;
}

//@ app::f_hidden(args.a args.p.y) retval
static NOINLINE int f_hidden(int a, Point p)
{
	sink = sink + p.y;
	return a - p.y;
}
//@ app::f_left_out(args.k) retval
NOINLINE int f_left_out(Traced, int k, const std::vector<std::pair<int, int>> &)
{
	sink = sink + k; // clang's debug information has no place for the others, nor their names
	return k + 1;
}

//@ app::f_locals(args.n) retval
NOINLINE int f_locals(int n)
{
	std::string name = "local " + std::to_string(n);
	Point p{ { n }, n + 1, n + 2 };
	int total = 0;

	for (int i = 0; i < 2; i++) {
		const Point &ref = p;
		printf("E|f_locals at|%s|%d|%d|%d\n", name.c_str(), i, ref.y, total);
		sink = sink + ref.x; //@at f_locals locals.name locals.i locals.ref.y locals.total
		total += p.id;
	}
	return total + (int)name.size();
}
} // namespace app

static void calls(int n)
{
	using namespace app;
	Server s(8000 + n);
	std::string name = n % 2 ? "ann" : "a name that is longer than sixteen";
	Point p{ { n + 100 }, n * 2, n * 3 };
	Traced t(n * 11L, n + 5);
	std::vector<int> v;

	for (int i = 0; i < n; i++)
		v.push_back(i * i);
	printf("E|app::Server::handle|%d|%d|%s\n", s.port, n, name.c_str());
	printf("R|app::Server::handle|%d\n", s.handle(n, name));
	printf("E|app::Server::make|%d\n", n);
	printf("R|app::Server::make|%d\n", Server::make(n).port);
	std::unique_ptr<Shape> shape(new Shape(n + 3));
	printf("E|app::Shape::area|%d|%d\n", n + 3, n * 10);
	printf("R|app::Shape::area|%d\n", shape->area(n * 10));
	printf("E|app::f_reference|%d|%d|%s\n", p.x, p.id, n % 2 ? "On" : "Off");
	printf("R|app::f_reference|%d\n", f_reference(p, n % 2 ? Mode::On : Mode::Off).y);
	printf("E|app::f_traced|%ld|%d|%d\n", t.a, t.b, n);
	Traced rt = f_traced(t, n);
	printf("R|app::f_traced|%ld|%d\n", rt.a, rt.b);
	printf("E|app::f_string|%s|%s|%ld\n", name.c_str(), "view", (long)n);
	printf("R|app::f_string|%s\n", f_string(name, std::string_view("view of text").substr(0, 4), n).c_str());
	printf("E|app::f_vector|[");
	for (int i = 0; i < n; i++)
		printf("%s%d", i ? "," : "", v[i]);
	std::optional<int> o;
	if (n % 2)
		o = n;
	if (o)
		printf("]|%d\n", *o);
	else
		printf("]|nullopt\n");
	std::vector<int> rv = f_vector(v, o);
	printf("R|app::f_vector|[");
	for (size_t i = 0; i < rv.size(); i++)
		printf("%s%d", i ? "," : "", rv[i]);
	printf("]\n");
	printf("E|app::f_template<long>|%ld|%d\n", n * 100000L, n);
	printf("R|app::f_template<long>|%ld\n", f_template<long>(n * 100000L, n));
	printf("E|app::f_hidden|%d|%d\n", n, p.y);
	printf("R|app::f_hidden|%d\n", f_hidden(n, p));
	printf("E|app::f_left_out|%d\n", n + 50);
	printf("R|app::f_left_out|%d\n", f_left_out(t, n + 50, {}));
	printf("E|app::f_locals|%d\n", n);
	printf("R|app::f_locals|%d\n", f_locals(n));
}

int main()
{
	for (int n = 1; n <= 4; n++)
		calls(n * (int)one);
	return 0;
}
