import { Backoff } from './backoff.js'
import { endOf, meaningOf, notOpened, steps } from './close-codes.js'

const STABLE = 5_000 // ms: a connection that lived this long was no failure
const SHORT = 1_000 // ms: a new token that did not even last this long would not help the next time either

/**
 * A WebSocket of one route that comes back by itself. Its `state` is `{ name, why, retryAt }`: the name is 'closed' (nobody
 * wants it open), 'connecting', 'connected', 'waiting' (until `retryAt`), 'refused' or 'stopped' (both until `retry()`), and
 * `why` is `{ words, code }`, which say how the connection before ended, or null. Each change is an event 'state', each message an
 * event 'message'.
 */
export class Link extends EventTarget {
  state = { name: 'closed', why: null }
  #session
  #backoff
  #socket = null
  #timer
  #run = 0 // what belongs to an earlier run has nothing to say any more
  #openedAt = 0
  #wasUnauthorized = false

  constructor (path, session, backoff) {
    super()
    this.path = path
    this.#session = session
    this.#backoff = new Backoff(backoff)
  }

  open () {
    this.#backoff.reset()
    this.#connect(null)
  }

  close () {
    this.#start()
    this.#socket?.close(1000)
    this.#become('closed', null)
  }

  /** Tries at once, if it is not connected. */
  retry () {
    if (!['waiting', 'refused', 'stopped'].includes(this.state.name)) return
    this.#backoff.reset()
    this.#wasUnauthorized = false
    this.#connect(this.state.why)
  }

  /** @returns whether it was connected, so that the message is on its way */
  send (text) {
    if (this.state.name !== 'connected') return false
    this.#socket.send(text)
    return true
  }

  #start () {
    clearTimeout(this.#timer)
    return ++this.#run
  }

  #become (name, why, delay = 0) {
    this.state = { name, why, retryAt: Date.now() + delay }
    this.dispatchEvent(new Event('state'))
  }

  async #connect (why, getToken = () => this.#session.token()) {
    const run = this.#start()
    this.#become('connecting', why)
    try {
      const token = await getToken()
      if (run === this.#run) this.#dial(run, token, why)
    } catch (error) {
      if (run !== this.#run) return
      const why = { words: error.message }
      if (error.status === 400) this.#become('refused', why)
      else this.#wait(why)
    }
  }

  #dial (run, token, why) {
    const url = new URL(this.path, document.location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    // A page cannot set headers on a WebSocket, so the token travels as a subprotocol. The server answers with 'bearer'.
    const socket = this.#socket = new WebSocket(url, ['bearer', token])
    let hasOpened = false
    socket.onopen = () => {
      if (run !== this.#run) return
      hasOpened = true
      this.#openedAt = Date.now()
      this.#wasUnauthorized = false
      this.#become('connected', why)
    }
    socket.onmessage = ({ data }) => { if (run === this.#run) this.dispatchEvent(new MessageEvent('message', { data })) }
    socket.onclose = ({ code }) => {
      if (run !== this.#run) return
      if (hasOpened) this.#closed(code, token)
      else this.#refused(run, token)
    }
  }

  #closed (code, token) {
    const { next } = meaningOf(code)
    const why = endOf(code)
    const lived = Date.now() - this.#openedAt
    if (lived >= STABLE) this.#backoff.reset()
    if (next === 'stop') this.#become('stopped', why)
    else if (next === 'renew' && lived >= SHORT) this.#connect(why, () => this.#session.renew(token))
    else if (next === 'later') this.#wait(why, this.#backoff.max)
    else if (next === 'soon' && lived >= STABLE) this.#wait(why, Math.random() * this.#backoff.min)
    else this.#wait(why)
  }

  /** A WebSocket that never opened says 1006 whatever the reason was. */
  async #refused (run, token) {
    const status = await this.#session.statusOf(token)
    if (run !== this.#run) return
    if (status === 401 && !this.#wasUnauthorized) {
      this.#wasUnauthorized = true
      this.#connect({ words: `The server did not know the token any more. ${steps.renew}`, code: 401 }, () => this.#session.renew(token))
    } else if (status === 401 || status === 403) {
      this.#become('refused', { words: `The server refused to let you in. ${steps.stop}`, code: status })
    } else {
      this.#wait(notOpened(status))
    }
  }

  #wait (why, delay = this.#backoff.next()) {
    this.#start()
    this.#timer = setTimeout(() => this.#connect(why), delay)
    this.#become('waiting', why, delay)
  }
}
