# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels for the virtual machine: which are there, and the ELF file inside of a vmlinuz.

A bzImage unpacks itself, which software emulation makes slow, and has to be started by firmware that looks for
disks first. The ELF file in it has a note (PVH) by which QEMU starts it directly.
"""
import ctypes
import lzma
import os
import re
import struct
import zlib


def find(folder):
    """-> [(version, path of vmlinuz)], oldest first"""
    names = [n for n in os.listdir(folder) if n.startswith("vmlinuz-")] if os.path.isdir(folder) else []
    names.sort(key=lambda n: [int(x) for x in re.findall(r"\d+", n)])
    return [(n[len("vmlinuz-"):], os.path.join(folder, n)) for n in names]


def _unzstd(data, size):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_decompress.restype = ctypes.c_size_t
    lib.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    lib.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
    lib.ZSTD_findFrameCompressedSize.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    out = ctypes.create_string_buffer(size)
    n = lib.ZSTD_decompress(out, size, data, lib.ZSTD_findFrameCompressedSize(data, len(data)))
    return out.raw if n == size else None


def _unlz4(data, size):
    """the legacy frame format that the kernel uses: a magic number, then blocks, each behind its length"""
    lib = ctypes.CDLL("liblz4.so.1")
    out, at = [], 4
    while at + 4 <= len(data) and sum(map(len, out)) < size:
        n = struct.unpack_from("<I", data, at)[0]
        block = ctypes.create_string_buffer(8 << 20)
        got = lib.LZ4_decompress_safe(data[at + 4:at + 4 + n], block, n, len(block))
        if got < 0:
            return None
        out.append(block.raw[:got])
        at += 4 + n
    return b"".join(out)


UNPACK = (
    (b"\x1f\x8b", lambda d, n: zlib.decompressobj(31).decompress(d)),
    (b"\xfd7zXZ", lambda d, n: lzma.LZMADecompressor().decompress(d)),
    (b"\x28\xb5\x2f\xfd", _unzstd),
    (b"\x02\x21\x4c\x18", _unlz4),
)


def elf_of(vmlinuz):
    """path of the ELF file, made beside the vmlinuz; the vmlinuz itself where it cannot be taken out"""
    out = os.path.join(os.path.dirname(vmlinuz), os.path.basename(vmlinuz).replace("vmlinuz", "vmlinux"))
    if os.path.exists(out):
        return out
    with open(vmlinuz, "rb") as f:
        image = f.read()
    offset, length = struct.unpack_from("<II", image, 0x248)  # payload_offset, payload_length of the boot protocol
    start = (image[0x1f1] + 1) * 512 + offset
    data = image[start:start + length]
    size = struct.unpack_from("<I", data, len(data) - 4)[0]
    for magic, unpack in UNPACK:
        if not data.startswith(magic):
            continue
        try:
            elf = unpack(data, size)
        except (OSError, AttributeError, lzma.LZMAError, zlib.error):
            elf = None
        if not elf or elf[:4] != b"\x7fELF":
            return vmlinuz
        with open(out + ".new", "wb") as f:
            f.write(elf)
        os.rename(out + ".new", out)
        return out
    return vmlinuz
