// Has the same conversations through SDKs of npm, and prints a line of JSON for each: {client, name, error, skipped}.
// The server is BASE_URL (with /v1) and API_KEY; QUERIES_URL lists its queries.
import { randomUUID } from 'node:crypto';
import assert from 'node:assert/strict';
import { openai } from './openai.mjs';
import { vercel } from './vercel.mjs';
import { langchain } from './langchain.mjs';

const settings = { baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY };
const city = '{"city":"Oslo"}';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// awaitPhase waits until the query with an input is in a phase.
async function awaitPhase(input, phase) {
  for (let i = 0; i < 600; i++, await sleep(100)) {
    const answer = await fetch(process.env.QUERIES_URL, { headers: { authorization: `Bearer ${settings.apiKey}` } });
    const query = (await answer.json()).items.find((q) => q.spec.input === input);
    if (query?.status?.phase === phase) return;
  }
  throw new Error(`the query ${input} is not ${phase}`);
}

async function fails(promise) {
  const fault = await promise.then((got) => assert.fail(`got ${JSON.stringify(got)}`), (e) => e);
  if (fault instanceof assert.AssertionError) throw fault;
  return fault;
}

// Each conversation is had with a client, whose functions are:
//   ask({model, text, tools})                   -> {text, calls: [{name, arguments}], finish, usage}
//   stream({model, text, tools, signal}, part)  -> the same; part(text) is awaited after each part
//   respond, respondStream                      -> the same, by the Responses API; they may be missing
//   fault(error)                                -> {status, code, message}
const conversations = {
  'plain': async (c) => {
    const got = await c.ask({ model: 'agent/guide', text: 'hello' });
    assert.equal(got.text, 'You said: hello');
    assert.equal(got.finish, 'stop');
  },
  'stream': async (c) => {
    let said = '';
    const got = await c.stream({ model: 'team/news', text: 'hello' }, (part) => { said += part; });
    assert.equal(got.text, 'You said: hello');
    assert.equal(said, got.text);
    assert.equal(got.finish, 'stop');
  },
  'tools': async (c) => {
    const got = await c.ask({ model: 'model/default', text: 'call', tools: true });
    assert.deepEqual(got.calls, [{ name: 'weather', arguments: city }]);
    assert.equal(got.finish, 'tool_calls');
  },
  'tools in a stream': async (c) => {
    const got = await c.stream({ model: 'model/default', text: 'call in pieces', tools: true }, () => {});
    assert.deepEqual(got.calls, [{ name: 'weather', arguments: city }]);
    assert.equal(got.finish, 'tool_calls');
  },
  'usage': async (c) => {
    const got = await c.stream({ model: 'agent/guide', text: 'usage please' }, () => {});
    assert.deepEqual(got.usage, { prompt: 6, completion: 4 });
    assert.deepEqual((await c.ask({ model: 'agent/guide', text: 'usage please' })).usage, { prompt: 6, completion: 4 });
  },
  'error before the stream': async (c) => {
    for (const [model, text, status, code] of [['agent/none', 'hello', 404, 'model_not_found'], ['agent/guide', 'fail', 500, 'query_failed']]) {
      const fault = c.fault(await fails(c.stream({ model, text }, () => {})));
      assert.equal(fault.status, status);
      assert.equal(fault.code, code);
    }
  },
  'error in the stream': async (c) => {
    let said = '';
    const fault = c.fault(await fails(c.stream({ model: 'agent/guide', text: 'break' }, (part) => { said += part; })));
    assert.ok(said.length > 0, 'nothing was said before the error');
    assert.match(fault.message, /stream/);
  },
  'client disconnect': async (c) => {
    const text = `stall ${c.name} ${randomUUID()}`;
    const leaving = new AbortController();
    await fails(c.stream({ model: 'agent/guide', text, signal: leaving.signal }, () => leaving.abort()).then(() => {
      if (leaving.signal.aborted) throw new Error('aborted'); // some SDKs end the stream without an error
    }));
    await awaitPhase(text, 'canceled');
  },
  'slow reader': async (c) => {
    let parts = 0;
    const got = await c.stream({ model: 'agent/guide', text: 'long' }, () => (parts++ < 5 ? sleep(100) : undefined));
    assert.equal(got.text.length, 256 << 10);
  },
  '16 parallel': async (c) => {
    await Promise.all(Array.from({ length: 16 }, async (_, i) => {
      const text = `nonce ${c.name} ${i}`;
      assert.equal((await c.stream({ model: 'agent/guide', text }, () => {})).text, `You said: ${text}`);
    }));
  },
  'responses': async (c) => {
    const got = await c.respond({ model: 'agent/guide', text: 'hello' });
    assert.equal(got.text, 'You said: hello');
    assert.deepEqual((await c.respond({ model: 'model/default', text: 'call', tools: true })).calls, [{ name: 'weather', arguments: city }]);
  },
  'responses in a stream': async (c) => {
    const got = await c.respondStream({ model: 'agent/guide', text: 'usage please' }, () => {});
    assert.equal(got.text, 'You said: usage please');
    assert.deepEqual(got.usage, { prompt: 6, completion: 4 });
    assert.deepEqual((await c.respondStream({ model: 'model/default', text: 'call in pieces', tools: true }, () => {})).calls, [{ name: 'weather', arguments: city }]);
  },
};

for (const client of [openai(settings), vercel(settings), langchain(settings)]) {
  for (const [name, have] of Object.entries(conversations)) {
    const line = { client: client.name, name };
    if (name.startsWith('responses') && !client.respond) line.skipped = true;
    else {
      const late = new Promise((_, reject) => setTimeout(() => reject(new Error('it takes longer than 60 s')), 60_000).unref());
      await Promise.race([have(client), late]).catch((e) => { line.error = e.stack; });
    }
    console.log(JSON.stringify(line));
  }
}
process.exit(0);
