/**
 * The page /code: shows this device's own code, with or without a network. Its key never leaves the browser and can't
 * be read out of it; the server gave a certificate for it once. Nothing here decides whether a code is good.
 */

import { all, day, icon, make, say } from "../dom";
import { buildCode, compress, fromBase64url, LIFE, parseCertificate, toBase64url, type Certificate, type Kind } from "./format";
import { ask, clockError, now, Refused, Unreached } from "./net";
import { qr } from "./qr";
import { get, put, remove, type Held } from "./store";

const RENEW = 30; // seconds; half a life, so that what is on the screen is always good for a while
const SOON = 7 * 86_400; // seconds before the end when the holder is told

interface Bound { device: string; certificate: string }
interface Known { devices: { device: string; revoked: boolean }[] }

const root = all("[data-code]")[0];
const view = make("div", "", { class: "code-view" });
let kind: Kind = "person";
let held: Held | undefined;
let certificate: Certificate | undefined;
/** What the server said about this device and account, as far as it could be asked. */
let standing: "unknown" | "known" | "stranger" | "signed-out" = "unknown";
let madeAt = 0;
let current = "";
let awake: WakeLockSentinel | undefined;

const names: Record<Kind, string> = { person: say("个人码", "My own"), firm: say("企业码", "Firm") };

function notice(tone: "good" | "warn" | "bad" | "", sign: string, ...parts: (string | Node)[]): HTMLElement {
  const node = make("div", "", { class: `notice ${tone}`.trim(), role: tone === "bad" ? "alert" : "status" });
  const body = make("div");
  body.append(...parts);
  node.append(icon(sign), body);
  return node;
}

function button(text: string, sign: string, tone: string, act: () => void): HTMLButtonElement {
  const node = make("button", "", { type: "button", class: `button ${tone}`.trim() });
  node.append(icon(sign), text);
  node.addEventListener("click", act);
  return node;
}

function switcher(): HTMLElement {
  const group = make("div", "", { class: "segments", role: "group", "aria-label": say("出示哪个码", "Which code to show") });
  for (const of of ["person", "firm"] as const) {
    const one = make("button", "", { type: "button", "aria-pressed": String(of === kind) });
    one.append(icon(of === "person" ? "user" : "building-2"), names[of]);
    one.addEventListener("click", () => void choose(of).then(() => all(".segments [aria-pressed=true]", view)[0]?.focus()));
    group.append(one);
  }
  return group;
}

/* --- Binding --- */

function deviceName(): string {
  const agent = navigator.userAgent;
  const machine = /iPhone/.test(agent) ? "iPhone" : /iPad/.test(agent) ? "iPad" : /HarmonyOS|OpenHarmony/.test(agent) ? say("鸿蒙设备", "HarmonyOS device")
    : /Android/.test(agent) ? say("安卓设备", "Android device") : /Windows/.test(agent) ? say("Windows 电脑", "Windows computer")
      : /Mac/.test(agent) ? say("苹果电脑", "Mac") : say("我的设备", "My device");
  return machine;
}

async function bind(name: string): Promise<void> {
  const of = kind;
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const { kty, crv, x = "", y = "" } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const answer = await ask<Bound>("/me/code/devices", { name, kind: of, key: { kty, crv, x, y } });
  const bytes = fromBase64url(answer.certificate);
  const given = bytes && parseCertificate(bytes);
  const own = compress(fromBase64url(x) ?? new Uint8Array(), fromBase64url(y) ?? new Uint8Array());
  if (!bytes || !given || given.kind !== of || toBase64url(given.key) !== toBase64url(own)) {
    throw new Refused(0, say("收到的凭证不是发给这台设备的", "The certificate received is not this device's"), say("没有保存，请稍后再试。", "Nothing was saved; please try again later."));
  }
  await put("held", { kind: of, device: answer.device, certificate: bytes, key: pair.privateKey, revoked: false });
  standing = "known";
  // Otherwise a browser short of space may forget the key.
  void navigator.storage?.persist?.();
}

const signIn = (): HTMLElement => make("a", say("登录后开通", "Sign in to set up"), { class: "button wide", href: "/sign-in?next=/code" });

/** Says why something could not be done, and what to do instead. */
function explain(e: unknown): HTMLElement {
  if (e instanceof Refused && e.status === 401) {
    const said = notice("warn", "log-in", say("请先登录，再开通本机的码。", "Please sign in first, then set up this device."));
    said.append(signIn());
    return said;
  }
  if (e instanceof Refused) {
    const parts: Node[] = [make("strong", e.title)];
    if (e.detail) parts.push(make("p", e.detail));
    return notice(e.status === 409 ? "warn" : "bad", e.status === 409 ? "building-2" : "circle-alert", ...parts);
  }
  if (e instanceof Unreached) return notice("warn", "wifi-off", say("没有连上网络。开通需要联网一次，之后没有网络也能出示。", "No connection. Setting up needs the network once; afterwards the code works without it."));
  return notice("bad", "circle-alert", say("这个浏览器没能保存密钥。请退出无痕模式，或换一个浏览器。", "This browser could not keep the key. Leave private mode, or use another browser."));
}

function bindForm(text: string, again: boolean): HTMLElement {
  const form = make("form", "", { class: "code-bind" });
  const field = make("div", "", { class: "field" });
  const input = make("input", "", { id: "device-name", value: deviceName(), maxlength: "40", required: "", autocomplete: "off" });
  field.append(make("label", say("给这台设备起个名", "Name this device"), { for: "device-name" }),
    make("p", say("以后在“设备管理”里认得出它", "So that you know it in the list of your devices"), { class: "hint" }), input);
  const go = make("button", again ? say("重新开通", "Set up again") : say("在本机开通", "Set up on this device"), { class: "button wide" });
  const said = make("div", "", { "aria-live": "polite" });
  form.append(make("p", text), field, go, said);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    go.setAttribute("aria-busy", "true");
    said.replaceChildren();
    bind(input.value.trim() || deviceName()).then(() => choose(kind), (e: unknown) => {
      go.disabled = false;
      go.removeAttribute("aria-busy");
      said.replaceChildren(explain(e));
    });
  });
  return form;
}

/* --- Showing --- */

/** A white card in every theme: readers want black on white, and as large as it gets. */
function card(c: Certificate): HTMLElement {
  const node = make("section", "", { class: "code-card", "aria-label": names[c.kind] });
  const who = make("p", "", { class: "code-who" });
  who.append(icon(c.kind === "person" ? "user" : "building-2"), make("b", c.label, { lang: "zh-CN" }));
  const bar = make("div", "", { class: "code-life", "aria-hidden": "true" });
  bar.append(make("span"));
  node.append(who, make("div", "", { class: "code-qr" }), bar, make("p", "", { class: "code-left" }));
  return node;
}

function tick(): void {
  if (!held || !certificate || document.hidden) return;
  const t = now();
  if (held.revoked || t > certificate.notAfter) {
    if (view.querySelector(".code-card")) render();
    return;
  }
  // A clock set back must not leave an old code standing.
  if (t - madeAt >= RENEW || t < madeAt) void renew();
  const left = Math.max(0, madeAt + LIFE - t);
  const bar = view.querySelector<HTMLElement>(".code-life > span");
  if (bar) bar.style.transform = `scaleX(${left / LIFE})`;
  const words = view.querySelector(".code-left");
  if (words && madeAt) words.textContent = say(`有效 ${left} 秒 · 每 ${RENEW} 秒自动换新`, `Good for ${left} s · renewed every ${RENEW} s`);
}

async function renew(): Promise<void> {
  if (!held || !certificate) return;
  const [mine, t] = [held, now()];
  madeAt = t;
  const text = await buildCode(mine.certificate, mine.key, t);
  // The holder may have switched meanwhile.
  if (mine !== held) return;
  current = text;
  place();
  tick();
}

function place(): void {
  if (current && certificate) view.querySelector(".code-qr")?.replaceChildren(qr(current, say(`${names[certificate.kind]}的二维码，请出示给扫码的人`, "QR code, show it to the reader")));
}

/** A phone that dims its screen while somebody queues makes them late. */
async function stayAwake(): Promise<void> {
  if (document.hidden || (awake && !awake.released) || !view.querySelector(".code-card")) return;
  awake = await navigator.wakeLock?.request("screen").catch(() => undefined);
}

function removal(): HTMLElement {
  // A form, because the page's own script asks before it sends one.
  const form = make("form");
  const press = make("button", "", {
    class: "link danger", "data-confirm-label": say("移除", "Remove"),
    "data-confirm": say("移除后，本机不能再出示这个码，要用时需重新开通。确定移除吗？", "This device will no longer show the code until you set it up again. Remove it?"),
  });
  press.append(icon("trash-2"), say("从本机移除", "Remove from this device"));
  form.append(press);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void remove("held", kind).then(() => choose(kind));
  });
  return form;
}

function render(): void {
  const parts: (Node | string)[] = [switcher()];
  const ended = certificate && now() > certificate.notAfter;
  if (!held || !certificate) {
    const text = kind === "person"
      ? say("开通后，这台设备可以出示您的码：进馆、办事、就诊时给人一扫就行，没有网络也能用。密钥只存在本机，谁也读不走。",
        "Once set up, this device shows your code: at a library, a counter, a clinic. It works without a network. The key stays on this device; nobody can read it.")
      : say("企业码表明您代表哪家企业。开通前，请先切换到代表这家企业办事的身份。",
        "The firm's code shows which firm you act for. Before setting it up, switch to acting for that firm.");
    const box = make("section", "", { class: "card pad" });
    box.append(make("h2", kind === "person" ? say("在这台设备上开通", "Set up on this device") : say("开通企业码", "Set up the firm's code")));
    if (navigator.onLine && standing === "signed-out") box.append(make("p", text), signIn());
    else box.append(navigator.onLine ? bindForm(text, false) : explain(new Unreached()));
    parts.push(box);
  } else if (held.revoked || ended) {
    const box = make("section", "", { class: "card pad" });
    box.append(held.revoked
      ? notice("bad", "circle-x", make("strong", say("这台设备已被移除", "This device was removed")), make("p", say("本机的码不再有效。如果不是您自己移除的，请到“设备管理”查看。", "Its code is no longer good. If it was not you who removed it, look at your devices.")))
      : notice("warn", "clock-alert", make("strong", say("本机的凭证已到期", "This device's certificate has ended")),
        make("p", say(`用到 ${day(new Date(certificate.notAfter * 1000))} 为止。重新开通只要几秒钟。`, `It was good until ${day(new Date(certificate.notAfter * 1000))}. Setting up again takes seconds.`))));
    box.append(navigator.onLine ? bindForm(say("联网重新开通后即可继续出示。", "Set up again to go on showing your code."), true) : explain(new Unreached()));
    const row = make("div", "", { class: "actions" });
    row.append(removal());
    box.append(row);
    parts.push(box);
  } else {
    if (standing === "stranger") parts.push(notice("warn", "user-x", say("这个码不属于现在登录的账号。如果不是您的，请从本机移除。", "This code is not of the account now signed in. If it is not yours, remove it from this device.")));
    if (clockError() > 20) parts.push(notice("warn", "clock-alert", say("本机时间不准，没有网络时出示会被拒绝。请在系统设置里打开自动校时。", "This device's clock is wrong; without a network your code would be refused. Let the system set the time.")));
    parts.push(card(certificate));
    const foot = make("div", "", { class: "code-foot" });
    const left = certificate.notAfter - now();
    const until = make("p", say(`本机可用到 ${day(new Date(certificate.notAfter * 1000))}`, `Good on this device until ${day(new Date(certificate.notAfter * 1000))}`), { class: "muted small" });
    foot.append(until);
    if (!navigator.onLine) {
      const line = make("p", "", { class: "small code-offline", role: "status" });
      line.append(icon("wifi-off"), say("没有网络，码照常可用", "No network; the code works all the same"));
      foot.prepend(line);
    }
    const row = make("div", "", { class: "row-line" });
    if (left < SOON && navigator.onLine) {
      row.append(button(say("续期", "Renew"), "refresh-cw", "small", () => {
        bind(deviceName()).then(() => choose(kind), (e: unknown) => foot.append(explain(e)));
      }));
    }
    row.append(removal());
    foot.append(row);
    parts.push(foot);
  }
  view.replaceChildren(...parts);
  place();
  tick();
  void stayAwake();
}

async function choose(of: Kind): Promise<void> {
  kind = of;
  const found = await get("held", of);
  if (found?.device !== held?.device || found?.kind !== held?.kind) {
    madeAt = 0;
    current = "";
  }
  held = found;
  certificate = found && parseCertificate(found.certificate);
  render();
  await put("kept", { name: "kind", value: of });
}

/** Learns from the server, when it can be reached, whether this device still counts. */
async function compare(): Promise<void> {
  if (!navigator.onLine) return render();
  try {
    const { devices } = await ask<Known>("/me/code/devices.json");
    for (const of of ["person", "firm"] as const) {
      const mine = await get("held", of);
      const known = devices.find((d) => d.device === mine?.device);
      if (mine && known && known.revoked !== mine.revoked) await put("held", { ...mine, revoked: known.revoked });
    }
    standing = devices.some((d) => d.device === held?.device) ? "known" : "stranger";
    await choose(kind);
  } catch (e) {
    if (e instanceof Refused && e.status === 401) standing = "signed-out";
    // Whoever has no session or no network still has a code; whoever is typing a name goes on.
    if (standing === "signed-out" || !view.querySelector("#device-name:focus")) render();
  }
}

/** Keeps the page for the time without a network: in this language and size, without anybody's name in its header. */
async function keepPage(): Promise<void> {
  const at = root?.dataset.worker;
  if (!at || !("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register(at, { scope: "/code", updateViaCache: "none" });
  const { active } = await navigator.serviceWorker.ready;
  const { lang, classList } = document.documentElement;
  if (navigator.onLine) active?.postMessage({ keep: `/code?lang=${lang.slice(0, 2)}&elder=${Number(classList.contains("elder"))}` });
}

async function start(): Promise<void> {
  if (!root) return;
  // Browsers look for it in the head only, which is the layout's.
  if (root.dataset.manifest) document.head.append(make("link", "", { rel: "manifest", href: root.dataset.manifest }));
  if (!window.isSecureContext || !crypto.subtle || typeof indexedDB === "undefined") {
    root.replaceChildren(notice("warn", "triangle-alert", say("这个浏览器不能安全地保存密钥，请换用较新的浏览器。", "This browser can't keep a key safely; please use a newer one.")));
    return;
  }
  root.replaceChildren(view);
  const last = await get("kept", "kind");
  await choose(last?.name === "kind" ? last.value : "person");
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", () => {
    tick();
    void stayAwake();
  });
  addEventListener("online", () => void compare());
  addEventListener("offline", render);
  void keepPage().catch(() => undefined); // without it the page needs the network, as others do
  await compare();
}

start().catch((e: unknown) => root?.replaceChildren(explain(e)));
