// Hostile texts in every field that takes one: nothing runs, nothing is asked for elsewhere, nothing breaks.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brief as skip, excess, sound, startWorld, still } from "./world.mjs";

const hit = "globalThis.hit=1";
const evil = [
  `<script>${hit}</script>`, `<img src=x onerror="${hit}">`, `<svg/onload="${hit}"><animate onbegin=${hit} attributeName=x></svg>`, `"><iframe srcdoc="<script>parent.${hit}</script>">`,
  `javascript:${hit}`, `data:text/html,<script>${hit}</script>`, `[x](javascript:${hit})`, "![x](https://evil.example/pixel.png)", "<link rel=stylesheet href=https://evil.example/x.css>",
  "</textarea></script></style><style>*{display:none}</style>", "{{constructor.constructor('" + hit + "')()}}", "left\u202eright\u2066\u200f", "\u0000\u0007".replaceAll(/[^]/g, "") + "\ufeff\u2028\u2029",
].join(" ");
const long = "wide".repeat(1 << 16) + evil; // 256 KiB without a space

let w;
before(async () => {
  if (skip) return;
  w = await startWorld(still);
  const metadata = { annotations: { evil, "evil.example/long": long.slice(0, 100_000) }, labels: { "evil.example/label": "x".repeat(63) } };
  const ref = { name: "hostile" };
  await w.create("Model", "models", "hostile", { provider: "openai", type: "completions", model: { value: evil }, config: { openai: { baseUrl: { value: "https://evil.example/v1" }, apiKey: { value: evil }, headers: [{ name: "X-Evil", value: { value: evil } }] } } }, metadata);
  await w.create("Tool", "tools", "hostile", { type: "http", description: evil, inputSchema: { type: "object", description: evil, properties: { [evil]: { type: "string", description: evil } } }, annotations: { title: evil }, http: { url: "https://evil.example/", method: "GET", body: evil } }, metadata);
  await w.create("Agent", "agents", "hostile", { prompt: long, description: evil, modelRef: ref, tools: [{ type: "http", name: "hostile", description: evil }], parameters: [{ name: "evil", value: evil }], outputSchema: { title: evil, [evil]: evil } }, metadata);
  await w.create("Agent", "agents", "member", { prompt: evil, description: evil, modelRef: ref }, metadata); // a member has not its team's name
  await w.create("Team", "teams", "hostile", { strategy: "sequential", description: evil, members: [{ type: "agent", name: "member" }] }, metadata);
  await w.create("Memory", "memories", "hostile", { address: { value: `https://evil.example/${evil}` } }, metadata);
  await w.create("MCPServer", "mcpservers", "hostile", { description: evil, address: { value: `https://evil.example/${evil}` }, transport: "http", headers: [{ name: "X-Evil", value: { value: evil } }] }, metadata);
  await w.create("A2ATask", "a2atasks", "hostile", { queryRef: ref, a2aServerRef: ref, agentRef: ref, taskId: evil, contextId: evil, input: evil, parameters: { evil } }, metadata);
  for (const [kind, resource] of [["A2AServer", "a2aservers"], ["ExecutionEngine", "executionengines"]])
    await w.api("POST", `/apis/ark.mckinsey.com/v1prealpha1/namespaces/default/${resource}`, { apiVersion: "ark.mckinsey.com/v1prealpha1", kind, metadata: { name: "hostile", ...metadata }, spec: { description: evil, address: { value: `https://evil.example/${evil}` } } });
  const status = (resource, value, version = "v1alpha1") => w.api("PATCH", `/apis/ark.mckinsey.com/${version}/namespaces/default/${resource}/hostile/status`, { status: value }, { type: "application/merge-patch+json" });
  const conditions = [{ type: "Available", status: "False", reason: "Evil", message: evil, lastTransitionTime: "2026-01-01T00:00:00Z" }];
  await status("memories", { message: evil, lastResolvedAddress: evil, phase: "error" });
  await status("mcpservers", { resolvedAddress: evil, conditions });
  await status("a2aservers", { lastResolvedAddress: evil, conditions }, "v1prealpha1");
  await status("executionengines", { message: evil, lastResolvedAddress: evil, phase: "error" }, "v1prealpha1");
  await status("a2atasks", { phase: "input-required", error: evil, contextId: evil, artifacts: [{ artifactId: evil, name: evil, description: evil, parts: [{ kind: "text", text: evil, mimeType: evil, uri: evil }] }], conditions });
  await w.create("Query", "queries", "hostile", { input: evil, target: { type: "agent", name: "hostile" }, parameters: [{ name: "evil", value: evil }], sessionId: evil, conversationId: evil }, metadata);
  await w.api("PATCH", `${w.ark("queries", "hostile")}/status`, { status: { phase: "error", duration: "2s", response: { content: long, raw: evil, phase: "error", target: { type: "agent", name: "hostile" } }, conditions: [{ type: "Completed", status: "True", reason: "Evil", message: evil, lastTransitionTime: "2026-01-01T00:00:00Z" }] } }, { type: "application/merge-patch+json" });
  await w.patch("agents", "hostile", { spec: { description: `${evil} again` } });
  const { metadata: { uid } } = await w.api("GET", w.ark("agents", "hostile"));
  await w.api("POST", "/api/v1/namespaces/default/events", { metadata: { name: "hostile.1" }, involvedObject: { apiVersion: "ark.mckinsey.com/v1alpha1", kind: "Agent", namespace: "default", name: "hostile", uid }, type: "Warning", reason: evil.slice(0, 100), message: evil.slice(0, 1000), source: { component: evil.slice(0, 100) } });
  await w.create("Agent", "agents", "deleted", { prompt: evil, modelRef: ref }, metadata);
  await w.api("DELETE", w.ark("agents", "deleted"));
  await w.api("POST", "/ark/tokens", { user: evil.slice(0, 200), groups: [evil.slice(0, 100)], ttlSeconds: 3600 });
});
after(() => w?.stop());

const kinds = ["agents", "models", "queries", "teams", "tools", "memories", "mcpservers", "a2aservers", "a2atasks", "executionengines"];
const paths = [
  ...kinds.flatMap((k) => [`/list/${k}?columns=Name,Model,Provider,Type,Phase,Description,Age,Message,Reason`, `/object/${k}/default/hostile`, `/object/${k}/default/hostile?tab=yaml`, `/object/${k}/default/hostile?tab=history`]),
  "/list/events", "/approvals", "/reports", "/query/default/hostile", "/query/default/hostile?tab=messages", "/query/default/hostile?tab=versions", "/trash", "/tokens", "/", "/graph", "/chat?target=agent%2Fhostile", "/search?q=hit", "/sql?q=SELECT+*+FROM+agents",
  `/list/agents?q=${encodeURIComponent(evil)}&labels=${encodeURIComponent("a=<script>")}`, `/search?q=${encodeURIComponent(evil)}`, `/object/agents/default/${encodeURIComponent("<img src=x onerror=globalThis.hit=1>")}`, `/object/${encodeURIComponent("<svg onload=globalThis.hit=1>")}/default/x`, `/chat?target=${encodeURIComponent(`agent/${evil}`)}`,
];

for (const [what, options] of Object.entries({ desk: {}, phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true } })) {
  test(`hostile texts run nothing on any screen, on a ${what}`, { timeout: 400_000, skip }, async () => {
    const page = await w.open("/", options);
    const foreign = [];
    page.on("request", (r) => r.url().startsWith(w.server.url) || /^(data|blob):/.test(r.url()) || foreign.push(r.url()));
    for (const path of paths) {
      await page.goto(`${w.server.url}/console${path}${path.includes("?") ? "&" : "?"}namespace=default`);
      await page.locator("main#main").waitFor();
      await page.waitForFunction(() => !document.querySelector(".spinner"));
      await page.evaluate(() => document.querySelector("main").scrollTo(0, 1e6)); // what waits to be seen is drawn
      await page.waitForTimeout(150);
      await page.waitForFunction(() => !document.querySelector(".spinner"));
      const where = path.slice(0, 100);
      assert.equal(await page.evaluate(() => globalThis.hit), undefined, where);
      assert.equal(await page.locator("main :is(script, iframe, object, embed, form[action], img:not(.cm-widgetBuffer), link, style)").count(), 0, where);
      assert.deepEqual(await page.locator("a").evaluateAll((list) => list.map((a) => new URL(a.getAttribute("href") ?? "", location.href).href).filter((h) => !/^https?:/.test(h))), [], where);
      assert.equal(await page.getByText("This page cannot be shown").count(), 0, where);
      assert.ok(await page.locator("main").isVisible(), where);
      assert.deepEqual(await excess(page), [0, 0], `${where}: pixels beyond`);
    }
    // All of a long text, and the palette, which has the names of objects.
    await page.goto(`${w.server.url}/console/object/agents/default/hostile`);
    await page.getByRole("button", { name: /^All 262,/ }).click();
    await page.getByRole("button", { name: "Less" }).waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("hostile");
    await page.getByRole("option", { name: /hostile/ }).first().waitFor();
    assert.equal(await page.evaluate(() => globalThis.hit), undefined);
    assert.deepEqual(foreign, [], "requests of other servers");
    sound(page);
  });
}

test("names of a megabyte are refused or shown, and break nothing", { skip }, async () => {
  const page = await w.open("/new/agents?namespace=default");
  const editor = page.getByRole("textbox", { name: "YAML of the new Agent" });
  await editor.getByText("name: new-agent").click();
  await page.keyboard.press("End");
  await page.keyboard.insertText("a".repeat(1 << 20));
  await page.getByRole("button", { name: "Check as a dry run" }).click();
  await page.getByRole("alert").waitFor();
  assert.deepEqual(await excess(page), [0, 0]);
  sound(page);
});
