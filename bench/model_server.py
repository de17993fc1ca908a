"""A model that thinks for a while: python -m bench.model_server PORT SECONDS

Reads of HTTP what our client sends, so that a thousand questions at once cost it next to nothing.
The stand-in coach answers the first question; whoever asks has the same history, so that its
answer fits all.
"""

import asyncio
import json
import sys
from typing import Any

from sandbox import coach

TOKENS = {"prompt_tokens": 3500, "completion_tokens": 900, "total_tokens": 4400}
_stored: list[bytes] = []


def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    asyncio.run(serve(port, seconds))


async def serve(port: int, seconds: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                body = await question(reader)
                await asyncio.sleep(seconds)
                writer.write(answer_to(body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=2000)
    async with server:
        await server.serve_forever()


async def question(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next(
        int(line.partition(":")[2])
        for line in head.splitlines()
        if line.startswith("content-length:")
    )
    return await reader.readexactly(length)


def answer_to(body: bytes) -> bytes:
    if not _stored:
        _stored.append(completion(json.loads(body)))
    return _stored[0]


def completion(body: dict[str, Any]) -> bytes:
    message = {"role": "assistant", "content": json.dumps(coach.answer(body["messages"]))}
    told = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": TOKENS,
    }
    text = json.dumps(told).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    return head.encode() + b"\r\n" + text


if __name__ == "__main__":
    main()
