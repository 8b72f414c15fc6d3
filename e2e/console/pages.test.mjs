// The shell and the screens of objects, history, trash, retention, tokens and the server, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, brief, excess, sound, startWorld, still } from "./world.mjs";

let w;
before(async () => {
  w = await startWorld(still);
  await w.create("Model", "models", "default", { provider: "openai", type: "completions", model: { value: "gpt-4o-mini" }, config: { openai: { baseUrl: { value: "https://models.example/v1" }, apiKey: { value: "none" } } } });
  await w.create("Tool", "tools", "weather", { type: "http", description: "Says how the weather is", http: { url: "https://weather.example/now", method: "GET" } });
  await w.create("Agent", "agents", "guide", { prompt: "You are careful.", description: "Answers questions about the weather", modelRef: { name: "default" }, tools: [{ type: "http", name: "weather" }] }, { labels: { team: "search" } });
  await w.create("Agent", "agents", "editor", { prompt: "Make it short.", modelRef: { name: "default" } });
  await w.create("Team", "teams", "newsroom", { strategy: "sequential", members: [{ type: "agent", name: "guide" }, { type: "agent", name: "editor" }] });
  await w.create("Memory", "memories", "shared", { address: { value: "https://memory.example" } });
  await w.api("POST", "/apis/records.ark.mckinsey.com/v1alpha1/retentionpolicies", { apiVersion: "records.ark.mckinsey.com/v1alpha1", kind: "RetentionPolicy", metadata: { name: "long" }, spec: { exactFor: "168h", rules: [{ kinds: ["Agent", "Team"], versions: 500, age: "17520h" }] } });
  for (let i = 0; i < 24; i++) await asked(`asked-${i}`, i % 6 ? "guide" : "editor", i % 8 === 7 ? "error" : "done");
});
after(() => w?.stop());

/** A query that has ended, as an engine would have left it. */
async function asked(name, agent, phase) {
  await w.create("Query", "queries", name, { input: `How is the weather in ${name}?`, target: { type: "agent", name: agent } });
  await w.api("PATCH", `${w.ark("queries", name)}/status`, { status: { phase, duration: "2.5s", tokenUsage: { promptTokens: 1200, completionTokens: 300, totalTokens: 1500 }, response: { content: "Sunny.", phase, target: { type: "agent", name: agent } } } }, { type: "application/merge-patch+json" });
}

/** A user with a token and the rights of a cluster role. */
async function user(name, role, ttlSeconds = 3600) {
  await w.api("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", { metadata: { name }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role }, subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name }] });
  return w.api("POST", "/ark/tokens", { user: name, ttlSeconds });
}

test("a deep link leads to where it points, once you are signed in", async () => {
  const page = await w.visit("/list/agents?namespace=default&sort=-name");
  await accessible(page);
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal((await page.context().cookies()).length, 0, "cookies of one whose token is wrong");
  await w.signIn(page);
  await page.getByRole("heading", { name: "Agents" }).waitFor();
  assert.equal(page.url(), `${w.server.url}/console/list/agents?namespace=default&sort=-name`);
  const cookie = (await page.context().cookies())[0];
  assert.ok(cookie.httpOnly && cookie.secure && cookie.sameSite === "Strict", JSON.stringify(cookie));
  await page.reload();
  await page.getByRole("link", { name: "guide", exact: true }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  await page.goBack();
  await page.getByLabel("Token").waitFor();
  assert.deepEqual(await page.evaluate(() => [document.cookie, JSON.stringify(localStorage)].filter((text) => /proof/.test(text))), [], "what a session leaves behind");
  sound(page);
});

test("a session that has ended says so, and goes on where it was", async () => {
  const revoked = await user("revoked", "cluster-admin");
  const page = await w.open("/list/agents?namespace=default&q=guide", { token: revoked.token });
  await page.getByText("Live").waitFor();
  await w.api("DELETE", `/ark/tokens/${revoked.id}`);
  await page.getByText("Your session has ended.").waitFor();
  await accessible(page);
  await w.signIn(page);
  await page.getByRole("link", { name: "guide", exact: true }).waitFor();
  assert.equal(page.url(), `${w.server.url}/console/list/agents?namespace=default&q=guide`);

  const other = await w.visit("/object/agents/default/guide?tab=yaml");
  const short = await user("short", "cluster-admin", 20); // long enough to sign in on a machine that is busy
  await w.signIn(other, short.token);
  await other.getByText("prompt: You are careful.").waitFor();
  await other.getByText("Your session has ended.").waitFor({ timeout: 60_000 });
  await w.signIn(other);
  await other.getByText("prompt: You are careful.").waitFor();
  assert.match(other.url(), /\/object\/agents\/default\/guide\?tab=yaml$/);
  sound(page);
  sound(other);
});

test("an object's page has its fields, what is around it, and its events", async () => {
  const { metadata } = await w.api("GET", w.ark("agents", "guide"));
  await w.api("POST", "/api/v1/namespaces/default/events", { metadata: { name: "guide.1" }, involvedObject: { apiVersion: "ark.mckinsey.com/v1alpha1", kind: "Agent", namespace: "default", name: "guide", uid: metadata.uid }, type: "Warning", reason: "ModelMissing", message: "the model was not there", lastTimestamp: new Date().toISOString().replace(/\.\d+/, "") });
  const page = await w.open("/object/agents/default/guide");
  for (const text of ["You are careful.", "ModelMissing", "the model was not there"]) await page.getByText(text).first().waitFor();
  await page.getByRole("heading", { name: "Used by" }).waitFor();
  await w.picture(page, "console-object");
  await page.getByRole("link", { name: "newsroom" }).click();
  await page.waitForURL(/object\/teams\/default\/newsroom/);
  await page.getByRole("link", { name: "editor" }).first().waitFor();
  await page.goBack();

  // Conditions and fields follow the server.
  await w.api("PATCH", `${w.ark("agents", "guide")}/status`, { status: { conditions: [{ type: "Available", status: "False", reason: "ToolMissing", message: "the tool is away", lastTransitionTime: new Date().toISOString().replace(/\.\d+/, "") }] } }, { type: "application/merge-patch+json" });
  await page.getByText("ToolMissing: the tool is away").waitFor();
  await page.getByText("Not available").waitFor();
  await page.getByRole("button", { name: /^Command/ }).click();
  await page.getByText("kubectl get agents.ark.mckinsey.com/guide -n default -o yaml").waitFor();
  sound(page);
});

test("YAML is checked as a dry run, shown beside what is there, and saved; another's change is not lost", async () => {
  await w.create("Agent", "agents", "edited", { prompt: "Be brief.", modelRef: { name: "default" } });
  const page = await w.open("/object/agents/default/edited?tab=yaml");
  const editor = page.getByRole("textbox", { name: "YAML of edited" });
  const append = async (line, text) => {
    await editor.getByText(line).click();
    await page.keyboard.press("End");
    await page.keyboard.type(text);
  };
  await append("prompt: Be brief.", " And kind.");
  await page.keyboard.press("Control+s");
  const review = page.getByRole("dialog", { name: "What would change" });
  await review.getByText("prompt: Be brief. And kind.").waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "edited"))).spec.prompt, "Be brief.", "a dry run stores nothing");
  await accessible(page);
  await w.picture(page, "console-yaml");
  await review.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved").waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "edited"))).spec.prompt, "Be brief. And kind.");

  // What the server refuses names the field.
  await append("prompt: Be brief. And kind.", "\nnonsense: true");
  await page.getByRole("button", { name: "Review changes" }).click();
  await page.getByRole("alert").getByText(/nonsense/).first().waitFor();
  await page.getByRole("button", { name: "Discard" }).click();

  // Somebody else is faster.
  await append("prompt: Be brief. And kind.", " And swift.");
  await w.patch("agents", "edited", { spec: { description: "by another" } });
  await page.getByText("The object has changed on the server since you began to edit.").waitFor();
  await page.getByRole("button", { name: "Review changes" }).click();
  await page.getByRole("alert").getByText("Somebody else has changed it").waitFor();
  await page.getByRole("button", { name: "Take the server's" }).click();
  await editor.getByText("description: by another").waitFor();
  await append("prompt: Be brief. And kind.", " And swift.");
  await page.getByRole("button", { name: "Review changes" }).click();
  await review.getByRole("button", { name: "Save" }).click();
  await review.waitFor({ state: "detached" });
  await w.until("it is saved", async () => (await w.api("GET", w.ark("agents", "edited"))).spec.prompt.endsWith("swift."));
  assert.equal((await w.api("GET", w.ark("agents", "edited"))).spec.description, "by another");
  sound(page);
});

test("versions stand side by side, go back, and what is deleted comes back", async () => {
  await w.create("Agent", "agents", "aging", { prompt: "first", modelRef: { name: "default" } });
  await w.patch("agents", "aging", { spec: { prompt: "second" } });
  await w.patch("agents", "aging", { spec: { prompt: "third" } });
  const page = await w.open("/object/agents/default/aging?tab=history");
  const rows = page.getByRole("row").filter({ has: page.getByRole("radio") });
  await w.until("three versions", async () => (await rows.count()) === 3);
  const shown = (side, text) => page.getByLabel(`Versions, ${side}`).getByText(text).waitFor();
  await shown("before", "prompt: second");
  await shown("after", "prompt: third");
  await rows.last().getByRole("radio", { name: /from/ }).check();
  await shown("before", "prompt: first");
  await page.waitForURL(/from=\d+&to=\d+/);
  await page.reload();
  await shown("before", "prompt: first");
  await w.picture(page, "console-history");
  await page.getByRole("button", { name: "Who set what" }).click();
  await page.getByRole("row", { name: /prompt/ }).last().getByText("third").waitFor();
  await page.getByRole("button", { name: "Side by side" }).click();
  await page.getByRole("button", { name: /^Roll back to/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("prompt: first").waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "aging"))).spec.prompt, "third", "a preview stores nothing");
  await dialog.getByRole("button", { name: "Roll back" }).click();
  await page.getByText(/^Rolled back to/).waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "aging"))).spec.prompt, "first");
  await w.until("four versions", async () => (await rows.count()) === 4);

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("aging was deleted").waitFor();
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Trash" }).click();
  await page.getByRole("link", { name: "aging" }).waitFor();
  await w.picture(page, "console-trash");
  await page.getByRole("searchbox", { name: "Filter" }).fill("aging");
  await page.waitForURL(/q=aging/);
  await page.getByRole("button", { name: "Undelete aging" }).click();
  await page.waitForURL(/object\/agents\/default\/aging/);
  await page.getByText("Agent aging is back").waitFor();
  await page.getByRole("main").getByText("first", { exact: true }).waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "aging"))).spec.prompt, "first");

  // One who looks at an object sees it go, and return.
  await w.api("DELETE", w.ark("agents", "aging"));
  await page.getByText("There is no Agent with this name").waitFor();
  await w.create("Agent", "agents", "aging", { prompt: "another", modelRef: { name: "default" } });
  await page.getByRole("main").getByText("another", { exact: true }).waitFor();
  await page.getByText("There is no Agent with this name").waitFor({ state: "detached" });
  sound(page);
});

test("retention says what would go, and removes nothing", async () => {
  const page = await w.open("/retention");
  await page.getByRole("row", { name: /Agent, Team.*500 versions, for/ }).waitFor();
  await page.getByRole("button", { name: "What would go now?" }).click();
  await page.getByRole("heading", { name: "A run now, as a dry run" }).waitFor();
  await accessible(page);
  await w.picture(page, "console-retention");
  await page.getByRole("link", { name: "long" }).click();
  await page.getByRole("textbox", { name: "YAML of long" }).getByText("exactFor: 168h").waitFor();
  sound(page);
});

test("tokens are made, shown once, used and revoked", async () => {
  const page = await w.open("/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("User").fill("berta");
  await page.getByLabel("Groups, by commas").fill("readers, writers");
  await page.getByLabel("Good for").selectOption("1 hour");
  await page.getByRole("button", { name: "Make token" }).click();
  const dialog = page.getByRole("dialog", { name: "The token of berta" });
  const token = (await dialog.locator("pre").textContent()).trim();
  const review = await w.api("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }, { token });
  assert.equal(review.status.userInfo.username, "berta");
  assert.ok(["readers", "writers"].every((g) => review.status.userInfo.groups.includes(g)));
  await accessible(page);
  await dialog.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("row", { name: /berta/ });
  await row.getByText("readers, writers").waitFor();
  assert.ok(!(await page.content()).includes(token), "the text of a token stays on the page");
  await w.picture(page, "console-tokens");
  await row.getByRole("button", { name: /^Revoke/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await row.waitFor({ state: "detached" });
  await assert.rejects(w.api("GET", "/api", undefined, { token }), /401/);
  // A token does not come back, and nobody is offered that it does.
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Trash" }).click();
  const gone = page.getByRole("row").filter({ has: page.getByText("Token", { exact: true }) }).filter({ hasText: "ark-admin" }).first();
  await gone.waitFor();
  assert.equal(await page.getByRole("row").filter({ has: page.getByText("Token", { exact: true }) }).getByRole("button").count(), 0, "offers to undelete a token");
  const deleted = (await w.api("GET", "/apis/records.ark.mckinsey.com/v1alpha1/deletedobjects")).items.find((d) => d.object.kind === "Token");
  await assert.rejects(w.api("POST", `/apis/records.ark.mckinsey.com/v1alpha1/namespaces/${deleted.metadata.namespace}/deletedobjects/${deleted.metadata.name}/undelete`, {}), /400.*does not come back/);
  // The trash follows the server.
  await w.create("Agent", "agents", "passing", { prompt: "x", modelRef: { name: "default" } });
  await w.api("DELETE", w.ark("agents", "passing"));
  await page.getByRole("button", { name: "Undelete passing" }).waitFor();
  sound(page);
});

test("home and the server's page say how things are", async () => {
  const page = await w.open("/?namespace=default");
  await page.getByText("Healthy").waitFor();
  const tile = (name) => page.locator("section").filter({ has: page.getByRole("heading", { name, exact: true }) });
  await w.until("all queries are counted", async () => {
    await page.getByLabel("Time").selectOption("Last hour");
    await page.reload();
    await tile("Queries").getByText("24", { exact: true }).waitFor({ timeout: 3000 });
    return true;
  });
  await tile("Errors").getByText("3", { exact: true }).waitFor();
  await tile("Tokens").getByText("28,800 in, 7,200 out").waitFor();
  // 28,800 at 100 $ and 7,200 at 10 $ a million
  await page.getByLabel("Price of a million prompt tokens, in dollars").fill("100");
  await tile("Cost over time").locator("strong").getByText("$2.95").waitFor();
  assert.match(page.url(), /input=100/);
  await page.getByRole("row", { name: /agent\/guide 20/ }).waitFor();
  await page.getByLabel("Time").selectOption("Last 24 hours");
  await w.picture(page, "console-home");
  await tile("Errors").getByRole("link", { name: "See them" }).click();
  await page.getByRole("grid", { name: "Queries" }).getByRole("link", { name: "asked-7" }).waitFor();
  assert.equal(await page.getByRole("grid").getByRole("link").count(), 3);

  await page.goto(`${w.server.url}/console/server`);
  for (const text of ["Writes work", "Reads work", "Ready"]) await page.getByText(text, { exact: true }).first().waitFor();
  await page.getByRole("heading", { name: "Connections" }).waitFor();
  await w.picture(page, "console-server");
  sound(page);
});

test("the keyboard alone is enough: sign in, a list, an object, a rollback", async () => {
  await w.create("Agent", "agents", "keys", { prompt: "one", modelRef: { name: "default" } });
  await w.patch("agents", "keys", { spec: { prompt: "two" } });
  const page = await w.visit("/");
  const keys = async (...all) => { for (const key of all) await page.keyboard.press(key); };
  const at = (what) => page.waitForFunction((what) => document.activeElement?.matches("a, button") && new RegExp(what).test(document.activeElement.textContent), what);
  /** Goes on by Tab until the focus is at a link or button that is wanted. */
  const tab = async (what) => {
    for (let i = 0; i < 120; i++) {
      await keys("Tab");
      if (await page.evaluate((what) => document.activeElement?.matches("a, button") && new RegExp(what).test(document.activeElement.textContent), what)) return;
    }
    assert.fail(`no ${what} by Tab`);
  };
  await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "token");
  await page.keyboard.insertText(w.server.token);
  await keys("Enter");
  await page.locator("main#main").waitFor();
  await keys("Control+k");
  await page.getByRole("combobox", { name: "Go to" }).waitFor();
  await page.keyboard.type("agents");
  await page.getByRole("option", { name: /^Agents/, selected: true }).waitFor();
  await accessible(page);
  await w.picture(page, "console-palette");
  await keys("Enter");
  await page.getByRole("link", { name: "keys", exact: true }).waitFor();
  await page.locator("main#main:focus").waitFor();
  await keys("/");
  await page.keyboard.type("keys");
  await page.getByText("1 of").waitFor();
  await tab("^keys$");
  await keys("x");
  await page.getByText("1 selected").waitFor();
  await keys("Enter");
  await page.waitForURL(/object\/agents\/default\/keys/);
  await page.getByRole("heading", { name: "keys" }).waitFor();
  await page.locator("main#main:focus").waitFor();
  await tab("History");
  await keys("Enter");
  await page.getByRole("button", { name: /^Roll back to/ }).waitFor();
  await tab("Roll back to");
  await keys("Enter");
  await at("Roll back$");
  await keys("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await at("Roll back to");
  await keys("Enter");
  await at("Roll back$");
  await keys("Enter");
  await page.getByText(/^Rolled back to/).waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "keys"))).spec.prompt, "one");
  // An object by its name, and the colours.
  await keys("Control+k");
  await page.keyboard.type("newsr");
  await page.getByRole("option", { name: /newsroom/, selected: true }).waitFor();
  await keys("Enter");
  await page.waitForURL(/object\/teams\/default\/newsroom/);
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  assert.equal(await theme(), "light");
  await keys("Control+k");
  await page.keyboard.type("dark");
  await page.getByRole("option", { name: /dark/i, selected: true }).waitFor();
  await keys("Enter");
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.reload();
  await page.getByRole("heading", { name: "newsroom" }).waitFor();
  assert.equal(await theme(), "dark", "the colours stay");
  sound(page);
});

test("in all namespaces only what is allowed in each of them is offered", async () => {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const binding = (role, kind = "ClusterRole") => ({ metadata: { name: `edith-${role}` }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: role }, subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "edith" }] });
  await w.api("POST", `${rbac}/clusterroles`, { metadata: { name: "agents-view" }, rules: [{ apiGroups: ["ark.mckinsey.com"], resources: ["agents"], verbs: ["get", "list", "watch"] }, { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list"] }] });
  await w.api("POST", `${rbac}/clusterrolebindings`, binding("agents-view"));
  await w.api("POST", `${rbac}/namespaces/default/roles`, { metadata: { name: "agents-edit" }, rules: [{ apiGroups: ["ark.mckinsey.com"], resources: ["agents", "models"], verbs: ["*"] }] });
  await w.api("POST", `${rbac}/namespaces/default/rolebindings`, binding("agents-edit", "Role"));
  const { token } = await w.api("POST", "/ark/tokens", { user: "edith", ttlSeconds: 3600 });
  const page = await w.open("/list/agents", { token });
  const screens = page.getByRole("navigation", { name: "Screens" });
  await page.getByRole("checkbox", { name: "Select guide" }).check();
  await page.getByText("1 selected").waitFor();
  await screens.getByRole("link", { name: "Agents" }).waitFor();
  for (const [role, name] of [["button", "Delete"], ["link", "New"]]) assert.equal(await page.getByRole(role, { name, exact: true }).count(), 0, `${name} in all namespaces`);
  assert.equal(await screens.getByRole("link", { name: "Models" }).count(), 0, "models of all namespaces");
  await page.getByLabel("Namespace").selectOption("default");
  await page.getByRole("link", { name: "New", exact: true }).waitFor();
  await screens.getByRole("link", { name: "Models" }).waitFor();
  await page.getByRole("checkbox", { name: "Select guide" }).check();
  await page.getByRole("button", { name: "Delete" }).waitFor();
  sound(page);
});

test("one with few rights is offered no more, and sees no errors", async () => {
  await w.api("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", { metadata: { name: "agents-only" }, rules: [{ apiGroups: ["ark.mckinsey.com"], resources: ["agents"], verbs: ["get", "list", "watch"] }] });
  await w.api("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", { metadata: { name: "agents-only" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "agents-only" }, subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "carla" }] });
  const { token } = await w.api("POST", "/ark/tokens", { user: "carla", ttlSeconds: 3600 });
  const page = await w.open("/list/agents?namespace=default", { token });
  await page.getByRole("link", { name: "guide", exact: true }).waitFor();
  const screens = page.getByRole("navigation", { name: "Screens" });
  await screens.getByRole("link", { name: "Agents" }).waitFor();
  for (const name of ["Queries", "Teams", "Models", "Tools"]) assert.equal(await screens.getByRole("link", { name, exact: true }).count(), 0, name);
  assert.equal(await page.getByRole("link", { name: "New", exact: true }).count(), 0);
  await page.getByRole("checkbox", { name: "Select guide" }).check();
  await page.getByText("1 selected").waitFor();
  assert.equal(await page.getByRole("button", { name: "Delete" }).count(), 0);
  await page.getByRole("link", { name: "guide", exact: true }).click();
  await page.getByText("You are careful.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Delete" }).count(), 0);
  await page.getByRole("link", { name: "YAML" }).click();
  await page.getByRole("textbox", { name: "YAML of guide" }).getByText("prompt: You are careful.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Review changes" }).count(), 0);
  assert.equal(await page.getByRole("alert").count(), 0, await page.getByRole("alert").allTextContents().then(String));
  for (const link of await screens.getByRole("link").all()) {
    const name = await link.textContent();
    await link.click();
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForTimeout(700);
    assert.deepEqual(await page.getByRole("alert").allTextContents(), [], `errors on ${name}`);
  }
  sound(page);
});

const screens = [
  ["/", "Home"], ["/list/queries", "Queries"], ["/list/agents?namespace=default", "Agents"], ["/list/events", "Events"],
  ["/object/agents/default/guide", "guide"], ["/object/agents/default/guide?tab=yaml", "guide"], ["/object/agents/default/guide?tab=history", "guide"], ["/object/agents/default/nobody", "nobody"],
  ["/new/agents?namespace=default", "New Agent"], ["/trash", "Trash"], ["/retention", "Retention"], ["/tokens", "Users and tokens"], ["/server", "Server and storage"],
];

for (const colorScheme of ["light", "dark"]) {
  test(`nothing serious for assistive technology in ${colorScheme} colours`, { skip: colorScheme === "dark" && brief }, async () => {
    const page = await w.open("/", { colorScheme });
    for (const [path, heading] of screens) {
      await page.goto(`${w.server.url}/console${path}`);
      await page.getByRole("heading", { level: 1, name: heading }).waitFor();
      await page.waitForFunction(() => !document.querySelector(".spinner"));
      await page.waitForTimeout(200);
      await accessible(page);
      if (path === "/list/queries" && colorScheme === "light") await w.picture(page, "console-list");
    }
    sound(page);
  });
}

test("all of it fits a phone", async () => {
  const page = await w.open("/", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  for (const [path, heading] of screens) {
    await page.goto(`${w.server.url}/console${path}`);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    await page.waitForFunction(() => !document.querySelector(".spinner"));
    await page.waitForTimeout(200);
    assert.deepEqual(await excess(page), [0, 0], `${path}: pixels beyond`);
  }
  await page.getByRole("button", { name: "Menu" }).tap();
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Agents" }).tap();
  await page.getByRole("link", { name: "guide", exact: true }).tap();
  await page.waitForURL(/object\/agents\/default\/guide/);
  sound(page);
});
