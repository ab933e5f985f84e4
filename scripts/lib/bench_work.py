"""What scripts/bench does on a mount that no common tool does alone. Each prints how long it took, in microseconds; bytes
are compared after the clock.

Usage: bench_work.py WORK ARGUMENT...
"""

import mmap
import os
import random
import sys
import threading
import time

MIB = 1 << 20


def pieces(pattern, file_size, size, count):
    """Which pieces (offset, length) to read: `random`, or `strided` evenly over the file."""
    file_size, size, count = int(file_size), int(size), int(count)
    if pattern == "strided":
        return [(n * (file_size // count), size) for n in range(count)]
    places = random.Random(7)
    return [(places.randrange(file_size // size) * size, size) for _ in range(count)]


def side_by_side(works):
    """Runs each in a thread; gives their times and that of all, in seconds. A failure of one is one of all."""
    times, failures = [], []

    def timed(work):
        begun = time.perf_counter()
        try:
            work()
            times.append(time.perf_counter() - begun)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=timed, args=(work,)) for work in works]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return times, time.perf_counter() - begun


def tell(seconds):
    print(round(seconds * 1e6))


def same(found, source, at):
    with open(source, "rb") as file:
        if found != os.pread(file.fileno(), len(found), at):
            sys.exit(f"bytes at {at} are wrong")


def read(path, source, threads, *how):
    """Pieces of a file, by one or more threads with one descriptor."""
    wanted, threads, found = pieces(*how), int(threads), {}
    fd = os.open(path, os.O_RDONLY)

    def share(n):
        for at, size in wanted[n::threads]:
            found[at] = os.pread(fd, size, at)

    _, took = side_by_side([lambda n=n: share(n) for n in range(threads)])
    tell(took)
    for at, data in found.items():
        same(data, source, at)


def first(path, source):
    os.stat(path)
    begun = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        data = file.read(4096)
    tell(time.perf_counter() - begun)
    same(data, source, 0)


def mapped(path, source, size):
    """Through a mapping, a page after the other."""
    begun = time.perf_counter()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), int(size), prot=mmap.PROT_READ) as memory:
        for at in range(0, int(size), MIB):
            memory[at : at + MIB]
        tell(time.perf_counter() - begun)
        for at in range(0, int(size), MIB):
            same(memory[at : at + MIB], source, at)


def streams(folder, source, size):
    """All files of a folder at once, each from its begin to its end. Prints the slowest one's time by the fastest one's too."""
    size, names = int(size), sorted(os.listdir(folder))

    def whole(n):
        with open(f"{folder}/{names[n]}", "rb", buffering=0) as file:
            at = 0
            while data := file.read(MIB):
                if at == 0:
                    same(data[:4096], source, n * size)
                at += len(data)
            if at != size:
                sys.exit(f"{names[n]} has {at} bytes")

    times, took = side_by_side([lambda n=n: whole(n) for n in range(len(names))])
    tell(took)
    print(f"slowest by fastest: {max(times) / min(times):.2f}", file=sys.stderr)


def write_many(folder, source, size, count):
    """Several files at once, each with its share of the source."""
    size = int(size)

    def whole(n):
        with open(source, "rb", buffering=0) as give, open(f"{folder}/{n:02}", "wb", buffering=0) as take:
            for at in range(n * size, (n + 1) * size, MIB):
                take.write(os.pread(give.fileno(), MIB, at))
            os.fsync(take.fileno())

    _, took = side_by_side([lambda n=n: whole(n) for n in range(int(count))])
    tell(took)


def append(path, size, count):
    data = os.urandom(int(size))
    begun = time.perf_counter()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for _ in range(int(count)):
        os.write(fd, data)
        os.fsync(fd)
    os.close(fd)
    tell(time.perf_counter() - begun)
    with open(path, "rb") as file:
        if file.read() != data * int(count):
            sys.exit("the appended bytes are wrong")


def middle(path, size):
    """A page in the middle is changed."""
    at = int(size) // 2
    begun = time.perf_counter()
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, b"m" * 4096, at)
    os.fsync(fd)
    os.close(fd)
    tell(time.perf_counter() - begun)


def middle_check(path, source, size):
    at = int(size) // 2
    with open(path, "rb") as file:
        if os.pread(file.fileno(), 4096, at) != b"m" * 4096 or os.fstat(file.fileno()).st_size != int(size):
            sys.exit("the change is not there")
        for begin, length in ((0, MIB), (at - 16 * MIB, 16 * MIB), (at + 4096, 16 * MIB), (int(size) - MIB, MIB)):
            same(os.pread(file.fileno(), length, begin), source, begin)


WORKS = {f.__name__: f for f in (read, first, mapped, streams, write_many, append, middle, middle_check)}

if __name__ == "__main__":
    WORKS[sys.argv[1]](*sys.argv[2:])
