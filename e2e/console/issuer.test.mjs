// Signing in at an OpenID Connect issuer, in a real Chromium: the issuer is on another origin, and asks for its user's consent.
import assert from "node:assert/strict";
import { createHash, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { accessible, sound, startWorld, still } from "./world.mjs";

const b64 = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const secret = "the console's secret";
let w;
let issuer;
let folder;

/** An issuer with a page of its own. It takes a code once, with its verifier and the client's secret. */
async function startIssuer(tls) {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const codes = new Map();
  const issued = [];
  const server = createServer(tls, (q, a) => {
    const at = new URL(q.url, server.url);
    const say = (status, value, type = "application/json") => (a.writeHead(status, { "Content-Type": type }), a.end(typeof value === "string" ? value : JSON.stringify(value)));
    switch (at.pathname) {
      case "/.well-known/openid-configuration":
        return say(200, { issuer: server.url, authorization_endpoint: `${server.url}/authorize`, token_endpoint: `${server.url}/token`, jwks_uri: `${server.url}/keys`, response_types_supported: ["code"], subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["RS256"], scopes_supported: ["openid", "groups"] });
      case "/keys":
        return say(200, { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256", use: "sig" }] });
      case "/authorize": {
        const asked = Object.fromEntries(at.searchParams);
        const code = randomBytes(16).toString("hex");
        codes.set(code, asked);
        const back = new URL(asked.redirect_uri);
        back.searchParams.set("state", asked.state);
        const yes = new URL(back);
        yes.searchParams.set("code", code);
        back.searchParams.set("error", "access_denied");
        back.searchParams.set("error_description", "<b>dora</b> said no");
        return say(200, `<!doctype html><title>Issuer</title><h1>Issuer</h1><a href="${yes.href.replaceAll("&", "&amp;")}">Yes</a> <a href="${back.href.replaceAll("&", "&amp;")}">No</a>`, "text/html");
      }
      case "/token": {
        let text = "";
        q.on("data", (part) => (text += part));
        return q.on("end", () => {
          const form = new URLSearchParams(text);
          const asked = codes.get(form.get("code"));
          codes.delete(form.get("code"));
          const basic = Buffer.from(q.headers.authorization?.slice(6) ?? "", "base64").toString();
          if (basic !== `ark:${encodeURIComponent(secret).replaceAll("%20", "+").replaceAll("'", "%27")}`) return say(401, { error: "invalid_client" });
          if (!asked || asked.redirect_uri !== form.get("redirect_uri") || asked.code_challenge_method !== "S256" || asked.code_challenge !== createHash("sha256").update(form.get("code_verifier")).digest("base64url")) return say(400, { error: "invalid_grant" });
          const now = Math.floor(Date.now() / 1000);
          const body = `${b64({ alg: "RS256", kid: "1" })}.${b64({ iss: server.url, aud: "ark", sub: "dora", groups: ["lookers"], nonce: asked.nonce, iat: now, exp: now + 3600 })}`;
          const token = `${body}.${createSign("RSA-SHA256").update(body).sign(privateKey).toString("base64url")}`;
          issued.push(token);
          return say(200, { id_token: token, token_type: "Bearer", access_token: "none" });
        });
      }
      default:
        return say(404, {});
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  server.url = `https://127.0.0.1:${server.address().port}`;
  return { url: server.url, issued, stop: () => (server.closeAllConnections(), new Promise((done) => server.close(done))) };
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "ark-console-issuer-"));
  // The certificate of a server that was: it is for 127.0.0.1, and its authority is at hand.
  const other = await still();
  const keys = `${other.folder}/ark.db.keys`;
  const tls = { key: readFileSync(`${keys}/server.key`), cert: readFileSync(`${keys}/server.crt`) };
  writeFileSync(`${folder}/ca.crt`, readFileSync(`${keys}/ca.crt`), { mode: 0o600 });
  await other.stop();
  writeFileSync(`${folder}/secret`, `${secret}\n`, { mode: 0o600 });
  issuer = await startIssuer(tls);
  w = await startWorld(still, `--oidc-issuer-url=${issuer.url}`, "--oidc-client-id=ark", `--oidc-ca-file=${folder}/ca.crt`, "--oidc-username-prefix=-", "--oidc-groups-claim=groups", `--console-oidc-client-secret-file=${folder}/secret`);
  await w.create("Agent", "agents", "guide", { prompt: "You are careful.", modelRef: { name: "default" } });
  await w.api("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", { metadata: { name: "lookers" }, rules: [{ apiGroups: ["ark.mckinsey.com"], resources: ["*"], verbs: ["get", "list", "watch"] }] });
  await w.api("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", { metadata: { name: "lookers" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "lookers" }, subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "lookers" }] });
});
after(async () => {
  await w?.stop();
  await issuer?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

test("a user signs in at the issuer, and is where the link led", async () => {
  const page = await w.visit("/list/agents?namespace=default&q=gui");
  const button = page.getByRole("button", { name: /^Sign in at 127\.0\.0\.1/ });
  await button.waitFor();
  await accessible(page);
  await w.picture(page, "console-sign-in");
  await button.click();
  await page.getByRole("heading", { name: "Issuer" }).waitFor();
  const asked = new URL(page.url()).searchParams;
  assert.equal(asked.get("scope"), "openid profile email groups");
  await page.getByRole("link", { name: "Yes" }).click();
  await page.getByRole("link", { name: "guide", exact: true }).waitFor();
  assert.equal(page.url(), `${w.server.url}/console/list/agents?namespace=default&q=gui`);
  await page.getByText("dora", { exact: true }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]));
  assert.equal(issuer.issued.length, 1);
  assert.ok(!kept.includes(issuer.issued[0]) && !kept.includes("verifier"), `what the page keeps: ${kept}`);
  // It may look: what is more is not offered.
  assert.equal(await page.getByRole("link", { name: "New", exact: true }).count(), 0);
  await page.getByRole("button", { name: "Sign out" }).click();
  await button.waitFor();
  sound(page);
});

test("a sign-in that was refused, or that another has begun, makes no session", async () => {
  const page = await w.visit("/list/agents?namespace=default");
  await page.getByRole("button", { name: /^Sign in at/ }).click();
  await page.getByRole("link", { name: "No" }).click();
  await page.getByRole("alert").getByText("The issuer says: <b>dora</b> said no").waitFor();
  assert.equal(page.url(), `${w.server.url}/console/list/agents?namespace=default`);
  // A link with a code of somebody else's sign-in.
  await page.getByRole("button", { name: /^Sign in at/ }).click();
  const yes = await page.getByRole("link", { name: "Yes" }).getAttribute("href");
  const victim = await w.visit(yes.slice(`${w.server.url}/console`.length));
  await victim.getByRole("alert").getByText(/was not begun in this window/).waitFor();
  assert.deepEqual([(await victim.context().cookies()).length, (await page.context().cookies()).length], [0, 0], "cookies");
  assert.ok(!victim.url().includes("code="), "a code stays in the address");
  // With a token one signs in as ever.
  await victim.getByLabel("Token").fill(w.server.token);
  await victim.getByRole("button", { name: "Sign in with the token" }).click();
  await victim.getByRole("heading", { level: 1, name: "Home" }).waitFor();
  sound(page);
  sound(victim);
});
