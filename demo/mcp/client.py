"""One request of a real MCP client, the official SDK's, through the gateway. The token comes from ACTGATE_TOKEN.

    client.py URL MODE tools | resources | prompts
    client.py URL MODE call TOOL ARGUMENTS
    client.py URL MODE read URI
    client.py URL MODE prompt NAME ARGUMENTS

MODE is `auto`, `legacy` (sessions) or a version. It prints what came as one line of JSON: `protocol`, and `result` or
`error`. Where a tool's result is an error, as that of a refused call is, it says so on standard error, and exits with 3.
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Implementation


async def ask(client: Client, verb: str, rest: list[str]):
    match verb, rest:
        case "tools", []:
            return await client.list_tools()
        case "resources", []:
            return await client.list_resource_templates()
        case "prompts", []:
            return await client.list_prompts()
        case "call", [tool, arguments]:
            return await client.call_tool(tool, json.loads(arguments))
        case "read", [uri]:
            return await client.read_resource(uri)
        case "prompt", [name, arguments]:
            return await client.get_prompt(name, json.loads(arguments))
    sys.exit(__doc__)


async def main(url: str, mode: str, verb: str, rest: list[str]) -> int:
    token = os.environ.get("ACTGATE_TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    told: dict = {"protocol": None}
    try:
        async with httpx2.AsyncClient(headers=headers, timeout=20) as http:
            transport = streamable_http_client(url, http_client=http)
            info = Implementation(name="actgate-demo", version="1")
            async with Client(transport, mode=mode, client_info=info, read_timeout_seconds=20) as client:
                told["protocol"] = client.protocol_version
                answer = await ask(client, verb, rest)
                told["result"] = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    except BaseException as error:  # A group of tasks that failed is one exception around another.
        while isinstance(error, BaseExceptionGroup) and error.exceptions:
            error = error.exceptions[0]
        told["error"] = {"type": type(error).__name__, "message": str(error)}
        code = getattr(getattr(error, "error", None), "code", None)
        if code is not None:
            told["error"]["code"] = code
    print(json.dumps(told))
    if "error" in told:
        print(f"{told['error']['type']}: {told['error']['message']}", file=sys.stderr)
        return 1
    if told["result"].get("isError"):
        print(*(part.get("text", "") for part in told["result"]["content"]), sep="\n", file=sys.stderr)
        return 3
    return 0


sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])))
