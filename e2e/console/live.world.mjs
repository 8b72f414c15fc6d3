// A standalone server with the demo's scripted model, and a real Chromium that is signed in to its console.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const pictures = process.env.ARK_CONSOLE_PICTURES ?? "";

/** Starts `ark-server demo`, which is ready when it has printed what to do. */
async function demo() {
  const server = spawn(process.env.ARK_SERVER ?? `${root}bin/ark-server`, ["demo", "--secure-port=0"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  server.stderr.on("data", (text) => (said += text));
  const lines = createInterface({ input: server.stdout });
  const found = {};
  const timer = setTimeout(() => server.kill("SIGKILL"), 120_000);
  for await (const line of lines) {
    said += `${line}\n`;
    found.folder ??= /(\/\S*ark-demo-\d+)\//.exec(line)?.[1];
    found.url ??= /(https:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (line.startsWith("It is a script")) break;
  }
  clearTimeout(timer);
  if (!found.folder || !found.url) throw new Error(`the server is not ready:\n${said}`);
  return { ...found, token: readFileSync(`${found.folder}/ark.db.keys/admin.token`, "utf8").trim(), stop: () => new Promise((done) => (server.once("exit", done), server.kill("SIGTERM"))) };
}

export async function startWorld() {
  const server = await demo();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
  /** A request of the API with a token, the admin's unless another is given. */
  const api = (method, path, body, { token = server.token, type = "application/json" } = {}) =>
    new Promise((done, failed) => {
      const q = request(server.url + path, { method, rejectUnauthorized: false, headers: { Authorization: `Bearer ${token}`, "Content-Type": type } }, (r) => {
        let text = "";
        r.on("data", (part) => (text += part));
        r.on("end", () => (r.statusCode < 300 ? done(text && JSON.parse(text)) : failed(new Error(`${method} ${path}: ${r.statusCode} ${text}`))));
      });
      q.on("error", failed);
      q.end(body && JSON.stringify(body));
    });
  const ark = (resource, name = "", ns = "default") => `/apis/ark.mckinsey.com/v1alpha1/namespaces/${ns}/${resource}${name && `/${name}`}`;
  const create = (kind, resource, name, spec) => api("POST", ark(resource), { apiVersion: "ark.mckinsey.com/v1alpha1", kind, metadata: { name }, spec });
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
  /** A page that is signed in. What goes wrong in it is in `page.faults`. */
  const open = async (path, { token = server.token, ...options } = {}) => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    page.faults = [];
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (e) => page.faults.push(e.message));
    page.on("dialog", (d) => (page.faults.push(`a dialog: ${d.message()}`), d.dismiss()));
    page.on("console", (m) => /Content Security Policy|Refused to/.test(m.text()) && page.faults.push(m.text()));
    await page.goto(`${server.url}/console${path}`);
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("main#main").waitFor();
    return page;
  };
  /** Keeps a picture for the documentation, where that is asked for. */
  const picture = async (page, name) => {
    if (!pictures) return;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: `${pictures}/${name}.png` });
  };
  return { server, browser, api, ark, create, patch, query, until, open, picture, stop: async () => (await browser.close(), await server.stop()) };
}
