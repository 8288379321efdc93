import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { certify, jws, makeIssuer, makeKey } from "./city.mjs";
import { load } from "./load.mjs";

const f = await load("code/format.ts");
const { openList, keysOf } = await load("code/list.ts");
const NOW = 1_800_000_000;
const DAY = 86_400;

let issuer, key, certificate, keys, code;
const made = (at = NOW, bytes = certificate) => f.buildCode(bytes, key.secret, at);
const read = (typed, { at = NOW, known = keys, revoked } = {}) => f.verify(typed, known, at, revoked);
const why = async (...a) => (await read(...a)).why ?? "good";
/** The same code with one byte of its body changed. */
const bent = (typed, at) => {
  const body = Buffer.from(typed.slice(4), "base64url");
  body[at < 0 ? body.length + at : at] ^= 1;
  return `YW1.${body.toString("base64url")}`;
};

before(async () => {
  issuer = await makeIssuer();
  key = await makeKey();
  certificate = await certify(issuer, key, { notBefore: NOW - DAY, notAfter: NOW + DAY });
  const known = await f.issuerKey(issuer.x, issuer.y);
  keys = new Map([[known.kid, known.key]]);
  code = await made();
});

test("a certificate tells what the city wrote into it", () => {
  const c = f.parseCertificate(certificate);
  assert.equal(c.kind, "person");
  assert.equal(c.device, "00112233445566778899aabbccddeeff");
  assert.equal(c.issuer, issuer.kid);
  assert.deepEqual([c.notBefore, c.notAfter], [NOW - DAY, NOW + DAY]);
  assert.equal(c.label, "张*");
});

test("labels from none to sixty bytes, and a firm", async () => {
  for (const label of ["", "企".repeat(20)]) {
    const bytes = await certify(issuer, key, { label, kind: 2, notBefore: NOW, notAfter: NOW });
    const verdict = await read(await made(NOW, bytes));
    assert.equal(verdict.good, true);
    assert.equal(verdict.code.certificate.kind, "firm");
    assert.equal(verdict.code.certificate.label, label);
  }
});

test("an impossible certificate is no certificate", async () => {
  const of = (more) => certify(issuer, key, { notBefore: NOW, notAfter: NOW, ...more });
  assert.equal(f.parseCertificate(await of({ label: "x".repeat(61) })), undefined);
  assert.equal(f.parseCertificate(await of({ kind: 3 })), undefined);
  const other = await of({});
  for (const [at, value] of [[0, 2], [34, 4], [68, 0xff]]) {
    const bytes = other.slice();
    bytes[at] = value;
    assert.equal(f.parseCertificate(bytes), undefined, `byte ${at}`);
  }
});

test("a code is good and says whose it is", async () => {
  const verdict = await read(`  ${code}\r\n`);
  assert.equal(verdict.good, true);
  assert.equal(verdict.code.issuedAt, NOW);
  assert.match(code, /^YW1\.[\w-]{280,362}$/);
});

test("two codes of one second differ", async () => {
  const [a, b] = await Promise.all([made(), made()]);
  assert.notEqual(f.parseCode(a).id, f.parseCode(b).id);
});

test("a code lives from 30 s before its time until 90 s after it", async () => {
  for (const [at, expected] of [[-31, "early"], [-30, "good"], [0, "good"], [60, "good"], [90, "good"], [91, "late"]]) {
    assert.equal(await why(code, { at: NOW + at }), expected, `${at} s`);
  }
});

test("any changed byte is noticed", async () => {
  const length = Buffer.from(code.slice(4), "base64url").length;
  for (let at = 0; at < length; at += 1) assert.equal((await read(bent(code, at))).good, false, `byte ${at}`);
  assert.equal(await why(bent(code, -1)), "forged");
  assert.equal(await why(bent(code, -70)), "forged"); // the nonce
  assert.equal(await why(bent(code, 68)), "forged-certificate"); // the label
  assert.equal(await why(bent(code, 33)), "forged-certificate"); // the last second
});

test("a truncated or prolonged code is unreadable", async () => {
  for (let n = 0; n < code.length; n += 1) assert.equal(await why(code.slice(0, n)), "unreadable", `${n} characters`);
  for (const s of [`${code}A`, `${code}AAAA`, code.replace("YW1", "YW2"), code.toLowerCase(), `${code}=`]) assert.equal(await why(s), "unreadable");
});

test("one code has one text", () => {
  // Unused bits of the last character must be zero.
  assert.ok(f.fromBase64url("AA"));
  assert.equal(f.fromBase64url("AB"), undefined);
});

test("another city's certificate is not believed", async () => {
  const stranger = await makeIssuer();
  const foreign = await certify(stranger, key, { notBefore: NOW - DAY, notAfter: NOW + DAY });
  assert.equal(await why(await made(NOW, foreign)), "unknown-issuer");
  // The stranger uses the name of the city's key.
  const lying = await certify({ ...stranger, kid: issuer.kid }, key, { notBefore: NOW - DAY, notAfter: NOW + DAY });
  assert.equal(await why(await made(NOW, lying)), "forged-certificate");
});

test("a certificate needs its own device's key", async () => {
  const thief = await makeKey();
  assert.equal(await why(await f.buildCode(certificate, thief.secret, NOW)), "forged");
});

test("a certificate ends, and begins", async () => {
  const at = NOW + DAY;
  assert.equal(await why(await made(at), { at }), "good");
  assert.equal(await why(await made(at + 1), { at: at + 1 }), "certificate-ended");
  const early = NOW - DAY - 30;
  assert.equal(await why(await made(early), { at: early }), "good");
  assert.equal(await why(await made(early - 1), { at: early - 1 }), "certificate-early");
});

test("a removed device is refused", async () => {
  assert.equal(await why(code, { revoked: new Set(["00112233445566778899aabbccddeeff"]) }), "revoked");
});

test("points are compressed and found again, for either sign", async () => {
  const signs = new Set();
  for (let n = 0; n < 24; n += 1) {
    const { x, y } = await makeKey();
    const [a, b] = [x, y].map((s) => f.fromBase64url(s));
    const small = f.compress(a, b);
    signs.add(small[0]);
    assert.deepEqual(f.decompress(small), f.join(Uint8Array.of(4), a, b));
  }
  assert.equal(signs.size, 2);
  assert.equal(f.decompress(f.join(Uint8Array.of(2), new Uint8Array(32).fill(0xff))), undefined);
  const outcomes = new Set();
  for (let x = 1; x <= 20; x += 1) {
    const point = f.decompress(f.join(Uint8Array.of(3), new Uint8Array(31), Uint8Array.of(x)));
    outcomes.add(!!point);
    // The platform refuses a point that is not on the curve.
    if (point) await crypto.subtle.importKey("raw", point, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
  }
  assert.equal(outcomes.size, 2);
});

test("the code made once stays readable", async () => {
  const v = JSON.parse(await readFile(new URL("vector.json", import.meta.url), "utf8"));
  const { kid, key: city } = await f.issuerKey(v.issuer.x, v.issuer.y);
  assert.equal(kid, v.issuer.kid);
  const verdict = await read(v.code, { at: v.issued_at, known: new Map([[kid, city]]) });
  assert.equal(verdict.good, true);
  const { certificate: c } = verdict.code;
  assert.deepEqual([c.device, c.label, c.kind, c.notBefore, c.notAfter], [v.device.id, v.label, v.kind, v.not_before, v.not_after]);
  assert.equal(f.toBase64url(f.parseCertificate(f.fromBase64url(v.certificate)).key), f.toBase64url(f.compress(f.fromBase64url(v.device.x), f.fromBase64url(v.device.y))));
  assert.equal((await openList(v.list)).issued_at, v.issued_at);
});

/* --- The list that readers keep --- */

const listed = (signers, more = {}) => ({
  issued_at: NOW, expires_at: NOW + DAY, keys: signers.map(({ kid, x, y }) => ({ kid, x, y })), revoked: [], scenes: [], ...more,
});

test("the first list is believed, the next must follow from it", async () => {
  const second = await makeIssuer();
  const first = await openList(await jws(issuer, listed([issuer, second])));
  assert.deepEqual([...(await keysOf(first)).keys()], [issuer.kid, second.kid]);
  const next = await openList(await jws(second, listed([second], { issued_at: NOW + 1, revoked: ["ab"] })), first);
  assert.deepEqual(next.revoked, ["ab"]);
  await assert.rejects(openList(await jws(issuer, listed([issuer, second], { issued_at: NOW + 2 })), next), /known key/);
});

test("a list must be whole, signed, and not older", async () => {
  const good = await jws(issuer, listed([issuer]));
  const first = await openList(good);
  const [head, , signature] = good.split(".");
  const other = Buffer.from(JSON.stringify(listed([issuer], { revoked: ["cd"] }))).toString("base64url");
  await assert.rejects(openList(`${head}.${other}.${signature}`), /known key/);
  await assert.rejects(openList(good.slice(0, -4)));
  await assert.rejects(openList(`${good}.x`), /not a signed list/);
  await assert.rejects(openList("<html>"));
  await assert.rejects(openList(await jws(issuer, { issued_at: NOW })), /not a signed list/);
  await assert.rejects(openList(await jws(issuer, listed([issuer], { issued_at: NOW - 1 })), first), /older/);
});

test("a key under another key's name is no key of the list", async () => {
  const stranger = await makeIssuer();
  const lying = { ...stranger, kid: issuer.kid };
  assert.equal((await keysOf(listed([lying]))).size, 0);
  await assert.rejects(openList(await jws(lying, listed([lying]))), /known key/);
});
