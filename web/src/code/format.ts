/**
 * The code of "one person one code": bytes, text and signatures, without any page or storage around them.
 *
 * A device holds a key; the city certifies it; the device then signs a fresh code every half minute, with or without
 * a network. Whoever knows the city's public keys can check a code, also without a network.
 */

export type Bytes = Uint8Array<ArrayBuffer>;
export type Kind = "person" | "firm";

/** Seconds a code is good for after it was made. */
export const LIFE = 60;
/** Seconds by which two clocks may differ. */
export const LEEWAY = 30;

export interface Certificate {
  kind: Kind;
  /** Hex, 16 bytes. */
  device: string;
  /** Hex, 8 bytes: which key of the city signed. */
  issuer: string;
  /** Unix seconds, both inclusive. */
  notBefore: number;
  notAfter: number;
  /** SEC1 compressed, 33 bytes. */
  key: Bytes;
  label: string;
  signed: Bytes;
  signature: Bytes;
}

export interface Code {
  certificate: Certificate;
  issuedAt: number;
  /** Names this code among all others. Not its signature: a second valid one can be computed from the first. */
  id: string;
  signed: Bytes;
  signature: Bytes;
}

/** Why a code is refused; every reason but `unreadable` knows the code. */
export type Fault = "unreadable" | "unknown-issuer" | "forged-certificate" | "certificate-early" | "certificate-ended"
  | "forged" | "early" | "late" | "revoked";
export type Verdict = { good: true; code: Code } | { good: false; why: Fault; code?: Code };

const PREFIX = "YW1.";
const CODE_DOMAIN = text("yiwang-code-v1\0");
const CERTIFICATE_DOMAIN = text("yiwang-code-certificate-v1\0");
const ECDSA = { name: "ECDSA", hash: "SHA-256" };
const P256 = { name: "ECDSA", namedCurve: "P-256" };
const HEAD = 68; // bytes of a certificate before its label: 1 + 1 + 16 + 8 + 4 + 4 + 33 + 1
const LABEL = 60;
const TAIL = 4 + 8 + 64; // what a code adds to its certificate

function text(s: string): Bytes {
  return new TextEncoder().encode(s) as Bytes;
}

export function join(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

export function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** Strict: one text for one run of bytes, so that a changed text is never the same code. */
export function fromBase64url(s: string): Bytes | undefined {
  if (!/^[\w-]+$/.test(s) || s.length % 4 === 1) return undefined;
  const bytes = Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  return toBase64url(bytes) === s ? bytes : undefined;
}

const u32 = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

function u32be(n: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

/** A certificate that takes up all of `bytes`. Its signature is not looked at here. */
export function parseCertificate(bytes: Bytes): Certificate | undefined {
  const n = bytes[HEAD - 1];
  if (n === undefined || n > LABEL || bytes.length !== HEAD + n + 64 || bytes[0] !== 1) return undefined;
  const kind = ([undefined, "person", "firm"] as const)[bytes[1] ?? 0];
  const key = bytes.slice(34, 67);
  if (!kind || (key[0] !== 2 && key[0] !== 3)) return undefined;
  let label: string;
  try {
    label = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(HEAD, HEAD + n));
  } catch {
    return undefined;
  }
  return {
    kind, key, label,
    device: hex(bytes.subarray(2, 18)),
    issuer: hex(bytes.subarray(18, 26)),
    notBefore: u32(bytes, 26),
    notAfter: u32(bytes, 30),
    signed: bytes.slice(0, HEAD + n),
    signature: bytes.slice(HEAD + n),
  };
}

/** A code from its text, surrounded by any white space (handheld readers add some). */
export function parseCode(typed: string): Code | undefined {
  const s = typed.trim();
  const body = s.startsWith(PREFIX) ? fromBase64url(s.slice(PREFIX.length)) : undefined;
  const certificate = body && body.length > TAIL ? parseCertificate(body.slice(0, -TAIL)) : undefined;
  if (!body || !certificate) return undefined;
  const signed = body.slice(0, -64);
  return {
    certificate, signed,
    issuedAt: u32(body, body.length - TAIL),
    id: `${certificate.device}-${hex(signed.subarray(-12))}`,
    signature: body.slice(-64),
  };
}

/** A new code of a device at `now` (unix seconds). `nonce` is a parameter for tests only. */
export async function buildCode(
  certificate: Bytes, key: CryptoKey, now: number, nonce: Bytes = crypto.getRandomValues(new Uint8Array(8)),
): Promise<string> {
  const signed = join(certificate, u32be(Math.floor(now)), nonce);
  const signature = new Uint8Array(await crypto.subtle.sign(ECDSA, key, join(CODE_DOMAIN, signed)));
  return PREFIX + toBase64url(join(signed, signature));
}

/* --- Keys --- */

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}

const number = (bytes: Uint8Array): bigint => BigInt(`0x${hex(bytes)}`);
const coordinate = (n: bigint): Bytes =>
  Uint8Array.from(n.toString(16).padStart(64, "0").match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** Browsers take uncompressed points only. The root is a power because p is 3 modulo 4 (SEC 1, 2.3.4). */
export function decompress(point: Bytes): Bytes | undefined {
  const x = number(point.subarray(1));
  if (point.length !== 33 || x >= P) return undefined;
  const square = (x ** 3n - 3n * x + B) % P;
  const right = square < 0n ? square + P : square;
  const root = power(right, (P + 1n) / 4n);
  if ((root * root) % P !== right) return undefined;
  const y = (root & 1n) === BigInt((point[0] ?? 0) & 1) ? root : P - root;
  return join(Uint8Array.of(4), point.subarray(1), coordinate(y));
}

export function compress(x: Bytes, y: Bytes): Bytes {
  return join(Uint8Array.of(2 + ((y[31] ?? 0) & 1)), x);
}

const publicKey = (point: Bytes): Promise<CryptoKey> => crypto.subtle.importKey("raw", point, P256, true, ["verify"]);

/** A key of the city from its JWK coordinates, with the name that certificates call it by. */
export async function issuerKey(x: string, y: string): Promise<{ kid: string; key: CryptoKey }> {
  const [a, b] = [fromBase64url(x), fromBase64url(y)];
  if (a?.length !== 32 || b?.length !== 32) throw new Error("not a P-256 point");
  const point = join(Uint8Array.of(4), a, b);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", point));
  return { kid: hex(digest.subarray(0, 8)), key: await publicKey(point) };
}

export const signedBy = (key: CryptoKey, signature: Bytes, message: Bytes): Promise<boolean> =>
  crypto.subtle.verify(ECDSA, key, signature, message);

/** Everything a reader can find out about a code without the server. `now` in unix seconds, `revoked` in hex. */
export async function verify(
  typed: string, keys: ReadonlyMap<string, CryptoKey>, now: number, revoked: ReadonlySet<string> = new Set(),
): Promise<Verdict> {
  const code = parseCode(typed);
  if (!code) return { good: false, why: "unreadable" };
  const { certificate: c } = code;
  const no = (why: Fault): Verdict => ({ good: false, why, code });
  const issuer = keys.get(c.issuer);
  if (!issuer) return no("unknown-issuer");
  if (!(await signedBy(issuer, c.signature, join(CERTIFICATE_DOMAIN, c.signed)))) return no("forged-certificate");
  const point = decompress(c.key);
  if (!point || !(await signedBy(await publicKey(point), code.signature, join(CODE_DOMAIN, code.signed)))) return no("forged");
  if (revoked.has(c.device)) return no("revoked");
  if (now < c.notBefore - LEEWAY) return no("certificate-early");
  if (now > c.notAfter) return no("certificate-ended");
  if (now < code.issuedAt - LEEWAY) return no("early");
  if (now > code.issuedAt + LIFE + LEEWAY) return no("late");
  return { good: true, code };
}
