'use strict'
// What a careful Node program would write: one row, durable before the answer. Either a commit each, or all that arrived in
// one turn of the event loop together, by hand.
const fs = require('fs')

module.exports = function open (path, grouped) {
  for (const end of ['', '-wal', '-shm']) fs.rmSync(path + end, { force: true })
  const db = new (require('better-sqlite3'))(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('CREATE TABLE e (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL)')
  const insert = db.prepare('INSERT OR IGNORE INTO e (id, created, type, body) VALUES (?, ?, ?, ?)')
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  let waiting = null
  return function put (row, answer) {
    if (!grouped) {
      insert.run(...row)
      return answer()
    }
    if (!waiting) {
      waiting = []
      begin.run()
      setImmediate(() => {
        const all = waiting
        commit.run()
        waiting = null
        for (const one of all) one()
      })
    }
    insert.run(...row)
    waiting.push(answer)
  }
}
