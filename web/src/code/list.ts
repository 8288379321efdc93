/**
 * What a reader needs to check codes without a network: the city's keys and the removed devices, in one signed text.
 * The first list is believed; each later one must be signed by a key that the list before it names.
 */

import { fromBase64url, issuerKey, signedBy, type Bytes } from "./format";

export interface List {
  /** Unix seconds. */
  issued_at: number;
  expires_at: number;
  keys: { kid: string; x: string; y: string }[];
  /** Hex ids of devices. */
  revoked: string[];
}

/** The city's public keys by the name that certificates call them. A name that is not the key's own is left out. */
export async function keysOf(list: List): Promise<Map<string, CryptoKey>> {
  const found = new Map<string, CryptoKey>();
  for (const { kid, x, y } of list.keys) {
    try {
      const { kid: own, key } = await issuerKey(x, y);
      if (own === kid) found.set(kid, key);
    } catch { /* a list may name keys of a later kind */ }
  }
  return found;
}

function part(s: string | undefined): Bytes {
  const bytes = s ? fromBase64url(s) : undefined;
  if (!bytes) throw new Error("not a signed list");
  return bytes;
}

function shaped(value: unknown): value is List {
  const l = value as Partial<List> | null;
  return !!l && Number.isSafeInteger(l.issued_at) && Number.isSafeInteger(l.expires_at)
    && Array.isArray(l.keys) && l.keys.every((k) => [k?.kid, k?.x, k?.y].every((v) => typeof v === "string"))
    && Array.isArray(l.revoked) && l.revoked.every((id) => typeof id === "string");
}

/** The list inside a compact JWS (RFC 7515). Throws when it is not what `known`, the list held so far, vouches for. */
export async function openList(jws: string, known?: List): Promise<List> {
  const pieces = jws.trim().split(".");
  const [head, body, signature] = pieces;
  const json = (s: string | undefined): unknown => JSON.parse(new TextDecoder().decode(part(s)));
  const { alg, kid } = json(head) as { alg?: unknown; kid?: unknown };
  const list = json(body);
  if (pieces.length !== 3 || alg !== "ES256" || typeof kid !== "string" || !shaped(list)) throw new Error("not a signed list");
  const key = (await keysOf(known ?? list)).get(kid);
  const signed = new TextEncoder().encode(`${head}.${body}`) as Bytes;
  if (!key || !(await signedBy(key, part(signature), signed))) throw new Error("not signed by a known key");
  if (known && list.issued_at < known.issued_at) throw new Error("older than the list at hand");
  return list;
}
