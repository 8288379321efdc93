// The first minute: the city starts quickly, and its home page works in both languages, with and without scripts.
import { browser, check, newPage, quiet, same, shot, startCity } from "../harness.mjs";

const SEARCH = "form input[type=search], form input[name=q]";

async function visit(page, url, language) {
  const response = await page.goto(url);
  same(response.status(), 200, url);
  check(response.headers()["content-security-policy"], `${url} has no content policy`);
  same(await page.locator("html").getAttribute("lang"), language, "language of the page");
  check(await page.locator(SEARCH).first().isVisible(), `${url} has no search box`);
  check(await page.locator("footer").first().isVisible(), `${url} has no footer`);
  check((await page.locator("h1").count()) === 1, `${url} has not exactly one heading h1`);
}

export default async function () {
  const city = await startCity();
  // Only told: debug builds and busy machines are slower; `cargo xtask budget` holds the release build to its limit.
  console.log(`        started in ${(city.startedIn / 1000).toFixed(2)} s`);
  const chrome = await browser();

  const page = await newPage(chrome);
  await visit(page, city.url, "zh-CN");
  await page.waitForLoadState("load");
  quiet(page);
  await shot(page, "home");
  check(/[\u4e00-\u9fff]/.test(await page.locator("h1").innerText()), "the Chinese page has an English heading");

  await visit(page, `${city.url}/?lang=en`, "en");
  check(!/[\u4e00-\u9fff]/.test(await page.locator("h1").innerText()), "the English page has a Chinese heading");
  await shot(page, "home-en");
  // The choice is kept for the next page.
  await visit(page, city.url, "en");
  quiet(page);

  for (const width of [320, 390, 1440]) {
    await page.setViewportSize({ width, height: 844 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    check(wide <= width, `at ${width} px the page is ${wide} px wide`);
  }

  const plain = await newPage(chrome, { javaScriptEnabled: false });
  await visit(plain, city.url, "zh-CN");
  const box = plain.locator(SEARCH).first();
  await box.fill("许可");
  const [answer] = await Promise.all([
    plain.waitForResponse((r) => r.request().isNavigationRequest()),
    box.press("Enter"),
  ]);
  same(answer.status(), 200, "search without scripts");
  await plain.waitForLoadState("load");
  check(await plain.locator("footer").first().isVisible(), "the page of results has no footer");
  quiet(plain);
}
