#!/usr/bin/env python3
"""Judges signed PDF files with pyHanko, an implementation we did not write.

Use: pades_pyhanko.py FILE.pdf ROOT.pem   (needs: pip install pyhanko)

Prints OK, or the reason, for every signature. Exits 0 when all are intact, trusted, made with a usable
certificate at the time they claim,
PAdES (ETSI.CAdES.detached), and the last one covers the whole file; 1 otherwise.
"""
import sys

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext


def judge(signature, root, last):
    """The reason a signature is not accepted, or None."""
    at = signature.self_reported_timestamp
    if at is None:
        return "no signing time"
    context = ValidationContext(trust_roots=[root], allow_fetching=False, moment=at, best_signature_time=at)
    status = validate_pdf_signature(signature, context)
    if signature.sig_object["/SubFilter"] != "/ETSI.CAdES.detached":
        return "not a PAdES signature"
    if last and status.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        return f"coverage is {status.coverage.name}"
    if not status.bottom_line:
        return f"{status.summary()}\n{status.pretty_print_details()}"
    print(f"{signature.field_name}: {status.summary()}")
    return None


def main(path, root_path):
    with open(root_path, "rb") as file:
        root = x509.Certificate.load(pem.unarmor(file.read())[2])
    with open(path, "rb") as file:
        signatures = PdfFileReader(file).embedded_signatures
        reasons = [judge(s, root, s is signatures[-1]) for s in signatures] or ["no signature"]
    reasons = [reason for reason in reasons if reason]
    print("\n".join(reasons) or "OK")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]) if len(sys.argv) == 3 else __doc__)
