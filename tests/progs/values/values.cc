// SPDX-License-Identifier: GPL-2.0-or-later
// Values of C++'s library, each in a struct of its own. Prints "type 0xaddress text" for each, the text written from the values as
// docs/language.md says values are printed, then "end", and waits for end of input; see test_typed.c. Built with libstdc++ and
// with libc++.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

// ---- the text of a value, from the outside of its type only ----

template <class T> std::string text(const T &v, bool top);

template <class C> std::string sequence(const C &c, const char *open, const char *close)
{
	std::string s = open;
	bool first = true;
	for (const auto &v : c) {
		s += first ? "" : ",";
		s += text<typename C::value_type>(v, false);
		first = false;
	}
	return s + close;
}

template <class M> std::string pairs(const M &m)
{
	std::string s = "{";
	for (const auto &kv : m)
		s += (s.size() > 1 ? "," : "") + text(kv.first, false) + ":" + text(kv.second, false);
	return s + "}";
}

inline std::string words(std::string_view v, bool top) { return top ? std::string(v) : "\"" + std::string(v) + "\""; }

template <class T> struct put {
	static std::string of(const T &v, bool)
	{
		std::ostringstream s;
		s << v;
		return s.str();
	}
};
template <> struct put<std::string> { static std::string of(const std::string &v, bool top) { return words(v, top); } };
template <> struct put<std::string_view> { static std::string of(std::string_view v, bool top) { return words(v, top); } };
template <> struct put<bool> { static std::string of(bool v, bool) { return v ? "true" : "false"; } };
template <class T> struct put<std::vector<T>> { static std::string of(const std::vector<T> &v, bool) { return sequence(v, "[", "]"); } };
template <class T, size_t N> struct put<std::array<T, N>> { static std::string of(const std::array<T, N> &v, bool) { return sequence(v, "[", "]"); } };
template <class T> struct put<std::deque<T>> { static std::string of(const std::deque<T> &v, bool) { return sequence(v, "[", "]"); } };
template <class T> struct put<std::list<T>> { static std::string of(const std::list<T> &v, bool) { return sequence(v, "[", "]"); } };
template <class T> struct put<std::forward_list<T>> { static std::string of(const std::forward_list<T> &v, bool) { return sequence(v, "[", "]"); } };
template <class T> struct put<std::set<T>> { static std::string of(const std::set<T> &v, bool) { return sequence(v, "{", "}"); } };
template <class T> struct put<std::unordered_set<T>> { static std::string of(const std::unordered_set<T> &v, bool) { return sequence(v, "{", "}"); } };
template <class K, class V> struct put<std::map<K, V>> { static std::string of(const std::map<K, V> &v, bool) { return pairs(v); } };
template <class K, class V> struct put<std::multimap<K, V>> { static std::string of(const std::multimap<K, V> &v, bool) { return pairs(v); } };
template <class K, class V> struct put<std::unordered_map<K, V>> { static std::string of(const std::unordered_map<K, V> &v, bool) { return pairs(v); } };
template <class T> struct put<std::optional<T>> { static std::string of(const std::optional<T> &v, bool top) { return v ? text(*v, top) : "nullopt"; } };
template <class T> struct put<std::unique_ptr<T>> { static std::string of(const std::unique_ptr<T> &v, bool top) { return v ? text(*v, top) : "nullptr"; } };
template <class T> struct put<std::shared_ptr<T>> { static std::string of(const std::shared_ptr<T> &v, bool top) { return v ? text(*v, top) : "nullptr"; } };
template <class T> struct put<std::atomic<T>> { static std::string of(const std::atomic<T> &v, bool top) { return text(v.load(), top); } };
template <class A, class B> struct put<std::pair<A, B>> { static std::string of(const std::pair<A, B> &v, bool) { return "(" + text(v.first, false) + "," + text(v.second, false) + ")"; } };
template <class... T> struct put<std::variant<T...>> { static std::string of(const std::variant<T...> &v, bool top) { return std::visit([&](const auto &x) { return text(x, top); }, v); } };
template <class... T> struct put<std::tuple<T...>> {
	static std::string of(const std::tuple<T...> &v, bool)
	{
		std::string s;
		std::apply([&](const auto &...x) { ((s += (s.empty() ? "" : ",") + text(x, false)), ...); }, v);
		return "(" + s + ")";
	}
};
template <class R, class P> struct put<std::chrono::duration<R, P>> { static std::string of(const std::chrono::duration<R, P> &v, bool top) { return text(v.count(), top); } };

enum class Color { Red = 1, Green = 2 };
enum Flags { READ = 1, WRITE = 2, EXEC = 4 };
template <> struct put<Color> { static std::string of(Color v, bool) { return v == Color::Red ? "Red" : "Green"; } };
template <> struct put<Flags> { static std::string of(Flags v, bool) { return v == 3 ? "READ|WRITE" : "EXEC"; } };

struct Base {
	int b = 1;
	virtual ~Base() {}
};
struct Derived : Base {
	std::string s = "derived";
	unsigned low : 3, high : 5;
	int sign : 4;
	char name[8] = "abc";
	double d = 1.5;
	Derived() : low(5), high(17), sign(-3) {}
};
template <> struct put<Derived> { static std::string of(const Derived &v, bool) { return "{ .b = 1, .s = \"" + v.s + "\", .low = 5, .high = 17, .sign = -3, .name = \"abc\", .d = 1.5 }"; } };

template <class T> std::string text(const T &v, bool top) { return put<T>::of(v, top); }

// ---- the values ----

static int n_values;

template <class T> void show(const char *name, T *v)
{
	asm volatile("" ::"r"(v) : "memory");
	printf("%s %p %s\n", name, (void *)v, text(*v, true).c_str());
	n_values++;
}

using namespace std;
typedef map<string, int> string_map;
typedef unordered_map<string, int> string_hash;
typedef map<int, vector<string>> vector_map;
typedef variant<int, string, double> variant3;
typedef pair<int, string> int_string;
typedef array<int, 3> array3;
typedef multimap<int, int> multi;
typedef tuple<int, string, double> tuple_mixed;
typedef map<double, unique_ptr<string>> pointer_map;

struct V00 {
	string v;
};
struct V01 {
	string v;
};
struct V02 {
	string v;
};
struct V03 {
	string_view v;
};
struct V04 {
	vector<int> v;
};
struct V05 {
	vector<int> v;
};
struct V06 {
	vector<string> v;
};
struct V07 {
	vector<bool> v;
};
struct V08 {
	array3 v;
};
struct V09 {
	list<int> v;
};
struct V10 {
	forward_list<string> v;
};
struct V11 {
	string_map v;
};
struct V12 {
	vector_map v;
};
struct V13 {
	set<char> v;
};
struct V14 {
	set<short> v;
};
struct V15 {
	string_hash v;
};
struct V16 {
	unordered_set<int> v;
};
struct V17 {
	multi v;
};
struct V18 {
	optional<int> v;
};
struct V19 {
	optional<int> v;
};
struct V20 {
	optional<string> v;
};
struct V21 {
	optional<string> v;
};
struct V22 {
	variant3 v;
};
struct V23 {
	variant3 v;
};
struct V24 {
	variant3 v;
};
struct V25 {
	int_string v;
};
struct V26 {
	unique_ptr<int> v;
};
struct V27 {
	unique_ptr<string> v;
};
struct V28 {
	shared_ptr<string> v;
};
struct V29 {
	atomic<int> v;
};
struct V30 {
	Color v;
};
struct V31 {
	Flags v;
};
struct V32 {
	Derived v;
};
struct V33 {
	chrono::milliseconds v;
};
struct V34 {
	tuple_mixed v;
};
struct V35 {
	pointer_map v;
};
struct V36 {
	vector<vector<int>> v;
};
struct V37 {
	list<string> v;
};
struct V38 {
	vector<unsigned char> v;
};
struct V39 {
	deque<int> v;
};

int main()
{
	static V00 v_V00 = { string("hi") };
	show("V00", &v_V00.v);
	static V01 v_V01 = { string("a text longer than what fits in place") };
	show("V01", &v_V01.v);
	static V02 v_V02 = { string() };
	show("V02", &v_V02.v);
	static V03 v_V03 = { string_view("view") };
	show("V03", &v_V03.v);
	static V04 v_V04 = { vector<int>{ 1, 2, 3 } };
	show("V04", &v_V04.v);
	static V05 v_V05 = { vector<int>{} };
	show("V05", &v_V05.v);
	static V06 v_V06 = { vector<string>{ "a", "another text that is long enough", "" } };
	show("V06", &v_V06.v);
	static V07 v_V07 = { vector<bool>{ true, false, true } };
	show("V07", &v_V07.v);
	static V08 v_V08 = { array3{ { 1, 2, 3 } } };
	show("V08", &v_V08.v);
	static V09 v_V09 = { list<int>{ 1, 2, 3 } };
	show("V09", &v_V09.v);
	static V10 v_V10 = { forward_list<string>{ "x", "y" } };
	show("V10", &v_V10.v);
	static V11 v_V11 = { string_map{ { "b", 2 }, { "a", 1 }, { "c", 3 } } };
	show("V11", &v_V11.v);
	static V12 v_V12 = { vector_map{ { 1, { "x" } }, { 2, {} } } };
	show("V12", &v_V12.v);
	static V13 v_V13 = { set<char>{ } };
	show("V13", &v_V13.v);
	static V14 v_V14 = { set<short>{ 3, 1, 2 } };
	show("V14", &v_V14.v);
	static V15 v_V15 = { string_hash{ { "a", 1 }, { "b", 2 } } };
	show("V15", &v_V15.v);
	static V16 v_V16 = { unordered_set<int>{ 1, 2, 3 } };
	show("V16", &v_V16.v);
	static V17 v_V17 = { multi{ { 1, 2 }, { 1, 3 } } };
	show("V17", &v_V17.v);
	static V18 v_V18 = { optional<int>(3) };
	show("V18", &v_V18.v);
	static V19 v_V19 = { optional<int>() };
	show("V19", &v_V19.v);
	static V20 v_V20 = { optional<string>("o") };
	show("V20", &v_V20.v);
	static V21 v_V21 = { optional<string>() };
	show("V21", &v_V21.v);
	static V22 v_V22 = { variant3(5) };
	show("V22", &v_V22.v);
	static V23 v_V23 = { variant3(string("v")) };
	show("V23", &v_V23.v);
	static V24 v_V24 = { variant3(2.5) };
	show("V24", &v_V24.v);
	static V25 v_V25 = { int_string(1, "p") };
	show("V25", &v_V25.v);
	static V26 v_V26 = { unique_ptr<int>(new int(3)) };
	show("V26", &v_V26.v);
	static V27 v_V27 = { unique_ptr<string>() };
	show("V27", &v_V27.v);
	static V28 v_V28 = { make_shared<string>("shared") };
	show("V28", &v_V28.v);
	static V29 v_V29 = { { 3 } };
	show("V29", &v_V29.v);
	static V30 v_V30 = { Color::Green };
	show("V30", &v_V30.v);
	static V31 v_V31 = { Flags(READ | WRITE) };
	show("V31", &v_V31.v);
	static V32 v_V32 = {};
	show("V32", &v_V32.v);
	static V33 v_V33 = { chrono::milliseconds(5) };
	show("V33", &v_V33.v);
	static V34 v_V34 = { tuple_mixed(1, "t", 0.5) };
	show("V34", &v_V34.v);
	static V35 v_V35 = {};
	v_V35.v[1.5] = make_unique<string>("x");
	show("V35", &v_V35.v);
	static V36 v_V36 = { vector<vector<int>>{ { 1 }, {}, { 2, 3 } } };
	show("V36", &v_V36.v);
	static V37 v_V37 = { list<string>{} };
	show("V37", &v_V37.v);
	static V38 v_V38 = { vector<unsigned char>{} };
	show("V38", &v_V38.v);
	static V39 v_V39 = { deque<int>{ 1, 2, 3 } };
	v_V39.v.push_front(0);
	show("V39", &v_V39.v);
	printf("end\n");
	fflush(stdout);
	return getchar() == 'x';
}
