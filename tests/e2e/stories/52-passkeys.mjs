// Passkeys in a real browser, with Chromium's own authenticator: added, used to sign in without a word typed, offered beside
// the user name field, as the second step, copied, removed; and the pages where there are none.
import { browser, check, eventually, newPage, password, quiet, same, shot, signIn, startCity } from "../harness.mjs";

/** A device of its owner in this page: a platform authenticator whose user says yes. Returns how to steer it. */
async function device(page, options = {}) {
  const client = await page.context().newCDPSession(page);
  await client.send("WebAuthn.enable");
  const { authenticatorId } = await client.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true, ...options,
    },
  });
  const send = (what, more = {}) => client.send(`WebAuthn.${what}`, { authenticatorId, ...more });
  return {
    credentials: async () => (await send("getCredentials")).credentials,
    put: (credential) => send("addCredential", { credential }),
    verified: (isUserVerified) => send("setUserVerified", { isUserVerified }),
    present: (enabled) => send("setAutomaticPresenceSimulation", { enabled }),
  };
}

const text = (page) => page.locator("main").innerText();
const offer = (page, what) => page.locator(`[data-passkey=${what}] button`);

/** The page's own errors; the answers that it asked for on purpose are none. */
function calm(page) {
  page.complaints = page.complaints.filter((c) => !c.includes("the server responded with a status of 4"));
  quiet(page);
}

async function add(page, city, name) {
  await page.goto(`${city.url}/me/security`);
  await page.fill("#passkey-name", name);
  await offer(page, "add").click();
}

export default async function () {
  const city = await startCity();
  const chrome = await browser();
  const hers = await newPage(chrome, { viewport: { width: 390, height: 844 } });
  const phone = await device(hers);
  // Nothing is offered beside the field before there is anything to offer.
  await phone.present(false);
  await signIn(hers, city, "resident");
  await hers.goto(`${city.url}/me/security`);
  await shot(hers, "passkey-none");
  await phone.present(true);
  await add(hers, city, "我的手机");
  // The first second factor: recovery codes come at once.
  await hers.waitForURL((u) => u.pathname === "/me/security/recovery");
  same(await hers.locator("ul.codes li").count(), 10, "recovery codes");
  await shot(hers, "passkey-recovery");
  same((await phone.credentials()).length, 1, "credentials of the phone");
  await hers.goto(`${city.url}/me/security`);
  check((await text(hers)).includes("我的手机"), "the passkey is listed");
  await shot(hers, "passkey-list");
  // The same device a second time.
  await add(hers, city, "再来一次");
  await hers.locator("#passkeys .notice.bad").waitFor();
  check((await text(hers)).includes("这台设备上已有您的通行密钥"), await text(hers));
  await shot(hers, "passkey-twice");
  await hers.locator("#passkeys form:has([name=name]) input[name=name]").fill("红色手机");
  await hers.locator("#passkeys form:has([name=name]) button").click();
  await eventually(async () => (await hers.locator("#passkeys b").innerText()) === "红色手机", "another name");
  calm(hers);

  // Out, and in again with the button: nothing is typed.
  await phone.present(false);
  await hers.locator("form[action='/sign-out'] button").click();
  await hers.waitForURL((u) => u.pathname !== "/me/security");
  await hers.goto(`${city.url}/sign-in?next=/me/security`);
  await offer(hers, "enter").waitFor();
  await shot(hers, "passkey-sign-in");
  await phone.present(true);
  await offer(hers, "enter").click();
  await hers.waitForURL((u) => u.pathname === "/me/security");
  check((await text(hers)).includes("上次使用"), "the use is noted");
  await shot(hers, "passkey-used");
  calm(hers);

  // The field's own list: here the authenticator answers at once, so the page leads on by itself.
  await hers.locator("form[action='/sign-out'] button").click();
  await hers.waitForURL((u) => u.pathname !== "/me/security");
  await hers.goto(`${city.url}/sign-in`);
  await hers.waitForURL((u) => u.pathname === "/me");
  calm(hers);

  // As the second step after a password.
  await phone.present(false);
  await hers.locator("form[action='/sign-out'] button").click();
  await signIn(hers, city, "resident");
  same(new URL(hers.url()).pathname, "/sign-in/code", "a second step");
  await shot(hers, "passkey-step");
  await phone.present(true);
  await offer(hers, "step").click();
  await hers.waitForURL((u) => u.pathname === "/me");
  calm(hers);

  // A finger that is not hers: the site hears nothing, and the page says so.
  await phone.present(false);
  await hers.locator("form[action='/sign-out'] button").click();
  await signIn(hers, city, "resident");
  await phone.verified(false);
  await phone.present(true);
  await offer(hers, "step").click();
  await hers.locator("[data-passkey=step] .notice.bad").waitFor();
  await shot(hers, "passkey-refused");
  await phone.verified(true);
  await offer(hers, "step").click();
  await hers.waitForURL((u) => u.pathname === "/me");
  calm(hers);

  // A copy of the key that does not know of later uses.
  const [held] = await phone.credentials();
  const thief = await newPage(chrome);
  const other = await device(thief);
  await other.put({ ...held, signCount: 0 });
  await other.present(false);
  await thief.goto(`${city.url}/sign-in`);
  await other.present(true);
  await offer(thief, "enter").click();
  await thief.locator("[data-passkey=enter] .notice.bad").waitFor();
  check((await text(thief)).includes("通行密钥没有通过"), await text(thief));
  await other.present(false);
  await shot(thief, "passkey-copy");
  calm(thief);
  await hers.goto(`${city.url}/me/security`);
  check((await text(hers)).includes("疑似被复制"), "she is told");
  await shot(hers, "passkey-suspected");
  await hers.goto(`${city.url}/me/messages`);
  check((await text(hers)).includes("通行密钥可能被复制"), "by a message as well");
  await hers.goto(`${city.url}/me/security`);
  await hers.locator("#passkeys button.danger").click();
  await hers.locator("dialog[open]").waitFor();
  await shot(hers, "passkey-removal");
  await hers.locator("dialog[open] button.danger").click();
  await eventually(async () => (await hers.locator("#passkeys .rows li").count()) === 0, "it is gone");
  calm(hers);

  // In English.
  await hers.goto(`${city.url}/me/security?lang=en`);
  await shot(hers, "passkey-english");

  // Without script, and in a browser without passkeys, everything else works and the page says what is missing.
  const plain = await newPage(chrome, { javaScriptEnabled: false });
  await signIn(plain, city, "agent");
  await plain.goto(`${city.url}/me/security`);
  check((await text(plain)).includes("不能使用通行密钥"), "said without script");
  check(!(await offer(plain, "add").isVisible()), "nothing to press without script");
  await shot(plain, "passkey-no-script");
  const old = await newPage(chrome);
  await old.addInitScript(() => { delete window.PublicKeyCredential; });
  await old.goto(`${city.url}/sign-in`);
  await eventually(async () => (await text(old)).includes("不能使用通行密钥"), "said in an old browser");
  check(!(await offer(old, "enter").isVisible()), "nothing to press in an old browser");
  await shot(old, "passkey-old-browser");
  await old.fill("[name=login]", "agent");
  await old.fill("[name=password]", password(city));
  await old.locator("form:has([name=password]) button").click();
  await old.waitForURL((u) => u.pathname === "/me");
  quiet(old);
}
