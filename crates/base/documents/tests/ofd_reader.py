"""Prints the text of an OFD file as `ofdkit` reads it, and draws its pages with `easyofd` beside it as PNG files, if it is there.

Neither is part of the product: they are what others make of our files. Usage: ofd_reader.py FILE [--draw]
"""

import pathlib
import sys


def main() -> None:
    path = pathlib.Path(sys.argv[1])
    import ofdkit

    with ofdkit.open(path) as document:
        print(document.text)
    if "--draw" in sys.argv:
        from easyofd import OFD

        reader = OFD()
        reader.read(path.read_bytes(), fmt="binary")
        for n, page in enumerate(reader.to_jpg(), 1):
            page.save(path.with_name(f"{path.stem}-easyofd-{n}.png"))


main()
