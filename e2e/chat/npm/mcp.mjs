// Uses /mcp by @modelcontextprotocol/sdk, and prints what it finds as JSON.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const client = new Client({ name: 'test', version: '1' });
const headers = { Authorization: `Bearer ${process.env.API_KEY}` };
await client.connect(new StreamableHTTPClientTransport(new URL(process.env.MCP_URL), { requestInit: { headers } }));
const { tools } = await client.listTools();
const asked = await client.callTool({ name: 'agent_guide', arguments: { input: 'hello' } });
const failed = await client.callTool({ name: 'agent_guide', arguments: { input: 'fail' } });
const listed = await client.callTool({ name: 'list', arguments: { kind: 'agents' } });
let unknown = '';
try {
  const r = await client.callTool({ name: 'agent_none', arguments: { input: 'hello' } });
  unknown = r.isError ? r.content[0].text : '';
} catch (e) { unknown = e.message; }
console.log(JSON.stringify({
  server: client.getServerVersion()?.name, tools: tools.map((t) => t.name).sort(), asked: asked.content[0].text,
  failed: failed.isError && failed.content[0].text, listed: listed.content[0].text, unknown,
}));
await client.close();
