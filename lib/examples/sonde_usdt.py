# SPDX-License-Identifier: BSD-2-Clause
"""Probes of a Python program, by libsonde through ctypes; nothing but the standard library is needed.

    shop = Provider("shop")
    sale = shop.add("sale", "i32 str f64")
    shop.load()
    if sale.enabled():
        sale.fire(7, "apples", 2.5)

and from outside:  sonde -e 'usdt:*:shop:sale { printf("%d of %s\\n", arg0, str(arg1)); }'
Run as a program it sells something twice a second.  $LIBSONDE_USDT names the library where ld.so does not find it.
"""
import ctypes
import os
import struct
import sys
import time

_lib = ctypes.CDLL(os.environ.get("LIBSONDE_USDT", "libsonde-usdt.so.1"))
for _name in ("sonde_provider_new", "sonde_probe_add"):
    getattr(_lib, _name).restype = ctypes.c_void_p
_lib.sonde_usdt_error.restype = ctypes.c_char_p
_lib.sonde_provider_new.argtypes = [ctypes.c_char_p]
_lib.sonde_probe_add.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
_lib.sonde_provider_load.argtypes = _lib.sonde_provider_unload.argtypes = [ctypes.c_void_p]
_lib.sonde_provider_free.argtypes = [ctypes.c_void_p]
_lib.sonde_probe_is_enabled.argtypes = [ctypes.c_void_p]
_lib.sonde_probe_fire_words.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64), ctypes.c_uint]


def _check(good):
    if not good:
        raise OSError(_lib.sonde_usdt_error().decode())


class Probe:
    def __init__(self, handle, types):
        self._handle, self._types = handle, types.split()
        self._words = ctypes.c_uint64 * len(self._types)

    def enabled(self):
        return bool(_lib.sonde_probe_is_enabled(self._handle))

    def fire(self, *args):
        """Arguments as the probe's types have them: int, str or bytes, float."""
        if not self.enabled():
            return
        keep, words = [], self._words()
        for i, (kind, value) in enumerate(zip(self._types, args)):
            if kind == "f64":
                words[i] = struct.unpack("<Q", struct.pack("<d", value))[0]
            elif isinstance(value, (str, bytes)):
                keep.append(ctypes.create_string_buffer(value.encode() if isinstance(value, str) else value))
                words[i] = ctypes.addressof(keep[-1])
            else:
                words[i] = (value or 0) & 0xffffffffffffffff
        _lib.sonde_probe_fire_words(self._handle, words, len(words))


class Provider:
    def __init__(self, name):
        self._handle = _lib.sonde_provider_new(name.encode())
        _check(self._handle)

    def add(self, name, types=""):
        handle = _lib.sonde_probe_add(self._handle, name.encode(), types.encode())
        _check(handle)
        return Probe(handle, types)

    def load(self):
        _check(_lib.sonde_provider_load(self._handle) == 0)

    def unload(self):
        _check(_lib.sonde_provider_unload(self._handle) == 0)

    def free(self):
        _lib.sonde_provider_free(self._handle)
        self._handle = None


def main():
    shop = Provider(os.environ.get("MAKES_PROVIDER", "shop"))
    sale = shop.add("sale", "i32 str f64")
    shop.load()
    for i in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        sale.fire(i + 1, ("apples", "bread", "cheese")[i % 3], i * 0.5)
        print(f"sale {i + 1} {('apples', 'bread', 'cheese')[i % 3]} {int(sale.enabled())}", flush=True)
        time.sleep(0.2)
    shop.free()


if __name__ == "__main__":
    main()
