// The console of a server in a cluster, at its direct endpoint: e2e/cluster starts both, and runs this.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, sound, startWorld } from "./world.mjs";

const { CONSOLE_URL: url, CONSOLE_TOKEN: token, CONSOLE_FEW_RIGHTS: few } = process.env;
let w;
before(async () => {
  w = await startWorld(async () => ({ url, token, stop: () => {} }));
  await w.api("POST", w.ark("agents", "", "direct"), { apiVersion: "ark.mckinsey.com/v1alpha1", kind: "Agent", metadata: { name: "guide" }, spec: { prompt: "You are careful." } });
});
after(() => w?.stop());

test("Ark's kinds and the cluster's namespaces and events are there, live", async () => {
  const page = await w.open("/list/agents?namespace=direct");
  await page.getByRole("link", { name: "guide", exact: true }).waitFor();
  await page.getByText("system:serviceaccount:direct:boss").waitFor();
  const namespaces = await page.getByLabel("Namespace").locator("option").allTextContents();
  for (const name of ["direct", "aside", "kube-system"]) assert.ok(namespaces.includes(name), `no ${name} in ${namespaces}`);
  await w.api("POST", w.ark("agents", "", "direct"), { apiVersion: "ark.mckinsey.com/v1alpha1", kind: "Agent", metadata: { name: "later" }, spec: { prompt: "x" } });
  await page.getByRole("link", { name: "later", exact: true }).waitFor();
  await w.api("DELETE", w.ark("agents", "later", "direct"));
  await page.getByRole("link", { name: "later", exact: true }).waitFor({ state: "detached" });

  const { metadata } = await w.api("GET", w.ark("agents", "guide", "direct"));
  const now = new Date().toISOString().replace(/\.\d+/, "");
  await w.api("POST", "/api/v1/namespaces/direct/events", { metadata: { name: "guide.1" }, involvedObject: { apiVersion: "ark.mckinsey.com/v1alpha1", kind: "Agent", namespace: "direct", name: "guide", uid: metadata.uid }, type: "Warning", reason: "ModelMissing", message: "the model was not there", lastTimestamp: now, firstTimestamp: now });
  await page.getByRole("link", { name: "guide", exact: true }).click();
  await page.getByText("the model was not there").waitFor();
  await accessible(page);
  sound(page);
});

test("an object is edited, goes back, is deleted and comes back", async () => {
  const page = await w.open("/object/agents/direct/guide?tab=yaml");
  await page.getByRole("textbox", { name: "YAML of guide" }).getByText("prompt: You are careful.").click();
  await page.keyboard.press("End");
  await page.keyboard.type(" And kind.");
  await page.keyboard.press("Control+s");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved").waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "guide", "direct"))).spec.prompt, "You are careful. And kind.");
  await page.getByRole("link", { name: "History", exact: true }).click();
  await page.getByRole("button", { name: /^Roll back to/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Roll back" }).click();
  await page.getByText(/^Rolled back to/).waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "guide", "direct"))).spec.prompt, "You are careful.");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("guide was deleted").waitFor();
  await page.goto(`${url}/console/trash?namespace=direct`);
  await page.getByRole("button", { name: "Undelete guide" }).click();
  await page.getByText("Agent guide is back").waitFor();
  assert.equal((await w.api("GET", w.ark("agents", "guide", "direct"))).spec.prompt, "You are careful.");
  sound(page);
});

test("every screen that is offered works, and what is only standalone is not offered", async () => {
  for (const rights of [token, few]) {
    const page = await w.open("/?namespace=direct", { token: rights });
    const screens = page.getByRole("navigation", { name: "Screens" });
    await screens.getByRole("link", { name: "Agents" }).waitFor();
    assert.equal(await screens.getByRole("link", { name: "Users and tokens" }).count(), 0);
    assert.equal(await screens.getByRole("link", { name: "Queries", exact: true }).count(), rights === few ? 0 : 1);
    for (const name of await screens.getByRole("link").allTextContents()) {
      await screens.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForFunction(() => !document.querySelector(".spinner"));
      await page.waitForTimeout(500);
      assert.deepEqual(await page.getByRole("alert").allTextContents(), [], `${name}, ${rights === few ? "with few rights" : "with all rights"}`);
    }
    sound(page);
  }
});

test("signing out ends the session", async () => {
  const page = await w.open("/list/agents?namespace=direct");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  assert.match(await page.evaluate(() => fetch("/api/v1/namespaces").then((r) => r.text())), /system:anonymous/);
  sound(page);
});
