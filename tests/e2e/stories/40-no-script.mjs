// Everything works without scripts: apply with uploads on a phone, accept at the counter, switch language, sign out.
import { browser, check, newPage, quiet, same, signIn, startCity } from "../harness.mjs";

const PDF = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");

export default async function () {
  const city = await startCity();
  const chrome = await browser();
  const plain = { javaScriptEnabled: false };
  const her = await newPage(chrome, { ...plain, viewport: { width: 390, height: 844 } });
  await her.goto(city.url);
  await her.locator("input[name=q]").fill("占道");
  await her.locator("form[role=search] button").click();
  await her.getByRole("link", { name: "临时占用城市道路审批" }).click();
  await her.getByRole("button", { name: "在线办理" }).click();
  // Sent to sign in; afterwards she stands at the guide again, not at an error.
  await her.fill("[name=login]", "resident");
  await her.fill("[name=password]", "wrong");
  await her.locator("main form button").click();
  check((await her.locator("main").innerText()).includes("账号或密码不对"), "a wrong password is said");
  await signIn(her, city, "resident");
  await her.goto(`${city.url}/matters/occupy-road`);
  await her.getByRole("button", { name: "在线办理" }).click();
  await her.locator("#i-location").fill("演示路 8 号门前人行道");
  await her.locator("#i-area").fill("6.5");
  await her.locator("#field-division select").selectOption({ index: 1 });
  await her.locator("#field-purpose input").first().check();
  await her.locator("#field-traffic_impact input").nth(1).check();
  const day = (n) => new Date(Date.now() + n * 86400e3).toISOString().slice(0, 10);
  await her.locator("#i-start_date").fill(day(9));
  await her.locator("#i-end_date").fill(day(12));
  await her.locator("#field-promise input").check();
  for (const [n, id] of ["site-plan", "site-photo"].entries()) {
    await her.setInputFiles(`#file-${id}`, { name: `${id}.pdf`, mimeType: "application/pdf", buffer: Buffer.concat([PDF, Buffer.from(`${n}`)]) });
  }
  await her.getByRole("button", { name: "上传所选文件" }).click();
  same(await her.locator(".upload-list li").count(), 2, "two files are there");
  same(await her.locator("#i-area").inputValue(), "6.5", "uploading lost nothing that was typed");
  await her.getByRole("button", { name: "移除" }).last().click();
  same(await her.locator(".upload-list li").count(), 1, "one file was removed");
  await her.setInputFiles("#file-site-photo", { name: "照片.pdf", mimeType: "application/pdf", buffer: PDF });
  await her.getByRole("button", { name: "下一步：核对" }).click();
  check((await her.locator("main").innerText()).includes("6.5"), "she reads it through once more");
  await her.getByRole("button", { name: "提交申请" }).click();
  const receipt = await her.locator("main").innerText();
  check(/20\d\d-OR-\d{6}/.test(receipt), `a receipt with a number: ${receipt}`);
  await her.locator("header").getByRole("link", { name: "English" }).click();
  check((await her.locator("main").innerText()).includes("Acceptance or correction notice by"), "the receipt in English");
  quiet(her);

  const clerk = await newPage(chrome, plain);
  await signIn(clerk, city, "clerk");
  await clerk.goto(`${city.url}/work`);
  await clerk.locator("main table a").first().click();
  await clerk.getByRole("button", { name: "受理" }).click();
  check((await clerk.locator("main").innerText()).includes("办结期限"), "accepted");
  // The rest of the workbench: filters, lists, the case done; and larger text, all by plain links and forms.
  for (const path of ["/work", "/work/cases?state=handling", "/work/done"]) {
    const answer = await clerk.goto(`${city.url}${path}`);
    check(answer.status() === 200, `${path} without scripts: ${answer.status()}`);
  }
  await clerk.goto(`${city.url}/work/done`);
  check(await clerk.locator("main table a").first().isVisible(), "what was done is listed");
  await clerk.getByRole("link", { name: "长辈模式" }).click();
  check(await clerk.locator("html.elder").count(), "larger text by a link");
  await clerk.getByRole("button", { name: "退出" }).click();
  same((await clerk.goto(`${city.url}/work`)).url().includes("/sign-in"), true, "signed out");
  quiet(clerk);
}
