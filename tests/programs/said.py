"""What a test program says of itself, as said.h does; and a library whose functions are called by their addresses.

Forks of libraries come in packages without headers, and mostly within another module that exports none of their names: then
the symbol table tells where they are.
"""
import ctypes
import json
import socket
import struct
import sys

POINTER = ctypes.c_void_p


def said(function, count=1, result="success", tries=None, bulk=False, **args):
    """`function` was called so often, each time with this result and these arguments."""
    line = {"function": function, "count": count, "result": result, "args": args}
    if bulk:
        line["bulk"] = True
    if tries is not None:
        line["tries"] = tries
    print(json.dumps(line))


def want(right, what):
    if not right:
        sys.exit("this went wrong: " + what)


def pair():
    """Two connected sockets that never wait."""
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    return ends


def symbols(path):
    """Addresses of all functions that an ELF file's symbol tables name."""
    with open(path, "rb") as file:
        data = file.read()
    (table,) = struct.unpack_from("<Q", data, 40)
    entry, count = struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + i * entry) for i in range(count)]
    found = {}
    for _, kind, _, _, offset, size, link, _, _, each in sections:
        # SHT_SYMTAB, SHT_DYNSYM
        if kind not in (2, 11):
            continue
        names = sections[link][4]
        for at in range(offset, offset + size, each):
            name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", data, at)
            # STT_FUNC, and defined
            if info & 15 == 2 and section:
                end = data.index(b"\0", names + name)
                found[data[names + name:end].decode()] = value
    return found


class Library:
    """Loaded files, and their functions by name."""

    def __init__(self, paths):
        self.addresses = {}
        # Each is needed by those before it.
        self.loaded = [ctypes.CDLL(path) for path in reversed(paths)]
        for path in paths:
            base = self.base(path)
            for name, address in symbols(path).items():
                self.addresses.setdefault(name, base + address)

    @staticmethod
    def base(path):
        with open("/proc/self/maps") as maps:
            for line in maps:
                if line.rstrip().endswith(path):
                    return int(line.split("-")[0], 16)
        sys.exit("this isn't mapped: " + path)

    def address(self, name):
        want(name in self.addresses, "there is no function " + name)
        return POINTER(self.addresses[name])

    def call(self, name, *args, result=ctypes.c_int):
        """Calls a function."""
        return ctypes.CFUNCTYPE(result)(self.address(name).value)(*args)

    def make(self, name, *args):
        """Calls a function that returns a pointer, which must not be null."""
        made = self.call(name, *args, result=POINTER)
        want(made, name)
        return POINTER(made)

    def must(self, name, *args, be=1):
        """Calls a function that must return this."""
        got = self.call(name, *args)
        want(got == be, f"{name}: {got}")
