// The SDK openai of npm.
import OpenAI from 'openai';

const parameters = { type: 'object', properties: { city: { type: 'string' } } };

export function openai(settings) {
  const client = new OpenAI({ ...settings, maxRetries: 0 });
  const chat = ({ model, text, tools }) => ({
    model, messages: [{ role: 'user', content: text }],
    ...(tools && { tools: [{ type: 'function', function: { name: 'weather', parameters } }] }),
  });
  const response = ({ model, text, tools }) => ({
    model, input: text, ...(tools && { tools: [{ type: 'function', name: 'weather', parameters, strict: false }] }),
  });
  const usage = (u) => u && { prompt: u.prompt_tokens ?? u.input_tokens, completion: u.completion_tokens ?? u.output_tokens };
  const responded = (r) => ({
    text: r.output_text, usage: usage(r.usage), finish: r.status,
    calls: r.output.filter((i) => i.type === 'function_call').map((i) => ({ name: i.name, arguments: i.arguments })),
  });
  return {
    name: 'openai (npm)',
    fault: (e) => ({ status: e.status, code: e.code, message: e.message }),
    async ask(asked) {
      const r = await client.chat.completions.create(chat(asked));
      const { message, finish_reason: finish } = r.choices[0];
      return { text: message.content, finish, usage: usage(r.usage), calls: message.tool_calls?.map((c) => c.function) };
    },
    async stream(asked, part) {
      const got = { text: '', calls: [] };
      const stream = await client.chat.completions.create({ ...chat(asked), stream: true, stream_options: { include_usage: true } }, { signal: asked.signal });
      for await (const chunk of stream) {
        got.usage = usage(chunk.usage) ?? got.usage;
        const choice = chunk.choices[0];
        if (!choice) continue;
        got.finish = choice.finish_reason ?? got.finish;
        for (const c of choice.delta.tool_calls ?? []) {
          got.calls[c.index] ??= { name: c.function.name, arguments: '' };
          got.calls[c.index].arguments += c.function.arguments;
        }
        if (choice.delta.content) {
          got.text += choice.delta.content;
          await part(choice.delta.content);
        }
      }
      return got;
    },
    async respond(asked) {
      return responded(await client.responses.create(response(asked)));
    },
    async respondStream(asked, part) {
      // The helper accumulates the events itself, and checks their order.
      const stream = client.responses.stream(response(asked));
      for await (const event of stream) if (event.type === 'response.output_text.delta') await part(event.delta);
      return responded(await stream.finalResponse());
    },
  };
}
