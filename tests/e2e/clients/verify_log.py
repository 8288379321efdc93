"""A second verifier of the log, written from RFC 6962 and the C2SP pages alone: nothing of ours but addresses and JSON.

    verify_log.py --key FILE --url http://host/log [--index N [--leaf FILE]] [--seen NOTE]

Checks the newest head against the keys in FILE (every one must have signed), that entry N is in its tree, and that its
tree continues that of NOTE, a head kept from before. Prints one line of JSON; status 1 when something does not fit.
Standard library and the `openssl` program, which checks Ed25519 and SM2. A file with an SM2 key is of the SM3 tree.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

ED25519, SM2 = b"\x01", b"\xffyiwang.sm2-sm3.v1"
# SubjectPublicKeyInfo up to the key itself: RFC 8410, and RFC 5480 with the curve of GB/T 32918.
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
SPKI_SM2 = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")


def digest(name, data):
    if name in hashlib.algorithms_available:
        return hashlib.new(name, data).digest()
    return openssl("dgst", f"-{name}", "-binary", given=data)


def openssl(*words, given=b""):
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout


def signed(kind, key, text, signature):
    with tempfile.TemporaryDirectory() as folder:
        files = {n: Path(folder, n) for n in ("key", "text", "signature")}
        files["key"].write_bytes((SPKI_ED25519 if kind == ED25519 else SPKI_SM2) + key)
        files["text"].write_bytes(text)
        files["signature"].write_bytes(signature)
        more = [] if kind == ED25519 else ["-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]
        words = ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files["key"], "-rawin", "-in", files["text"]]
        done = subprocess.run(["openssl", *words, "-sigfile", files["signature"], *more], capture_output=True)
        return done.returncode == 0


def read_keys(text):
    for line in text.split():
        name, key_id, key = line.split("+", 2)
        key = base64.b64decode(key)
        kind = SM2 if key.startswith(SM2) else key[:1]
        assert kind in (ED25519, SM2), "a key of another kind"
        assert hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] == key_id, "the id does not fit the key"
        yield name, bytes.fromhex(key_id), kind, key[len(kind) :]


def head(note, keys):
    text, lines = note.rsplit("\n\n", 1)
    text = (text + "\n").encode()
    for name, key_id, kind, key in keys:
        mine = [base64.b64decode(w[2]) for w in (line.split(" ") for line in lines.splitlines()) if w[:2] == ["\u2014", name]]
        mine = [s[4:] for s in mine if s[:4] == key_id]
        assert mine and all(signed(kind, key, text, s) for s in mine), f"not signed by {name}"
    origin, size, root = text.decode().split("\n")[:3]
    return origin, int(size), base64.b64decode(root)


def node(hash_name, left, right):
    return digest(hash_name, b"\x01" + left + right)


def included(hash_name, leaf, index, size, proof):
    """The root that a proof leads to; recursion as RFC 6962, 2.1.1 defines the path."""
    if size == 1:
        assert not proof, "the proof is too long"
        return leaf
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return node(hash_name, included(hash_name, leaf, index, half, proof[:-1]), proof[-1])
    return node(hash_name, proof[-1], included(hash_name, leaf, index - half, size - half, proof[:-1]))


def continued(hash_name, old, new, proof, known):
    """Both roots that a proof leads to, 2.1.2; `known` is the old root while the old tree is whole."""
    if old == new:
        assert len(proof) == (known is None), "the proof has another length"
        return (known, known) if known else (proof[0], proof[0])
    half = 1 << (new - 1).bit_length() - 1
    if old <= half:
        a, b = continued(hash_name, old, half, proof[:-1], known)
        return a, node(hash_name, b, proof[-1])
    a, b = continued(hash_name, old - half, new - half, proof[:-1], None)
    return node(hash_name, proof[-1], a), node(hash_name, proof[-1], b)


def main():
    words = argparse.ArgumentParser()
    for name in ("--key", "--url"):
        words.add_argument(name, required=True)
    words.add_argument("--index", type=int)
    words.add_argument("--leaf")
    words.add_argument("--seen")
    args = words.parse_args()
    keys = list(read_keys(Path(args.key).read_text()))
    hash_name = "sm3" if any(kind == SM2 for _, _, kind, _ in keys) else "sha256"

    def get(path):
        with urlopen(f"{args.url}/{path}", timeout=30) as answer:
            return answer.read().decode()

    origin, size, root = head(get("sm3/checkpoint" if hash_name == "sm3" else "checkpoint"), keys)
    said = {"origin": origin, "size": size, "root": root.hex(), "hash": hash_name}
    if args.index is not None:
        proof = json.loads(get(f"proof/inclusion?index={args.index}&size={size}&hash={hash_name}"))
        leaf = bytes.fromhex(proof["leaf"])
        assert not args.leaf or leaf == digest(hash_name, b"\x00" + Path(args.leaf).read_bytes()), "another entry"
        assert 0 <= args.index < size, "no such entry"
        hashes = [bytes.fromhex(h) for h in proof["hashes"]]
        assert included(hash_name, leaf, args.index, size, hashes) == root, "the entry is not in the log"
        said["included"] = args.index
    if args.seen:
        before, old, old_root = head(Path(args.seen).read_text(), keys)
        assert before == origin and 0 < old <= size, "the kept head is of another log or a longer one"
        proof = json.loads(get(f"proof/consistency?from={old}&to={size}&hash={hash_name}"))
        hashes = [bytes.fromhex(h) for h in proof["hashes"]]
        assert continued(hash_name, old, size, hashes, old_root) == (old_root, root), "the log was rewritten"
        said["continues"] = old
    print(json.dumps(said))


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, IndexError, ValueError, OSError) as wrong:
        print(json.dumps({"failed": str(wrong)}))
        sys.exit(1)
