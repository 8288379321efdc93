// Two processes on one PostgreSQL: one city. Work done on one is seen on the other, two clerks race and one wins, a
// certificate is made once, a killed node leaves no gap in the log.
import { readFile, writeFile, mkdtemp, cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browser, check, eventually, exec, newPage, same, signIn, startCity } from "../harness.mjs";
import { apply } from "../people.mjs";

export const limit = 240;

async function rows(city, sql) {
  const { stdout, code, stderr } = await exec("psql", [city.database, "-At", "-c", sql]);
  same(code, 0, stderr);
  return stdout.trim();
}

export default async function () {
  const a = await startCity({ postgres: true, node: "node-a" });
  // The second node shares database and master key; its address is its own, its pages are the same.
  const data = await mkdtemp(join(tmpdir(), "yiwang-b-"));
  await writeFile(join(data, "demo.key"), await readFile(join(a.data, "demo.key")), { mode: 0o600 });
  const b = await startCity({ postgres: a.database, node: "node-b", data });
  const chrome = await browser();

  const her = await newPage(chrome);
  await signIn(her, a, "resident");
  const clerkA = await newPage(chrome);
  await signIn(clerkA, a, "clerk");
  const clerkB = await newPage(chrome);
  await signIn(clerkB, b, "clerk");
  await clerkB.goto(`${b.url}/work`);
  check((await clerkB.locator("main").innerText()).includes("没有待办"), "the queue of the other node is empty");

  const first = await apply(her, a, "occupy-road");
  // The open page on node B hears of it by itself.
  await clerkB.getByRole("link", { name: first.number }).waitFor({ timeout: 10_000 });

  // Two clerks on two nodes press at once: one acceptance, one refusal in words.
  const accept = async (page, city) => {
    await page.goto(`${city.url}/work/cases/${first.id}`);
    return page.locator("form[action*='/work/'] button", { hasText: "受理" }).first();
  };
  const [one, two] = [await accept(clerkA, a), await accept(clerkB, b)];
  await Promise.all([one.click(), two.click()]);
  await Promise.all([clerkA.waitForLoadState("load"), clerkB.waitForLoadState("load")]);
  const said = [await clerkA.locator("main").innerText(), await clerkB.locator("main").innerText()];
  same(said.filter((t) => /已经有人办理|已被他人更新/.test(t)).length, 1, "one clerk is told");
  same(await rows(a, `SELECT COUNT(*) FROM kernel_fact WHERE type = 'cases.case.accepted' AND subject = '${first.id}'`), "1", "one acceptance");

  // One job falls due once although both nodes look for work: the certificate of a granted case.
  const act = async (login, city, choice) => {
    const page = await newPage(chrome);
    await signIn(page, city, login);
    await page.goto(`${city.url}/work/cases/${first.id}`);
    const form = page.locator("form[action*='/work/']").filter({ has: page.locator("textarea[name=opinion]") }).first();
    await form.getByRole("radio", { name: choice, exact: true }).check();
    await form.locator("button").last().click();
    await page.waitForLoadState("load");
  };
  await act("reviewer-cg", a, "同意");
  await act("reviewer-jj", b, "同意");
  await act("head", b, "准予许可");
  await eventually(async () => (await rows(a, "SELECT COUNT(*) FROM documents_certificate WHERE state = 'valid'")) === "1", "the certificate is made", 60_000);
  same(await rows(a, "SELECT COUNT(*) FROM kernel_fact WHERE type = 'documents.certificate.issued'"), "1", "issued once");
  same(await rows(a, "SELECT COUNT(*) FROM kernel_job WHERE kind = 'documents.produce'"), "1", "one job");

  // A node is killed while it writes and numbers; the other goes on, and the log has no gap.
  const storm = Array.from({ length: 12 }, async () => {
    const page = await newPage(chrome);
    await signIn(page, a, "resident").catch(() => {});
  });
  await new Promise((r) => setTimeout(r, 400));
  await a.kill();
  await Promise.allSettled(storm);
  const later = await newPage(chrome);
  await signIn(later, b, "agent");
  await eventually(async () => (await rows(b, "SELECT COUNT(*) FROM kernel_fact WHERE seq IS NULL")) === "0", "everything is numbered");
  same(await rows(b, "SELECT COUNT(seq) = MAX(seq) AND COUNT(DISTINCT seq) = COUNT(seq) FROM kernel_fact"), "t", "seq is dense");
  await eventually(async () => (await rows(b, "SELECT (SELECT COUNT(*) FROM trust_node WHERE level = 0) = (SELECT COUNT(*) FROM kernel_fact)")) === "t", "every fact is in the tree");
}
