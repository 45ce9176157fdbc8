'use strict'
// The peers for webhooks: node ingest.js PORT http|fastify each|group DB. Verified like ours, stored, then answered.
const crypto = require('crypto')
const [, , port, kind, mode, path] = process.argv
const secret = process.env.STRIPE_WEBHOOK_SECRET
const put = require('./store')(path, mode === 'group')

function take (header, body, answer) {
  const parts = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header || '')
  if (!parts) return answer(400)
  const mac = crypto.createHmac('sha256', secret).update(parts[1] + '.').update(body).digest()
  if (!crypto.timingSafeEqual(mac, Buffer.from(parts[2], 'hex'))) return answer(401)
  const text = body.toString('utf8')
  const event = JSON.parse(text)
  put([event.id, event.created, event.type, text], () => answer(200))
}

if (kind === 'fastify') {
  const app = require('fastify')({ logger: false })
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => done(null, body))
  app.post('/hooks/stripe', (request, reply) => { take(request.headers['stripe-signature'], request.body, (status) => reply.code(status).send({})) })
  app.listen({ port: +port, host: '127.0.0.1' })
} else {
  require('http').createServer((request, response) => {
    const pieces = []
    request.on('data', (piece) => pieces.push(piece))
    request.on('end', () => take(request.headers['stripe-signature'], Buffer.concat(pieces), (status) => {
      response.writeHead(status, { 'content-type': 'application/json', 'content-length': 2 })
      response.end('{}')
    }))
  }).listen(+port, '127.0.0.1')
}
