/** WebAuthn between JSON (Level 3) and what browsers take and give. Pure. */

export type Json = Record<string, any>;

export const bytes = (text: string): ArrayBuffer =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)).buffer;
export const text = (buffer: ArrayBuffer): string =>
  btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join(""))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/** Options as the browser takes them: binary members are bytes. */
export function options(json: Json): Json {
  const known = (list?: Json[]): Json[] | undefined => list?.map((k) => ({ ...k, id: bytes(k.id) }));
  const made: Json = { ...json, challenge: bytes(json.challenge) };
  if (json.user) made.user = { ...json.user, id: bytes(json.user.id) };
  if (json.excludeCredentials) made.excludeCredentials = known(json.excludeCredentials);
  if (json.allowCredentials) made.allowCredentials = known(json.allowCredentials);
  return made;
}

/** A credential as JSON (WebAuthn Level 3); written here because not every browser and password manager does it rightly. */
export function response(credential: Json): Json {
  const r = credential.response;
  const said: Json = { clientDataJSON: text(r.clientDataJSON) };
  if (r.attestationObject) {
    said.attestationObject = text(r.attestationObject);
    said.transports = r.getTransports?.() ?? [];
  } else {
    said.authenticatorData = text(r.authenticatorData);
    said.signature = text(r.signature);
    said.userHandle = r.userHandle ? text(r.userHandle) : null;
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response: said, clientExtensionResults: {} };
}
