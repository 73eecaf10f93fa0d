#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A C++ program with much debug information: FILES translation units of classes, templates and inlined calls.

usage: debuginfo_program.py FOLDER [FILES] [CLASSES]    makes FOLDER/big (g++ -O1 -g)
50 files of 60 classes give about 520 MB. One file is compiled; the others are its assembly text with other names of the
same length, which takes a tenth of the time. Each class is its file's own; the functions of header.h are in all.
"""
import os
import subprocess
import sys

HEADER = """#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>
#include <functional>
#include <memory>
namespace big {
inline int everywhere(int x) { return x * 3 + 1; }
template <typename T> struct box {
	T v; std::vector<T> all; std::map<std::string, T> named;
	__attribute__((noinline)) void put(const std::string &k, T x) { named[k] = x; all.push_back(x); v = x; }
	T get(const std::string &k) const { auto it = named.find(k); return it == named.end() ? v : it->second; }
};
}
"""

CLASS = """
struct c{f}_{i} {{
	int a, b; std::string name; std::unordered_map<int, std::shared_ptr<c{f}_{i}>> peers;
	enum class kind {{ one, two, three }} k;
	int twice(int x) const {{ return everywhere(x) * 2 + a; }}
	virtual int work_{f}_{i}(const std::string &s, int n);
	virtual ~c{f}_{i}() {{}}
}};
int c{f}_{i}::work_{f}_{i}(const std::string &s, int n)
{{
	box<c{f}_{i} *> m; m.put(s, this);
	std::function<int(int)> f = [this, n](int q) {{ return twice(q) + n; }};
	int sum = f(n);
	for (int q = 0; q < n; q++) {{
		auto p = m.get(std::to_string(q));
		if (p) sum += p->twice(q) + static_cast<int>(p->name.size());
		peers[q] = std::make_shared<c{f}_{i}>(*this);
	}}
	return sum;
}}
"""


def sh(command, folder):
    subprocess.run(command, shell=True, check=True, cwd=folder)


def main():
    folder = sys.argv[1]
    files = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    classes = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "header.h"), "w") as out:
        out.write(HEADER)
    with open(os.path.join(folder, "f000.cc"), "w") as out:
        out.write('#include "header.h"\nnamespace big {\n')
        for i in range(classes):
            out.write(CLASS.format(f="000", i=i))
        out.write("int run_000(int n) {\n\tint s = 0;\n")
        for i in range(classes):
            out.write("\t{ static c000_%d o; s += o.work_000_%d(\"x\", n); }\n" % (i, i))
        out.write("\treturn s;\n}\n}\n")
    sh("g++ -O1 -g -S f000.cc", folder)
    for f in range(files):
        sh("sed 's/\\([ck_]\\)000_/\\1%03d_/g; s/run_000/run_%03d/g; s/f000[.]cc/f%03d.cc/' f000.s | as -o f%03d.o -" %
           (f, f, f, f), folder)
    calls = ["run_%03d" % f for f in range(files)]
    with open(os.path.join(folder, "main.cc"), "w") as out:
        out.write("#include <cstdio>\nnamespace big { %s }\n" % " ".join("int %s(int);" % c for c in calls))
        out.write("int main(int argc, char **) { int s = 0; if (argc > 5) { %s } std::printf(\"%%d\\n\", s); }\n" %
                  " ".join("s += big::%s(argc);" % c for c in calls))
    sh("g++ -O1 -g -o big main.cc %s" % " ".join("f%03d.o" % f for f in range(files)), folder)
    sh("rm -f f*.o f000.s", folder)


if __name__ == "__main__":
    main()
