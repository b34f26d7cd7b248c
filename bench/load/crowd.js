import { setTimeout as delay } from 'node:timers/promises'
import { constants, inflateRawSync } from 'node:zlib'
import { decodeId, ID_LENGTH, weigh } from '../lib/ids.js'
import { JSON_ID_OFFSET } from '../lib/payload.js'
import { Client } from './client.js'
import { protocols } from './protocols.js'

const SAMPLES = 3
const FLUSH_TAIL = Buffer.from([0, 0, 0xff, 0xff])
const STRAGGLERS = 50 // ms in which a message that is one too many would arrive

/** All connections of a workload, and what they have received. */
export class Crowd {
  /** @type {Client[]} */
  clients = []
  /** Messages received by all since `begin`. */
  received = 0
  #onReceived = () => {}
  #isDeflated = false

  async connect ({ port, path, protocol: name = 'plain', clients, concurrency = 50, isDeflated = false, query = '', channel }) {
    const protocol = protocols[name]
    this.#isDeflated = isDeflated
    let next = this.clients.length
    const end = next + clients
    const connectSome = async () => {
      while (next < end) {
        const number = next++
        const client = new Client({
          port,
          path: protocol.path ?? path + query.replace('NUMBER', number),
          token: `user-${number}`,
          protocol,
          isDeflated,
          channel,
          isSample: number < SAMPLES
        })
        await client.connect()
        this.clients[number] = client
      }
    }
    await Promise.all(Array.from({ length: concurrency }, connectSome))
  }

  /** Forgets what was received. */
  begin () {
    this.received = 0
    for (const client of this.clients) {
      client.messages = client.bytes = client.sum = 0
      client.onMessage = () => {
        this.received++
        this.#onReceived()
      }
      client.onRead = () => {}
    }
  }

  /**
   * Resolves when so many messages have been received by all together. Rejects when nothing has come for a while.
   * @param {(received: number) => void} [onProgress] called for each
   */
  whenReceived (total, onProgress) {
    return new Promise((resolve, reject) => {
      let last = -1
      const watchdog = setInterval(() => {
        const gone = this.clients.filter(client => client.isClosed).length
        if (this.received === last || gone > 0) {
          clearInterval(watchdog)
          reject(new Error(`Lost: ${this.received} of ${total} messages came, ${gone} connections are gone`))
        }
        last = this.received
      }, 15_000)
      this.#onReceived = () => {
        onProgress?.(this.received)
        if (this.received < total) return
        this.#onReceived = () => {}
        clearInterval(watchdog)
        resolve()
      }
    })
  }

  /**
   * Throws unless every client has received each of its messages once.
   * @param {(client: Client, index: number) => { messages: number, sum: number }} expectedOf
   */
  async verify (expectedOf) {
    await delay(STRAGGLERS)
    for (const [index, client] of this.clients.entries()) {
      const expected = expectedOf(client, index)
      if (client.isClosed) throw new Error(`Connection ${index} is gone`)
      if (client.messages !== expected.messages) throw new Error(`Connection ${index} got ${client.messages} messages instead of ${expected.messages}`)
      if (this.#isDeflated) verifySample(client, expected)
      else if (client.sum !== expected.sum) throw new Error(`Connection ${index} lost messages and got others twice`)
    }
  }

  /** Messages and the mean length of a message's payload on the wire. */
  get totals () {
    const bytes = this.clients.reduce((sum, client) => sum + client.bytes, 0)
    return { messages: this.received, bytesPerMessage: bytes / this.received }
  }

  close () {
    for (const client of this.clients) client.close()
    this.clients = []
  }
}

/**
 * Inflates what a few of them have received, from the first message on, because a server with context takeover refers to
 * what it has sent long before.
 */
function verifySample (client, { messages, sum }) {
  if (!client.isSample) return
  const stream = Buffer.concat(client.kept.flatMap(payload => [payload, FLUSH_TAIL]))
  const texts = inflateRawSync(stream, { finishFlush: constants.Z_SYNC_FLUSH }).toString().match(/\["[A-P]{6}".*?-"\]/g)
  const found = texts.slice(-messages).reduce((total, text) => (total + weigh(idOf(text))) | 0, 0)
  if (texts.length !== client.kept.length || found !== sum) throw new Error('What was compressed is not what was sent')
}

function idOf (text) {
  return decodeId(Buffer.from(text.slice(0, JSON_ID_OFFSET + ID_LENGTH)), JSON_ID_OFFSET)
}
