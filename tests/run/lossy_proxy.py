#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands before a key service and loses one answer: the one to the N-th key request, the requests that are large.

lossy_proxy.py PORT N swallow|reset: prints its own port, then a line for each key request. `swallow`: the answer is waited for in vain;
`reset`: the connection ends instead.
"""
import asyncio
import sys

LARGE = 6000  # bytes; what else is asked has less
upstream, lost, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
requests = 0


async def serve(reader, writer):
    there_reader, there_writer = await asyncio.open_connection("127.0.0.1", upstream)
    asked, losing = 0, False

    async def up():
        global requests
        nonlocal asked, losing
        while data := await reader.read(65536):
            before, asked = asked, asked + len(data)
            if before <= LARGE < asked:
                requests += 1
                losing = requests == lost
                print("key request", requests, "its answer is lost" if losing else "", flush=True)
            there_writer.write(data)
            await there_writer.drain()
        there_writer.close()

    async def down():
        nonlocal asked
        while data := await there_reader.read(65536):
            asked = 0
            if losing and how == "reset":
                writer.transport.abort()
                there_writer.transport.abort()
                return
            if not losing:
                writer.write(data)
                await writer.drain()
        writer.close()

    await asyncio.gather(up(), down(), return_exceptions=True)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
