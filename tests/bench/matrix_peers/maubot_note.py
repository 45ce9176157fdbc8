"""The same job as a plugin of maubot: a command becomes a durable row, then an answer. The framework keeps the sync token."""
import os
import sqlite3

from maubot import MessageEvent, Plugin
from maubot.handlers import event
from mautrix.types import EventType


class Note(Plugin):
    async def start(self):
        self.db = sqlite3.connect(os.path.join(os.environ["NOTES"], "notes.db"))
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, who TEXT, text TEXT)")

    @event.on(EventType.ROOM_MESSAGE)
    async def on_message(self, evt: MessageEvent) -> None:
        if evt.sender == self.client.mxid or not evt.content.body.startswith("!dunwell note "):
            return
        with self.db:
            self.db.execute("INSERT INTO notes (who, text) VALUES (?, ?)", (evt.sender, evt.content.body))
        await evt.respond("Noted for Northwind.")
