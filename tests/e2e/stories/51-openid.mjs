// Other systems sign people in through the city: npm openid-client and PyPI Authlib, with a person's browser in between.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as party from "../clients/openid.mjs";
import { ROOT, browser, check, cli, eventually, exec, newPage, password, quiet, same, shot, signIn, startCity, venv } from "../harness.mjs";

/** A system's own web server: keeps what it is asked, and answers with a page of its own. */
async function system() {
  const seen = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => { body += part; });
    request.on("end", () => {
      seen.push({ url: request.url, method: request.method, body });
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end("<!DOCTYPE html><title>system</title><h1>the system</h1>");
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://localhost:${server.address().port}`;
  return { url, seen, close: () => new Promise((resolve) => server.close(resolve)) };
}

/** The person consents to what the page names. */
async function allow(page) {
  await page.locator("button[value=allow]").click();
}

async function back(page, site) {
  await page.waitForURL((url) => url.origin === site.url);
  return page.url();
}

export default async function () {
  const city = await startCity();
  const site = await system();
  try {
    await story(city, site);
  } finally {
    await site.close();
  }
}

async function story(city, site) {
  const redirect = `${site.url}/callback`;
  const add = async (...options) => {
    const { code, stdout, stderr } = await cli(city, "client", "add", ...options);
    same(code, 0, `client add: ${stderr}`);
    return JSON.parse(stdout);
  };
  const chrome = await browser();
  const admin = await newPage(chrome);
  await signIn(admin, city, "admin");
  await admin.goto(`${city.url}/developers/clients/new`);
  await shot(admin, "openid-client-new");
  await admin.fill("#client_name", "演示停车系统");
  await admin.fill("#operator", "演示城市停车公司");
  await admin.fill("#redirect_uris", redirect);
  await admin.fill("#post_logout_redirect_uris", `${site.url}/bye`);
  await admin.fill("#scope", "openid profile phone offline_access introspection");
  await admin.fill("#backchannel_logout_uri", `${site.url}/logged-out`);
  await admin.check("[name=refresh_token]");
  await admin.check("[name=client_credentials]");
  await admin.locator("main form .actions button").click();
  const fact = async (name) => (await admin.locator(`dt:text-is("${name}") + dd`).innerText()).trim();
  const [clientId, secret] = [await fact("client_id"), await fact("client_secret")];
  await shot(admin, "openid-client-secret");
  quiet(admin);

  const client = await party.discover({ issuer: city.url, clientId, secret, redirectUri: redirect });
  const { url, checks } = await party.authorizationUrl(client, { scope: "openid profile phone offline_access" });
  const hers = await newPage(chrome);
  await hers.goto(url);
  await hers.waitForURL((u) => u.pathname === "/sign-in");
  await hers.fill("[name=login]", "resident");
  await hers.fill("[name=password]", password(city));
  await hers.locator("form:has([name=password]) button").click();
  await hers.waitForURL((u) => u.pathname.startsWith("/openid/requests/"));
  check((await hers.locator("main").innerText()).includes("手机号码"), "the page names what will be told");
  await shot(hers, "openid-consent");
  quiet(hers);
  await allow(hers);
  // The browser's own policy about forms lets it go on to the system.
  const tokens = await party.exchange(client, await back(hers, site), checks);
  const told = await party.userinfo(client, tokens.access_token, tokens.claims.sub);
  same([told.name, told.phone_number], ["演示居民甲", "+8619900000001"], "what the system is told");
  const fresh = await party.refresh(client, tokens.refresh_token);
  same((await party.introspect(client, fresh.access_token)).active, true, "the new token works");
  // The old refresh token is a stolen one from now on.
  await party.refresh(client, tokens.refresh_token).then(() => check(false, "an old refresh token works"), (e) => same(e.error, "invalid_grant", "old refresh token"));
  same((await party.introspect(client, fresh.access_token)).active, false, "and what came of it is void");
  check((await party.clientCredentials(client)).access_token, "the system gets a token for itself");

  // Pushed, and answered by a form that the browser posts.
  const pushed = await party.pushedUrl(client, { scope: "openid profile", response_mode: "form_post" });
  await hers.goto(pushed.url);
  await eventually(() => site.seen.some((r) => r.method === "POST" && r.url === "/callback"), "the form reaches the system");
  const posted = site.seen.find((r) => r.method === "POST" && r.url === "/callback").body;
  const again = await party.exchange(client, redirect, pushed.checks, posted);
  same(again.claims.sub, tokens.claims.sub, "the same person");

  // Signing out here tells the system.
  const out = party.endSessionUrl(client, { id_token_hint: again.id_token, post_logout_redirect_uri: `${site.url}/bye`, state: "z" });
  await hers.goto(out);
  same(hers.url(), `${site.url}/bye?state=z`, "after signing out");
  await eventually(() => site.seen.some((r) => r.url === "/logged-out" && r.body.startsWith("logout_token=")), "the system is told", 20_000);
  await hers.goto(`${city.url}/me`);
  check(hers.url().includes("/sign-in"), "signed out");

  // A system that proves itself by a key, and Authlib.
  const pair = await party.privateKey();
  await admin.goto(`${city.url}/developers/clients/new`);
  await admin.fill("#client_name", "演示密钥系统");
  await admin.fill("#redirect_uris", redirect);
  await admin.selectOption("#method", "private_key_jwt");
  await admin.fill("#jwks", JSON.stringify({ keys: [pair.jwk] }));
  await admin.selectOption("#alg", "EdDSA");
  await admin.locator("main form .actions button").click();
  const keyed = await party.discover({ issuer: city.url, clientId: await fact("client_id"), key: pair.key, kid: pair.kid, redirectUri: redirect, alg: "EdDSA" });
  await signIn(hers, city, "resident");
  const asked = await party.authorizationUrl(keyed, { scope: "openid profile" });
  await hers.goto(asked.url);
  await allow(hers);
  const byKey = await party.exchange(keyed, await back(hers, site), asked.checks);
  check(byKey.claims.sub !== tokens.claims.sub, "another system has another name for her");
  await hers.goto(`${city.url}/me/systems`);
  check((await hers.locator("main").innerText()).includes("演示密钥系统"), "she sees whom she let know");
  await shot(hers, "openid-systems");

  const other = await add("--name", "演示脚本系统", "--redirect", redirect, "--scope", "openid profile offline_access");
  const packages = (await readFile(join(ROOT, "tests/e2e/clients/requirements.txt"), "utf8")).split("\n").filter((l) => /^[A-Za-z]/.test(l));
  const python = await venv(packages);
  const state = join(city.data, "authlib.json");
  const authlib = async (...words) => {
    // With `=`: one secret in 64 begins with a dash and would read as an option.
    const options = ["--issuer", city.url, "--client-id", other.client_id, `--secret=${other.client_secret}`, "--redirect", redirect,
      "--scope", "openid profile offline_access", "--state", state];
    const { code, stdout, stderr } = await exec(python, [join(ROOT, "tests/e2e/clients/authlib_client.py"), ...options, ...words]);
    same(code, 0, `authlib ${words[0]}: ${stdout}${stderr}`);
    return JSON.parse(stdout);
  };
  await hers.goto((await authlib("authorize-url")).url);
  await allow(hers);
  await authlib("exchange", await back(hers, site));
  await authlib("refresh");
  same((await authlib("userinfo")).name, "演示居民甲", "what Authlib is told");
}
