// A relying party on npm openid-client: it knows the standards and an issuer, nothing of our server.
// Every function throws what openid-client throws: `error` is the OAuth code and `status` the HTTP status, except for a
// 401 with WWW-Authenticate, which has `code` OAUTH_WWW_AUTHENTICATE_CHALLENGE and the challenges as `cause`. What the
// client itself refuses (state, iss, ID token) has another `code`.
import * as oauth from "openid-client";

/** Ways a client authenticates, by their names in the standards. */
const METHODS = {
  client_secret_basic: (secret) => oauth.ClientSecretBasic(secret),
  client_secret_post: (secret) => oauth.ClientSecretPost(secret),
  none: () => oauth.None(),
};

/**
 * Reads the provider's metadata. `secret` with `method` client_secret_basic (the default) or client_secret_post, or no
 * secret for a public client, or `key` (see `privateKey`) for private_key_jwt. `alg` is the algorithm ID tokens must
 * have. Plain http is allowed: the town of a test has no certificate.
 */
export async function discover({ issuer, clientId, secret, method, key, kid, redirectUri, alg = "ES256" }) {
  const how = method ?? (secret ? "client_secret_basic" : "none");
  const auth = key ? oauth.PrivateKeyJwt(kid ? { key, kid } : key) : METHODS[how](secret);
  const metadata = {
    client_secret: secret,
    redirect_uris: redirectUri && [redirectUri],
    id_token_signed_response_alg: alg,
  };
  const config = await oauth.discovery(new URL(issuer), clientId, metadata, auth, {
    execute: [oauth.allowInsecureRequests],
  });
  return { config, redirectUri };
}

/** The metadata as the provider published it. */
export const metadata = (client) => client.config.serverMetadata();

async function request(client, { scope = "openid", ...more }) {
  const written = ([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : `${value}`];
  const checks = {
    pkceCodeVerifier: oauth.randomPKCECodeVerifier(),
    expectedState: oauth.randomState(),
    expectedNonce: oauth.randomNonce(),
    idTokenExpected: true,
  };
  if (more.max_age !== undefined) checks.maxAge = Number(more.max_age);
  const parameters = {
    redirect_uri: client.redirectUri,
    scope,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: "S256",
    ...Object.fromEntries(Object.entries(more).map(written)),
  };
  return { checks, parameters };
}

/** Where to send the browser, and the checks that `exchange` needs afterwards. `wish`: scope, prompt, claims, … */
export async function authorizationUrl(client, wish = {}) {
  const { checks, parameters } = await request(client, wish);
  return { url: oauth.buildAuthorizationUrl(client.config, parameters).href, checks };
}

/** The same after pushing the request (RFC 9126); the URL names it only. */
export async function pushedUrl(client, wish = {}) {
  const { checks, parameters } = await request(client, wish);
  return { url: (await oauth.buildAuthorizationUrlWithPAR(client.config, parameters)).href, checks };
}

/**
 * Exchanges the code of the address the browser came back to; verifies state, `iss`, ID token, nonce and, when asked
 * for, auth_time. For form_post give `form`, the body that was posted.
 */
export async function exchange(client, callbackUrl, checks, form) {
  const url = new URL(callbackUrl);
  for (const [name, value] of new URLSearchParams(form)) url.searchParams.append(name, value);
  const tokens = await oauth.authorizationCodeGrant(client.config, url, checks);
  return { ...tokens, claims: tokens.claims() };
}

/** UserInfo; refused when its `sub` is not that of the ID token. */
export const userinfo = (client, accessToken, sub) => oauth.fetchUserInfo(client.config, accessToken, sub);

/** New tokens for a refresh token; `more` may narrow the scope. */
export async function refresh(client, refreshToken, more) {
  const tokens = await oauth.refreshTokenGrant(client.config, refreshToken, more);
  return { ...tokens, claims: tokens.claims() };
}

/** What the provider says of a token (RFC 7662). */
export const introspect = (client, token, more) => oauth.tokenIntrospection(client.config, token, more);

/** Gives a token back (RFC 7009). */
export const revoke = (client, token, more) => oauth.tokenRevocation(client.config, token, more);

/** A token for the client itself. */
export const clientCredentials = (client, scope) => oauth.clientCredentialsGrant(client.config, scope ? { scope } : {});

/** Where to send the browser to log out. */
export const endSessionUrl = (client, parameters) => oauth.buildEndSessionUrl(client.config, parameters).href;

/** A key pair for private_key_jwt: `key` for `discover`, `jwk` to register. `alg` is ES256 or Ed25519. */
export async function privateKey(alg = "ES256") {
  const algorithm = alg === "ES256" ? { name: "ECDSA", namedCurve: "P-256" } : { name: "Ed25519" };
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const kid = oauth.randomState();
  return { key: pair.privateKey, kid, jwk: { kty, crv, x, ...(y && { y }), kid, use: "sig" } };
}
