'use strict'
// The peers for Socket Mode: node ws.js PORT bolt|socketmode|ws each|group DB. Each command is stored, then acknowledged.
const [, , port, kind, mode, path] = process.argv
const put = require('./store')(path, mode === 'group')
const clientOptions = { slackApiUrl: `http://127.0.0.1:${port}/api/` }
const appToken = 'xapp-fake'

function store (id, body, ack) {
  put([id, Date.now(), 'slash_commands', JSON.stringify(body)], ack)
}

if (kind === 'bolt') {
  const { App, LogLevel, SocketModeReceiver } = require('@slack/bolt')
  const receiver = new SocketModeReceiver({
    appToken,
    logLevel: LogLevel.ERROR,
    installerOptions: { clientOptions },
    customPropertiesExtractor: (event) => ({ envelope: event.envelope_id }) // the only way for a handler to see it
  })
  const app = new App({ token: 'xoxb-fake', receiver, clientOptions, logLevel: LogLevel.ERROR })
  app.command('/dunwell', ({ ack, body, context }) => new Promise((resolve) => {
    store(context.envelope, body, () => ack('Noted.').then(resolve, resolve))
  }))
  app.start()
} else if (kind === 'socketmode') {
  const { SocketModeClient, LogLevel } = require('@slack/socket-mode')
  const client = new SocketModeClient({ appToken, clientOptions, logLevel: LogLevel.ERROR })
  client.on('slash_commands', (event) => store(event.envelope_id, event.body, () => event.ack({ text: 'Noted.' }).catch(() => {})))
  client.start()
} else {
  const socket = new (require('ws'))(`ws://127.0.0.1:${port}/link`, { perMessageDeflate: false })
  socket.on('message', (data) => {
    const envelope = JSON.parse(data.toString())
    if (!envelope.envelope_id) return
    store(envelope.envelope_id, envelope.payload, () => socket.send(JSON.stringify({ envelope_id: envelope.envelope_id, payload: { text: 'Noted.' } })))
  })
}
