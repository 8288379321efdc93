// The path with the keyboard alone: no mouse, no touch. A resident finds the matter, fills the form, is told what is
// wrong, checks it and hands it in; a clerk walks the queue with j, k and Enter, accepts, and the head decides. On the
// way: focus is always to be seen, larger text stays, English has no Chinese in its frame, what is printed is worth it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browser, check, eventually, exec, newPage, password, quiet, same, shot, startCity } from "../harness.mjs";
import { axe, overflow, smallTargets } from "../pages.mjs";
import { apply } from "../people.mjs";

export const limit = 300;

const PDF = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");
const day = (n) => new Date(Date.now() + n * 86400e3).toISOString().slice(0, 10);

/** What has the focus, and whether it can be seen. */
function focused(page) {
  return page.evaluate(() => {
    const e = document.activeElement;
    if (!e || e === document.body) return { name: "nothing", seen: true };
    const shown = (x) => { const s = getComputedStyle(x); return (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2) || s.boxShadow !== "none"; };
    const box = e.getBoundingClientRect();
    // A radio that lies over its card shows its focus on the card, the search box on its frame.
    const seen = shown(e) || [e.closest("label"), e.closest(".search-box")].some((x) => x && shown(x));
    return { name: `${e.tagName.toLowerCase()}#${e.id} ${(e.getAttribute("name") ?? e.textContent ?? "").trim().slice(0, 24)}`, seen: seen && box.width > 0 };
  });
}

/** Presses Tab until the wanted element has the focus; every stop on the way has to be visible. */
async function tabTo(page, locator, key = "Tab") {
  const wanted = await locator.first().elementHandle();
  for (let n = 0; n < 150; n += 1) {
    if (await wanted.evaluate((e) => e === document.activeElement)) return;
    await page.keyboard.press(key);
    const at = await focused(page);
    check(at.seen, `${page.url()}: the focus on ${at.name} cannot be seen`);
  }
  throw new Error(`${page.url()}: Tab does not reach ${locator}`);
}

async function type(page, locator, text) {
  await tabTo(page, locator);
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(text);
}

/** A date field takes month, day, year as the browser's language has them; typing into it depends on that, so fill. */
async function date(page, locator, value) {
  await tabTo(page, locator);
  await locator.fill(value);
}

/** Enter or Space on a link or button, waiting for the page it leads to. */
async function press(page, locator, key = "Enter") {
  await tabTo(page, locator);
  await Promise.all([page.waitForEvent("framenavigated"), page.keyboard.press(key)]);
  await page.waitForLoadState("load");
}

async function signIn(page, city, login) {
  await page.goto(`${city.url}/sign-in`);
  await type(page, page.locator("#login"), login);
  await type(page, page.locator("#password"), password(city));
  await Promise.all([page.waitForURL((u) => u.pathname !== "/sign-in"), page.keyboard.press("Enter")]);
}

/** Chinese in the frame of an English page: outside of content that says it is Chinese, and outside of main. */
function chineseFrame(page) {
  return page.evaluate(() => {
    const found = [];
    for (const part of document.querySelectorAll(".demo-strip, header, footer, .tabbar, .side, h1, h2, th, label, legend, button, .breadcrumb, dt")) {
      const copy = part.cloneNode(true);
      copy.querySelectorAll("[lang^=zh]").forEach((e) => e.remove());
      if (!part.closest("[lang^=zh]:not(html)") && /[\u4e00-\u9fff]/.test(copy.textContent)) found.push(`${part.tagName}: ${copy.textContent.trim().slice(0, 40)}`);
    }
    return found;
  });
}

/** The page as paper: its text by pdftotext, and how many sheets. */
async function paper(page, name) {
  const folder = await mkdtemp(join(tmpdir(), "yiwang-paper-"));
  try {
    const file = join(folder, `${name}.pdf`);
    await writeFile(file, await page.pdf({ preferCSSPageSize: true, printBackground: true }));
    const { stdout } = await exec("pdftotext", ["-layout", file, "-"]);
    if (process.env.YIWANG_SHOTS) await exec("pdftoppm", ["-r", "60", "-png", file, join(process.env.YIWANG_PAPER ?? folder, name)]);
    return { text: stdout, sheets: stdout.split("\f").length - 1 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export default async function () {
  const city = await startCity();
  const chrome = await browser();
  const her = await newPage(chrome);
  await signIn(her, city, "resident");

  // Home: the skip link comes first; the box is reached by "/" too; a word leads to what it says.
  await her.goto(city.url);
  await her.keyboard.press("Tab");
  check((await focused(her)).name.includes("跳到正文"), "the first stop skips to the content");
  await her.keyboard.press("Enter");
  same(await her.evaluate(() => document.activeElement.id), "main", "and leads there");
  await her.keyboard.press("/");
  await her.keyboard.type("占用人行道");
  await her.keyboard.press("Enter");
  await her.waitForURL(/search/);
  await shot(her, "search");
  for (const word of await (async () => { await her.goto(city.url); return her.locator(".words a").evaluateAll((l) => l.map((a) => a.href)); })()) {
    const html = await (await her.request.get(word)).text();
    check(html.includes('class="rows"'), `the everyday word ${decodeURI(word)} finds nothing`);
  }
  await press(her, her.locator(".tiles a"));
  check(her.url().includes("/occasions/"), "an occasion opens");
  await shot(her, "occasion");
  await her.goto(`${city.url}/matters/occupy-road`);
  const guide = await paper(her, "guide");
  check(guide.text.includes("受理条件") && !guide.text.includes("登录") && !guide.text.includes("无障碍说明"), "the guide on paper has the guide and no frame");

  // The form. Handing in nothing tells where to mend, and the focus is there.
  await press(her, her.getByRole("button", { name: "在线办理" }));
  await press(her, her.getByRole("button", { name: "下一步：核对" }));
  check(await her.locator(".error-summary").evaluate((e) => e === document.activeElement), "the focus is on the list of errors");
  await her.keyboard.press("Tab");
  const first = await her.evaluate(() => document.activeElement.getAttribute("href"));
  check(first?.startsWith("#"), "its first link is next");
  await her.keyboard.press("Enter");
  check(await her.evaluate((id) => document.activeElement === document.querySelector(id) || document.activeElement.closest(id) || location.hash === id, first), "it leads to the field");
  same(await axe(her), [], "a refused form");
  await her.evaluate(() => document.body.focus());
  await type(her, her.locator("#i-location"), "演示路 8 号门前人行道");
  await type(her, her.locator("#i-area"), "6.5");
  const choose = async (name) => {
    const field = her.locator(`#field-${name}`);
    const box = field.locator("select, input").first();
    await tabTo(her, box);
    await her.keyboard.press(await field.locator("select").count() ? "ArrowDown" : "Space");
  };
  await her.evaluate(() => { document.activeElement.blur(); window.scrollTo(0, 0); document.querySelector("#main").focus(); });
  for (const name of ["division", "purpose", "traffic_impact", "promise"]) {
    await her.evaluate(() => document.querySelector("#main").focus());
    await choose(name);
  }
  await her.evaluate(() => document.querySelector("#main").focus());
  await date(her, her.locator("#i-start_date"), day(9));
  await date(her, her.locator("#i-end_date"), day(12));
  for (const [n, field] of (await her.locator("input[type=file]").all()).entries()) {
    if (n < 2) await field.setInputFiles({ name: `材料${n}.pdf`, mimeType: "application/pdf", buffer: Buffer.concat([PDF, Buffer.from(`${n}`)]) });
  }
  await press(her, her.getByRole("button", { name: "下一步：核对" }));
  check(her.url().endsWith("/review"), `everything is there: ${await her.locator("main").innerText()}`);
  const review = await her.locator("main").innerText();
  check(review.includes("演示路 8 号门前人行道") && review.includes("材料0.pdf"), "she reads it through once more");
  same(await axe(her), [], "the review page");
  await shot(her, "review");
  await press(her, her.getByRole("button", { name: "提交申请" }), "Space");
  await her.waitForURL(/receipt/);
  const id = her.url().match(/cases\/([^/]+)/)[1];
  await shot(her, "receipt");
  const diary = await her.request.get(await her.getByRole("link", { name: "加入日历" }).evaluate((a) => a.href));
  const ics = await diary.text();
  check(diary.headers()["content-type"].includes("text/calendar") && /DTSTART;VALUE=DATE:20\d{6}\r\n/.test(ics), `a calendar entry: ${ics}`);
  const receipt = await paper(her, "receipt");
  check(/20\d\d-OR-\d{6}/.test(receipt.text) && receipt.sheets === 1 && !receipt.text.includes("加入日历"), `the receipt is one sheet: ${receipt.sheets}`);

  // Her case: days as a bar, and home now shows it.
  await her.goto(`${city.url}/cases/${id}`);
  check(await her.locator(".bar[role=img]").getAttribute("aria-label"), "days used and left are told in words");
  await shot(her, "my-case");
  check((await paper(her, "case")).text.includes("办理进度") || (await paper(her, "case")).text.includes("演示路"), "a case on paper");
  await her.goto(city.url);
  check((await her.locator("main").innerText()).includes("我正在办的"), "home shows what she has open");
  await shot(her, "home-signed-in");
  await her.goto(`${city.url}/me`);
  await shot(her, "me");
  same(await axe(her), [], "my space");

  // Larger text: 20 px, kept from page to page, fits the phone, targets grow.
  const elder = await newPage(chrome, { viewport: { width: 390, height: 844 }, storageState: await her.context().storageState() });
  await elder.goto(city.url);
  await press(elder, elder.getByRole("link", { name: "长辈模式" }));
  for (const path of ["/", "/matters", "/matters/occupy-road", `/cases/${id}`, `/cases/${id}/receipt`, "/me", "/me/security", "/verify", "/log", "/about", "/accessibility", "/search?q=%E9%81%93%E8%B7%AF", "/services/cases", "/nowhere"]) {
    await elder.goto(`${city.url}${path}`);
    same(await elder.evaluate(() => getComputedStyle(document.body).fontSize), "20px", `${path} in larger text`);
    same(await overflow(elder), null, `${path} in larger text at 390`);
    same(await smallTargets(elder, 44), [], `targets of ${path}`);
    same(await axe(elder), [], `${path} in larger text`);
  }
  await shot(elder, "nowhere-elder");
  await elder.goto(city.url);
  await shot(elder, "home-elder");
  quiet(elder);

  // English: the frame and the program's own words have no Chinese left, wherever she goes.
  await her.goto(`${city.url}/?lang=en`);
  for (const path of ["/", "/matters", "/matters/occupy-road", "/occasions/renovate", `/cases/${id}`, `/cases/${id}/receipt`, "/me", "/me/security", "/verify", "/log", "/about", "/accessibility", "/search?q=road", "/services/cases", "/services/cases?show=ended", "/nowhere"]) {
    await her.goto(`${city.url}${path}`);
    same(await her.locator("html").getAttribute("lang"), "en", path);
    same(await chineseFrame(her), [], `${path} in English`);
    for (const width of [390, 1920]) {
      await her.setViewportSize({ width, height: 900 });
      same(await overflow(her), null, `${path} in English at ${width}`);
    }
    await her.setViewportSize({ width: 1440, height: 900 });
  }
  await her.goto(`${city.url}/search?q=road`);
  await her.locator(".site-tools a").first().focus();
  await Promise.all([her.waitForEvent("framenavigated"), her.keyboard.press("Enter")]);
  check(new URL(her.url()).searchParams.get("q") === "road", `switching the language keeps the search: ${her.url()}`);
  quiet(her);

  // The queue: j goes down, k goes up, Enter opens; the work is done without the mouse, and accepted by name.
  await her.goto(`${city.url}/?lang=zh`);
  await apply(her, city, "occupy-road");
  const clerk = await newPage(chrome);
  await signIn(clerk, city, "clerk");
  await clerk.goto(`${city.url}/work`);
  await shot(clerk, "queue-two");
  same(await axe(clerk), [], "the queue");
  const rows = await clerk.locator("table[data-keys] tbody tr a.num").allInnerTexts();
  check(rows.length >= 2, "two cases wait");
  const on = () => clerk.evaluate(() => document.activeElement.textContent.trim());
  await clerk.keyboard.press("j");
  same(await on(), rows[0], "j takes the first row");
  await clerk.keyboard.press("j");
  same(await on(), rows[1], "j goes down");
  check((await focused(clerk)).seen, "the row is seen");
  await clerk.keyboard.press("k");
  same(await on(), rows[0], "k goes up");
  // Somebody else's case arrives: the list renews itself and the focus stays where it was.
  await apply(her, city, "occupy-road");
  await eventually(async () => (await clerk.locator("table[data-keys] tbody tr").count()) > rows.length, "the queue renews itself");
  same(await on(), rows[0], "the focus is not lost");
  await Promise.all([clerk.waitForURL(/work\/cases/), clerk.keyboard.press("Enter")]);
  await clerk.waitForLoadState("load");
  await shot(clerk, "work-case");
  same(await axe(clerk), [], "the case at work");
  const opinion = clerk.locator("textarea[name=opinion]").first();
  await type(clerk, opinion, "材料齐全，符合法定形式。");
  await press(clerk, clerk.locator("form").filter({ has: opinion }).locator("button").last());
  check((await clerk.locator("main").innerText()).includes("办结期限"), "accepted with the keyboard");
  await shot(clerk, "work-accepted");
  // The others, each with the keyboard: a choice is made with Space and the arrows.
  const number = rows[0];
  for (const [login, choice] of [["reviewer-cg", "同意"], ["reviewer-jj", "同意"], ["head", "准予许可"]]) {
    const official = await newPage(chrome);
    await signIn(official, city, login);
    await official.goto(`${city.url}/work`);
    await press(official, official.getByRole("link", { name: number }));
    const form = official.locator("form[action*='/work/']").filter({ has: official.locator("textarea[name=opinion]") }).first();
    const radio = form.getByRole("radio", { name: choice, exact: true });
    await tabTo(official, form.locator("input[type=radio]").first());
    await official.keyboard.press("Space");
    for (let n = 0; n < 5 && !(await radio.isChecked()); n += 1) await official.keyboard.press("ArrowDown");
    check(await radio.isChecked(), `${login} chooses ${choice}`);
    await press(official, form.locator("button").last());
    check(!(await official.locator("main .notice.bad").count()), `${login}: ${await official.locator("main").innerText()}`);
    if (login === "head") await shot(official, "work-decided");
    quiet(official);
    await official.context().close();
  }
  for (const [path, name] of [["/work/done", "done"], ["/work/cases", "list"], ["/work/indicators", "indicators"]]) {
    const answer = await clerk.goto(`${city.url}${path}`);
    if (answer.status() === 200) await shot(clerk, name);
  }
  quiet(clerk);
}
