"""Prints the text of an OFD file as `ofdkit` reads it; with --draw, draws its pages with `easyofd` as PNG files beside it.

Neither is part of the product: they are what others make of our files. Usage: ofd_reader.py FILE [--draw]
"""

import os
import pathlib
import sys
import tempfile


def draw(path: pathlib.Path) -> None:
    content = path.read_bytes()
    # easyofd unpacks into, and then deletes, the part of the working folder's name before its first dot.
    with tempfile.TemporaryDirectory() as folder:
        if "." in folder:
            sys.exit(f"not safe to draw in {folder}")
        os.chdir(folder)
        from easyofd import OFD

        reader = OFD()
        reader.read(content, fmt="binary")
        for n, page in enumerate(reader.to_jpg(), 1):
            page.save(path.with_name(f"{path.stem}-easyofd-{n}.png"))
        os.chdir("/")


def main() -> None:
    path = pathlib.Path(sys.argv[1]).resolve()
    import ofdkit

    with ofdkit.open(path) as document:
        print(document.text())
    if "--draw" in sys.argv:
        draw(path)


main()
