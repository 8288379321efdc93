// What people do in more than one story, through the same forms that browsers send.
import { check, same } from "./harness.mjs";

const PDF = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");

/** A value that a form field accepts, by its JSON Schema. */
function value(name, p) {
  if (p.const !== undefined) return String(p.const);
  if (p.enum) return p.enum[0];
  if (p.format === "date") return new Date(Date.now() + (/end|until|to/.test(name) ? 60 : 20) * 86400e3).toISOString().slice(0, 10);
  if (p.format === "phone") return "19900000001";
  if (p.format === "citizen-id") return "320899198803121014";
  if (p.type === "boolean") return "true";
  if (p.type === "number" || p.type === "integer") return String(Math.max(p.minimum ?? 1, Math.min(p.maximum ?? 10, 10)));
  return "演示内容".repeat(20).slice(0, Math.max(p.minLength ?? 6, 6));
}

/** Applies for a matter with what its own form asks for; `answers` win. Returns { id, number }. */
export async function apply(page, city, matter, answers = {}) {
  const guide = await (await page.request.get(`${city.url}/api/v1/matters/${matter}`)).json();
  const begun = await page.request.post(`${city.url}/matters/${matter}/cases`);
  const id = begun.url().match(/cases\/([^/]+)\/form/)?.[1];
  check(id, `a case of ${matter} was not begun: ${begun.status()} ${begun.url()}`);
  // What the city knows already is in the form; the rest is answered here.
  await page.goto(`${city.url}/cases/${id}/form`);
  const form = new FormData();
  for (const [name, p] of Object.entries(guide.form.properties)) {
    const known = await page.locator(`#i-${name}`).first().inputValue({ timeout: 200 }).catch(() => "");
    const needed = guide.form.required?.includes(name);
    const given = answers[name] ?? (known || (needed ? value(name, p) : ""));
    if (given) form.set(name, given);
  }
  let n = 0;
  for (const field of await page.locator("input[type=file]").all()) {
    form.set(await field.getAttribute("name"), new File([PDF, String(n++)], "材料.pdf", { type: "application/pdf" }));
  }
  form.set("action", "submit");
  const sent = await page.request.post(`${city.url}/cases/${id}/form`, { multipart: form });
  const text = await sent.text();
  same(sent.status(), 200, `${matter} is submitted: ${text.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ").slice(0, 600)}`);
  const number = text.match(/20\d\d-[A-Z]+-\d{6}/)?.[0];
  check(number && sent.url().includes("/receipt"), `${matter} has no receipt: ${sent.url()}`);
  return { id, number };
}
