/**
 * Passkeys: asks the browser for what the server wants, and hands back what it says. Nothing is decided here. Without this
 * file, and in browsers without passkeys, the forms beside it work as they are.
 */

import { all, icon, make, say } from "./dom";
import { options, response, type Json } from "./webauthn";

/** What the server refused, in the reader's language. */
class Refused extends Error {
  constructor(readonly status: number, readonly title: string, readonly detail: string) {
    super(title);
  }
}

async function post(url: string, body: Json = {}): Promise<Json> {
  const answer = await fetch(url, {
    method: "POST", body: JSON.stringify(body), cache: "no-store",
    headers: { accept: "application/json", "content-type": "application/json" },
  });
  const json: Json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, json.title ?? say("系统没有答应", "The system refused"), json.detail ?? "");
  return json;
}

function tell(root: HTMLElement, title: string, detail = "", link?: HTMLAnchorElement): void {
  all(".notice", root).forEach((old) => old.remove());
  if (!title) return;
  const notice = make("div", "", { class: "notice bad", role: "alert" });
  const body = make("div");
  body.append(make("p", title), ...(detail ? [make("p", detail, { class: "small" })] : []), ...(link ? [link] : []));
  notice.append(icon("circle-alert"), body);
  root.append(notice);
}

function explain(root: HTMLElement, error: unknown): void {
  if (error instanceof Refused) {
    if (error.status === 410) location.assign("/sign-in?over=1");
    const again = root.dataset.passkey === "add" && [401, 403].includes(error.status);
    tell(root, error.title, error.detail, again
      ? make("a", say("去重新登录", "Sign in again"), { href: "/sign-in?next=/me/security" }) : undefined);
    return;
  }
  const name = error instanceof DOMException ? error.name : "";
  if (name === "InvalidStateError") tell(root, say("这台设备上已有您的通行密钥", "This device has a passkey of yours already"));
  else if (name === "NotAllowedError") tell(root, say("没有完成，可能是取消了或等待太久", "Not finished: cancelled, or it took too long"), say("可以再试一次。", "You may try again."));
  else if (error instanceof TypeError) tell(root, say("网络不通，请稍后再试", "No connection; please try again later"));
  else tell(root, say("这台设备不能完成这一步", "This device cannot do it"), say("请换一台设备，或改用其他方式。", "Try another device or another way."));
}

/** The list beside the user name field, while it waits. A browser has one request at a time. */
let waiting: AbortController | undefined;

async function show(root: HTMLElement, mediation?: "conditional"): Promise<void> {
  const step = root.dataset.passkey === "step";
  const base = step ? "/sign-in/passkey/step" : "/sign-in/passkey";
  waiting?.abort();
  const mine = new AbortController();
  waiting = mine;
  const { publicKey } = await post(`${base}/options`);
  if (mine.signal.aborted) return;
  const request = { publicKey: options(publicKey), signal: mine.signal, ...(mediation ? { mediation } : {}) };
  const credential = await navigator.credentials.get(request as CredentialRequestOptions);
  if (!credential) return;
  const { to } = await post(base, { credential: response(credential), next: root.dataset.next ?? "" });
  location.assign(to);
}

async function add(root: HTMLElement): Promise<void> {
  const { publicKey } = await post("/me/passkeys/options");
  const credential = await navigator.credentials.create({ publicKey: options(publicKey) } as CredentialCreationOptions);
  if (!credential) return;
  const name = all<HTMLInputElement>("input", root)[0]?.value ?? "";
  const { to, recovery } = await post("/me/passkeys", { name, credential: response(credential) });
  if (!recovery) {
    location.assign(to);
    return;
  }
  // The first second factor: recovery codes are given out at once.
  const form = make("form", "", { method: "post", action: "/me/security/recovery" });
  document.body.append(form);
  form.submit();
}

const FRESH = 240_000; // ms; a challenge lives five minutes

/** Offers passkeys in the list of the user name field, anew before each challenge runs out. */
async function offer(root: HTMLElement): Promise<void> {
  const able = await (PublicKeyCredential as any).isConditionalMediationAvailable?.().catch(() => false);
  if (!able) return;
  const round = (): void => {
    const asked = show(root, "conditional");
    const mine = waiting;
    const timer = setTimeout(() => {
      if (waiting !== mine) return;
      if (document.hidden) document.addEventListener("visibilitychange", round, { once: true });
      else round();
    }, FRESH);
    asked.catch((error) => {
      // Ended by the button, or by the next round.
      if (error instanceof DOMException && error.name === "AbortError") return;
      clearTimeout(timer);
      if (error instanceof Refused && error.status !== 409) explain(root, error);
    });
  };
  round();
}

function begin(root: HTMLElement): void {
  const button = all<HTMLButtonElement>("button", root)[0];
  root.hidden = false;
  button?.addEventListener("click", async () => {
    tell(root, "");
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await (root.dataset.passkey === "add" ? add(root) : show(root));
    } catch (error) {
      explain(root, error);
      if (root.dataset.passkey === "enter") void offer(root);
    } finally {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
  });
  if (root.dataset.passkey === "enter") void offer(root);
}

const able = typeof PublicKeyCredential === "function" && !!navigator.credentials;
all("[data-passkey-none]").forEach((note) => { note.hidden = able; });
if (able) all("[data-passkey]").forEach(begin);
