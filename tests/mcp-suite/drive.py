"""The Python SDK's client, which does what it is told and prints what came.

    drive.py URL OPERATIONS
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url: str, operations: list) -> None:
    token = os.environ.get("ACTGATE_TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    told: list = []
    async with httpx2.AsyncClient(headers=headers, timeout=20) as http:
        async with Client(streamable_http_client(url, http_client=http), mode="auto", read_timeout_seconds=20) as client:
            told.append(client.protocol_version)
            does = {
                "tools": client.list_tools,
                "resources": client.list_resources,
                "templates": client.list_resource_templates,
                "prompts": client.list_prompts,
                "call": client.call_tool,
                "read": client.read_resource,
                "prompt": client.get_prompt,
            }
            for verb, *rest in operations:
                try:
                    answer = await does[verb](*rest)
                    told.append(answer.model_dump(mode="json", by_alias=True, exclude_none=True))
                except Exception as error:
                    told.append({"type": type(error).__name__, "message": str(error)})
    print(json.dumps(told))


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
