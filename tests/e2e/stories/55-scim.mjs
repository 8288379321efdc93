// The directory of a department: an administrator declares it, PyPI scim2-tester checks the service as a client, and the engineer
// sees what failed.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, browser, check, cli, exec, newPage, quiet, same, shot, signIn, startCity, venv } from "../harness.mjs";

/** What the tester finds and the guide says: an official is in office or not, so `active` cannot be taken away. */
const KNOWN = [/did not remove attribute '[^']*active'/];

export default async function () {
  const city = await startCity();
  const made = await cli(city, "client", "add", "--name", "演示统一目录", "--operator", "演示单位", "--scope", "scim");
  same(made.code, 0, `client add: ${made.stderr}`);
  const { client_id: id, client_secret: secret } = JSON.parse(made.stdout);
  const admin = await newPage(await browser());
  await signIn(admin, city, "admin");
  await admin.goto(`${city.url}/work/directories`);
  await admin.selectOption("#client", id);
  await admin.selectOption("#organisation", "chengguan");
  await shot(admin, "scim-declare");
  await admin.locator("main form .actions button").click();
  await admin.waitForURL(`**/work/directories/${id}`);
  await admin.selectOption("#post", "chengguan-reviewer");
  await admin.locator("form:has(#post) .actions button").click();
  same(await admin.locator("#post").inputValue(), "chengguan-reviewer", "the post of those who join");

  const answer = await fetch(`${city.url}/openid/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}`, "content-type": "application/x-www-form-urlencoded" },
    body: "grant_type=client_credentials",
  });
  const { access_token: token } = await answer.json();
  const packages = (await readFile(join(ROOT, "tests/e2e/clients/scim.txt"), "utf8")).split("\n").filter((l) => /^[A-Za-z]/.test(l));
  const script = join(ROOT, "tests/e2e/clients/scim_tester.py");
  const { code, stdout, stderr } = await exec(await venv(packages), [script, `${city.url}/scim/v2`, token], { timeout: 300_000 });
  same(code, 0, `scim2-tester: ${stdout}${stderr}`);
  const found = JSON.parse(stdout.trim().split("\n").pop());
  const strange = found.errors.filter((e) => !KNOWN.some((k) => k.test(e.reason)));
  same(strange, [], "what scim2-tester finds");
  check(found.success > 40, `only ${found.success} checks`);

  await admin.goto(`${city.url}/work/directories/${id}?which=writes`);
  check((await admin.locator("main").innerText()).includes("PATCH"), "the log shows what the directory did");
  await shot(admin, "scim-directory");
  await admin.goto(`${city.url}/work/directories/${id}?which=refused`);
  await shot(admin, "scim-refused");
  quiet(admin);
}
