import { endOf, notOpened, steps } from './close-codes.js'

const { Centrifuge } = globalThis // vendor/centrifuge.js

const CALLED = 0 // the page itself has called connect() or disconnect()
const UNAUTHORIZED = 1 // the client was not given a token
const NOT_THIS_TOKEN = [109, 3500] // it has expired, or the server does not know it

/**
 * The connection of a Centrifuge client, which comes back by itself, with what the page wants of a `Link`: `state`, its event,
 * `open()`, `close()` and `retry()`. When the client tries next it does not tell, so `retryAt` is there only where the page decides.
 */
export class ChannelsLink extends EventTarget {
  state = { name: 'closed', why: null }
  client
  #session
  #token = ''
  #needsAnother = false // the server did not take the last token
  #hadAnother = false // and this is the one after that
  #problem = null
  #away = 0
  #timer

  constructor (path, session, { min, max }) {
    super()
    this.path = path
    this.#session = session
    const url = new URL(path, document.location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    this.client = new Centrifuge(url.href, { getToken: () => this.#getToken(), minReconnectDelay: min, maxReconnectDelay: max })
    this.client.on('connecting', ({ code }) => this.#connecting(code))
    this.client.on('connected', () => this.#connected())
    this.client.on('disconnected', ({ code }) => this.#disconnected(code))
    this.client.on('error', ({ type }) => this.#failed(type))
  }

  open () {
    this.client.setToken('') // it may be another user's
    this.#start(null)
  }

  close () {
    clearTimeout(this.#timer)
    this.client.disconnect()
    this.#become('closed', null)
  }

  /** Tries at once, if it is not connected. */
  retry () {
    if (['waiting', 'refused', 'stopped'].includes(this.state.name)) this.#start(this.state.why)
  }

  /**
   * Has the server drop the connection without a word.
   * @param away ms to stay away; else the client comes back as soon as it does
   */
  drop (away = 0) {
    if (this.state.name !== 'connected') return
    this.#away = away
    this.client.rpc('drop', {}).catch(() => {}) // who is dropped gets no reply
  }

  #start (why) {
    clearTimeout(this.#timer)
    this.#hadAnother = false
    this.#away = 0
    this.state.why = why
    this.client.disconnect() // it may be waiting for its next try
    this.client.connect()
  }

  #become (name, why, delay) {
    this.state = { name, why, ...(delay !== undefined && { retryAt: Date.now() + delay }) }
    this.dispatchEvent(new Event('state'))
  }

  async #getToken () {
    try {
      this.#token = this.#needsAnother ? await this.#session.renew(this.#token) : await this.#session.token()
      this.#needsAnother = false
      return this.#token
    } catch (error) {
      this.#problem = { words: error.message }
      throw error.status === 400 ? new Centrifuge.UnauthorizedError() : error
    }
  }

  #connecting (code) {
    if (code === CALLED) return this.#become('connecting', this.state.why)
    this.client.setToken('') // the session knows whether the last one is still good
    if (this.#away > 0) this.#stayAway(code)
    else this.#become('waiting', endOf(code))
  }

  #stayAway (code) {
    const delay = this.#away
    this.#away = 0
    this.client.disconnect()
    this.#timer = setTimeout(() => this.client.connect(), delay)
    this.#become('waiting', endOf(code), delay)
  }

  #connected () {
    this.#hadAnother = false
    this.#become('connected', this.state.why)
  }

  #disconnected (code) {
    if (code === CALLED) return
    if (code === UNAUTHORIZED) this.#become('refused', this.#problem)
    else if (!NOT_THIS_TOKEN.includes(code)) this.#become('stopped', endOf(code, 'stop'))
    else if (this.#hadAnother) this.#become('refused', { words: `The server refused to let you in. ${steps.stop}`, code })
    else this.#startWithAnother(code)
  }

  #startWithAnother (code) {
    this.#hadAnother = this.#needsAnother = true
    this.state.why = { words: `The server did not know the token any more. ${steps.renew}`, code }
    this.client.setToken('')
    this.client.connect()
  }

  /** A try has failed; the client waits for the next one. In a connection that lives it is only the refresh, which it tries again. */
  async #failed (type) {
    if (this.client.state !== Centrifuge.State.Connecting) return
    if (type === 'connectToken') return this.#become('waiting', this.#problem)
    if (type !== 'transport') return this.#become('waiting', this.state.why)
    const status = await this.#session.statusOf(this.#token)
    if (this.client.state === Centrifuge.State.Connecting) this.#become('waiting', notOpened(status))
  }
}
