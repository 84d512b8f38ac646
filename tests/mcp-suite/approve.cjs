// A client of the TypeScript SDK that can open pages: it calls a tool, is asked to open one, and waits until somebody has
// decided there.
//
//     approve.cjs MODULES URL legacy|VERSION FOLDER ACTION TOOL ARGUMENTS
//
// The page's URL is left in FOLDER/page; what the user does is done as soon as FOLDER/decided is there. Prints what came.
const { existsSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");
const { setTimeout: sleep } = require("node:timers/promises");

const [modules, url, mode, folder, action, tool, args] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport } = createRequire(join(modules, "x"))("@modelcontextprotocol/client");

let pages = 0;

async function open(page) {
  pages += 1;
  writeFileSync(join(folder, "page.new"), page);
  require("node:fs").renameSync(join(folder, "page.new"), join(folder, "page"));
  while (!existsSync(join(folder, "decided"))) await sleep(20);
}

async function main() {
  const options = {
    capabilities: { elicitation: { url: {} } },
    versionNegotiation: { mode: mode === "legacy" ? "legacy" : { pin: mode } },
  };
  const client = new Client({ name: "approver's client", version: "1" }, options);
  client.setRequestHandler("elicitation/create", async ({ params }) => {
    await open(params.url);
    return { action };
  });
  const headers = { authorization: `Bearer ${process.env.ACTGATE_TOKEN}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  const request = { name: tool, arguments: JSON.parse(args) };
  const told = { protocol: client.getNegotiatedProtocolVersion?.() };
  const call = async (key) => {
    try {
      told[key] = { result: await client.callTool(request) };
    } catch (error) {
      told[key] = { code: error.code, message: error.message, data: error.data };
      return error.data?.elicitations;
    }
  };
  const asked = await call("first");
  if (asked) {
    await open(asked[0].url);
    if (action === "accept") await call("second");
  }
  // What was declined is not tried again.
  if (action === "accept") await call("again");
  console.log(JSON.stringify({ ...told, pages }));
  await client.close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
