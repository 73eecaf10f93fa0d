#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints a script that stands at a limit of eBPF or of its verifier: limits.py NAME. Used by limits.test."""
import sys


def stmts(fmt, n):
    return " ".join(fmt.format(i=i) for i in range(n))


DONE = 'printf("done %d\\n", {}); exit();'
SCRIPTS = {
    # instructions: many, and one million on one path
    "assignments": "begin {{ " + stmts("@m[{i}] = {i};", 4000).replace("{", "{{").replace("}", "}}") +
                   " clear(@m); {done} }}",
    "too_many_paths": "begin {{ $n = (uint64)0; " +
                      " ".join(f"if (pid & {1 << i}) {{{{ $n += {1 << i}; }}}}" for i in range(30)) +
                      " for ($i : 0..($n & 1023)) {{ @n++; }} {done} }}",
    "too_many_branches": "begin {{ $n = (uint64)0; while ($n < 2000000) {{ $n++; @x = $n; }} {done} }}",
    "unrolled_too_far": "begin {{ unroll(100) {{ unroll(100) {{ @n++; }} }} {done} }}",
    # compares of long strings: each would be hundreds of branches if it went byte by byte
    "compares": "begin {{ $s = comm; $n = 0; " +
                " ".join(f'if ($s == "{"x" * 15}{i}") {{{{ $n++; }}}}' for i in range(300)) + " {done} }}",
    # stack: 512 bytes
    "variables": "begin {{ " + stmts("$v{i} = (int64)pid + {i};", 40) + " $n = " +
                 " + ".join(f"$v{i}" for i in range(40)) + "; $n -= $n; {done} }}",
    "too_many_variables": "begin {{ " + stmts("$v{i} = (int64)pid + {i};", 200) + " $n = " +
                          " + ".join(f"$v{i}" for i in range(200)) + "; {done} }}",
    # map values and keys
    "value": "begin {{ @t = (" + ", ".join('"%s"' % ("y" * 60) for _ in range(16)) + "); clear(@t); {done} }}",
    "value_too_large": "config = {{ max_strlen = 10000 }} uprobe:/bin/bash:readline {{ "
                       "@t = (str(arg0), str(arg0), str(arg0), str(arg0)); }} begin {{ {done} }}",
    "key": 'begin {{ @k[comm, "' + "k" * 450 + '"] = 1; clear(@k); {done} }}',
    # loops
    "long_loop": "begin {{ $n = 0; while ($n < 100000) {{ $n++; }} {done} }}",
    "nested_loops": "begin {{ for ($i : 0..1000) {{ for ($j : 0..1000) {{ @n++; }} }} $n = @n; clear(@n); {done} }}",
    # probes and arguments
    "probes": "\n".join(f"interval:s:{i + 1} {{{{ @x[{i}] = count(); }}}}" for i in range(500)) +
              "\nbegin {{ {done} }}",
    "arguments": 'begin {{ printf("' + "%d " * 100 + '\\n", ' + ", ".join(str(i) for i in range(100)) + "); {done} }}",
}


def main():
    text = SCRIPTS[sys.argv[1]]
    value = "$n" if "$n" in text else "1"
    print(text.format(done=DONE.format(value)))


if __name__ == "__main__":
    main()
