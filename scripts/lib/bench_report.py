"""Makes the table of scripts/bench, and its JSON and its picture, from lines "ROW CLIENT MICROSECONDS CPU_MS MEMORY_KIB"."""

import argparse
import json
import os
import statistics
from html import escape

# What each row is, what one unit of its work is, and how many of them: {mib} and so on are options of scripts/bench.
ROWS = {
    "write": ("write one file of {mib} MiB, until it is stored", "MiB", "mib"),
    "read": ("read it, one stream", "MiB", "mib"),
    "warm": ("read it again, warm (ceiling: a local file)", "MiB", "mib"),
    "first": ("first 4 KiB of it, cold (ceiling: one GET)", "read", 1),
    "random": ("random 4 KiB, one after the other", "read", 200),
    "random_128k": ("random 128 KiB, one after the other", "read", 200),
    "random16": ("random 4 KiB, 16 threads", "read", 1000),
    "strided": ("128 KiB of each MiB", "read", "mib"),
    "mapped": ("read it by mmap", "MiB", "mib"),
    "copy": ("cp within the mount (ceiling: one CopyObject)", "MiB", "mib"),
    "middle": ("4 KiB in its middle, fsync (ceiling: one PUT)", "change", 1),
    "append": ("100 appends of 4 KiB, each with fsync (ceiling: PUTs)", "append", 100),
    "write16": ("write 16 files at once, together {mib} MiB", "MiB", "mib"),
    "read16": ("read 16 files at once", "MiB", "mib"),
    "write64": ("write 64 files at once, together {mib} MiB", "MiB", "mib"),
    "read64": ("read 64 files at once", "MiB", "mib"),
    "in": ("copy {small} files of 4 KiB in", "file", "small"),
    "in8": ("the same by 8 programs at once", "file", "small"),
    "in_100k": ("copy {small} files of 100 KiB in", "file", "small"),
    "out": ("copy {small} files of 4 KiB out, after a listing", "file", "small"),
    "out8": ("the same by 8 programs at once", "file", "small"),
    "out_100k": ("copy {small} files of 100 KiB out, after a listing", "file", "small"),
    "list": ("ls -l of {list}", "name", "list"),
}


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("samples")
    for name in ("server", "delay", "rate", "line", "repeat", "mib", "small", "list"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--json")
    parser.add_argument("--svg")
    parser.add_argument("--versions", nargs="+")
    return parser.parse_args()


def read(path, repeat):
    """Medians by row and client; of the raw client, which tries several numbers in flight, the best median."""
    found, memory = {}, {}
    with open(path) as file:
        for line in file:
            row, client, took, cpu, most = line.split()
            found.setdefault(row, {}).setdefault(client, []).append((int(took) / 1e6, int(cpu) / 1e3))
            memory[client] = max(memory.get(client, 0), int(most))
    for clients in found.values():
        for client, samples in clients.items():
            lanes = len(samples) // repeat
            medians = (statistics.median(time for time, _ in samples[n::lanes]) for n in range(lanes))
            cpu = statistics.median(cpu for _, cpu in samples)
            clients[client] = {"seconds": min(medians), "cpu": cpu}
    return found, memory


def cell(row, took, given):
    _, unit, amount = ROWS[row]
    amount = int(getattr(given, amount)) if isinstance(amount, str) else amount
    if unit in ("MiB", "name", "file"):
        words = f"{amount / took['seconds']:.0f} {unit}{'' if unit == 'MiB' else 's'}/s"
    else:
        words = f"{took['seconds'] / amount * 1e3:.1f} ms"
    if int(given.delay) and unit != "MiB":
        words += f", {took['seconds'] / amount / int(given.delay) * 1e3:.2f} round trips"
    return words + (f", {took['cpu']:.1f} s CPU" if took["cpu"] >= 0.1 and unit == "MiB" else "")


def ratio(clients, client):
    return clients["raw"]["seconds"] / clients[client]["seconds"] if "raw" in clients else None


def title(row, given):
    return ROWS[row][0].format(**vars(given))


def table(found, memory, versions, given):
    service = "the embedded server" if given.server == "embedded" else f"Ceph {given.server} in memory"
    print(f"Median of {given.repeat}; {service} on this machine, {os.cpu_count()} cores shared by clients and service. "
          "1 is the raw ceiling of the same run.")
    if int(given.delay) or int(given.rate) or int(given.line):
        bound = f", each connection carries {given.rate} MiB/s" if int(given.rate) else ""
        bound += f", all together {given.line} MiB/s" if int(given.line) else ""
        print(f"Round trip {given.delay} ms{bound}.")
    print("\n| |" + "".join(f" {name} |" for name in versions.values()) + "\n|---|" + "---|" * len(versions))
    for row, clients in found.items():
        best = min((took["seconds"] for client, took in clients.items() if client != "raw"), default=0)
        cells = []
        for client in versions:
            if client not in clients:
                cells.append("")
                continue
            part = ratio(clients, client)
            text = "" if part is None else f"{part:.2f}"
            if client != "raw" and clients[client]["seconds"] == best:
                text = f"**{text}**"
            cells.append(f"{text} ({cell(row, clients[client], given)})")
        print(f"| {title(row, given)} | " + " | ".join(cells) + " |")
    most = ("" if client == "raw" else f"{memory[client] / 1024:.0f} MiB" for client in versions)
    print("| most memory | " + " | ".join(most) + " |")


def picture(path, found, versions, given):
    """Bars: how near to the ceiling, for each row and each client that mounts."""
    clients = [client for client in versions if client != "raw"]
    colours = dict(zip(clients, ("#2563eb", "#9ca3af", "#d97706", "#059669", "#7c3aed")))
    bar, left, wide = 9, 380, 420
    high = (bar * len(clients) + 8) * len(found) + 60
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + wide + 60}" height="{high}" '
             'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>']
    for n, client in enumerate(clients):
        x = left + n * 140
        lines.append(f'<rect x="{x}" y="10" width="12" height="12" fill="{colours[client]}"/>'
                     f'<text x="{x + 17}" y="20">{escape(versions[client])}</text>')
    y = 40
    for row, took in found.items():
        middle = y + bar * len(clients) / 2 + 4
        lines.append(f'<text x="{left - 10}" y="{middle}" text-anchor="end">{escape(title(row, given))}</text>')
        for client in clients:
            part = ratio(took, client) or 0 if client in took else 0
            # A bar beyond the ceiling is cut; its number is not.
            length = min(part, 1.05) * wide
            lines.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 1}" fill="{colours[client]}"/>'
                         f'<text x="{left + length + 4:.1f}" y="{y + bar - 1}" font-size="9">{part:.2f}</text>')
            y += bar
        y += 8
    lines.append(f'<line x1="{left + wide}" y1="32" x2="{left + wide}" y2="{high - 16}" stroke="#111" stroke-dasharray="3"/>'
                 f'<text x="{left + wide}" y="{high - 4}" text-anchor="middle" font-size="10">ceiling</text></svg>')
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def main():
    given = options()
    found, memory = read(given.samples, int(given.repeat))
    versions = dict(pair.split("=", 1) for pair in given.versions)
    table(found, memory, versions, given)
    if given.json:
        kept = {"options": {k: v for k, v in vars(given).items() if k not in ("json", "svg", "samples")},
                "rows": found, "memory_kib": memory}
        with open(given.json, "w") as file:
            json.dump(kept, file, indent=1)
    if given.svg:
        picture(given.svg, found, versions, given)


main()
