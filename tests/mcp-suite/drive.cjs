// The TypeScript SDK's client, which does what it is told and prints what came.
//
//     drive.cjs MODULES URL OPERATIONS
const { createRequire } = require("node:module");
const { join } = require("node:path");

const [modules, url, operations] = process.argv.slice(2);
const sdk = createRequire(join(modules, "x"));
const { Client } = sdk("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = sdk("@modelcontextprotocol/sdk/client/streamableHttp.js");

async function main() {
  const client = new Client({ name: "drive", version: "1" });
  const token = process.env.ACTGATE_TOKEN;
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  const does = {
    tools: () => client.listTools(),
    resources: () => client.listResources(),
    templates: () => client.listResourceTemplates(),
    prompts: () => client.listPrompts(),
    call: (name, args) => client.callTool({ name, arguments: args }),
    read: (uri) => client.readResource({ uri }),
    prompt: (name, args) => client.getPrompt({ name, arguments: args }),
  };
  const told = [client.getServerCapabilities(), client.getServerVersion()];
  for (const [verb, ...rest] of JSON.parse(operations)) {
    try {
      told.push(await does[verb](...rest));
    } catch (error) {
      told.push({ code: error.code, message: error.message });
    }
  }
  console.log(JSON.stringify(told));
  await client.close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
