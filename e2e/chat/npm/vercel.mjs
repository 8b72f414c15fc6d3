// The SDK ai of npm, with its provider for APIs like OpenAI's.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText, tool } from 'ai';
import { z } from 'zod';

export function vercel(settings) {
  const provider = createOpenAICompatible({ name: 'ark', includeUsage: true, ...settings });
  const asked = ({ model, text, tools, signal }) => ({
    model: provider(model), prompt: text, maxRetries: 0, abortSignal: signal,
    ...(tools && { tools: { weather: tool({ inputSchema: z.object({ city: z.string() }) }) } }),
  });
  const finishes = { 'tool-calls': 'tool_calls' };
  const result = async (r) => {
    const [text, finish, calls, usage] = [await r.text, await r.finishReason, await r.toolCalls, await r.usage];
    return {
      text, finish: finishes[finish] ?? finish, usage: { prompt: usage.inputTokens, completion: usage.outputTokens },
      calls: calls.map((c) => ({ name: c.toolName, arguments: JSON.stringify(c.input) })),
    };
  };
  return {
    name: 'ai + @ai-sdk/openai-compatible',
    fault: (e) => ({ status: e.statusCode, code: e.data?.error?.code, message: e.message }),
    ask: async (a) => result(await generateText(asked(a))),
    async stream(a, part) {
      const stream = streamText({ ...asked(a), onError() {} });
      for await (const p of stream.fullStream) {
        if (p.type === 'error') throw p.error instanceof Error ? p.error : Object.assign(new Error(p.error?.message ?? String(p.error)), { data: { error: p.error } });
        if (p.type === 'abort') throw new Error('aborted');
        if (p.type === 'text-delta') await part(p.text);
      }
      return result(stream);
    },
  };
}
