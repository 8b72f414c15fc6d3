// The screens of queries, chat, approvals, search, SQL, reports and the graph, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, excess, sound, startWorld } from "./world.mjs";

let w;
before(async () => {
  w = await startWorld();
  await w.create("Agent", "agents", "careful", { prompt: "You are careful.", modelRef: { name: "default" }, tools: [{ type: "http", name: "weather", approval: { required: true } }] });
});
after(() => w?.stop());

test("a query's page has its steps, its messages, and what it ran with", async () => {
  const q = await w.query("traced", { type: "team", name: "newsroom" }, "How is the weather in Lisbon?");
  assert.equal(q.status.phase, "done");
  const page = await w.open("/query/default/traced");
  await page.getByRole("region", { name: "Answer" }).getByText("In short: I have looked it up. Lisbon").waitFor();
  const steps = page.getByRole("region", { name: "Timeline" });
  for (const step of ["query newsroom", "team newsroom", "tool weather"]) await steps.getByRole("row", { name: new RegExp(step.replace(" ", "\\s*")) }).first().waitFor();
  await accessible(page);
  await w.picture(page, "console-query");
  await page.getByRole("link", { name: "Messages" }).click();
  await page.getByText("result of weather").waitFor();
  assert.match(page.url(), /tab=messages/);

  await w.patch("agents", "guide", { spec: { prompt: "Answer in one word." } });
  await page.getByRole("link", { name: /^Ran with/ }).click();
  const row = page.getByRole("row", { name: /agent\/guide/ });
  await row.getByText("changed since").waitFor();
  await page.getByRole("row", { name: /tool\/weather/ }).getByText("as it is today").waitFor();
  await row.getByRole("button", { name: "What changed in agent/guide" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("-  prompt: Answer questions about the weather. Look it up.").waitFor();
  await dialog.getByText("+  prompt: Answer in one word.").waitFor();
  await accessible(page);
  await w.picture(page, "console-versions");
  await dialog.getByRole("button", { name: "Close" }).click();
  await row.getByRole("button", { name: "agent/guide as it was" }).click();
  await dialog.getByText("prompt: Answer questions about the weather. Look it up.").waitFor();
  await dialog.getByRole("button", { name: "Close" }).click();

  // As it was: of copies of what has changed and of what refers to it, which go with the new query.
  await page.getByRole("button", { name: "Run again as it was" }).click();
  await page.waitForURL(/traced-again-/);
  const again = new URL(page.url()).pathname.split("/").at(-1);
  const made = await w.until("the new query has ended", async () => {
    const now = await w.api("GET", w.ark("queries", again));
    return now.status?.phase === "done" && now;
  });
  const versions = Object.keys(JSON.parse(made.metadata.annotations["ark.mckinsey.com/engine-versions"]));
  const copy = versions.find((v) => v.startsWith("agents/default/guide-v"))?.split("/")[2];
  assert.ok(copy, `a copy of the guide in ${versions}`);
  assert.ok(versions.includes("agents/default/editor") && versions.includes("tools/default/weather"), `what is as it was is not copied: ${versions}`);
  const copied = await w.api("GET", w.ark("agents", copy));
  assert.equal(copied.spec.prompt, "Answer questions about the weather. Look it up.");
  assert.equal((await w.api("GET", w.ark("agents", "guide"))).spec.prompt, "Answer in one word.", "the agent of today stays");
  await w.api("DELETE", w.ark("queries", again));
  await w.until("the copy has gone with its query", () => w.api("GET", w.ark("agents", copy)).then(() => false, () => true));

  // As it is today.
  await page.goto(`${w.server.url}/console/query/default/traced`);
  await page.getByRole("button", { name: "Run again", exact: true }).click();
  await page.waitForURL(/traced-again-/);
  await page.getByText("done", { exact: true }).first().waitFor();
  sound(page);
});

test("a query that runs is followed, approved, and canceled", async () => {
  const page = await w.open("/query/default/waiting");
  await page.getByText(/not found/).waitFor();
  await w.query("waiting", { type: "agent", name: "careful" }, "How is it in Paris?");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "careful wants to call" }).waitFor();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("region", { name: "Answer" }).getByText("I have looked it up. Paris").waitFor();
  await w.query("stopped", { type: "agent", name: "careful" }, "How is it in Berlin?");
  await page.goto(`${w.server.url}/console/query/default/stopped`);
  await page.getByRole("button", { name: "Cancel query" }).click();
  await page.getByText("The query was canceled.").waitFor();
  sound(page);
});

test("approvals come and go while they are looked at", async () => {
  const page = await w.open("/approvals?namespace=default");
  await page.getByText("Nothing waits for a decision").waitFor();
  await w.query("pay", { type: "agent", name: "careful" }, "How is it in Madrid?");
  const waiting = page.getByRole("listitem").filter({ hasText: "careful wants to call" });
  await waiting.first().getByText('"city": "Madrid"').waitFor();
  await accessible(page);
  await w.picture(page, "console-approvals");
  await page.getByRole("button", { name: "Reject" }).click();
  await page.getByText("Nothing waits for a decision").waitFor();
  const q = await w.until("the query goes on", async () => {
    const now = await w.api("GET", w.ark("queries", "pay"));
    return now.status.phase === "done" && now;
  });
  assert.match(q.status.response.content, /rejected/);
  sound(page);
});

test("chat streams answers, shows tools, asks for approvals, stops, and goes on later", async () => {
  const page = await w.open("/chat?namespace=default&target=team%2Fnewsroom");
  const box = page.getByRole("textbox", { name: "Message to team/newsroom" });
  await box.fill("How is the weather in Rome?");
  await box.press("Enter");
  const log = page.getByRole("log");
  await log.getByText('weather({"city":"Rome"})').waitFor();
  await log.getByText(/In short: I have looked it up. Rome/).waitFor();
  await log.getByRole("link", { name: "Steps and versions" }).waitFor();
  await page.waitForURL(/conversation=chat-/);
  await box.fill("And in Vienna?");
  await box.press("Enter");
  await log.getByText(/In short: I have looked it up. Vienna/).waitFor();
  await accessible(page);
  await w.picture(page, "console-chat");
  const conversation = new URL(page.url()).searchParams.get("conversation");
  const all = (await w.api("GET", w.ark("queries"))).items.filter((q) => q.spec.conversationId === conversation);
  assert.equal(all.length, 2, "queries of the conversation");

  // A link to the conversation shows it.
  await page.reload();
  await log.getByText(/In short: I have looked it up. Rome/).waitFor();
  await page.getByRole("navigation", { name: "Conversations" }).getByText("How is the weather in Rome?").waitFor();

  await page.getByLabel("Whom to talk with").selectOption("agent/careful");
  const other = page.getByRole("textbox", { name: "Message to agent/careful" });
  await other.fill("How is it in Bergen?");
  await other.press("Enter");
  await log.getByRole("button", { name: "Approve" }).click();
  await log.getByText(/I have looked it up. Bergen/).waitFor();
  await other.fill("How is it in Athens?");
  await other.press("Enter");
  await log.getByRole("button", { name: "Approve" }).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await log.getByText("Stopped: the query is canceled.").waitFor();
  await w.until("the query is canceled", async () => (await w.api("GET", w.ark("queries"))).items.some((q) => q.spec.input === "How is it in Athens?" && q.status.phase === "canceled"));
  sound(page);
});

test("search finds, narrows down, and is in the address", async () => {
  const page = await w.open("/?namespace=default");
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Search" }).click();
  await page.getByRole("heading", { name: "What to type" }).waitFor();
  await page.getByRole("main").focus();
  await page.keyboard.press("/");
  await page.keyboard.type("weather");
  await page.keyboard.press("Enter");
  await page.getByText(/^\d+ found$/).waitFor();
  await page.locator("mark").first().waitFor();
  assert.equal((await page.locator("mark").first().textContent()).toLowerCase(), "weather");
  await accessible(page);
  await w.picture(page, "console-search");
  await page.getByRole("complementary").getByRole("button", { name: /^Tool/ }).click();
  await page.waitForURL(/kind%3ATool/);
  await page.getByText("1 found").waitFor();
  await page.goBack();
  await page.getByText("1 found").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "guide", exact: true }).first().click();
  await page.waitForURL(/object\/agents\/default\/guide/);
  sound(page);
});

test("SQL has completion, a table, a chart, CSV and saved reports", async () => {
  const page = await w.open("/sql?namespace=default");
  const editor = page.getByRole("textbox", { name: "Statement" });
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("SELECT phase, count(*) AS n FROM quer");
  await page.getByRole("option", { name: "queries" }).waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.type(" GROUP BY 1 ORDER BY 1");
  await page.keyboard.press("Control+Enter");
  await page.getByText(/rows?, \d+ ms/).waitFor();
  await page.getByRole("cell", { name: "done", exact: true }).waitFor();
  await page.getByRole("button", { name: "Chart" }).click();
  await page.locator(".chart canvas").waitFor();
  assert.match(page.url(), /view=chart/);
  await accessible(page);
  await w.picture(page, "console-sql");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  const text = await (await download.createReadStream()).toArray();
  assert.match(Buffer.concat(text).toString(), /^phase,n\r?\n/);
  await page.getByRole("button", { name: "Save as report" }).click();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("phases");
  await page.getByLabel("What it says").fill("queries by phase, our own");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved as report phases").waitFor();
  await page.getByRole("main").getByRole("link", { name: "Reports" }).click();
  const tile = page.getByRole("region", { name: "phases", exact: true });
  await tile.getByRole("cell", { name: "done", exact: true }).waitFor();
  await accessible(page);
  await w.picture(page, "console-reports");
  // Parameters are a form, whose values are in the address and in the line for a terminal.
  const spec = { description: "agents by name", query: "SELECT name, :times AS times FROM agents WHERE name = :agent", parameters: { agent: "guide", times: 1 } };
  await w.api("POST", "/apis/records.ark.mckinsey.com/v1alpha1/namespaces/default/reports", { apiVersion: "records.ark.mckinsey.com/v1alpha1", kind: "Report", metadata: { name: "by-name" }, spec });
  await page.goto(`${w.server.url}/console/reports?namespace=default&show=by-name`);
  const form = page.getByRole("form", { name: "Parameters of by-name" });
  assert.equal(await form.getByLabel("agent").inputValue(), "guide");
  await page.getByRole("cell", { name: "guide", exact: true }).waitFor();
  await form.getByLabel("agent").fill("editor");
  await form.getByLabel("times").fill("2.5");
  await form.getByLabel("times").press("Enter");
  await page.getByRole("cell", { name: "editor", exact: true }).waitFor();
  await page.getByRole("cell", { name: "2.5", exact: true }).waitFor();
  await accessible(page);
  await page.reload();
  await page.getByRole("cell", { name: "2.5", exact: true }).waitFor();
  await page.getByRole("button", { name: /^Command/ }).click();
  await page.getByText("kubectl ark report by-name --param=agent=editor --param=times=2.5 -n default", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await page.goto(`${w.server.url}/console/sql?q=SELECT+nonsense`);
  await page.getByText("The statement was refused").waitFor();
  // Chromium itself puts styled elements into what is typed over a selection; the policy refuses the styles, and the editor the elements.
  page.faults = page.faults.filter((fault) => !fault.startsWith("Applying inline style"));
  sound(page);
});

test("the graph shows who uses what, by the keyboard too, and as a list", async () => {
  const page = await w.open("/graph?namespace=default", { colorScheme: "dark" });
  const guide = page.getByRole("link", { name: /^agent guide; uses 2/ });
  await guide.waitFor();
  await accessible(page);
  await w.picture(page, "console-graph-dark");
  await guide.focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/focus=agent%2Fguide/);
  await page.getByRole("link", { name: /^agent editor/ }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "List" }).click();
  await page.getByRole("row", { name: /agent\/guide.*model\/default.*tool\/weather.*team\/newsroom/ }).waitFor();
  sound(page);
});

test("what agents say runs nothing and hides nothing", async () => {
  const evil = [
    "<script>alert(1)</script>", '<img src=x onerror="alert(2)">', "<svg onload=alert(3)><a xlink:href='javascript:alert(4)'>x</a></svg>",
    "[click](javascript:alert(5))", "[data](data:text/html;base64,PHNjcmlwdD5hbGVydCg2KTwvc2NyaXB0Pg==)", "<iframe src='data:text/html,<script>alert(7)</script>'></iframe>",
    "<style>*{display:none}</style>", "<form action=https://evil.example><input name=token></form>", "left\u202eright", "![i](https://evil.example/pixel.png)", "[good](https://good.example/)",
  ].join("\n\n");
  await w.create("Agent", "agents", "parrot", { prompt: "Say it.", modelRef: { name: "default" }, description: evil.slice(0, 400) });
  await w.query("evil", { type: "agent", name: "parrot" }, evil);
  const page = await w.open("/query/default/evil");
  const asked = [];
  page.on("request", (r) => r.url().includes("evil.example") && asked.push(r.url()));
  const answer = page.getByRole("region", { name: "Answer" });
  const good = answer.getByRole("link", { name: "good" });
  await good.waitFor();
  assert.equal(await good.getAttribute("rel"), "noopener noreferrer nofollow");
  for (const tab of ["?tab=messages", "?tab=raw", ""]) {
    await page.goto(`${w.server.url}/console/query/default/evil${tab}`);
    await good.waitFor();
    assert.equal(await page.locator(".markdown :is(script, style, img, svg, iframe, form, input, object, embed)").count(), 0);
    for (const href of await page.locator(".markdown a").evaluateAll((list) => list.map((a) => a.getAttribute("href")))) assert.match(href ?? "https:", /^https:/);
  }
  assert.ok(!(await answer.textContent()).includes("\u202e"), "characters that turn the direction");
  await page.goto(`${w.server.url}/console/search?namespace=default&q=alert`);
  await page.getByText(/found$/).waitFor();
  await page.goto(`${w.server.url}/console/sql?namespace=default&q=SELECT+input,+output+FROM+queries+WHERE+name+%3D+'evil'`);
  await page.getByText(/1 row,/).waitFor();
  await page.goto(`${w.server.url}/console/chat?namespace=default&target=agent%2Fparrot`);
  await page.getByRole("textbox", { name: /Message/ }).fill(evil);
  await page.getByRole("textbox", { name: /Message/ }).press("Enter");
  await page.getByRole("log").getByRole("link", { name: "good" }).waitFor();
  assert.deepEqual(asked, [], "requests of another server");
  sound(page);
});

test("who may only look is offered no more", async () => {
  await w.api("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "looker" } });
  await w.api("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", { metadata: { name: "looker" }, rules: [{ apiGroups: ["ark.mckinsey.com"], resources: ["queries", "agents", "teams"], verbs: ["get", "list", "watch"] }] });
  await w.api("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", { metadata: { name: "looker" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "looker" }, subjects: [{ kind: "ServiceAccount", name: "looker", namespace: "default" }] });
  const { status } = await w.api("POST", "/api/v1/namespaces/default/serviceaccounts/looker/token", { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} });
  const page = await w.open("/query/default/hello?namespace=default", { token: status.token });
  await page.getByRole("region", { name: "Answer" }).getByText(/In short/).waitFor();
  await page.getByText("The steps cannot be read").waitFor();
  for (const name of ["Run again", "Cancel query"]) assert.equal(await page.getByRole("button", { name }).count(), 0, name);
  await page.goto(`${w.server.url}/console/chat?namespace=default&target=agent%2Fguide`);
  await page.getByText("You may not talk with agent/guide").waitFor();
  await page.goto(`${w.server.url}/console/search?namespace=default&q=weather`);
  await page.getByRole("alert").getByText(/forbidden/).waitFor();
  await page.goto(`${w.server.url}/console/graph?namespace=default`);
  await page.getByText(/^Not all is shown/).waitFor();
  sound(page);
});

test("all of it fits a phone", async () => {
  const page = await w.open("/query/default/hello?namespace=default", { viewport: { width: 390, height: 844 }, hasTouch: true });
  await page.getByRole("region", { name: "Answer" }).waitFor();
  await w.picture(page, "console-query-phone");
  for (const path of ["/query/default/hello?tab=versions", "/chat?target=agent%2Fguide", "/search?q=weather", "/sql?q=SELECT+name,+prompt+FROM+agents", "/reports", "/graph", "/graph?as=list", "/approvals"]) {
    await page.goto(`${w.server.url}/console${path}${path.includes("?") ? "&" : "?"}namespace=default`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForLoadState("networkidle", { timeout: 5_000 }).catch(() => {}); // watches do not end
    assert.deepEqual(await excess(page), [0, 0], `${path}: pixels beyond`);
  }
  await w.picture(page, "console-approvals-phone");
  sound(page);
});
