// The SDK @langchain/openai of npm.
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';

const weather = { name: 'weather', description: 'The weather', schema: z.object({ city: z.string() }) };

export function langchain({ baseURL, apiKey }) {
  const model = ({ model, tools }, more) => {
    const m = new ChatOpenAI({ model, apiKey, configuration: { baseURL }, maxRetries: 0, streamUsage: true, ...more });
    return tools ? m.bindTools([weather]) : m;
  };
  const result = (m) => ({
    text: m.text, finish: m.response_metadata.finish_reason ?? m.response_metadata.status,
    usage: m.usage_metadata && { prompt: m.usage_metadata.input_tokens, completion: m.usage_metadata.output_tokens },
    calls: m.tool_calls.map((c) => ({ name: c.name, arguments: JSON.stringify(c.args) })),
  });
  const stream = async (asked, part, more) => {
    let whole;
    for await (const chunk of await model(asked, more).stream(asked.text, { signal: asked.signal })) {
      whole = whole ? whole.concat(chunk) : chunk;
      if (chunk.text) await part(chunk.text);
    }
    return result(whole);
  };
  const byResponses = { useResponsesApi: true };
  return {
    name: '@langchain/openai',
    fault: (e) => ({ status: e.status, code: e.code ?? e.error?.code, message: e.message }),
    ask: async (asked) => result(await model(asked).invoke(asked.text)),
    stream: (asked, part) => stream(asked, part),
    respond: async (asked) => result(await model(asked, byResponses).invoke(asked.text)),
    respondStream: (asked, part) => stream(asked, part, byResponses),
  };
}
