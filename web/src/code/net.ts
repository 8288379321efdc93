/** Asking the server, with the ways a poor line fails told apart from the server's own "no". */

import { say } from "../dom";

/** What the server refused, in the reader's language. */
export class Refused extends Error {
  constructor(readonly status: number, readonly title: string, readonly detail: string) {
    super(title);
  }
}

/** Nobody answered: no network, or no server behind it. */
export class Unreached extends Error {}

const PATIENCE = 6000; // ms; people are standing at a door

/** Seconds that the server's clock is ahead of this device's, as last heard; whole seconds are all a header tells. */
let ahead = 0;

/** The time as the city has it, unix seconds. Without any answer so far, this device's own. */
export const now = (): number => Math.floor(Date.now() / 1000 + ahead);
export const clockError = (): number => Math.abs(ahead);

function setClock(answer: Response): void {
  const told = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isNaN(told)) return;
  const difference = (told + 500 - Date.now()) / 1000;
  // Less than this may be the way here.
  ahead = Math.abs(difference) > 3 ? difference : 0;
}

async function send(url: string, accept: string, body?: unknown): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, {
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      headers: { accept, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      cache: "no-store", signal: AbortSignal.timeout?.(PATIENCE) ?? null,
    });
  } catch {
    throw new Unreached();
  }
  // A proxy says these when the server behind it is away.
  if ([502, 503, 504].includes(answer.status)) throw new Unreached();
  setClock(answer);
  if (answer.ok && !answer.redirected) return answer;
  const problem = await answer.json().catch(() => ({})) as { title?: string; detail?: string };
  throw new Refused(answer.redirected ? 401 : answer.status, problem.title ?? say("系统没有答应这个请求", "The system refused this request"), problem.detail ?? "");
}

export const askText = async (url: string): Promise<string> => (await send(url, "*/*")).text();
export const ask = async <T>(url: string, body?: unknown): Promise<T> => (await send(url, "application/json", body)).json() as Promise<T>;
