// OFD files in programs that are not ours: a certificate, a paper, and a file of somebody else that was sealed by hand
// are opened by PyPI easyofd, and OpenSSL verifies their SM2 seals up to the city's root.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, browser, check, eventually, exec, newPage, quiet, same, shot, signIn, startCity, venv } from "../harness.mjs";
import { apply } from "../people.mjs";

export const limit = 600; // the first time easyofd is installed

/** Pages of a PDF, by poppler. */
async function pages(pdf, folder) {
  const file = join(folder, "pages.pdf");
  await writeFile(file, pdf);
  const { code, stdout, stderr } = await exec("pdfinfo", [file]);
  same(code, 0, `pdfinfo: ${stderr}`);
  return Number(stdout.match(/^Pages:\s+(\d+)/m)[1]);
}

export default async function () {
  const city = await startCity();
  const chrome = await browser();
  const as = async (login) => {
    const page = await newPage(chrome);
    await signIn(page, city, login);
    return page;
  };
  const her = await as("resident");
  const { id, number } = await apply(her, city, "dig-road", { road_age: "free" });
  const act = async (login, choice) => {
    const page = await as(login);
    await page.goto(`${city.url}/work/cases/${id}`);
    const form = page.locator("form[action*='/work/']").filter({ has: page.locator("textarea[name=opinion]") }).first();
    if (choice) await form.getByRole("radio", { name: choice, exact: true }).check();
    await form.locator("button").last().click();
    await page.waitForLoadState("load");
  };
  await act("clerk");
  for (const reviewer of ["reviewer-cg", "reviewer-jj"]) await act(reviewer, "同意");
  await act("head", "准予许可");
  const state = await eventually(async () => {
    const state = await (await her.request.get(`${city.url}/api/v1/cases/${id}`)).json();
    return state.certificates[0]?.ready && state;
  }, "the certificate is there", 90_000);

  const python = await venv(["easyofd==20260427"]);
  const authority = [];
  for (const name of ["root-sm2.pem", "issuing-sm2.pem"]) {
    const file = join(city.data, name);
    await writeFile(file, await (await her.request.get(`${city.url}/pki/${name}`)).body());
    authority.push(file);
  }
  let n = 0;
  const read = async (bytes) => {
    const file = join(city.data, `read-${++n}.ofd`);
    await writeFile(file, bytes);
    const { code, stdout, stderr } = await exec(python, [join(ROOT, "tests/e2e/clients/ofd_reader.py"), file, ...authority], { cwd: city.data, timeout: 120_000 });
    same(code, 0, `ofd_reader.py: ${stderr.slice(-2000)}`);
    return JSON.parse(stdout.trim().split("\n").pop());
  };
  const good = { parts: true, document: true, signature: true, chain: true, stamped: true };
  const fetched = async (page, path) => {
    const answer = await page.request.get(`${city.url}${path}`);
    same(answer.status(), 200, path);
    return answer.body();
  };

  // The certificate: as many pages as the PDF, her name, one seal.
  const certificate = `/me/certificates/${state.certificates[0].id}`;
  const licence = await read(await fetched(her, `${certificate}.ofd`));
  same(licence.pages, await pages(await fetched(her, `${certificate}.pdf`), city.data), "pages of the certificate");
  for (const words of ["演示居民甲", "挖掘", number]) check(licence.texts.join("").includes(words), `the certificate lacks ${words}: ${licence.texts}`);
  same(licence.seals, [good], "the certificate's seal");
  same(licence.stamps.length, 1, "places of the certificate's seal");

  // Every paper of the case is there in both forms.
  await her.goto(`${city.url}/cases/${id}`);
  await eventually(async () => {
    await her.reload();
    return (await her.locator("#papers a[href$='.ofd']").count()) >= 3;
  }, "the papers are there", 90_000);
  await shot(her, "papers-ofd");
  const links = await her.locator("#papers a[href$='.ofd']").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
  for (const link of links.slice(0, 3)) {
    const paper = await read(await fetched(her, link));
    same(paper.pages, await pages(await fetched(her, link.replace(/ofd$/, "pdf")), city.data), `pages of ${link}`);
    for (const words of ["演示居民甲", number]) check(paper.texts.join("").includes(words), `${link} lacks ${words}: ${paper.texts}`);
    same(paper.seals, [good], `the seal of ${link}`);
  }
  quiet(her);

  // A post of the bureau may seal uploads; a reviewer seals the paper again, at a keyword: both seals verify.
  const head = await as("head");
  const right = { grantee: "post:chengguan-reviewer", kinds: "upload" };
  const given = await head.request.post(`${city.url}/work/seals/pack:chengguan/grants`, { form: right });
  same(given.status(), 200, "a right to seal uploads");
  const reviewer = await as("reviewer-cg");
  await reviewer.goto(`${city.url}/work/seals/pack:chengguan/use`);
  await reviewer.setInputFiles("#files", { name: "通知.ofd", mimeType: "application/ofd", buffer: await fetched(her, links[0]) });
  await reviewer.fill("#purpose", "转送");
  await reviewer.selectOption("#place", "keyword");
  await reviewer.fill("#keyword", "演示居民甲");
  await reviewer.selectOption("#which", "first");
  await shot(reviewer, "seals-keyword");
  await reviewer.locator("form[enctype] button").last().click();
  await reviewer.waitForURL(/batches/);
  const link = reviewer.locator("main a[href$='/files/1']");
  await eventually(async () => {
    await reviewer.reload();
    return (await link.count()) > 0;
  }, "the file is sealed", 60_000);
  await shot(reviewer, "seals-batch-ofd");
  const sealed = await read(await fetched(reviewer, await link.getAttribute("href")));
  same(sealed.seals, [good, good], "both seals");
  quiet(reviewer);
}
