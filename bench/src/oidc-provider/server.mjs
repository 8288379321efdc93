// The peer of the OpenID Connect bench: npm oidc-provider with its in-memory adapter, one process.
//
//   node server.mjs PORT CLIENT_ID CLIENT_SECRET [REDIRECT_URI]
//
// Prints one line of JSON when it listens and ends when its standard input is closed. The client may do what the
// bench measures (client_credentials, introspection); with a REDIRECT_URI also the code flow, so that clients for our
// own server can be tried here. `/answer/:uid` stands for the pages a person would see: whoever opens it is logged in
// as `person-1` and consents.
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, client_id, client_secret, redirect] = process.argv.slice(2);
if (!client_secret) {
  console.error("usage: server.mjs PORT CLIENT_ID CLIENT_SECRET [REDIRECT_URI]");
  process.exit(2);
}
const issuer = `http://127.0.0.1:${port}`;

/** A new private key as JWK. */
function key(type, options, alg) {
  const pem = generateKeyPairSync(type, options).privateKey.export({ type: "pkcs8", format: "pem" });
  return { ...createPrivateKey(pem).export({ format: "jwk" }), alg, use: "sig" };
}

const common = {
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
  scope: "city",
  id_token_signed_response_alg: "ES256",
};
const code = redirect && {
  grant_types: ["client_credentials", "authorization_code", "refresh_token"],
  redirect_uris: [redirect],
  post_logout_redirect_uris: [redirect],
  response_types: ["code"],
  scope: "openid profile offline_access city",
};
const clients = [
  { ...common, ...code, client_id, client_secret, token_endpoint_auth_method: "client_secret_basic" },
];
// A second client for assertions, whose public key is given as a JWK.
if (process.env.CLIENT_JWK) {
  clients.push({
    ...common,
    ...code,
    client_id: `${client_id}-key`,
    token_endpoint_auth_method: "private_key_jwt",
    token_endpoint_auth_signing_alg: process.env.CLIENT_ALG ?? "ES256",
    jwks: { keys: [JSON.parse(process.env.CLIENT_JWK)] },
  });
}

const provider = new Provider(issuer, {
  clients,
  jwks: { keys: [key("ec", { namedCurve: "P-256" }, "ES256"), key("ed25519", {}, "EdDSA")] },
  scopes: ["openid", "profile", "offline_access", "city"],
  claims: { openid: ["sub"], profile: ["name"] },
  pkce: { required: () => true },
  cookies: { keys: ["a cookie key of a test server"] },
  ttl: { ClientCredentials: 600, AccessToken: 600, IdToken: 600, Grant: 3600, Session: 3600, Interaction: 600 },
  enabledJWA: {
    idTokenSigningAlgValues: ["ES256", "EdDSA"],
    clientAuthSigningAlgValues: ["ES256", "EdDSA", "Ed25519"],
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    pushedAuthorizationRequests: { enabled: true },
    claimsParameter: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  interactions: { url: (_, interaction) => `/answer/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: "Li" }) }),
});

const answer = provider.callback();

/** Logs in, then consents, as the interaction asks. */
async function person(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    await provider.interactionFinished(request, response, { login: { accountId: "person-1" } });
    return;
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

const server = createServer((request, response) => {
  if (!request.url.startsWith("/answer/")) return answer(request, response);
  person(request, response).catch((e) => response.writeHead(500).end(String(e)));
});
server.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ issuer })));
process.stdin.resume().on("end", () => process.exit(0));
