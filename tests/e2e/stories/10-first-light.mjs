// The whole path in a browser, as each person walks it: a resident applies, the window corrects and accepts, two
// departments review side by side, one reopens the other's review, the head grants, the certificate comes back sealed,
// she rates, the figures move, outsiders verify.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, binary, browser, check, cli, eventually, exec, newPage, quiet, same, shot, signIn, startCity, venv } from "../harness.mjs";

export const limit = 900;

const PDF = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");

/** A person in a browser of their own. */
async function person(chrome, city, login, options) {
  const page = await newPage(chrome, options);
  if (login) await signIn(page, city, login);
  return page;
}

async function text(page) {
  return page.locator("main").innerText();
}

async function figure(page, city, id) {
  const response = await page.request.get(`${city.url}/api/v1/indicators/${id}`);
  same(response.status(), 200, `indicator ${id}`);
  return (await response.json()).figure;
}

/** The case page of an official, by number. */
async function open(page, city, number) {
  await page.goto(`${city.url}/work`);
  await page.getByRole("link", { name: number }).first().click();
  await page.waitForURL(/\/work\/cases\//);
}

async function finish(page, outcome, opinion) {
  const form = page.locator("form[action*='/work/']").filter({ has: page.locator("textarea[name=opinion]") }).first();
  if (outcome) await form.getByRole("radio", { name: outcome, exact: true }).check();
  if (opinion) await form.locator("textarea[name=opinion]").fill(opinion);
  await form.locator("button").last().click();
  await page.waitForLoadState("load");
}

/** The path on one database; `alter` changes a row behind the program's back. */
export async function path(options, alter) {
  const city = await startCity(options);
  const chrome = await browser();
  const admin = await person(chrome, city, "admin");
  const before = { online: await figure(admin, city, "wholly-online"), net: await figure(admin, city, "one-net-rate") };

  // 1. She searches by word, by pinyin, by initials, with one wrong character.
  const visitor = await person(chrome, city);
  for (const q of ["占用道路", "linshizhanyong", "lszy", "临时占用成市道路"]) {
    await visitor.goto(`${city.url}/search?q=${encodeURIComponent(q)}`);
    same(await visitor.locator("main .rows a").first().innerText(), "临时占用城市道路审批", `search for ${q}`);
  }
  await visitor.locator("main .rows a").first().click();
  const guide = await text(visitor);
  for (const part of ["受理条件", "申请材料", "承诺时限", "收费", "办理窗口", "城市道路管理条例", "第三十一条"]) {
    check(guide.includes(part), `the guide lacks ${part}`);
  }
  await shot(visitor, "guide");
  await visitor.getByRole("button", { name: "在线办理" }).click();
  check(visitor.url().includes("/sign-in"), "starting a case asks to sign in");
  quiet(visitor);

  // She signs in, starts it; the form knows her with source and date.
  const her = await person(chrome, city, "resident");
  await her.goto(`${city.url}/matters/occupy-road`);
  await her.getByRole("button", { name: "在线办理" }).click();
  await her.waitForURL(/\/cases\/.*\/form/);
  check((await her.locator("#i-applicant_name").inputValue()).includes("演示"), "her name is filled in");
  same((await her.locator("#i-citizen_id").inputValue()).length, 18, "her ID is filled in");
  const source = await her.locator(".prefilled").first().innerText();
  check(/来自.+截至 20\d\d/.test(source), `source and date: ${source}`);
  await shot(her, "form");
  await her.locator("#i-location").fill("演示路 8 号门前人行道");
  await her.locator("#i-area").fill("12");
  await her.getByRole("button", { name: "保存草稿" }).last().click();
  await her.waitForURL(/saved=1/);

  // She goes on with it on a phone; what is wrong is said, nothing is lost.
  const phone = await person(chrome, city, "resident", { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await phone.goto(`${city.url}/me`);
  await phone.getByRole("link", { name: "继续填写" }).click();
  same(await phone.locator("#i-location").inputValue(), "演示路 8 号门前人行道", "the draft is there on the phone");
  await phone.getByRole("button", { name: "下一步：核对" }).click();
  await phone.waitForLoadState("load");
  check((await phone.locator(".error-summary a").count()) >= 4, "what is missing is listed");
  await shot(phone, "form-errors");
  await phone.locator("#i-division").selectOption({ label: "清江浦区" }).catch(async () => phone.getByRole("radio", { name: "清江浦区" }).check());
  const choose = async (name) => {
    const field = phone.locator(`#field-${name}`);
    if (await field.locator("select").count()) await field.locator("select").selectOption({ index: 1 });
    else await field.locator("input[type=radio]").first().check();
  };
  await choose("purpose");
  await phone.locator("#field-traffic_impact").getByText("人行道").first().click();
  const from = new Date(Date.now() + 7 * 86400e3).toISOString().slice(0, 10);
  const to = new Date(Date.now() + 17 * 86400e3).toISOString().slice(0, 10);
  await phone.locator("#i-start_date").fill(to);
  await phone.locator("#i-end_date").fill(from);
  await phone.locator("#field-promise input").check();
  await phone.setInputFiles("#file-site-plan", { name: "示意图.exe", mimeType: "application/pdf", buffer: Buffer.from("MZ\x90\x00") });
  await phone.getByRole("button", { name: "上传所选文件" }).click();
  await phone.waitForLoadState("load");
  check((await phone.locator(".error-summary").innerText()).includes("不支持"), "a file that is no document is refused");
  await phone.setInputFiles("#file-site-plan", { name: "示意图.pdf", mimeType: "application/pdf", buffer: PDF });
  await phone.setInputFiles("#file-site-photo", { name: "照片.pdf", mimeType: "application/pdf", buffer: Buffer.concat([PDF, Buffer.from("2")]) });
  await phone.getByRole("button", { name: "下一步：核对" }).click();
  await phone.waitForLoadState("load");
  check(/早于|晚于|不能/.test(await phone.locator(".error-summary").innerText()), "an end before the beginning is refused");
  await phone.locator("#i-start_date").fill(from);
  await phone.locator("#i-end_date").fill(to);
  await phone.getByRole("button", { name: "下一步：核对" }).click();
  await phone.waitForURL(/review/);
  await phone.getByRole("button", { name: "提交申请" }).click();
  await phone.waitForURL(/receipt/);
  const receipt = await text(phone);
  const number = receipt.match(/20\d\d-[A-Z]+-\d{6}/)?.[0];
  check(number, `no number on the receipt: ${receipt}`);
  check(receipt.includes("最迟受理或告知补正日期"), "the receipt names the latest day");
  await shot(phone, "receipt");
  const id = phone.url().match(/cases\/([^/]+)/)[1];
  quiet(phone);

  // Somebody else sees nothing of it.
  const other = await person(chrome, city, "agent");
  same((await other.request.get(`${city.url}/cases/${id}`)).status(), 404, "another citizen's look");
  same((await other.request.get(`${city.url}/work/cases/${id}`)).status(), 403, "another citizen in the workbench");

  // 2. The clerk asks once for a correction, she answers, the clerk accepts.
  const clerk = await person(chrome, city, "clerk");
  await clerk.goto(`${city.url}/work`);
  check(await clerk.locator(".light.green").first().isVisible(), "the queue shows its light");
  check((await text(clerk)).includes("受理期限"), "the acceptance clock comes first");
  await shot(clerk, "queue");
  await open(clerk, city, number);
  check(!(await text(clerk)).includes(await her.locator("#i-citizen_id").inputValue()), "the ID is masked for officials");
  await clerk.locator("#correction summary").click();
  await clerk.locator("#items").fill("示意图请标明剩余通行宽度\n补充远景照片");
  await clerk.getByRole("button", { name: "发出补正告知" }).click();
  await clerk.waitForLoadState("load");
  check((await text(clerk)).includes("待补正"), "the case waits for the correction");
  await her.goto(`${city.url}/me`);
  await her.getByRole("link", { name: "去补正" }).click();
  check((await text(her)).includes("示意图请标明剩余通行宽度"), "she sees the list");
  await her.setInputFiles("#file-site-plan", { name: "示意图-改.pdf", mimeType: "application/pdf", buffer: Buffer.concat([PDF, Buffer.from("3")]) });
  await her.getByRole("button", { name: "下一步：核对" }).click();
  await her.waitForURL(/review/);
  await her.getByRole("button", { name: "提交补正" }).click();
  await her.waitForURL(/receipt/);
  await open(clerk, city, number);
  same(await clerk.locator("#correction").count(), 0, "a second correction cannot be asked for");
  // Two clerks on the same page: the second is told, nothing is half done.
  const second = await person(chrome, city, "clerk");
  await open(second, city, number);
  await finish(clerk);
  check((await text(clerk)).includes("办结期限"), "the decision clock runs");
  await finish(second);
  check(/已经有人办理|已被他人更新/.test(await text(second)), "the second clerk is told");
  await her.goto(`${city.url}/cases/${id}/receipt`);
  check((await text(her)).includes("最迟办结日期"), "acceptance adds the decision date");

  // Two departments review in parallel; one reopens the other's finished review; the join waits.
  const cg = await person(chrome, city, "reviewer-cg");
  const jj = await person(chrome, city, "reviewer-jj");
  const head = await person(chrome, city, "head");
  await open(cg, city, number);
  await finish(cg, "同意", "现场踏勘，满足通行要求。");
  await head.goto(`${city.url}/work`);
  check(!(await text(head)).includes(number), "the head waits for the join");
  await open(jj, city, number);
  await shot(jj, "review");
  await jj.locator("summary", { hasText: "退回" }).click();
  const back = jj.locator("form[action$='send-back']");
  await back.getByRole("radio", { name: "城管审查" }).check();
  await back.locator("textarea").fill("请补充夜间警示要求。");
  await back.getByRole("button").click();
  await jj.waitForLoadState("load");
  check((await text(jj)).includes("请补充夜间警示要求"), "the opinion stands with the case");
  await finish(jj, "同意", "同意占用人行道。");
  await head.goto(`${city.url}/work`);
  check(!(await text(head)).includes(number), "the join waits for the reopened review");
  await open(cg, city, number);
  check((await text(cg)).includes("第 2 次"), "it is the second round");
  await finish(cg, "同意", "已补充夜间警示要求。");
  await open(head, city, number);
  await finish(head, "准予许可", "");
  await shot(head, "decided");

  // 3. The certificate: download, verify as anybody, by pyhanko, by OpenSSL, by the product.
  await her.goto(`${city.url}/cases/${id}`);
  await eventually(async () => (await her.reload()) && (await her.getByRole("link", { name: "查看和下载证照" }).count()) === 1, "the certificate is made", 60_000);
  await shot(her, "case");
  await her.getByRole("link", { name: "查看和下载证照" }).click();
  await her.waitForURL(/certificates/);
  await shot(her, "certificate");
  const base = her.url();
  const identifier = (await her.locator("main code").first().innerText()).trim();
  const fetch = async (what) => {
    const response = await her.request.get(`${base}.${what}`);
    same(response.status(), 200, what);
    return response.body();
  };
  const dir = city.data;
  const pdf = join(dir, "certificate.pdf");
  const bytes = await fetch("pdf");
  await writeFile(pdf, bytes);
  await writeFile(join(dir, "certificate.sm2"), await fetch("sm2"));
  await writeFile(join(dir, "sm2.pem"), await fetch("sm2.pem"));
  await eventually(async () => (await her.request.get(`${base}.proof`)).status() === 200, "the proof is there");
  await writeFile(join(dir, "proof.json"), await fetch("proof"));
  await writeFile(join(dir, "root.pem"), await (await her.request.get(`${city.url}/trust/root/p256.pem`)).body());
  const words = await exec("pdftotext", [pdf, "-"]);
  check(words.stdout.includes("演示") && words.stdout.includes("许可证"), "the certificate is in Chinese");
  const fonts = await exec("pdffonts", [pdf]);
  check(/NotoSerifSC.*yes yes/.test(fonts.stdout), `a Chinese font is embedded: ${fonts.stdout}`);
  const sm2 = (file) =>
    exec("openssl", ["dgst", "-sm3", "-verify", join(dir, "sm2.pem"), "-signature", join(dir, "certificate.sm2"), "-sigopt", "distid:1234567812345678", file]);
  check((await sm2(pdf)).stdout.includes("Verified OK"), "OpenSSL verifies the detached SM2 signature");
  const python = await venv(["pyhanko==0.31.0"]);
  const pyhanko = (file) => exec(python, [join(ROOT, "crates/base/trust/tests/pades_pyhanko.py"), file, join(dir, "root.pem")]);
  same((await pyhanko(pdf)).code, 0, "pyhanko accepts the signature");
  const upload = async (buffer) => {
    await visitor.goto(`${city.url}/verify`);
    await visitor.setInputFiles("#file", { name: "x.pdf", mimeType: "application/pdf", buffer });
    await visitor.getByRole("button", { name: "核验" }).last().click();
    await visitor.waitForLoadState("load");
    return text(visitor);
  };
  check((await upload(bytes)).includes("文件完整，签章可信"), "the product accepts it");
  const altered = Buffer.from(bytes);
  altered[200] ^= 1;
  await writeFile(join(dir, "altered.pdf"), altered);
  check((await upload(altered)).includes("文件被改动过"), "the product sees one changed byte");
  check((await pyhanko(join(dir, "altered.pdf"))).code !== 0, "pyhanko sees one changed byte");
  check((await sm2(join(dir, "altered.pdf"))).code !== 0, "OpenSSL sees one changed byte");
  // The QR code leads anybody to the public page.
  const qr = await her.locator("a.qr").getAttribute("href");
  await visitor.goto(qr);
  const verdict = await text(visitor);
  check(verdict.includes("确由本市签发") || verdict.includes("真实有效"), "the public page confirms it");
  check(verdict.includes(identifier) && /演\*+/.test(verdict), "with the identifier, and the name masked");
  await shot(visitor, "verification");
  quiet(visitor);
  const wrong = identifier.slice(0, -1) + (identifier.endsWith("0") ? "1" : "0");
  same((await visitor.goto(`${city.url}/verify?q=${wrong}`)).status(), 422, "a wrong check character is refused");

  // 4. She rates it badly; the supervisor has a follow-up with a deadline.
  await her.goto(`${city.url}/cases/${id}`);
  await her.locator("fieldset.stars label").first().click();
  await her.getByRole("button", { name: "提交评价" }).click();
  await her.waitForLoadState("load");
  check((await text(her)).includes("请告诉我们哪里不满意"), "a bad grade needs a word");
  await her.locator("fieldset.stars label").first().click();
  await her.locator("#comment").fill("等得久了些。");
  await her.getByRole("button", { name: "提交评价" }).click();
  await her.waitForLoadState("load");
  check((await text(her)).includes("谢谢您的评价"), "the rating is in");
  const supervisor = await person(chrome, city, "supervisor");
  await supervisor.goto(`${city.url}/work/followups`);
  check((await text(supervisor)).includes("等得久了些") && (await text(supervisor)).includes("回访期限"), "the follow-up is there");
  await shot(supervisor, "followups");
  await supervisor.locator("textarea[name=outcome]").fill("已电话致歉，说明会审时间。");
  await supervisor.getByRole("button", { name: "办结" }).click();
  await supervisor.waitForLoadState("load");
  check((await text(supervisor)).includes("已办结"), "the follow-up is closed");

  // 5. The figures have moved, and each opens to its rows.
  await eventually(async () => (await figure(admin, city, "one-net-rate")).numerator === before.net.numerator + 1, "一网通办率 moved");
  const after = { online: await figure(admin, city, "wholly-online"), time: await figure(admin, city, "timeliness") };
  same(before.online.denominator, 0, "no case had ended");
  same(after.online.denominator, 1, "one case has ended");
  same(after.time.numerator, 1, "on time");
  await admin.goto(`${city.url}/cockpit`);
  await shot(admin, "cockpit");
  quiet(admin);
  await admin.goto(`${city.url}/work/indicators/timeliness/rows`);
  check((await text(admin)).includes(number), "the rows behind the figure");
  await shot(admin, "rows");

  // 6. Timeline, audit trail, log, doctor.
  await her.goto(`${city.url}/cases/${id}`);
  const timeline = await her.locator(".timeline").innerText();
  for (const step of ["开始填写", "上传材料", "提交申请", "一次性告知补正", "提交补正", "受理", "退回至", "准予许可", "证照签发", "办结", "申请人评价"]) {
    check(timeline.includes(step), `the timeline lacks ${step}`);
  }
  check(/存证第 \d+ 条/.test(timeline), "with its place in the log");
  const auditor = await person(chrome, city, "auditor");
  await auditor.goto(`${city.url}/work/audit?q=${id}`);
  check((await text(auditor)).includes("cases.case.decided"), "the audit trail has it");
  await shot(auditor, "audit");
  await her.goto(`${city.url}/me/security`);
  check((await text(her)).includes("综合窗口"), "she sees who looked at her data");
  await shot(her, "security");

  await city.stop();
  const log = join(dir, "log");
  const exported = await cli(city, "log", "export", log);
  same(exported.code, 0, exported.stderr);
  const verify = (...args) => exec(binary("YIWANG_VERIFY_BIN"), ["--key", join(log, "key"), log, ...args]);
  const fine = await verify(pdf, join(dir, "proof.json"));
  same(fine.code, 0, `yiwang-verify: ${fine.stdout}${fine.stderr}`);
  same((await verify(join(dir, "altered.pdf"), join(dir, "proof.json"))).code, 1, "another file is not proven");
  const sound = await cli(city, "doctor");
  same(sound.code, 0, `doctor finds nothing altered: ${sound.stdout}`);
  same((await alter(city, "UPDATE cases_rating SET grade = 5")).code, 0, "the row is altered by hand");
  const doctor = await cli(city, "doctor");
  check(doctor.code !== 0 && doctor.stdout.includes("cases_rating") && doctor.stdout.includes(id), `doctor names the row: ${doctor.stdout}`);
  same((await alter(city, "UPDATE kernel_fact SET payload = '{}' WHERE type = 'cases.rating.given'")).code, 0, "a fact is altered by hand");
  check((await cli(city, "doctor")).stdout.includes("kernel_fact: fact"), "doctor names the fact");
  // Rows of every kind: a state, a right put in, a file taken away.
  for (const [sql, table] of [
    ["UPDATE cases_case SET state = 'refused'", "cases_case"],
    ["UPDATE identity_role SET permissions = '[]' WHERE id = 'auditor'", "identity_role"],
    ["INSERT INTO identity_holding(id, post, account, from_on) VALUES ('x', 'shi-auditor', 'y', '2020-01-01')", "identity_holding"],
    ["DELETE FROM cases_material", "cases_material"],
    ["UPDATE documents_certificate SET valid_until = '2099-01-01'", "documents_certificate"],
  ]) {
    same((await alter(city, sql)).code, 0, sql);
    check((await cli(city, "doctor")).stdout.includes(`${table}: row`), `doctor names ${table}`);
  }
  check((await readFile(join(log, "checkpoint"), "utf8")).includes("/log/1"), "the head names its log");
}

export default () =>
  path({}, async (city, sql) => {
    const script = "import sqlite3,sys;c=sqlite3.connect(sys.argv[1]);c.execute(sys.argv[2]);c.commit()";
    return exec(await venv([]), ["-c", script, join(city.data, "core.db"), sql]);
  });
