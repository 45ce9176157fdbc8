"""A second Matrix client that nobody here wrote: matrix-nio of Debian, run by the system's Python. One order a line, one answer a line.

    /usr/bin/python3 nio_client.py HOMESERVER USER_ID TOKEN
    {"do": "find", "room", "parts": [..]}   its own view of the room: the newest message of somebody else that says all -> {"event"}
    {"do": "say", "room", "body"}   {"do": "react", "room", "event", "key"}   {"do": "redact", "room", "event"}   -> {"event"}
"""
import asyncio
import json
import sys
import time

import nio


async def find(client, seen, order):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for room, event in reversed(seen):
            if room == order["room"] and event.sender != client.user_id and all(p in event.body for p in order["parts"]):
                return event.event_id
        await client.sync(timeout=1000)
    return None


async def react(client, order):
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": order["event"], "key": order["key"]}}
    return await client.room_send(order["room"], "m.reaction", content)


async def main(homeserver, user, token):
    client, seen = nio.AsyncClient(homeserver, user), []
    client.access_token, client.user_id, client.device_id = token, user, "NIO"
    client.add_event_callback(lambda room, event: seen.append((room.room_id, event)), nio.RoomMessageText)
    await client.sync(timeout=0, full_state=True)
    print(json.dumps({"ready": nio.__name__}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        if order["do"] == "find":
            event = await find(client, seen, order)
        elif order["do"] == "say":
            event = getattr(await client.room_send(order["room"], "m.room.message", {"msgtype": "m.text", "body": order["body"]}), "event_id", None)
        elif order["do"] == "react":
            event = getattr(await react(client, order), "event_id", None)
        else:
            event = getattr(await client.room_redact(order["room"], order["event"]), "event_id", None)
        print(json.dumps({"event": event}), flush=True)
    await client.close()


asyncio.run(main(*sys.argv[1:]))
