/**
 * Keeps the page /code, and what it is made of, for the time without a network. Its scope is that page; everything
 * else passes by. BUILD changes with any asset, so a new program brings a new worker and the old store goes.
 */

declare const BUILD: string;

interface Waiting extends Event { waitUntil(work: Promise<unknown>): void }
interface Fetching extends Waiting { request: Request; respondWith(answer: Promise<Response>): void }
interface Worker {
  addEventListener(type: "install" | "activate", act: (event: Waiting) => void): void;
  addEventListener(type: "message", act: (event: Waiting & { data: unknown }) => void): void;
  addEventListener(type: "fetch", act: (event: Fetching) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
}
const worker = self as unknown as Worker;

const PAGE = "/code";
const MINE = "yiwang-code-";
const NAME = MINE + BUILD;
const PATIENCE = 1500; // ms; a line that is up but slow is no reason to stand without a code

/** The page's own stylesheet, scripts and icons. The template engine writes slashes as entities. */
function parts(html: string): string[] {
  const found = html.matchAll(/\b(?:src|href)="([^"]+)/g);
  const plain = (at: string): string => at.replace(/&#x2f;/gi, "/").replace(/&amp;/g, "&").replace(/#.*/, "");
  return Array.from(found, (m) => plain(m[1] ?? "")).filter((at) => at.startsWith("/assets/"));
}

/** Fetches the page without the reader's session: what is kept must not carry the name of who was signed in. */
async function keep(address: string): Promise<void> {
  const answer = await fetch(address, { credentials: "omit", cache: "no-store", headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const wanted = new Set(parts(await answer.clone().text()));
  const cache = await caches.open(NAME);
  await Promise.all(Array.from(wanted, async (at) => {
    // An address with a version never changes its content.
    if (at.includes("?v=") && (await cache.match(at))) return;
    const part = await fetch(at, { cache: "reload" });
    if (!part.ok) throw new Error(at);
    await cache.put(at, part);
  }));
  await cache.put(PAGE, answer);
  for (const { url } of await cache.keys()) {
    const { pathname, search } = new URL(url);
    if (pathname !== PAGE && !wanted.has(pathname + search)) await cache.delete(url);
  }
}

async function page(request: Request): Promise<Response> {
  const kept = await caches.match(PAGE);
  const fresh = fetch(request);
  if (!kept) return fresh;
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE));
  const answer = await Promise.race([fresh.catch(() => undefined), late]);
  return answer && answer.status < 500 ? answer : kept;
}

const asset = async (request: Request): Promise<Response> => (await caches.match(request)) ?? fetch(request);

worker.addEventListener("install", (event) => {
  // What the reader chose is the address of the copy at hand.
  const begin = async (): Promise<void> => keep((await caches.match(PAGE))?.url || PAGE);
  event.waitUntil(begin().then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => {
  const clean = async (): Promise<void> => {
    for (const name of await caches.keys()) if (name.startsWith(MINE) && name !== NAME) await caches.delete(name);
    await worker.clients.claim();
  };
  event.waitUntil(clean());
});

worker.addEventListener("message", (event) => {
  const { keep: address } = (event.data ?? {}) as { keep?: unknown };
  if (typeof address === "string" && new URL(address, location.href).pathname === PAGE) event.waitUntil(keep(address).catch(() => undefined));
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && pathname === PAGE) event.respondWith(page(request));
  else if (pathname.startsWith("/assets/")) event.respondWith(asset(request));
});
