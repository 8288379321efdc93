// Three more matters of two more departments go the same way on the same engine: they are content.
import { browser, check, eventually, newPage, same, signIn, startCity } from "../harness.mjs";
import { apply } from "../people.mjs";

const MATTERS = [
  { id: "dig-road", answers: { road_age: "free" }, applicant: "resident", reviewers: ["reviewer-cg", "reviewer-jj"], head: "head" },
  { id: "water-abstraction", applicant: "agent", reviewers: ["reviewer-sl"], head: "head-sl" },
  { id: "public-place-hygiene", applicant: "agent", reviewers: ["reviewer-wj"], head: "head-wj" },
];

export default async function () {
  const city = await startCity();
  const chrome = await browser();
  const pages = {};
  const as = async (login) => {
    if (!pages[login]) {
      pages[login] = await newPage(chrome);
      await signIn(pages[login], city, login);
    }
    return pages[login];
  };
  // The agent acts for the firm.
  const agent = await as("agent");
  await agent.goto(`${city.url}/me`);
  await agent.locator("input[name=firm]:not([value=''])").first().check();
  await agent.getByRole("button", { name: "切换身份" }).click();
  await agent.waitForLoadState("load");

  for (const m of MATTERS) {
    const applicant = await as(m.applicant);
    const { id } = await apply(applicant, city, m.id, m.answers);
    const act = async (login, choice) => {
      const page = await as(login);
      await page.goto(`${city.url}/work/cases/${id}`);
      const form = page.locator("form[action*='/work/']").filter({ has: page.locator("textarea[name=opinion]") }).first();
      if (choice) await form.getByRole("radio", { name: choice, exact: true }).check();
      await form.locator("button").last().click();
      await page.waitForLoadState("load");
      check(!(await page.locator("main .notice.bad").count()), `${m.id} ${login}: ${await page.locator("main").innerText()}`);
    };
    await act("clerk");
    for (const reviewer of m.reviewers) await act(reviewer, "同意");
    await act(m.head, "准予许可");
    await eventually(async () => {
      const state = await (await applicant.request.get(`${city.url}/api/v1/cases/${id}`)).json();
      return state.state_id === "granted" && state.certificates[0]?.ready;
    }, `${m.id} has its certificate`, 60_000);
    const state = await (await applicant.request.get(`${city.url}/api/v1/cases/${id}`)).json();
    const pdf = await applicant.request.get(`${city.url}/me/certificates/${state.certificates[0].id}.pdf`);
    same((await pdf.body()).subarray(0, 5).toString(), "%PDF-", `${m.id} is a PDF`);
  }
  // The division tree is there down to the village.
  const below = async (parent) => (await (await agent.request.get(`${city.url}/api/v1/divisions?parent=${parent}`)).json()).items;
  same((await below("320800")).length, 8, "districts and counties");
  const towns = await below("320803");
  same(towns.length, 19, "towns of one district");
  check((await below(towns[0].code)).length > 3, "villages of one town");
  const admin = await as("admin");
  const net = await (await admin.request.get(`${city.url}/api/v1/indicators/one-net-rate`)).json();
  same(net.figure.numerator, 3, "three matters are proven");
}
