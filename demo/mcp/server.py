"""The demo's MCP server: tools over the files of one folder, on the official SDK. It serves versions with sessions and
without on the same endpoint, on loopback only.

    server.py FOLDER PORT
"""

import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer

ROOT = Path(sys.argv[1]).resolve()
server = MCPServer("files", version="1.0.0", log_level="WARNING")


def place(path: str) -> Path:
    """A file of the folder. The server does not leave this to its gate alone."""
    found = (ROOT / path).resolve()
    if not found.is_relative_to(ROOT):
        raise ValueError("outside of the folder")
    return found


@server.tool(structured_output=False)
def read_file(path: str) -> str:
    """Read a file."""
    return place(path).read_text()


@server.tool(structured_output=False)
def read_files(paths: list[str]) -> dict[str, str]:
    """Read several files."""
    return {path: place(path).read_text() for path in paths}


@server.tool(structured_output=False)
def list_files(folder: str) -> list[str]:
    """List the files of a folder."""
    return sorted(entry.name for entry in place(folder).iterdir())


@server.tool(structured_output=False)
def write_file(path: str, content: str, append: bool = False) -> str:
    """Write a file, or append to it."""
    file = place(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a" if append else "w") as target:
        target.write(content)
    return f"{path} has {file.stat().st_size} bytes now"


@server.tool(structured_output=False)
def delete_file(path: str) -> str:
    """Delete a file."""
    place(path).unlink()
    return f"{path} is gone"


@server.resource("files:///{folder}/{name}")
def file(folder: str, name: str) -> str:
    """A file."""
    return place(f"{folder}/{name}").read_text()


@server.prompt()
def review(path: str) -> str:
    """Ask for a review of a file."""
    return f"Review this file:\n\n{place(path).read_text()}"


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
