# SPDX-License-Identifier: GPL-2.0-or-later
"""An independent reader of debug information: is there a location for a variable at a place?

Reads the text of llvm-dwarfdump, nothing of sonde. It errs on the side of "there is one": sonde then has to show the value.
"""
import bisect
import re
import shutil
import subprocess

# llvm-14 has the one with the number, the package "llvm" a link to it
DWARFDUMP = shutil.which("llvm-dwarfdump-14") or shutil.which("llvm-dwarfdump")
DIE = re.compile(r"^0x([0-9a-f]+):( *)(DW_TAG_\w+|NULL)")
ATTR = re.compile(r"^\s+(DW_AT_\w+)\s*\((.*)$")
RANGE = re.compile(r"\[0x([0-9a-f]+), 0x([0-9a-f]+)\)(?:: ?(.*))?")


class Die:
    def __init__(self, offset, tag, parent):
        self.offset, self.tag, self.parent = offset, tag, parent
        self.attrs, self.children = {}, []
        if parent:
            parent.children.append(self)

    def get(self, attr):
        return self.attrs.get(attr, "")


def parse(text):
    dies, stack, last, attr = {}, [], None, None
    for line in text.splitlines():
        m = DIE.match(line)
        if m:
            depth = len(m.group(2))
            if m.group(3) == "NULL":
                continue
            while stack and stack[-1][0] >= depth:
                stack.pop()
            last = Die(int(m.group(1), 16), m.group(3), stack[-1][1] if stack else None)
            dies[last.offset] = last
            stack.append((depth, last))
            continue
        m = ATTR.match(line)
        if m and last:
            attr = m.group(1)
            last.attrs[attr] = m.group(2)
        elif last and attr and line.startswith(" "):
            last.attrs[attr] += "\n" + line
    return dies


class Evidence:
    def __init__(self, binary, config):
        self.config = config
        self.functions = {}
        text = subprocess.run([DWARFDUMP, "--debug-info", binary], stdout=subprocess.PIPE,
                              text=True, errors="replace").stdout
        self.dies = [parse(text)]
        self.symbols = subprocess.run(["nm", "-C", binary], stdout=subprocess.PIPE, text=True,
                                      stderr=subprocess.DEVNULL).stdout
        for dies in self.dies:
            for die in dies.values():
                if die.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
                    name = self.name_of(dies, die)
                    if name:
                        self.functions.setdefault(name, []).append((dies, die))

    # ---- names ----

    def origin(self, dies, die):
        for attr in "DW_AT_abstract_origin", "DW_AT_specification":
            m = re.match(r"(?:cu \+ 0x[0-9a-f]+ => \{)?0x([0-9a-f]+)", die.get(attr))
            if m:
                m = re.search(r"\{0x([0-9a-f]+)\}", die.get(attr)) or m
                return dies.get(int(m.group(1), 16))
        return None

    def attr(self, dies, die, name):
        for _ in range(5):
            if die is None:
                return ""
            if name in die.attrs:
                return die.attrs[name]
            die = self.origin(dies, die)
        return ""

    def name_of(self, dies, die):
        m = re.match(r'"(.*?)"', self.attr(dies, die, "DW_AT_name"))
        return m.group(1) if m else ""

    def instances(self, name):
        last = re.split(r"::", name)[-1]
        found = self.functions.get(last) or self.functions.get(name) or []
        if not found and "<" in last:
            found = [x for n, v in self.functions.items() if n.split("<")[0] == last.split("<")[0]
                     for x in v]
        return found

    # ---- locations ----

    def low_pc(self, die):
        m = re.match(r"0x([0-9a-f]+)", die.get("DW_AT_low_pc"))
        if m and not die.get("DW_AT_ranges"):
            return int(m.group(1), 16)
        m = RANGE.search(die.get("DW_AT_ranges"))
        return int(m.group(1), 16) if m else None

    def entry(self, die):
        m = re.match(r"0x([0-9a-f]+)", die.get("DW_AT_entry_pc"))
        return int(m.group(1), 16) if m else self.low_pc(die)

    def has_location(self, dies, var, pc):
        """at pc: a register that programs can read, memory, a value, a constant"""
        if self.attr(dies, var, "DW_AT_const_value"):
            return True
        loc = self.attr(dies, var, "DW_AT_location")
        if not loc:
            return False
        ranges = RANGE.findall(loc)
        if ranges:
            return any(int(a, 16) <= pc < int(b, 16) and self.is_readable(expr)
                       for a, b, expr in ranges)
        return self.is_readable(loc) and "DW_OP_fbreg" not in loc

    def is_borrowed(self, dies, var, pc):
        """gcc: its only place there is memory of another variable, a struct in pieces or one that always lies there"""
        mine = [int(x) for x in self.frame_places(dies, var, pc)]
        if len(mine) != 1:
            return False
        for other in dies.values():
            if other is not var and other.tag in ("DW_TAG_variable", "DW_TAG_formal_parameter"):
                if other.get("DW_AT_location") and \
                        str(mine[0]) in self.frame_places(dies, other, pc):
                    return True
        return False

    @staticmethod
    def frame_places(dies, var, pc):
        loc = var.get("DW_AT_location")
        for a, b, expr in RANGE.findall(loc):
            if int(a, 16) <= pc < int(b, 16):
                loc = expr
                break
        else:
            if RANGE.search(loc):
                return []
        return re.findall(r"DW_OP_fbreg ([-+]?\d+)", loc) if "deref" not in loc else \
            re.findall(r"DW_OP_fbreg ([-+]?\d+), DW_OP_piece", loc)

    @staticmethod
    def is_readable(expr):
        expr = expr.split("\n")[0].rstrip(")")
        if not expr or "implicit_pointer" in expr or "XMM" in expr or "entry_value" in expr:
            return False
        pieces = re.findall(r"(DW_OP_\w+[^,]*)", expr)
        missing = [p for i, p in enumerate(pieces)
                   if "piece" in p and (i == 0 or "piece" in pieces[i - 1])]
        return bool(pieces) and not missing

    def is_changed(self, dies, die, name):
        """the compiler says that it changed the signature"""
        if "DW_CC_nocall" in self.attr(dies, die, "DW_AT_calling_convention"):
            return True
        last = re.split(r"::", name)[-1]
        return re.search(re.escape(last) + r"(\(.*\))? *(\[clone )?\.(constprop|isra)", self.symbols) \
            is not None

    def is_static(self, dies, die):
        return "DW_AT_external" not in die.attrs and \
            not self.attr(dies, die, "DW_AT_external")

    def is_float(self, dies, var):
        return re.search(r'"(float|double|f32|f64)"', self.attr(dies, var, "DW_AT_type")) is not None

    def not_probed(self, kind, name):
        """an inlined call whose end cannot be told: nothing is seen, and sonde says so"""
        found = self.instances(name)
        own = [d for _, d in found
               if d.tag == "DW_TAG_subprogram" and self.low_pc(d) is not None]
        return kind == "R" and bool(found) and not own

    def is_gone(self, kind, name, expr, level):
        """why the value may be missing; empty: it may not"""
        if kind == "R":
            return self.result_gone(name, level)
        m = re.search(r"args\.(\w+)", expr)
        for dies, die in self.instances(name):
            pc = self.entry(die)
            if pc is None:
                continue
            for var in die.children:
                if var.tag != "DW_TAG_formal_parameter" or not m or \
                        self.name_of(dies, var) != m.group(1):
                    continue
                if self.is_float(dies, var):
                    return "in a vector register"
                if level == "O0":
                    return ""
                if "clang" in self.config.name and not self.attr(dies, var, "DW_AT_location") \
                        and not self.attr(dies, var, "DW_AT_const_value"):
                    return "not used: LLVM's callers may pass anything"
                if self.has_location(dies, var, pc) and not self.is_borrowed(dies, var, pc):
                    return ""
        if level == "O0":
            return ""
        for dies, die in self.instances(name):
            if self.entry(die) is None:
                continue
            if die.tag == "DW_TAG_inlined_subroutine" or self.is_changed(dies, die, name):
                return "no location, and no convention"
            if self.is_static(dies, die) and re.search("clang|rustc", self.config.name):
                return "no location, and the convention may have been changed"
        return ""

    def result_gone(self, name, level):
        if level == "O0":
            return ""
        for dies, die in self.instances(name):
            if self.entry(die) is None:
                continue
            if die.tag == "DW_TAG_inlined_subroutine":
                return "inlined"
            if self.is_changed(dies, die, name):
                return "changed"
            if self.is_static(dies, die) and "clang" in self.config.name:
                return "may have been dropped"
        return ""
