// A standalone server, and a real Chromium that is signed in to its console.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Why a test that takes minutes is left out, or false. */
export const brief = process.env.CONSOLE_HEAVY ? false : "takes minutes: make e2e-console-heavy";
export const pictures = process.env.CONSOLE_PICTURES ?? "";

/** Runs the server until a line of its output is there, and stops it by SIGTERM. */
async function run(flags, last) {
  const server = spawn(process.env.ARK_SERVER ?? `${root}bin/ark-server`, flags, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  server.stderr.on("data", (text) => (said += text));
  const lines = createInterface({ input: server.stdout });
  const timer = setTimeout(() => server.kill("SIGKILL"), 120_000);
  let ready = false;
  for await (const line of lines) {
    said += `${line}\n`;
    if ((ready = line.startsWith(last))) break;
  }
  clearTimeout(timer);
  if (!ready) throw new Error(`the server is not ready:\n${said}`);
  server.stdout.resume();
  const url = /(https:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
  return { said, url, stop: () => new Promise((done) => (server.once("exit", done), server.kill("SIGTERM"))) };
}

const admin = (folder) => readFileSync(`${folder}/ark.db.keys/admin.token`, "utf8").trim();

/** `ark-server demo`: a scripted model, agents, a team and a tool, and queries are executed. */
export async function demo() {
  const server = await run(["demo", "--secure-port=0"], "It is a script");
  return { ...server, token: admin(/(\/\S*ark-demo-\d+)\//.exec(server.said)[1]) };
}

/** A server that has nothing and executes no queries: only the test writes. */
export async function still(...flags) {
  const folder = mkdtempSync(join(tmpdir(), "ark-console-"));
  const server = await run([`--data-dir=${folder}`, "--secure-port=0", "--engine=external", ...flags], "Try, in another terminal");
  return { ...server, folder, token: admin(folder), stop: () => server.stop().then(() => rmSync(folder, { recursive: true })) };
}

/** What went wrong in a page is a fault of the test. */
export const sound = (page) => assert.deepEqual(page.faults, [], "faults of the page");

/** Nothing serious for those who use a screen reader or the keyboard. */
export async function accessible(page, where = page.url()) {
  const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
  const serious = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
  assert.deepEqual(serious.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`), [], where);
}

/** How far a page is wider than its window, and its content than its place; [0, 0] where all fits. */
export const excess = (page) =>
  page.evaluate(() => {
    const main = document.querySelector("main");
    return [document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth].map((n) => Math.max(0, n));
  });

export async function startWorld(start = demo, ...flags) {
  const server = await start(...flags);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  const connections = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false });
  /** A request of the API with a token, the admin's unless another is given. */
  const api = (method, path, body, { token = server.token, type = "application/json" } = {}) =>
    new Promise((done, failed) => {
      const q = request(server.url + path, { method, agent: connections, headers: { Authorization: `Bearer ${token}`, "Content-Type": type } }, (r) => {
        let text = "";
        r.on("data", (part) => (text += part));
        r.on("end", () => (r.statusCode < 300 ? done(text && JSON.parse(text)) : failed(new Error(`${method} ${path}: ${r.statusCode} ${text}`))));
      });
      q.on("error", failed);
      q.end(body && JSON.stringify(body));
    });
  const ark = (resource, name = "", ns = "default") => `/apis/ark.mckinsey.com/v1alpha1/namespaces/${ns}/${resource}${name && `/${name}`}`;
  const create = (kind, resource, name, spec, metadata = {}) => api("POST", ark(resource), { apiVersion: "ark.mckinsey.com/v1alpha1", kind, metadata: { name, ...metadata }, spec });
  const patch = (resource, name, change) => api("PATCH", ark(resource, name), change, { type: "application/merge-patch+json" });
  /** Waits until a condition has a value. */
  const until = async (what, condition) => {
    for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((r) => setTimeout(r, 100))) {
      const value = await condition().catch(() => undefined);
      if (value) return value;
    }
    throw new Error(`it has not come to that: ${what}`);
  };
  const query = async (name, target, input) => {
    await create("Query", "queries", name, { input, target });
    return until(`${name} has ended`, async () => {
      const q = await api("GET", ark("queries", name));
      return ["done", "error", "canceled", "input-required"].includes(q.status?.phase) && q;
    });
  };
  /** A page that is not signed in yet. What goes wrong in it is in `page.faults`. */
  const visit = async (path, options = {}) => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    page.faults = [];
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (e) => page.faults.push(e.message));
    page.on("dialog", (d) => (page.faults.push(`a dialog: ${d.message()}`), d.dismiss()));
    page.on("console", (m) => /Content Security Policy|Refused to/.test(m.text()) && page.faults.push(m.text()));
    await page.goto(`${server.url}/console${path}`);
    return page;
  };
  /** Signs in where the page asks for it. */
  const signIn = async (page, token = server.token) => {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("main#main").waitFor();
    await page.mouse.move(0, 0); // a list under the pointer keeps its order
  };
  const open = async (path, { token, ...options } = {}) => {
    const page = await visit(path, options);
    await signIn(page, token);
    return page;
  };
  /** Keeps a picture for the documentation, where that is asked for. */
  const picture = async (page, name) => {
    if (!pictures) return;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: `${pictures}/${name}.png` });
  };
  const stop = async () => {
    connections.destroy();
    await browser.close();
    await server.stop();
  };
  return { server, browser, api, ark, create, patch, query, until, visit, signIn, open, picture, stop };
}
