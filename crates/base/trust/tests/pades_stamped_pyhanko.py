#!/usr/bin/env python3
"""Judges a time-stamped PDF signature with pyHanko, an implementation we did not write, and appends to the file what
may and what may not follow a signature.

Use: pades_stamped_pyhanko.py FOLDER NAME   (needs: pip install pyhanko)

Reads NAME.pdf, root.pem, ca.pem, and certificate and key of signer and stamper; writes NAME-dss.pdf, NAME-twice.pdf,
NAME-archived.pdf and NAME-noted.pdf.
Exits 0 when the signature is intact, trusted, covers the file and has a trusted time-stamp.
"""
import subprocess
import sys
from pathlib import Path

from asn1crypto import pem, tsp, x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext


def certificate(path):
    return x509.Certificate.load(pem.unarmor(path.read_bytes())[2])


def judge(path, root):
    with open(path, "rb") as file:
        (signature,) = PdfFileReader(file).embedded_signatures
        at = signature.self_reported_timestamp
        context = ValidationContext(trust_roots=[root], allow_fetching=False, moment=at, best_signature_time=at)
        status = validate_pdf_signature(signature, context, ts_validation_context=context)
        stamp = status.timestamp_validity
        print(status.summary(), "| time-stamp:", stamp and stamp.summary(), stamp and stamp.timestamp)
        return (
            status.bottom_line
            and status.coverage == SignatureCoverageLevel.ENTIRE_FILE
            and stamp is not None
            and stamp.valid
            and stamp.intact
            and stamp.trusted
        )


class OpensslStamper(TimeStamper):
    """pyHanko's own test authority knows RSA only; OpenSSL knows our keys."""

    CONFIG = """[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1
digests=sha256\ness_cert_id_alg=sha256\n"""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        (folder / "tsa.cnf").write_text(self.CONFIG)
        (folder / "serial").write_text("0A01")

    async def async_request_tsa_response(self, req):
        (self.folder / "req.tsq").write_bytes(req.dump())
        line = "ts -reply -config tsa.cnf -queryfile req.tsq -signer stamper.pem -inkey stamper.key -chain chain.pem"
        subprocess.run(["openssl", *line.split(), "-out", "resp.tsr"], cwd=self.folder, check=True)
        return tsp.TimeStampResp.load((self.folder / "resp.tsr").read_bytes())


def append(source, target, change):
    with open(source, "rb") as file:
        writer = IncrementalPdfFileWriter(file)
        change(writer)
        with open(target, "wb") as out:
            writer.write(out)


def note(writer):
    page = writer.root["/Pages"]["/Kids"][0]
    box = generic.ArrayObject(generic.NumberObject(n) for n in (50, 50, 300, 300))
    annotation = generic.DictionaryObject({
        generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
        generic.pdf_name("/Subtype"): generic.pdf_name("/FreeText"),
        generic.pdf_name("/Rect"): box,
        generic.pdf_name("/Contents"): generic.pdf_string("Paid"),
    })
    page["/Annots"].append(writer.add_object(annotation))
    writer.update_container(page["/Annots"])


def main(folder, name):
    folder = Path(folder)
    source = folder / f"{name}.pdf"
    root, issuer = certificate(folder / "root.pem"), certificate(folder / "ca.pem")
    if not judge(source, root):
        return 1
    append(
        source,
        folder / f"{name}-dss.pdf",
        lambda writer: DocumentSecurityStore.supply_dss_in_writer(writer, None, certs=[root, issuer]),
    )
    append(source, folder / f"{name}-noted.pdf", note)
    signer = signers.SimpleSigner.load(
        str(folder / "signer.key"),
        str(folder / "signer.pem"),
        ca_chain_files=(str(folder / "ca.pem"),),
    )
    meta = signers.PdfSignatureMetadata(field_name="Second", subfilter=SigSeedSubFilter.PADES)
    with open(source, "rb") as file, open(folder / f"{name}-twice.pdf", "wb") as out:
        signers.sign_pdf(IncrementalPdfFileWriter(file), meta, signer, output=out)
    stamper = OpensslStamper(folder)
    with open(source, "rb") as file, open(folder / f"{name}-archived.pdf", "wb") as out:
        signers.PdfTimeStamper(stamper).timestamp_pdf(IncrementalPdfFileWriter(file), "sha256", output=out)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]) if len(sys.argv) == 3 else __doc__)
