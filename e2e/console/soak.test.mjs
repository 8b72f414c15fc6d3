// The heap of a page that follows live updates for a long time: "make e2e-soak".
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sound, startWorld, still } from "./world.mjs";

const MINUTES = Number(process.env.CONSOLE_SOAK_MINUTES ?? 0);
const skip = MINUTES > 0 ? false : "takes half an hour: make e2e-soak";
const ROWS = 1_000;
/** Of so many changes one makes an object and deletes it, so that rows come and go. */
const CHURN = 20;
let w;
before(async () => {
  if (!skip) w = await startWorld(still);
});
after(() => w?.stop());

test("the heap stays within a tenth while the list follows updates", { timeout: (MINUTES + 15) * 60_000, skip }, async (t) => {
  await w.create("Agent", "agents", "guide", { prompt: "You are brief." });
  const make = (name) => w.create("Query", "queries", name, { input: "How?", target: { type: "agent", name: "guide" } });
  const each = async (count, work) => {
    let next = 0;
    await Promise.all(Array.from({ length: 16 }, async () => {
      for (let i = next++; i < count; i = next++) await work(i);
    }));
  };
  await each(ROWS, (i) => make(`q-${i}`));
  const page = await w.open("/list/queries?namespace=default&sort=name");
  await page.getByText(`${ROWS.toLocaleString("en")}`, { exact: true }).waitFor();
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("HeapProfiler.enable");
  const heap = async () => {
    for (let i = 0; i < 3; i++) await cdp.send("HeapProfiler.collectGarbage");
    return (await cdp.send("Runtime.getHeapUsage")).usedSize;
  };
  let changes = 0;
  const follow = async (ms) => {
    const end = Date.now() + ms;
    await Promise.all(Array.from({ length: 16 }, async () => {
      while (Date.now() < end) {
        const i = changes++;
        if (i % CHURN === 0) {
          await make(`passing-${i}`);
          await w.api("DELETE", w.ark("queries", `passing-${i}`));
        } else await w.api("PATCH", `${w.ark("queries", `q-${i % ROWS}`)}/status`, { status: { phase: i % 2 ? "running" : "done" } }, { type: "application/merge-patch+json" });
      }
    }));
  };
  // The first minutes fill caches that stay: of rows, of compiled code.
  await follow(Math.min(120_000, MINUTES * 12_000));
  const first = await heap();
  const begun = changes;
  await follow(MINUTES * 60_000);
  const last = await heap();
  t.diagnostic(`${changes - begun} changes in ${MINUTES} minutes; the heap was ${(first / 1e6).toFixed(1)} MB and is ${(last / 1e6).toFixed(1)} MB`);
  assert.ok(last <= first * 1.1, `the heap has grown from ${first} to ${last} bytes`);
  // It still follows.
  await w.api("PATCH", `${w.ark("queries", "q-0")}/status`, { status: { phase: "canceled" } }, { type: "application/merge-patch+json" });
  await page.getByRole("row", { name: /q-0 / }).getByText("canceled").waitFor({ timeout: 10_000 });
  sound(page);
});
