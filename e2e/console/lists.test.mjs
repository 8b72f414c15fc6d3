// Live lists, small and with 20,000 queries, and under 500 events a second, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brief as skip, sound, startWorld, still } from "./world.mjs";

const MANY = 20_000;
const queries = "/apis/ark.mckinsey.com/v1alpha1/namespaces/many/queries";
let w;
before(async () => {
  w = await startWorld(still);
  for (const name of ["many", "asks"]) {
    await w.api("POST", "/api/v1/namespaces", { metadata: { name } });
    await w.api("POST", w.ark("agents", "", name), { apiVersion: "ark.mckinsey.com/v1alpha1", kind: "Agent", metadata: { name: "guide" }, spec: { prompt: "You are brief." } });
  }
});
after(() => w?.stop());

const agent = (name, spec = {}, metadata = {}) => w.create("Agent", "agents", name, { prompt: "You are brief.", modelRef: { name: "default" }, ...spec }, metadata);
/** No agents are left of a test before. */
const none = () => w.api("DELETE", w.ark("agents"));
const ask = (name) => w.api("POST", w.ark("queries", "", "asks"), { apiVersion: "ark.mckinsey.com/v1alpha1", kind: "Query", metadata: { name }, spec: { input: "How?", target: { type: "agent", name: "guide" } } });
const phase = (path, value) => w.api("PATCH", `${path}/status`, { status: { phase: value } }, { type: "application/merge-patch+json" });
/** The names of a list from the top, as they are seen. */
const names = (page) => page.locator(".grid-line").evaluateAll((rows) => rows.map((r) => [Number(r.dataset.row), r.querySelector("a").textContent]).sort((a, b) => a[0] - b[0]).map(([, name]) => name));
const shows = (page, wanted) => w.until(`the list is ${wanted}`, async () => (await names(page)).join() === wanted.join());

/** Makes queries, sixteen at a time. */
async function load(count) {
  let next = 0;
  const one = async () => {
    for (let i = next++; i < count; i = next++) await w.api("POST", queries, { apiVersion: "ark.mckinsey.com/v1alpha1", kind: "Query", metadata: { name: `q-${String(i).padStart(5, "0")}` }, spec: { input: `question ${i}`, target: { type: "agent", name: "guide" } } });
  };
  await Promise.all(Array.from({ length: 16 }, one));
}

test("a list follows the server, and stays still under the pointer", async () => {
  await none();
  const page = await w.open("/list/agents?namespace=default");
  await page.getByText("There are no agents here").waitFor();
  await agent("b");
  await agent("d");
  await shows(page, ["b", "d"]);
  await agent("a");
  await shows(page, ["a", "b", "d"]);
  await w.api("DELETE", w.ark("agents", "a"));
  await shows(page, ["b", "d"]);

  const grid = page.getByRole("grid", { name: "Agents" });
  await grid.hover();
  await agent("c");
  await agent("e");
  const pill = page.getByRole("button", { name: "2 new" });
  await pill.waitFor();
  await shows(page, ["b", "d"]);
  await w.api("DELETE", w.ark("agents", "b"));
  await page.locator(".grid-line.gone").getByText("b", { exact: true }).waitFor();
  await pill.click();
  await shows(page, ["c", "d", "e"]);
  await grid.hover();
  await agent("f");
  await page.getByRole("button", { name: "1 new" }).waitFor();
  await page.getByRole("heading", { name: "Agents" }).hover();
  await shows(page, ["c", "d", "e", "f"]);
  for (const name of ["c", "d", "e", "f"]) await w.api("DELETE", w.ark("agents", name));
  await page.getByText("There are no agents here").waitFor();
  sound(page);
});

test("what changes is seen in its row", async () => {
  await ask("changing");
  const page = await w.open("/list/queries?namespace=asks");
  const row = page.getByRole("row", { name: /changing/ });
  await row.waitFor();
  for (const value of ["running", "error", "done"]) {
    await phase(w.ark("queries", "changing", "asks"), value);
    await row.getByText(value, { exact: true }).waitFor();
  }
  await row.getByRole("link").click();
  await page.waitForURL(/\/query\/asks\/changing/);
  await page.getByRole("link", { name: "Object" }).click();
  await page.getByRole("link", { name: "Answer and steps" }).click();
  await page.waitForURL(/\/query\/asks\/changing/);
  sound(page);
});

test("filter, selectors, columns and order are in the address", async () => {
  await none();
  await agent("one", { description: "of one" }, { labels: { team: "search" } });
  await agent("two", {}, { labels: { team: "search" } });
  await agent("three", {}, { labels: { team: "chat" } });
  const page = await w.open("/list/agents?namespace=default");
  await shows(page, ["one", "three", "two"]);
  await page.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await shows(page, ["two", "three", "one"]);
  await page.waitForURL(/sort=-name/);
  assert.equal(await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort"), "descending");
  await page.getByRole("button", { name: "Selectors" }).click();
  await page.getByLabel("Labels").fill("team=search");
  await page.keyboard.press("Enter");
  await shows(page, ["two", "one"]);
  await page.waitForURL(/labels=team%3Dsearch/);
  await page.getByRole("searchbox", { name: "Filter" }).fill("on");
  await shows(page, ["one"]);
  await page.getByRole("button", { name: "Columns" }).click();
  const columns = page.getByRole("group", { name: "Columns" });
  const last = columns.getByRole("checkbox").last();
  const column = (await columns.locator("label").last().textContent()).trim();
  const was = await last.isChecked();
  await last.click();
  assert.equal(await page.getByRole("columnheader", { name: column }).count(), was ? 0 : 1);
  await page.reload();
  await shows(page, ["one"]);
  assert.equal(await page.getByRole("searchbox", { name: "Filter" }).inputValue(), "on");
  assert.equal(await page.getByRole("columnheader", { name: column }).count(), was ? 0 : 1);
  await page.getByRole("button", { name: /^Command/ }).click();
  await page.getByText("kubectl get agents.ark.mckinsey.com -n default -l team=search", { exact: true }).waitFor();
  await page.keyboard.press("Escape");

  await page.getByRole("searchbox", { name: "Filter" }).fill("");
  await shows(page, ["two", "one"]);
  await page.getByRole("checkbox", { name: /^Select all/ }).check();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("2 deleted. They are in the trash.").waitFor();
  await page.getByText("There are no agents here").waitFor();
  assert.deepEqual((await w.api("GET", w.ark("agents"))).items.map((a) => a.metadata.name), ["three"], "what was not selected stays");
  sound(page);
});

test("the youngest is first, and the column of ages says so", async () => {
  await ask("x-older");
  await new Promise((r) => setTimeout(r, 1100)); // creation times are in seconds
  await ask("x-newer");
  const page = await w.open("/list/queries?namespace=asks&q=x-");
  await shows(page, ["x-newer", "x-older"]);
  const age = page.getByRole("columnheader", { name: "Age" });
  assert.equal(await age.getAttribute("aria-sort"), "ascending");
  await age.getByRole("button").click();
  await shows(page, ["x-older", "x-newer"]);
  await page.waitForURL(/sort=-age/);
  sound(page);
});

test("20,000 queries are scrolled through with few elements", { timeout: 300_000, skip }, async () => {
  await load(MANY);
  const page = await w.open("/list/queries?namespace=many&sort=name");
  await page.getByText(/^5,000 of 20,000$/).waitFor();
  const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
  const few = async (where) => assert.ok((await elements()) < 2000, `${await elements()} elements ${where}`);
  await few("at the top");
  // By the wheel: further pages come as the end is near.
  const box = page.locator(".grid-box");
  await w.until("the next page is read", async () => {
    await box.evaluate((e) => (e.scrollTop = e.scrollHeight));
    return page.getByText(/^(5,[5-9]|[6-9],)\d+ of 20,000$/).count();
  });
  await few("at the end of what is read");
  await page.getByRole("button", { name: "Load all" }).click();
  await page.getByText(/^20,000$/).waitFor();
  await box.evaluate((e) => (e.scrollTop = e.scrollHeight));
  await page.getByRole("link", { name: `q-${MANY - 1}`, exact: true }).waitFor();
  await few("at the end");
  // By the keyboard: to both ends, and into a row.
  await page.getByRole("link", { name: `q-${MANY - 1}`, exact: true }).focus();
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.activeElement?.textContent === "q-00000");
  await page.keyboard.press("End");
  await page.waitForFunction((last) => document.activeElement?.textContent === last, `q-${MANY - 1}`);
  await page.getByRole("searchbox", { name: "Filter" }).fill("q-1234");
  await page.getByText("10 of 20,000").waitFor();
  await few("with a filter");
  sound(page);
});

test("500 events a second leave the page usable: no task over 200 ms", { timeout: 120_000, skip }, async (t) => {
  const page = await w.open("/list/queries?namespace=many&sort=name");
  await page.getByText(/^5,000 of/).waitFor();
  await page.evaluate(() => {
    globalThis.tasks = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration))).observe({ type: "longtask" });
  });
  const SECONDS = Number(process.env.CONSOLE_EVENT_SECONDS ?? 20);
  const begin = Date.now();
  let sent = 0;
  const writer = async () => {
    while (Date.now() - begin < SECONDS * 1000) {
      const i = sent++;
      const due = begin + i * 2;
      if (due > Date.now()) await new Promise((r) => setTimeout(r, due - Date.now()));
      await phase(`${queries}/q-${String((i * 7) % 5000).padStart(5, "0")}`, i % 2 ? "running" : "done");
    }
  };
  await Promise.all(Array.from({ length: 16 }, writer));
  const rate = sent / ((Date.now() - begin) / 1000);
  const tasks = await page.evaluate(() => tasks);
  t.diagnostic(`${Math.round(rate)} events a second; ${tasks.length} tasks over 50 ms, the longest ${Math.round(Math.max(0, ...tasks))} ms`);
  // Where the machine has other work, fewer events come: CONSOLE_EVENT_RATE=100 is content with that.
  const wanted = Number(process.env.CONSOLE_EVENT_RATE ?? 450);
  assert.ok(rate >= wanted, `only ${Math.round(rate)} events a second: the machine is too slow or too busy to show it`);
  assert.ok(Math.max(0, ...tasks) <= 200, `tasks of ${tasks.filter((d) => d > 200).map(Math.round)} ms`);
  // All of it has arrived: the last change of a row is what is shown.
  await phase(`${queries}/q-00001`, "canceled");
  await page.getByRole("row", { name: /q-00001/ }).getByText("canceled").waitFor({ timeout: 5000 });
  sound(page);
});
