// Every state of every page, in both languages, keeps the rules: axe-core, html-validate, order of headings, weight,
// widths from phone to wall, targets large enough for a thumb. The pages are rendered from their samples by the program
// itself and shown with the style and script of a running city.
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, SHOTS, browser, check, cli, newPage, quiet, same, startCity } from "../harness.mjs";
import { axe, html, overflow, smallTargets, structure } from "../pages.mjs";

export const limit = 900;

const WEIGHT = 60_000; // bytes of a page's HTML, and of its script
const WIDTHS = [390, 768, 1440, 1920];
const TABS = 4;

export default async function () {
  const city = await startCity();
  const folder = await mkdtemp(join(tmpdir(), "yiwang-pages-"));
  try {
    const made = await cli({ ...city, database: null, data: join(folder, "data") }, "samples", folder, "--demo");
    same(made.code, 0, `samples: ${made.stderr}`);
    // Parts are no pages.
    const pages = JSON.parse(await readFile(join(folder, "index.json"), "utf8")).filter((p) => !p.template.endsWith("parts.html"));
    check(pages.length > 40, `only ${pages.length} samples`);
    check((await stat(join(ROOT, "web/dist/app.js"))).size < WEIGHT, "app.js is too heavy");

    const wrong = [];
    const titles = new Map();
    const chrome = await browser();
    const todo = [...pages];
    const policy = (await fetch(city.url)).headers.get("content-security-policy");
    await Promise.all(Array.from({ length: TABS }, async () => {
      const page = await newPage(chrome, { reducedMotion: "reduce" });
      let source = "";
      await page.route(`${city.url}/sample`, (route) => route.fulfill({
        body: source, contentType: "text/html; charset=utf-8", headers: { "content-security-policy": policy },
      }));
      // The reader of a sample is signed in on paper only.
      await page.route(`${city.url}/live`, (route) => route.fulfill({ status: 200, contentType: "text/event-stream", body: ": quiet\n\n" }));
      // A page that watches a state would load itself again while it is looked at.
      await page.route(`${city.url}/sign-in/scan/state`, (route) => route.fulfill({ status: 204 }));
      // Nobody has signed in; the page of the code asks anyway.
      await page.route(`${city.url}/me/code/devices.json`, (route) => route.fulfill({ json: { devices: [] } }));
      for (let next = todo.shift(); next; next = todo.shift()) {
        const name = `${next.template} (${next.sample}, ${next.locale})`;
        const note = (lines) => lines.forEach((l) => wrong.push(`${name}: ${l}`));
        source = await readFile(join(folder, next.file), "utf8");
        if (Buffer.byteLength(source) >= WEIGHT) note([`${Buffer.byteLength(source)} bytes of HTML`]);
        note(await html(source));
        await page.setViewportSize({ width: 1440, height: 900 });
        await page.goto(`${city.url}/sample`);
        const title = await page.title();
        const others = titles.get(`${next.locale} ${title}`);
        // States of one page share its title; two pages may not.
        if (others && others !== next.template) note([`has the title of ${others}: ${title}`]);
        titles.set(`${next.locale} ${title}`, next.template);
        if (process.env.YIWANG_SHOTS) await page.screenshot({ path: join(SHOTS, `sample-${next.file.slice(4, -5)}-${next.sample.replaceAll(" ", "-")}-1440.png`), fullPage: true });
        note(await structure(page));
        if ((await page.locator("body").innerText()).includes("</")) note(["shows markup as text"]);
        note(await axe(page));
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 900 });
          for (const elder of [false, true]) {
            await page.evaluate((on) => document.documentElement.classList.toggle("elder", on), elder);
            const over = await overflow(page);
            if (over) note([`${elder ? "elder " : ""}${over}`]);
          }
          await page.evaluate(() => document.documentElement.classList.remove("elder"));
          if (width === 390) {
            if (process.env.YIWANG_SHOTS) await page.screenshot({ path: join(SHOTS, `sample-${next.file.slice(4, -5)}-${next.sample.replaceAll(" ", "-")}-390.png`), fullPage: true });
            note((await smallTargets(page)).map((s) => `too small at 390: ${s}`));
          }
        }
        try {
          quiet(page);
        } catch (e) {
          note([e.message]);
        }
      }
    }));
    console.log(`        ${pages.length} pages of ${new Set(pages.map((p) => p.template)).size} templates`);
    if (wrong.length) throw new Error(`${wrong.length} findings\n  ${wrong.join("\n  ")}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
