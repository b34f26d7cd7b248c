"""The `websockets` package with its broadcast(), which writes to every connection without waiting."""

import asyncio
import json
import sys
import time

import websockets

connections = set()
reached = 0
progressed = asyncio.Event()
since = 0.0


async def serve(connection, path=None):
    try:
        if (path or connection.path) == "/echo":
            async for message in connection:
                await connection.send(message)
            return
        connections.add(connection)
        async for message in connection:
            websockets.broadcast(connections - {connection}, message)
    except websockets.ConnectionClosedError:
        pass  # the load does not say goodbye
    finally:
        connections.discard(connection)


def encode_id(number):
    return "".join(chr(65 + (number >> shift & 15)) for shift in range(20, -1, -4))


async def push(turns, perTurn, size, window, first, **_):
    global reached
    reached = 0
    filler = "x" * (size - 6)
    number = first
    for turn in range(turns):
        while turn - reached >= window:
            progressed.clear()
            await progressed.wait()
        for _ in range(perTurn):
            websockets.broadcast(connections, encode_id(number) + filler)
            number += 1
        await asyncio.sleep(0)


def write(message):
    print(json.dumps(message), flush=True)


async def handle(message):
    global reached, since
    result = None
    command = message.pop("command")
    call = message.pop("id", None)
    if command == "start":
        since = time.process_time()
    elif command == "stop":
        result = round((time.process_time() - since) * 1_000_000)
    elif command == "push":
        await push(**message)
    elif command == "progress":
        reached = message["turns"]
        progressed.set()
    if call is not None:
        write({"id": call, "result": result})


async def main():
    # Compression would be on by default, and is off in every other server here.
    server = await websockets.serve(serve, "127.0.0.1", 0, compression=None)
    write({"event": "listening", "port": server.sockets[0].getsockname()[1]})
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(handle(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
