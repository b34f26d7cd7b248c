import type { FastifyBaseLogger } from 'fastify'
import type { Feed } from '../backplane/feed.ts'
import type { Position, Publication } from '../backplane/backplane.ts'
import { type Frame, frameOf, frameOfParts, LARGE_FRAME } from '../core/frame.ts'
import type { Hub } from '../core/hub.ts'
import type { Form } from '../core/registry.ts'
import { InvalidDataError } from '../errors.ts'

// What the server says, as JSON text. What is already JSON text, the data of a publication and the info of a client, is put in as it is.

export const PING = frameOf('{}')

/** To the subscribers of this instance: each form is made once, whatever their number. Returns how many got it. */
export function deliverPublication (hub: Hub<FastifyBaseLogger>, feed: Feed, publication: Publication): number {
  const { type, info = '', except } = publication
  if (type === 'publication') return hub.deliver(feed.channel, form => publicationFrame(feed, publication, form), except)
  hub.tellWatchers(feed.channel, joinOrLeaveFrame(feed.channel, type, info))
  return 0
}

/** A publication in the form that a subscriber gets it; none for bytes that would have to be JSON. */
function publicationFrame (feed: Feed, publication: Publication, form: Form): Frame | undefined {
  const { payload } = publication
  if (form === 'raw') return frameOf(payload.data)
  if (payload.format === 'binary') return undefined
  const channel = form === 'named' ? `"channel":${JSON.stringify(feed.channel)}` : `"id":${feed.id}`
  return frameOf(`{"push":{${channel},"pub":${publicationJson(publication)}}}`)
}

/** A publication whose payload is not binary. */
export function publicationJson ({ payload, info, position }: Publication): string {
  const data = payload.format === 'json' ? payload.data : JSON.stringify(payload.data)
  const offset = position === undefined ? '' : `,"offset":${position.offset}`
  return `{"data":${data}${info === undefined ? '' : `,"info":${info}`}${offset}}`
}

function joinOrLeaveFrame (channel: string, type: 'join' | 'leave', info: string): Frame {
  return frameOf(`{"push":{"channel":${JSON.stringify(channel)},"${type}":{"info":${info}}}}`)
}

/** A result as JSON text; its end may be apart, with the brace that closes the reply, because others get the same. */
export interface Result {
  readonly json: string
  readonly end?: Uint8Array | undefined
}

export function replyFrame (id: number, method: string, { json, end }: Result): Frame {
  const text = `{"id":${id},"${method}":${json}`
  return end === undefined ? frameOf(`${text}}`) : frameOfParts(text, end)
}

export function errorFrame (id: number, { code, message, temporary }: { code: number, message: string, temporary: boolean }): Frame {
  return frameOf(JSON.stringify({ id, error: { code, message, ...(temporary && { temporary }) } }))
}

export function pushFrame (push: object): Frame {
  return frameOf(JSON.stringify({ push }))
}

/** @throws FST_RT_INVALID_DATA */
export function messageFrame (data: string | Uint8Array): Frame {
  if (typeof data !== 'string') throw new InvalidDataError('a string: a channel client speaks JSON')
  return pushFrame({ message: { data } })
}

/** What was missed: publications as JSON text, separated by commas. */
export class Replay {
  readonly text: string
  #end: Uint8Array | undefined = undefined

  constructor (text: string) {
    this.text = text
  }

  /** With what closes a subscribe reply, made once for everybody who has missed the same. */
  get end (): Uint8Array {
    this.#end ??= Buffer.from(`${this.text}]}}`)
    return this.#end
  }
}

/** For a subscription that begins with the latest publication, by a push. */
export function latestFrame (channel: string, { text }: Replay): Frame {
  return frameOf(`{"push":{"channel":${JSON.stringify(channel)},"pub":${text}}}`)
}

/** How a subscription begins, as far as it is the same for subscribe replies, connect replies and pushes. */
export interface SubscribeResult {
  readonly recoverable: boolean
  readonly positioned: boolean
  readonly position: Position
  readonly recovered?: boolean
  readonly wasRecovering?: boolean
  readonly replay?: Replay
  /** Seconds until the subscription has to be refreshed. */
  readonly ttl?: number | undefined
  readonly id?: number
}

/** The whole of it. */
export function subscribeJson (result: SubscribeResult): string {
  const { replay } = result
  return replay === undefined || replay.text === '' ? `${openJson(result)}}` : `${openJson(result)},"publications":[${replay.text}]}`
}

/** The result of the command `subscribe`. */
export function subscribeResult (result: SubscribeResult): Result {
  const { replay } = result
  if (replay === undefined || replay.text.length < LARGE_FRAME) return { json: subscribeJson(result) }
  return { json: `${openJson(result)},"publications":[`, end: replay.end }
}

/** Without the brace that closes it. */
function openJson ({ recoverable, positioned, position, recovered, wasRecovering, ttl, id }: SubscribeResult): string {
  return JSON.stringify({
    recoverable,
    positioned,
    epoch: position.epoch,
    offset: position.offset,
    ...(wasRecovering && { was_recovering: true, recovered: recovered === true }),
    ...(ttl !== undefined && { expires: true, ttl }),
    ...(id !== undefined && { id })
  }).slice(0, -1)
}
