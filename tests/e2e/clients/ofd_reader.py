"""What programs that are not ours make of an OFD file: PyPI easyofd opens it, OpenSSL verifies its seal.

    ofd_reader.py FILE [ROOT.pem ISSUING.pem]

Prints one line of JSON: `pages`, `texts` (one for each page, without white space), `stamps` (page from 0 and boundary in
millimetres, as easyofd finds them) and `seals`, one for each signature: whether every digest of a part matches
(`parts`), Signature.xml is what was signed (`document`), the SM2 signature verifies (`signature`), and the signer's
certificate leads to the root (`chain`; null without certificates to check against). Knows GB/T 33190 and GB/T 38540
from their structure alone: zipfile, ElementTree and a reader of DER of a few lines.
"""

import base64
import contextlib
import hashlib
import json
import posixpath
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
import zipfile
from pathlib import Path

OFD = "{http://www.ofdspec.org/2016}"


def opened(content: bytes) -> dict:
    """Pages, texts and stamps as easyofd has them; it writes its log to both outputs."""
    with contextlib.redirect_stdout(sys.stderr):
        from easyofd import OFD as Reader
        from loguru import logger

        logger.remove()
        reader = Reader()
        reader.read(content, fmt="binary")
    [document] = reader.data
    pages = document["page_info"]
    texts = ["".join(t.get("text", "") for t in pages[n]["text_list"]) for n in sorted(pages)]
    stamps = [
        {"page": page, "boundary": [float(n) for n in stamp["Boundary"].split()]}
        for page, found in (document["signatures_page_id"] or {}).items()
        for stamp in (found if isinstance(found, list) else [found])
    ]
    return {"pages": len(pages), "texts": ["".join(t.split()) for t in texts], "stamps": stamps}


def parts(der: bytes) -> list[tuple[int, bytes, bytes]]:
    """The elements side by side: (tag, content, whole)."""
    out, at = [], 0
    while at < len(der):
        tag, length, head = der[at], der[at + 1], at + 2
        if length & 0x80:
            many = length & 0x7F
            length, head = int.from_bytes(der[head : head + many], "big"), head + many
        out.append((tag, der[head : head + length], der[at : head + length]))
        at = head + length
    return out


def sm3(content: bytes) -> bytes:
    return hashlib.new("sm3", content).digest()


def openssl(folder: Path, *words: str) -> bool:
    return subprocess.run(["openssl", *words], cwd=folder, capture_output=True).returncode == 0


def sealed(package: zipfile.ZipFile, description: str, roots: list[str]) -> dict:
    text = package.read(description)
    tree = xml.fromstring(text)
    to = lambda place: posixpath.normpath(posixpath.join("/", posixpath.dirname(description), place)).lstrip("/")
    references = tree.findall(f"{OFD}SignedInfo/{OFD}References/{OFD}Reference")
    good = [
        sm3(package.read(to(r.get("FileRef")))) == base64.b64decode(r.find(f"{OFD}CheckValue").text) for r in references
    ]
    value = package.read(to(tree.find(f"{OFD}SignedValue").text.strip()))
    [(_, inside, _)] = parts(value)
    signed, certificate, _algorithm, signature, *stamp = parts(inside)
    said = parts(signed[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "signed").write_bytes(signed[2])
        (folder / "signature").write_bytes(signature[1][1:])
        (folder / "cer").write_bytes(certificate[1])
        openssl(folder, "x509", "-inform", "DER", "-in", "cer", "-out", "pem")
        openssl(folder, "x509", "-in", "pem", "-noout", "-pubkey", "-out", "pub")
        identifier = "distid:1234567812345678"
        verifies = openssl(
            folder, "dgst", "-sm3", "-verify", "pub", "-signature", "signature", "-sigopt", identifier, "signed"
        )
        chain = None
        if roots:
            root, issuing = (str(Path(r).resolve()) for r in roots)
            # OpenSSL gives the SM2 identifier to the last certificate only, so the chain is verified link by link.
            links = ((issuing, "pem"), (root, issuing))
            chain = all(
                openssl(folder, "verify", "-vfyopt", identifier, "-partial_chain", "-CAfile", above, below)
                for above, below in links
            )
    return {
        "parts": bool(good) and all(good),
        "document": said[3][1][1:] == sm3(text),
        "signature": verifies,
        "chain": chain,
        "stamped": bool(stamp),
    }


def main() -> None:
    path, *roots = sys.argv[1:]
    out = opened(Path(path).read_bytes())
    with zipfile.ZipFile(path) as package:
        lists = [n for n in package.namelist() if n.endswith("/Signatures.xml")]
        entries = [e for name in lists for e in xml.fromstring(package.read(name)).findall(f"{OFD}Signature")]
        out["seals"] = [sealed(package, e.get("BaseLoc").lstrip("/"), roots) for e in entries]
    print(json.dumps(out, ensure_ascii=False))


main()
