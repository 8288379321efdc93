// A city that certifies devices, as the server does, written from the description of the format alone.
import { createHash, webcrypto } from "node:crypto";

const { subtle } = webcrypto;
const ES256 = { name: "ECDSA", hash: "SHA-256" };
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const sign = async (key, ...parts) => Buffer.from(await subtle.sign(ES256, key, Buffer.concat(parts)));
const pair = (extractable) => subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, extractable, ["sign", "verify"]);

export async function makeIssuer() {
  const keys = await pair(true);
  const { x, y } = await subtle.exportKey("jwk", keys.publicKey);
  const point = Buffer.from(await subtle.exportKey("raw", keys.publicKey));
  return { x, y, kid: createHash("sha256").update(point).digest("hex").slice(0, 16), secret: keys.privateKey };
}

/** A key as a browser keeps it, and its public coordinates. */
export async function makeKey() {
  const keys = await pair(false);
  const { x, y } = await subtle.exportKey("jwk", keys.publicKey);
  return { x, y, secret: keys.privateKey };
}

export async function certify(issuer, key, { device = "00112233445566778899aabbccddeeff", kind = 1, label = "张*", notBefore, notAfter }) {
  const [x, y, name] = [Buffer.from(key.x, "base64url"), Buffer.from(key.y, "base64url"), Buffer.from(label)];
  const body = Buffer.concat([
    Buffer.from([1, kind]), Buffer.from(device, "hex"), Buffer.from(issuer.kid, "hex"), u32(notBefore), u32(notAfter),
    Buffer.from([2 + (y[31] & 1)]), x, Buffer.from([name.length]), name,
  ]);
  return new Uint8Array(Buffer.concat([body, await sign(issuer.secret, Buffer.from("yiwang-code-certificate-v1\0"), body)]));
}

export async function jws(issuer, payload) {
  const text = [{ alg: "ES256", kid: issuer.kid }, payload].map((v) => Buffer.from(JSON.stringify(v)).toString("base64url")).join(".");
  return `${text}.${(await sign(issuer.secret, Buffer.from(text))).toString("base64url")}`;
}
