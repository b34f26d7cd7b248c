const STORED = 'realtime-example' // of this tab only: another tab can be somebody else
const MARGIN = 1_000 // ms: a token this close to its end is not worth a handshake

/** Who is signed in on this page, and a token that proves it. The token itself is kept in memory alone. */
export class Session {
  me = null // { id, name, role }
  #token = ''
  #expiresAt = 0
  #renewing = null

  /** @throws SignInError */
  async signIn (name, role) {
    this.#adopt(await post('/api/sign-in', { name, role }))
  }

  #adopt ({ token, principal, expiresIn }) {
    this.#token = token
    // A token that lives shorter than the margin would be renewed for ever, so it is used to its end.
    this.#expiresAt = Date.now() + Math.max(expiresIn * 1_000 - MARGIN, MARGIN)
    this.me = principal
    sessionStorage.setItem(STORED, JSON.stringify({ name: principal.name, role: principal.role }))
  }

  /** Who was signed in before the page was reloaded. */
  get remembered () {
    return JSON.parse(sessionStorage.getItem(STORED))
  }

  signOut () {
    this.me = null
    this.#token = ''
    sessionStorage.removeItem(STORED)
  }

  /** A token for the next handshake, or to refresh a connection with: another one, if the last has run out. */
  async token () {
    return Date.now() < this.#expiresAt ? this.#token : this.renew(this.#token)
  }

  /**
   * A token other than `used`, which the server did not take any more. All connections lose theirs at the same time: the
   * first to ask gets another, the others get the same token.
   */
  async renew (used) {
    if (used !== this.#token) return this.#token
    this.#renewing ??= this.#getAnother().finally(() => { this.#renewing = null })
    await this.#renewing
    return this.#token
  }

  /** The next token of the same principal; as somebody new, where the server does not know the last one any more. */
  async #getAnother () {
    const { me } = this
    const answer = await post('/api/renew', { token: this.#token }).catch(error => {
      if (error.status !== 401) throw error
      return post('/api/sign-in', { name: me.name, role: me.role })
    })
    // Whoever has signed out meanwhile stays signed out.
    if (this.me === me) this.#adopt(answer)
  }

  /** Asks with a plain request what a refused WebSocket does not tell: an HTTP status, or 0 without an answer. */
  async statusOf (token) {
    try {
      const { status } = await fetch('/api/me', { headers: { authorization: `Bearer ${token}` }, cache: 'no-store' })
      return status
    } catch {
      return 0
    }
  }
}

/** `status` is 0 when there was no answer at all. */
export class SignInError extends Error {
  constructor (status) {
    super(SignInError.words(status))
    this.status = status
  }

  static words (status) {
    if (status === 0) return 'The server cannot be reached.'
    if (status === 400) return 'A name has 1 to 32 visible characters.'
    return `The server refused the sign-in (${status}).`
  }
}

async function post (url, body) {
  const response = await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body)
  }).catch(() => { throw new SignInError(0) })
  if (!response.ok) throw new SignInError(response.status)
  return response.json()
}
