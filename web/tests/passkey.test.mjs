import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const w = await load("webauthn.ts");
const buffer = (...bytes) => Uint8Array.from(bytes).buffer;

test("bytes of any length become text and bytes again", () => {
  for (let n = 0; n < 70; n += 1) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 37 + n * 11) & 255);
    const text = w.text(bytes.buffer);
    assert.equal(text, Buffer.from(bytes).toString("base64url"));
    assert.deepEqual(new Uint8Array(w.bytes(text)), bytes);
  }
});

test("options have bytes where the browser wants them", () => {
  const made = w.options({
    challenge: "AQID", rp: { id: "x" }, user: { id: "_-8", name: "n" }, attestation: "none",
    excludeCredentials: [{ type: "public-key", id: "BQ", transports: ["usb"] }],
  });
  assert.deepEqual(new Uint8Array(made.challenge), Uint8Array.of(1, 2, 3));
  assert.deepEqual(new Uint8Array(made.user.id), Uint8Array.of(255, 239));
  assert.deepEqual(new Uint8Array(made.excludeCredentials[0].id), Uint8Array.of(5));
  assert.deepEqual([made.user.name, made.attestation, made.excludeCredentials[0].transports], ["n", "none", ["usb"]]);
  assert.equal("allowCredentials" in made, false);
});

test("a credential becomes the JSON that the server reads", () => {
  const added = w.response({
    id: "CQ", rawId: buffer(9), type: "public-key",
    response: { clientDataJSON: buffer(1), attestationObject: buffer(2), getTransports: () => ["internal"] },
  });
  assert.deepEqual(added, {
    id: "CQ", rawId: "CQ", type: "public-key", clientExtensionResults: {},
    response: { clientDataJSON: "AQ", attestationObject: "Ag", transports: ["internal"] },
  });
  const shown = w.response({
    id: "CQ", rawId: buffer(9), type: "public-key",
    response: { clientDataJSON: buffer(1), authenticatorData: buffer(2), signature: buffer(3), userHandle: null },
  });
  assert.deepEqual(shown.response, { clientDataJSON: "AQ", authenticatorData: "Ag", signature: "Aw", userHandle: null });
});
