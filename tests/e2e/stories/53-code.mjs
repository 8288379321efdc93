// The code of a person on a phone without a network, and a scanner at a counter: camera aside, as people use them.
import { browser, check, eventually, newPage, quiet, same, shot, signIn, startCity } from "../harness.mjs";

/** The picture that the offline page shows now. */
const picture = (page) => page.locator(".code-qr svg").first().evaluate((svg) => svg.outerHTML);

export default async function () {
  const city = await startCity();
  const chrome = await browser();
  const hers = await newPage(chrome, { viewport: { width: 390, height: 844 } });
  await signIn(hers, city, "resident");
  await hers.goto(`${city.url}/code`);
  await shot(hers, "code-unbound");
  await hers.getByRole("button", { name: "在本机开通" }).click();
  await hers.locator(".code-qr svg").waitFor();
  await eventually(() => hers.evaluate(() => navigator.serviceWorker.controller || navigator.serviceWorker.ready.then(() => true)), "the worker is ready");
  await hers.reload();
  await eventually(() => picture(hers), "a code is shown");
  await shot(hers, "code-shell");
  quiet(hers);

  // Without a network, even after closing the page.
  await hers.context().setOffline(true);
  await hers.goto(`${city.url}/code`);
  const first = await eventually(() => picture(hers), "a code without a network");
  await eventually(async () => (await picture(hers)) !== first, "a new code comes by itself", 40_000);
  await shot(hers, "code-offline");
  await hers.context().setOffline(false);

  // The counter reads what her page shows; a scanner types it and Enter.
  await hers.goto(`${city.url}/me/code`);
  await shot(hers, "code-own");
  const code = await hers.locator("[data-code]").getAttribute("data-code");
  const clerk = await newPage(chrome);
  await signIn(clerk, city, "clerk");
  await clerk.goto(`${city.url}/work/codes`);
  await shot(clerk, "scanner");
  await clerk.fill("#code", code);
  await clerk.keyboard.press("Enter");
  await clerk.locator(".verdict.good").waitFor();
  check((await clerk.locator("main").innerText()).includes("演示居民甲"), "the counter is told her name");
  await shot(clerk, "scanner-good");
  await clerk.locator(".scan-result a.button, .scan-result button").first().click();
  await clerk.goto(`${city.url}/work/codes`);
  await clerk.fill("#code", code);
  await clerk.keyboard.press("Enter");
  await clerk.locator(".verdict.bad").waitFor();
  await shot(clerk, "scanner-replayed");
  quiet(clerk);

  await hers.goto(`${city.url}/me/code/readings`);
  const list = await hers.locator("main").innerText();
  check(list.includes("窗口办事"), `she sees the reading: ${list}`);
  await shot(hers, "code-readings");
  await hers.goto(`${city.url}/me/code/devices`);
  same(await hers.locator("main form button").count(), 1, "her phone is bound");
  await shot(hers, "code-devices");
}
