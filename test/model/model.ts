/** Who a connection may belong to. All may do everything, but for the last one, who may only listen. */
export const PRINCIPALS = ['alice', 'bob', 'listener'] as const
export const CHANNELS = ['a', 'b', 'c'] as const
export const OWN_ROUTE = '/own'

export type PrincipalName = typeof PRINCIPALS[number]
export type RouteName = 'echo' | 'broadcast' | typeof OWN_ROUTE

/** What ought to be true of one connection. */
export interface Peer {
  readonly key: number
  readonly principal: PrincipalName
  readonly route: RouteName
  /** The channel it speaks to, on the broadcast route. */
  readonly channel: string
  readonly channels: Set<string>
  /** Every message that ought to reach its client, in order. */
  readonly inbox: string[]
  /** 'ending' is one the server has ended, whose socket may still be there. */
  state: 'open' | 'ending' | 'gone'
  /** The code that the close handler and the log are told. */
  told: number | undefined
  /** The codes its client may see. */
  seen: number[]
  /** It was cut off: the last of its messages may not have arrived. */
  isCutOff: boolean
}

/** The whole plugin, as a few maps. */
export class Model {
  readonly peers = new Map<number, Peer>()
  opened = 0
  handlerErrors = 0
  messages = 0

  get open (): Peer[] {
    return [...this.peers.values()].filter(({ state }) => state === 'open')
  }

  /** One of those there are, whatever the number; undefined if there is nobody. */
  pick (number: number, among: readonly Peer[] = this.open): Peer | undefined {
    return among[number % among.length]
  }

  add (principal: PrincipalName, route: RouteName, channel: string): Peer {
    const key = this.opened++
    const peer: Peer = { key, principal, route, channel, channels: new Set(), inbox: [], state: 'open', told: undefined, seen: [], isCutOff: false }
    if (route === 'broadcast') peer.channels.add(channel)
    this.peers.set(key, peer)
    return peer
  }

  subscribersOf (channel: string): Peer[] {
    return this.open.filter(({ channels }) => channels.has(channel))
  }

  /** A text that no message has had before. */
  nextText (): string {
    return `message ${this.messages++}`
  }

  /** The first one who ends a connection decides on its code. */
  end (peer: Peer, code: number): void {
    if (peer.state !== 'open') return
    peer.state = 'ending'
    peer.told = code
    peer.seen = [code]
  }

  /** Cuts a connection off, perhaps in the middle of a goodbye. */
  cutOff (peer: Peer): void {
    if (peer.state === 'gone') return
    this.end(peer, 1006)
    peer.seen.push(1006)
    peer.isCutOff = true
  }

  /** What the server does with a text from a client. */
  hear (peer: Peer, text: string): void {
    if (peer.route === 'echo') {
      peer.inbox.push(text)
    } else if (peer.route === 'broadcast') {
      if (peer.principal === 'listener') return this.end(peer, 1008)
      for (const other of this.subscribersOf(peer.channel)) if (other !== peer) other.inbox.push(text)
    } else if (text === '!' || text === '?') {
      this.handlerErrors++
      this.end(peer, 1011)
    } else {
      peer.inbox.push(JSON.stringify({ heard: text }))
    }
  }
}
