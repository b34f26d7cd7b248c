"""A client of the plugin made with Python's websockets, which nobody here wrote.

python-client.py SCENARIO URL runs one of the scenarios below and prints what the client saw as JSON.
"""

import asyncio
import inspect
import json
import sys

import websockets

# The option for request headers has changed its name on the way from 10 to 14.
PARAMETERS = inspect.signature(websockets.connect).parameters
HEADERS = 'additional_headers' if 'additional_headers' in PARAMETERS else 'extra_headers'

LARGEST = 65_536  # bytes, the default of limits.maxPayload

MESSAGES = {
    'text': 'hello',
    'binary': bytes(range(256)),
    'empty text': '',
    'empty binary': b'',
    'unicode': 'Grüße, 世界 👋 \u0000 \u2028',
    'largest text': 'a' * LARGEST,
    'largest text of two-byte characters': 'é' * (LARGEST // 2),
    'largest binary': bytes(LARGEST),
}


def connect(url, token='alice', **options):
    headers = {'Authorization': f'Bearer {token}'} if token else {}
    return websockets.connect(url, **{HEADERS: headers}, **options)


def describe(message):
    kind = 'text' if isinstance(message, str) else 'binary'
    size = len(message.encode() if isinstance(message, str) else message)
    return f'{kind} of {size} bytes'


async def goodbye(client):
    """Reads until the server closes; what its close frame said."""
    try:
        while True:
            await client.recv()
    except websockets.ConnectionClosed as closed:
        return None if closed.rcvd is None else {'code': closed.rcvd.code, 'reason': closed.rcvd.reason}


async def round_trip(client):
    """Everything sent before has been handled by the server, and what it sent before has arrived here."""
    await (await client.ping())


async def read_until(client, last):
    messages = []
    while (message := await client.recv()) != last:
        messages.append(message)
    return messages


async def echo(url):
    replies = {}
    async with connect(f'{url}/ws/echo') as client:
        for name, message in MESSAGES.items():
            await client.send(message)
            reply = await client.recv()
            replies[name] = 'the same' if reply == message else describe(reply)
    return replies


async def protocol(url):
    """Which subprotocol is selected, with the token in the header and with the token among the subprotocols."""
    async with connect(f'{url}/ws/echo') as client:
        with_header = client.subprotocol
    async with connect(f'{url}/ws/echo', token=None, subprotocols=['bearer', 'alice']) as client:
        await client.send('hello')
        return {'header': with_header, 'subprotocol': client.subprotocol, 'reply': await client.recv()}


async def refused(url):
    """The status of an upgrade without a token, with a wrong one, and with one that lacks the permission."""
    statuses = []
    for token in (None, 'mallory', 'nobody'):
        try:
            async with connect(f'{url}/ws/echo', token=token):
                statuses.append('connected')
        except websockets.InvalidHandshake as refusal:
            # A plain attribute once, part of the response in later versions.
            answer = refusal if hasattr(refusal, 'status_code') else refusal.response
            statuses.append(answer.status_code)
    return statuses


async def too_big(url):
    """How the server says goodbye to one byte more than it takes, as text and as binary."""
    goodbyes = []
    for message in ('a' * (LARGEST + 1), bytes(LARGEST + 1)):
        async with connect(f'{url}/ws/echo') as client:
            await client.send(message)
            goodbyes.append(await goodbye(client))
    return goodbyes


async def broadcast(url):
    """Each of three says something; what each has got when a fourth has had the last word."""
    address = f'{url}/ws/broadcast'
    async with connect(address) as one, connect(address, 'bob') as two, connect(address) as three, connect(address) as last:
        for client, message in ((one, 'from one'), (two, b'from two'), (three, 'from three')):
            await client.send(message)
            await round_trip(client)
        await last.send('last')
        received = [await read_until(client, 'last') for client in (one, two, three)]
    return [[message if isinstance(message, str) else {'bytes': message.decode()} for message in messages] for messages in received]


async def channel(url):
    """What a listener in the same channel, the speaker, and a listener in the default channel have got."""
    address = f'{url}/ws/broadcast'
    news = f'{address}?channel=news'
    async with connect(news) as speaker, connect(news, 'listener') as listener, connect(address, 'listener') as elsewhere:
        await speaker.send('news')
        await round_trip(speaker)
        async with connect(news) as last, connect(address) as last_elsewhere:
            await last.send('last')
            await last_elsewhere.send('last')
            return {
                'speaker': await read_until(speaker, 'last'),
                'listener': await read_until(listener, 'last'),
                'elsewhere': await read_until(elsewhere, 'last'),
            }


async def speaking_listener(url):
    """How the server says goodbye to a listener who speaks, and what the others get of it."""
    address = f'{url}/ws/broadcast'
    async with connect(address) as other, connect(address, 'listener') as listener:
        await listener.send('I may not')
        said = await goodbye(listener)
        async with connect(address) as last:
            await last.send('last')
            return {'goodbye': said, 'others': await read_until(other, 'last')}


async def idle(url):
    """Only listens, with no pings of its own, until the server says something or goodbye."""
    async with connect(f'{url}/ws/idle', ping_interval=None) as client:
        try:
            first = await client.recv()
        except websockets.ConnectionClosed:
            first = None
        return {'first': first, 'goodbye': await goodbye(client)}


SCENARIOS = {scenario.__name__: scenario for scenario in (
    echo, protocol, refused, too_big, broadcast, channel, speaking_listener, idle,
)}


if __name__ == '__main__':
    _, name, base_url = sys.argv
    print(json.dumps(asyncio.run(SCENARIOS[name](base_url))))
