// What every story needs: a city in a temporary folder, its command line, a browser, screenshots, a Python.
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
export const PACK = join(ROOT, "packs/huaian");
export const SHOTS = fileURLToPath(new URL("shots", import.meta.url));
const SIZES = { phone: { width: 390, height: 844 }, desk: { width: 1440, height: 900 } };
const START_LIMIT = 120_000; // ms; a debug build on a busy machine
const STOP_LIMIT = 15_000; // ms; the city gives running requests five seconds

/** Everything a story opened, closed after it by `cleanUp`. */
const opened = { cities: new Set(), browsers: new Set(), pages: new Set() };

/** A program named by an environment variable. */
export function binary(name = "YIWANG_BIN") {
  const path = process.env[name];
  if (!path || !existsSync(path)) throw new Error(`${name} does not name a built program: ${path}`);
  return path;
}

/** Throws with both values when they differ (compared as JSON). */
export function same(actual, expected, what) {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${what}: expected ${e}, found ${a}`);
}

/** Throws unless the value is truthy. */
export function check(value, what) {
  if (!value) throw new Error(what);
}

/** Asks until the answer is truthy and returns it; an error of the question counts as no. */
export async function eventually(question, what, limit = 10_000) {
  const end = Date.now() + limit;
  let last;
  while (Date.now() < end) {
    try {
      const answer = await question();
      if (answer) return answer;
      last = undefined;
    } catch (e) {
      last = e;
    }
    await pause(100);
  }
  throw new Error(`not within ${limit / 1000} s: ${what}`, { cause: last });
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Runs a program to its end: { code, stdout, stderr }. Does not throw for an exit code. */
export function exec(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    execFile(file, args, { maxBuffer: 64 << 20, timeout: 120_000, ...options }, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") {
        reject(new Error(`${file} ${args.join(" ")}: ${error.message}\n${stderr}`));
      } else {
        resolve({ code: error ? error.code : 0, stdout, stderr });
      }
    });
  });
}

/** The surrounding environment without settings of a city, which would win over its configuration file. */
function environment(extra = {}) {
  const kept = Object.entries(process.env).filter(([k]) => !k.startsWith("YIWANG_") || k === "YIWANG_LOG");
  return { ...Object.fromEntries(kept), ...extra };
}

async function psql(sql) {
  const server = process.env.YIWANG_TEST_POSTGRES;
  if (!server) throw new Error("YIWANG_TEST_POSTGRES names no server");
  const { code, stderr } = await exec("psql", ["-qX", "-v", "ON_ERROR_STOP=1", "-c", sql, `${server}/postgres`]);
  if (code !== 0) throw new Error(`psql: ${stderr}`);
}

let databases = 0;

/**
 * Starts a demonstration city and waits until it answers.
 * - `postgres`: true for a fresh database, an address to share one (a second node); otherwise SQLite in the data folder
 * - `data`: the folder of another city to share; otherwise a fresh one
 * - `pack`, `port`, `node`, `demo`; `args` go to `serve`, `env` into its environment
 *
 * `stop()` ends it in good order, `kill()` at once, `restart()` starts it again with the same data; the data folder
 * and the database are deleted after the story.
 */
export async function startCity({ postgres, data, pack = PACK, port, node, demo = true, args = [], env = {} } = {}) {
  const own = data ? null : await mkdtemp(join(tmpdir(), "yiwang-e2e-"));
  const fresh = postgres === true ? `yiwang_e2e_${process.pid}_${++databases}` : null;
  if (fresh) await psql(`CREATE DATABASE ${fresh}`);
  port ??= await freePort();
  const city = {
    url: `http://localhost:${port}`,
    port,
    data: data ?? join(own, "data"),
    pack,
    database: fresh ? `${process.env.YIWANG_TEST_POSTGRES}/${fresh}` : postgres || null,
    /** Milliseconds from the last start to the first answer of /healthz. */
    startedIn: 0,
    stdout: "",
    stderr: "",
    child: null,
    env,
    options() {
      const all = ["--data", this.data, "--pack", this.pack, "--url", this.url];
      if (this.database) all.push("--database", this.database);
      if (node) all.push("--node", node);
      return all;
    },
    async start() {
      if (this.child) throw new Error("the city is running");
      const since = performance.now();
      const words = ["serve", ...(demo ? ["--demo"] : []), "--listen", `127.0.0.1:${port}`, ...this.options(), ...args];
      const child = spawn(binary(), words, { cwd: own ?? tmpdir(), env: environment(env), stdio: ["ignore", "pipe", "pipe"] });
      this.child = child;
      for (const stream of ["stdout", "stderr"]) {
        child[stream].setEncoding("utf8").on("data", (text) => { this[stream] += text; });
      }
      const ended = new Promise((resolve) => {
        child.once("error", (e) => resolve(e.message));
        child.once("close", (code, signal) => resolve(signal ?? code));
      });
      child.ended = ended.then((how) => {
        if (this.child === child) this.child = null;
        return how;
      });
      while (!(await answers(this.url))) {
        const how = await Promise.race([child.ended, pause(20, "running")]);
        if (how !== "running") throw new Error(`the city ended (${how}) before it answered:\n${this.stderr}`);
        if (performance.now() - since > START_LIMIT) {
          await this.kill();
          throw new Error(`the city does not answer within ${START_LIMIT / 1000} s:\n${this.stderr}`);
        }
      }
      this.startedIn = performance.now() - since;
      return this;
    },
    /** Ends in good order; the exit code, or the signal when it had to be killed. */
    async stop() {
      const child = this.child;
      if (!child) return null;
      child.kill("SIGTERM");
      const how = await Promise.race([child.ended, pause(STOP_LIMIT, "late")]);
      if (how !== "late") return how;
      await this.kill();
      throw new Error(`the city does not stop within ${STOP_LIMIT / 1000} s:\n${this.stderr}`);
    },
    /** Ends as in a power failure. */
    async kill() {
      const child = this.child;
      if (!child) return null;
      child.kill("SIGKILL");
      return child.ended;
    },
    async restart() {
      await this.stop();
      return this.start();
    },
    async remove() {
      await this.kill();
      if (own) await rm(own, { recursive: true, force: true });
      if (fresh) await psql(`DROP DATABASE IF EXISTS ${fresh} WITH (FORCE)`);
    },
  };
  opened.cities.add(city);
  return city.start();
}

async function answers(url) {
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

/** The command line over the same data, pack and address: { code, stdout, stderr }. */
export function cli(city, ...args) {
  return exec(binary(), [...args, ...city.options()], { cwd: tmpdir(), env: environment(city.env) });
}

/** A Chromium. Close it or not: it is closed after the story. */
export async function browser(options = {}) {
  const found = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    ...options,
  });
  opened.browsers.add(found);
  return found;
}

/**
 * A page in a fresh context: Chinese, desk-sized. `page.complaints` collects what must not happen: errors on the
 * console, exceptions, refusals by the content policy, requests that failed or were answered with 5xx. `options` go to
 * the context (`javaScriptEnabled`, `viewport`, `locale` …).
 */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ locale: "zh-CN", viewport: SIZES.desk, ...options });
  const page = await context.newPage();
  page.complaints = [];
  const note = (text) => page.complaints.push(text);
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => {
      console.error(`content policy: ${e.violatedDirective} forbids ${e.blockedURI} ${e.sourceFile ?? ""}:${e.lineNumber}`);
    });
  });
  page.on("console", (m) => {
    // Chromium also reports the answer 4xx of a page itself, which stories ask for on purpose.
    const answer = m.text().startsWith("Failed to load resource") && m.location().url === page.url();
    if (m.type() === "error" && !answer) note(`console: ${m.text()} (${m.location().url})`);
  });
  page.on("pageerror", (e) => note(`exception: ${e.message}`));
  page.on("response", (r) => { if (r.status() >= 500) note(`${r.status()} ${r.url()}`); });
  page.on("requestfailed", (r) => {
    // Leaving a page ends its live stream and what was still loading.
    const why = r.failure()?.errorText ?? "";
    if (why !== "net::ERR_ABORTED") note(`${why} ${r.url()}`);
  });
  page.setDefaultTimeout(15_000);
  opened.pages.add(page);
  page.once("close", () => opened.pages.delete(page));
  return page;
}

/** Throws when the page complained since the last call. */
export function quiet(page) {
  const complaints = page.complaints.splice(0);
  if (complaints.length) throw new Error(`${page.url()} complained:\n  ${complaints.join("\n  ")}`);
}

/** The password of all demonstration accounts, as the city prints it at its start. */
export function password(city) {
  const found = /password (\S+)/.exec(city.stdout);
  if (!found) throw new Error(`the city prints no password:\n${city.stdout}`);
  return found[1];
}

/** Signs a demonstration account in through the form; the page then stands where the city leads. */
export async function signIn(page, city, login) {
  await page.goto(`${city.url}/sign-in`);
  await page.fill("form [name=login]", login);
  await page.fill("form [name=password]", password(city));
  await page.locator("form:has([name=password]) button:not([type=button])").click();
  // `waitForURL` needs no script of the page, so this also works with scripts off.
  await page.waitForURL((url) => url.pathname !== "/sign-in").catch(async (e) => {
    throw new Error(`${login} cannot sign in: ${(await page.locator("main").innerText()).slice(0, 300)}`, { cause: e });
  });
}

/** Keeps the whole page as shots/NAME-390.png and shots/NAME-1440.png; the page then has its former size again. */
export async function shot(page, name) {
  await mkdir(SHOTS, { recursive: true });
  const before = page.viewportSize();
  for (const size of Object.values(SIZES)) {
    await page.setViewportSize(size);
    await page.screenshot({ path: join(SHOTS, `${name}-${size.width}.png`), fullPage: true, animations: "disabled" });
  }
  if (before) await page.setViewportSize(before);
}

/** A Python with these packages ("pyhanko==0.31.0"), kept in ~/.cache/yiwang/venv between runs: the path of its program. */
export async function venv(packages) {
  const folder = join(homedir(), ".cache/yiwang/venv");
  const python = join(folder, "bin/python");
  const list = join(folder, "installed.json");
  const run = async (file, args) => {
    const { code, stdout, stderr } = await exec(file, args, { timeout: 600_000 });
    if (code !== 0) throw new Error(`${file} ${args.join(" ")}:\n${stdout}${stderr}`);
  };
  // A link to a Python that is gone does not exist either.
  if (!existsSync(python)) {
    await rm(folder, { recursive: true, force: true });
    await run("python3", ["-m", "venv", folder]);
  }
  const known = existsSync(list) ? JSON.parse(await readFile(list, "utf8")) : [];
  const missing = packages.filter((p) => !known.includes(p));
  if (missing.length) {
    await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...missing]);
    await writeFile(list, JSON.stringify([...new Set([...known, ...missing])]));
  }
  return python;
}

/** What helps to understand a failure: pictures of open pages and the end of what the cities said. */
export async function evidence(name) {
  const lines = [];
  let n = 0;
  for (const page of opened.pages) {
    const path = join(SHOTS, `FAILED-${name}-${++n}.png`);
    const taken = await page.screenshot({ path, fullPage: true, timeout: 5_000 }).then(() => path, (e) => e.message.split("\n")[0]);
    lines.push(`page ${page.url()}: ${taken}`);
    if (page.complaints.length) lines.push(`  ${page.complaints.join("\n  ")}`);
  }
  for (const city of opened.cities) {
    const said = city.stderr.trim().split("\n").slice(-20).join("\n  ");
    if (said) lines.push(`city ${city.url} said:\n  ${said}`);
  }
  return lines.join("\n");
}

/** Closes and deletes what the story opened. */
export async function cleanUp() {
  const { browsers, cities, pages } = opened;
  const all = [...[...browsers].map((b) => b.close()), ...[...cities].map((c) => c.remove())];
  for (const set of [browsers, cities, pages]) set.clear();
  const failed = (await Promise.allSettled(all)).filter((r) => r.status === "rejected");
  if (failed.length) throw new Error(failed.map((f) => String(f.reason)).join("\n"));
}

/** The last resort when the runner itself is ended: no city may stay behind. */
process.once("exit", () => {
  for (const city of opened.cities) city.child?.kill("SIGKILL");
});
