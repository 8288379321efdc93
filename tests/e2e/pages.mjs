// What the stories about pages share: the rules that every page has to keep, asked inside the browser.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { HtmlValidate } from "html-validate";

const require = createRequire(import.meta.url);
const AXE = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
const rules = JSON.parse(await readFile(new URL("htmlvalidate.json", import.meta.url), "utf8"));
const validator = new HtmlValidate(rules);

/** Serious and critical findings of axe-core on the page as it stands, as lines. */
export async function axe(page) {
  // The content policy forbids scripts of others; the debugger's protocol does not ask it.
  if (!(await page.evaluate("typeof axe !== 'undefined'"))) await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await axe.run(document, {
      runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
      resultTypes: ["violations"],
    });
    return violations.map((v) => ({ id: v.id, impact: v.impact, nodes: v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`) }));
  });
  return found
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => `axe ${v.id} (${v.impact}): ${v.nodes.join(" | ")}`);
}

/**
 * What html-validate says of a source, as lines. Left out of its rules: hashes of files that come from the same server,
 * types of buttons and inputs where HTML's own default is meant, and several fields of one name, which are a list.
 */
export async function html(source) {
  const report = await validator.validateString(source);
  return report.results.flatMap((r) => r.messages).map((m) => `html ${m.ruleId} ${m.line}:${m.column} ${m.message}`);
}

/** How far the page reaches beyond its window, and by which element; null when it fits. */
export function overflow(page) {
  return page.evaluate(() => {
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide <= 0) return null;
    const inside = (e) => { for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
    const over = [...document.body.querySelectorAll("*")].find((e) => e.getBoundingClientRect().right > innerWidth + 1 && !inside(e));
    return `${wide} px too wide at ${innerWidth}: ${over ? `${over.tagName}.${over.className}` : "?"}`;
  });
}

/**
 * Targets that are too small: on phones 44 px for what stands alone, 24 px within a line of text (WCAG 2.2, 2.5.8);
 * a label counts with its box. Rows that are one link are as large as their row.
 */
export function smallTargets(page, least = 44) {
  return page.evaluate((least) => {
    const small = [];
    for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
      if (!e.checkVisibility?.({ visibilityProperty: true }) || e.closest("[tabindex='-1'][aria-hidden=true], .skip")) continue;
      if (e.matches("[tabindex='-1']") || e.closest(".visually-hidden")) continue;
      const after = getComputedStyle(e, "::after");
      if (after.position === "absolute" && after.inset === "0px") continue;
      const box = (e.matches("[type=checkbox], [type=radio]") && e.closest("label") || e).getBoundingClientRect();
      if (!box.width) continue;
      // A link in running text is exempt from 44; it still needs its line.
      const inline = getComputedStyle(e).display === "inline";
      // A box without a label of its own stands in a row of a table, away from others.
      const bare = e.matches("[type=checkbox], [type=radio]") && !e.closest("label");
      const need = inline ? 20 : bare ? 24 : least;
      if (box.height < need - 0.5 || (!inline && box.width < 24 - 0.5)) small.push(`${e.tagName.toLowerCase()}.${e.className} ${Math.round(box.width)}×${Math.round(box.height)} ${(e.textContent || e.name || "").trim().slice(0, 12)}`);
    }
    return small;
  }, least);
}

/** What a page says about its own order and its own weight, as lines. */
export function structure(page) {
  return page.evaluate(() => {
    const wrong = [];
    const levels = [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map((h) => Number(h.tagName[1]));
    if (levels.filter((l) => l === 1).length !== 1) wrong.push(`${levels.filter((l) => l === 1).length} headings h1`);
    levels.forEach((l, i) => { if (l > (levels[i - 1] ?? 0) + 1) wrong.push(`heading h${l} after h${levels[i - 1] ?? 0}`); });
    for (const e of document.querySelectorAll("[style]:not([style='']), style, script:not([src]), [onclick], [onchange], [onsubmit]")) wrong.push(`inline: ${e.outerHTML.slice(0, 80)}`);
    const skip = document.querySelector("a.skip");
    if (!skip || !document.querySelector(skip.getAttribute("href"))) wrong.push("no skip link that leads somewhere");
    for (const a of document.querySelectorAll("a[href='#'], a[href='']")) wrong.push(`dead link: ${a.textContent.trim()}`);
    return wrong;
  });
}
