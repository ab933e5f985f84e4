"""Runs a command at a terminal of its own for some seconds, and draws what is then on it as SVG.

Usage: picture.py SECONDS OUT COMMAND...
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from xml.sax.saxutils import escape

import pyte

COLUMNS, ROWS = 118, 22
CELL, LINE, SIZE, EDGE = 8.0, 17, 13.3, 14
COLOURS = {
    "default": "#d8dee9", "black": "#3b4252", "red": "#ef6b73", "green": "#a3d977", "brown": "#ebcb8b", "blue": "#6cb6ff",
    "magenta": "#d39ddb", "cyan": "#7fd1de", "white": "#e5e9f0", "brightblack": "#56607a",
}


def watched(seconds, command):
    """The terminal after so many seconds of the command."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                stream.feed(os.read(terminal, 65536))
            except OSError:
                break
    picture = [[screen.buffer[row][column] for column in range(COLUMNS)] for row in range(ROWS)]
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    return picture


def runs(row):
    """Cells that look alike, together: (column, text, look)."""
    found = []
    for column, cell in enumerate(row):
        look = (cell.fg, cell.bold)
        if found and found[-1][2] == look:
            found[-1][1] += cell.data
        else:
            found.append([column, cell.data, look])
    return found


# What pyte makes of the first sixteen of 256 colours.
NAMES = {"00cd00": "green", "cd00cd": "magenta", "0000ee": "blue", "00cdcd": "cyan", "cd0000": "red", "7f7f7f": "brightblack"}


def colour(name):
    name = NAMES.get(name, name)
    return COLOURS.get(name, "#" + name if len(name) == 6 else COLOURS["default"])


def svg(picture):
    width, height = COLUMNS * CELL + 2 * EDGE, ROWS * LINE + 2 * EDGE
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="osirisfs status --watch">',
        f'<rect width="100%" height="100%" rx="8" fill="#20242e"/>',
        f'<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{SIZE}" xml:space="preserve">',
    ]
    for number, row in enumerate(picture):
        for column, text, (fg, bold) in runs(row):
            if not text.strip():
                continue
            x, y = EDGE + column * CELL, EDGE + number * LINE + 13
            weight = ' font-weight="bold"' if bold else ""
            out.append(
                f'<text x="{x:.0f}" y="{y}" textLength="{len(text) * CELL:.0f}" lengthAdjust="spacingAndGlyphs" '
                f'fill="{colour(fg)}"{weight}>{escape(text)}</text>'
            )
    return "\n".join(out + ["</g>", "</svg>", ""])


def main():
    seconds, out, command = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
    with open(out, "w", encoding="utf-8") as file:
        file.write(svg(watched(seconds, command)))


main()
