/** Whether a code that was read is taken: the server is asked; without it, the list at hand and this reader's memory. */

import { say } from "../dom";
import { LEEWAY, LIFE, parseCode, verify, type Code, type Fault, type Kind } from "./format";
import { keysOf, openList } from "./list";
import { ask, askText, now, Refused, Unreached } from "./net";
import { count, get, hasSeen, put, remove, takeFirst, waiting, type KeptList } from "./store";

export interface Outcome {
  /** Undecided when nothing could be found out about the code; that is no word against its holder. */
  verdict: "good" | "bad" | "undecided";
  /** Why not, in a few words. */
  title: string;
  detail: string;
  kind?: Kind;
  label?: string;
  elements: { title: string; value: string }[];
  offline: boolean;
  at: number;
}

const BATCH = 50;
const ends = (code: Code): number => code.issuedAt + LIFE + LEEWAY;
/** Only a code whose signatures hold may name its holder. */
const no = (title: string, detail: string, offline: boolean, code?: Code): Outcome =>
  ({ verdict: "bad", title, detail, offline, at: now(), elements: [], ...(code && { kind: code.certificate.kind, label: code.certificate.label }) });
const undecided = (title: string, detail: string, offline: boolean): Outcome => ({ ...no(title, detail, offline), verdict: "undecided" });

function reason(why: Fault): [string, string] {
  const again = say("请对方刷新后重新出示。", "Ask for a fresh one.");
  const set = say("请对方联网重新开通。", "The holder needs to set up again, with a network.");
  switch (why) {
    case "unreadable": return [say("这不是本市的码", "This is not a code of this city"), say("也可能没有读全，请再扫一次。", "Or it was not read to its end; scan once more.")];
    case "unknown-issuer": return [say("不认识这个码的签发者", "The issuer of this code is not known"), say("可能是别处的码，或离线名单太旧。", "It may be from elsewhere, or the offline list is too old.")];
    case "forged-certificate":
    case "forged": return [say("签名不对，这个码不可信", "The signature is wrong; do not trust this code"), say("请当面核对身份证件。", "Check an identity document instead.")];
    case "certificate-early":
    case "early": return [say("这个码的时间比现在还晚", "This code is dated in the future"), say("请检查对方和本机的时间。", "Check the time of both devices.")];
    case "certificate-ended": return [say("对方设备的凭证已到期", "The holder's device certificate has ended"), set];
    case "late": return [say("这个码已经过时", "This code is no longer good"), again];
    case "revoked": return [say("对方的设备已被移除", "The holder's device was removed"), set];
  }
}

const repeated = (offline: boolean, code?: Code): Outcome =>
  no(say("这个码刚刚用过", "This code was used a moment ago"), say("每个码只能用一次，请对方等新码出来再出示。", "Each code counts once; wait for the holder's next one."), offline, code);

interface Taken { kind: Kind; label: string; elements?: { title: string; value: string }[] }

async function online(text: string, scene: string, code: Code): Promise<Outcome> {
  const answer = await ask<Taken>("/api/v1/codes/check", { code: text, scene });
  await takeFirst(code.id, ends(code), now());
  return { verdict: "good", title: "", detail: "", kind: answer.kind, label: answer.label, elements: answer.elements ?? [], offline: false, at: now() };
}

async function offline(text: string, scene: string): Promise<Outcome> {
  const kept = await keptList();
  if (!kept) return undecided(say("现在不能离线核验", "Cannot check offline now"), say("本机还没有离线名单，请先联网打开一次本页。", "This reader has no offline list; open this page once with a network."), true);
  const at = now();
  if (at > kept.list.expires_at) return undecided(say("离线名单已过期", "The offline list has expired"), say("请先联网更新名单，再核验。", "Connect to renew it, then check again."), true);
  const verdict = await verify(text, await keysOf(kept.list), at, new Set(kept.list.revoked));
  if (!verdict.good) return no(...reason(verdict.why), true, ["forged", "forged-certificate", "unknown-issuer"].includes(verdict.why) ? undefined : verdict.code);
  const { code } = verdict;
  if (!(await takeFirst(code.id, ends(code), at))) return repeated(true, code);
  await put("scans", { code: text, scene, at });
  return { verdict: "good", title: "", detail: "", kind: code.certificate.kind, label: code.certificate.label, elements: [], offline: true, at };
}

/** Checks a text as it was read. */
export async function check(typed: string, scene: string): Promise<Outcome> {
  const text = typed.trim();
  const code = parseCode(text);
  if (!code) return no(...reason("unreadable"), !navigator.onLine);
  // Also when the server can be asked: it may not have heard yet what was taken without it.
  if (await hasSeen(code.id)) return repeated(!navigator.onLine);
  if (!navigator.onLine) return offline(text, scene);
  try {
    return await online(text, scene, code);
  } catch (e) {
    if (e instanceof Refused) return ([401, 403, 429].includes(e.status) || e.status >= 500 ? undecided : no)(e.title, e.detail, false);
    if (e instanceof Unreached) return offline(text, scene);
    throw e;
  }
}

/* --- The list and what waits --- */

export async function keptList(): Promise<KeptList | undefined> {
  const kept = await get("kept", "list");
  return kept?.name === "list" ? kept.value : undefined;
}

/** Fetches the list anew. Throws what `openList` says when the new one does not follow from the old one. */
export async function renewList(): Promise<void> {
  const jws = await askText("/api/v1/codes/offline");
  const list = await openList(jws, (await keptList())?.list);
  await put("kept", { name: "list", value: { list, jws, at: now() } });
}

/** For the operator, when the city's keys changed while this reader was away for long. */
export const forgetList = (): Promise<unknown> => remove("kept", "list");

export const countWaiting = (): Promise<number> => count("scans");

/** Tells the server what was taken without it; returns why it did not count some. */
async function upload(): Promise<string[]> {
  const refused: string[] = [];
  for (let batch = await waiting(BATCH); batch.length; batch = await waiting(BATCH)) {
    const answer = await ask<{ refused?: { index: number; why: string }[] }>("/api/v1/codes/scans", { scans: batch.map(({ scan }) => scan) });
    refused.push(...(answer.refused ?? []).map(({ why }) => why));
    for (const { key } of batch) await remove("scans", key);
  }
  return refused;
}

/** One tab at a time, so that nothing is told twice. */
export const uploadWaiting = async (): Promise<string[]> =>
  (navigator.locks ? navigator.locks.request("yiwang-scans", upload) : upload());
