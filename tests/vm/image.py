# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual machine's files: a cpio archive of what stands on this machine, at the same paths.

Not compressed, because unpacking is what takes software emulation long.
"""
import os
import re
import stat
import subprocess


class Image:
    def __init__(self):
        self.entries = {}  # path without the leading slash -> (mode, mtime, bytes or path to read)
        self.scanned = set()
        for name in ("proc", "sys", "dev", "run", "tmp", "root", "etc", "var", "usr"):
            self.folder(name)
        for name in ("bin", "sbin", "lib", "lib64"):
            self.parents(name + "/x")
        self.node("dev/console", stat.S_IFCHR | 0o600, 5, 1)

    def node(self, path, mode, major, minor):
        self.entries[path] = (mode, 0, b"", major, minor)

    def folder(self, path):
        path = path.strip("/")
        if not path or path in self.entries:
            return
        self.parents(path)
        self.entries[path] = (stat.S_IFDIR | (0o1777 if path == "tmp" else 0o755), 0, b"")

    def parents(self, path):
        """its folders, each as it is here: /bin may be a link"""
        parts = path.strip("/").split("/")[:-1]
        for n in range(1, len(parts) + 1):
            part = "/".join(parts[:n])
            if part in self.entries:
                continue
            if os.path.islink("/" + part):
                self.entries[part] = (stat.S_IFLNK | 0o777, 0, os.readlink("/" + part).encode())
                self.add(os.path.join("/", *parts[:n - 1], os.readlink("/" + part)), whole=False)
            else:
                self.entries[part] = (stat.S_IFDIR | 0o755, 0, b"")

    def text(self, path, data, mode=0o644):
        self.parents(path)
        self.entries[path.strip("/")] = (stat.S_IFREG | mode, 0, data if isinstance(data, bytes) else data.encode())

    def link(self, path, target):
        self.parents(path)
        self.entries[path.strip("/")] = (stat.S_IFLNK | 0o777, 0, target.encode())

    def add(self, path, whole=True):
        """a file, a link and what it leads to, or a folder; libraries that a program names come along"""
        path = os.path.normpath(path)
        folder = os.path.realpath(os.path.dirname(path))
        self.parents(path)
        path = os.path.join(folder, os.path.basename(path))
        key = path.strip("/")
        if key in self.entries and not stat.S_ISDIR(self.entries[key][0]):
            return
        st = os.lstat(path)
        self.parents(path)
        if stat.S_ISLNK(st.st_mode):
            self.entries[key] = (stat.S_IFLNK | 0o777, 0, os.readlink(path).encode())
            if os.path.exists(path):
                self.add(os.path.join(folder, os.readlink(path)), whole)
        elif stat.S_ISDIR(st.st_mode):
            self.entries[key] = (stat.S_IFDIR | stat.S_IMODE(st.st_mode), int(st.st_mtime), b"")
            for name in sorted(os.listdir(path)) if whole else ():
                self.add(os.path.join(path, name))
        elif stat.S_ISREG(st.st_mode):
            self.entries[key] = (st.st_mode, int(st.st_mtime), path)
            self.add_libraries(path)

    def add_debug_file(self, path):
        """names of functions of the system's libraries, where their package of symbols is installed"""
        note = subprocess.run(["readelf", "-n", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        build_id = re.search(r"Build ID: ([0-9a-f]{4,})", note)
        debug = build_id and f"/usr/lib/debug/.build-id/{build_id[1][:2]}/{build_id[1][2:]}.debug"
        if debug and os.path.exists(debug):
            self.add(debug)

    def add_libraries(self, path):
        with open(path, "rb") as f:
            head = f.read(4)
        if head != b"\x7fELF" or path in self.scanned:
            return
        self.scanned.add(path)
        out = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for lib in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", out, re.M):
            self.scanned.add(lib)
            self.add(lib)
            if re.search(r"/(libc|ld-linux[^/]*|libm|libstdc\+\+)\.so", lib):
                self.add_debug_file(lib)

    def write(self, out):
        # folders first: a file's folder stands before it when sorted by path
        for inode, key in enumerate(sorted(self.entries), 1):
            mode, mtime, data, *dev = self.entries[key]
            if isinstance(data, str):
                with open(data, "rb") as f:
                    data = f.read()
            major, minor = dev or (0, 0)
            name = key.encode() + b"\0"
            fields = (inode, mode, 0, 0, 1, mtime, len(data), 0, 0, major, minor, len(name), 0)
            head = b"070701" + b"".join(b"%08x" % x for x in fields) + name
            out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
        name = b"TRAILER!!!\0"
        head = b"070701" + b"".join(b"%08x" % x for x in (0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(name), 0)) + name
        out.write(head + b"\0" * (-len(head) % 4) + b"\0" * 512)
