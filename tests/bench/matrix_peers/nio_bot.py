"""What one would write with matrix-nio for the same job: a command becomes a durable row, then an answer. The library keeps the sync token.

    python nio_bot.py HOMESERVER USER_ID TOKEN DEVICE FOLDER
"""
import asyncio
import os
import sqlite3
import sys

import nio


async def main(homeserver, user, token, device, folder):
    db = sqlite3.connect(os.path.join(folder, "notes.db"))
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, who TEXT, text TEXT)")
    client = nio.AsyncClient(homeserver, user, store_path=folder, config=nio.AsyncClientConfig(store_sync_tokens=True))
    client.restore_login(user, device, token)

    async def on_message(room, event):
        if event.sender == client.user_id or not event.body.startswith("!dunwell note "):
            return
        with db:
            db.execute("INSERT INTO notes (who, text) VALUES (?, ?)", (event.sender, event.body))
        await client.room_send(room.room_id, "m.room.message", {"msgtype": "m.text", "body": "Noted for Northwind."}, ignore_unverified_devices=True)

    async def on_invite(room, _event):
        await client.join(room.room_id)

    client.add_event_callback(on_message, nio.RoomMessageText)
    client.add_event_callback(on_invite, nio.InviteMemberEvent)
    await client.sync_forever(timeout=30000)


asyncio.run(main(*sys.argv[1:]))
