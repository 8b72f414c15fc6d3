// Reads a stream by fetch in a real browser, from a page of an origin that may and from one of an origin that may not, and
// prints what came of it as JSON.
import { chromium } from 'playwright-core';

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
const ask = async (origin) => {
  const page = await browser.newPage();
  await page.goto(origin);
  const got = await page.evaluate(async ([url, key]) => {
    try {
      const response = await fetch(url, {
        method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ model: 'agent/guide', stream: true, messages: [{ role: 'user', content: 'paced' }] }),
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let [text, first, last] = ['', 0, 0];
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        last = performance.now();
        if (!first && text.includes('"content":"p')) first = last;
      }
      return { status: response.status, requestID: response.headers.get('x-request-id'), query: response.headers.get('x-ark-query'), text, spread: last - first };
    } catch (e) {
      return { error: String(e) };
    }
  }, [process.env.CHAT_URL, process.env.API_KEY]);
  await page.close();
  return got;
};
console.log(JSON.stringify({ allowed: await ask(process.env.ALLOWED), denied: await ask(process.env.DENIED) }));
await browser.close();
