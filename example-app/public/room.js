const SHOWN = 20 // messages of the history
const CALLED = 0 // it is the page that has called subscribe()
const PAUSE = 1_000 // ms between two signs that one types

/**
 * One stay in a room. `room:NAME` has a history and a presence: when the connection comes back, the client asks for what it has
 * missed. Who types is told in `typing:NAME`, which keeps nothing.
 */
export class Room {
  #client
  #me
  #views
  #talk
  #typing
  #hasHistory = false
  #typedAt = 0

  constructor (client, name, me, views) {
    this.#client = client
    this.#me = me
    this.#views = views
    this.#clear()
    views.note('')
    this.#talk = client.newSubscription(`room:${name}`, { joinLeave: true })
    this.#talk.on('subscribed', context => this.#arrived(context))
    this.#talk.on('subscribing', ({ code }) => {
      views.members.mark(false)
      if (code !== CALLED) views.note('away: what is said meanwhile comes later')
    })
    this.#talk.on('unsubscribed', ({ code, reason }) => { if (code >= 100) views.note(`not in the room: ${reason} (${code})`) })
    this.#talk.on('publication', publication => this.#hear(publication))
    this.#talk.on('join', ({ info }) => this.#joined(info))
    this.#talk.on('leave', ({ info }) => this.#left(info))
    this.#typing = client.newSubscription(`typing:${name}`)
    this.#typing.on('publication', ({ info }) => { if (nameOf(info) !== me.name) views.typing.hear(nameOf(info)) })
    this.#talk.subscribe()
    this.#typing.subscribe()
  }

  leave () {
    for (const subscription of [this.#talk, this.#typing]) this.#client.removeSubscription(subscription)
    this.#clear()
  }

  /** @throws the server's answer, as `{ code, message }` */
  say (message) {
    return this.#talk.publish(message)
  }

  /** The others are told now and then that one types, as long as one may speak here at all. */
  type () {
    const now = Date.now()
    if (this.#me.role === 'listener' || this.#typing.state !== 'subscribed' || now - this.#typedAt < PAUSE) return
    this.#typedAt = now
    this.#typing.publish({}).catch(() => {}) // the next one may do
  }

  #clear () {
    const { log, members, typing } = this.#views
    log.clear()
    members.reset([])
    typing.clear()
  }

  #arrived ({ wasRecovering, recovered }) {
    const { log, note } = this.#views
    this.#loadMembers()
    if (wasRecovering && recovered) {
      // What was missed comes in this turn, right after this event.
      const before = log.count
      queueMicrotask(() => note(`caught up: ${countOf(log.count - before)}`))
    } else if (wasRecovering) {
      log.clear()
      this.#hasHistory = false
      note('too long away: reloaded')
    }
    if (!this.#hasHistory) this.#loadHistory()
  }

  async #loadMembers () {
    const { clients } = await this.#talk.presence().catch(() => ({})) // it ended meanwhile: the next time, then
    if (clients === undefined || this.#talk.state !== 'subscribed') return
    this.#views.members.reset(Object.values(clients).map(info => [info.client, nameOf(info)]))
    this.#views.members.mark(true, this.#me.name)
  }

  async #loadHistory () {
    const { publications } = await this.#talk.history({ limit: SHOWN, reverse: true }).catch(() => ({}))
    if (publications === undefined || this.#talk.state !== 'subscribed') return
    this.#hasHistory = true
    this.#views.log.begin(publications.reverse().map(publication => this.#messageOf(publication)).filter(message => message !== null))
  }

  #hear (publication) {
    const message = this.#messageOf(publication)
    if (message === null) return
    const { log, typing, said } = this.#views
    log.add(message)
    typing.forget(message.from)
    if (message.isOwn) said(message.id)
  }

  /** What the speaker sent may be anything; who it was, the server says. */
  #messageOf ({ data, info, offset }) {
    const { id, text, at } = data ?? {}
    if (typeof text !== 'string' || !Number.isFinite(at)) return null
    return { id, offset, from: nameOf(info), text: text.slice(0, 500), at, isOwn: info?.user === this.#me.id }
  }

  #joined (info) {
    const name = nameOf(info)
    if (this.#views.members.add(info.client, name) && name !== this.#me.name) this.#views.log.note(name, 'joined')
  }

  #left (info) {
    const name = nameOf(info)
    if (!this.#views.members.remove(info.client)) return
    this.#views.typing.forget(name)
    this.#views.log.note(name, 'left')
  }
}

/** The application itself is nobody. */
function nameOf (info) {
  return info?.connInfo?.name ?? 'Server'
}

function countOf (messages) {
  if (messages === 0) return 'nothing missed'
  return messages === 1 ? '1 message' : `${messages} messages`
}
