import { type Static, type TObject, Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'

// What a client may say. Fields that are not here are let through unread: the protocol grows.

const ChannelName = Type.String()
const MAX_SAFE = Number.MAX_SAFE_INTEGER
const Offset = Type.Integer({ minimum: 0, maximum: MAX_SAFE })
/** Any: the pattern that comes with a plain string stops at the end of a line, and what has another key is not looked at. */
const Key = Type.String({ pattern: '^[^]*$' })
const Recovery = { recover: Type.Optional(Type.Boolean()), epoch: Type.Optional(Type.String()), offset: Type.Optional(Offset) }

const requests = {
  connect: Type.Object({
    token: Type.Optional(Type.String()),
    data: Type.Optional(Type.Unknown()),
    name: Type.Optional(Type.String()),
    version: Type.Optional(Type.String()),
    subs: Type.Optional(Type.Record(Key, Type.Object(Recovery)))
  }),
  subscribe: Type.Object({
    channel: ChannelName,
    token: Type.Optional(Type.String()),
    ...Recovery,
    data: Type.Optional(Type.Unknown()),
    join_leave: Type.Optional(Type.Boolean()),
    positioned: Type.Optional(Type.Boolean()),
    recoverable: Type.Optional(Type.Boolean()),
    flag: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_SAFE })),
    /** Kinds of subscriptions other than streams, which are not spoken here. */
    type: Type.Optional(Type.Integer()),
    tf: Type.Optional(Type.Unknown())
  }),
  unsubscribe: Type.Object({ channel: ChannelName }),
  publish: Type.Object({ channel: ChannelName, data: Type.Unknown() }),
  presence: Type.Object({ channel: ChannelName }),
  presence_stats: Type.Object({ channel: ChannelName }),
  history: Type.Object({
    channel: ChannelName,
    limit: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_SAFE })),
    since: Type.Optional(Type.Object({ epoch: Type.Optional(Type.String()), offset: Type.Optional(Offset) })),
    reverse: Type.Optional(Type.Boolean())
  }),
  rpc: Type.Object({ method: Type.Optional(Type.String()), data: Type.Optional(Type.Unknown()) }),
  send: Type.Object({ data: Type.Optional(Type.Unknown()) }),
  refresh: Type.Object({ token: Type.String() }),
  sub_refresh: Type.Object({ channel: ChannelName, token: Type.String() })
} satisfies Record<string, TObject>

export type Method = keyof typeof requests
export type RequestOf<M extends Method> = Static<typeof requests[M]>

/** A command that is well-formed; `request` fits the method. `id` is 0 where no reply is expected. */
export type Command = { [M in Method]: { readonly id: number, readonly method: M, readonly request: RequestOf<M> } }[Method]

/** A command whose reply is an error already. */
interface BadCommand { readonly id: number, readonly method: 'bad', readonly detail: string }

/** An empty command: the answer to our ping. */
export const PONG = { id: 0, method: 'pong' } as const

/** What a line of a frame may be. */
export type Utterance = Command | BadCommand | typeof PONG

const METHODS = Object.keys(requests) as Method[]
const checks = new Map(METHODS.map(method => [method, TypeCompiler.Compile(requests[method])]))
const MAX_ID = 2 ** 32 - 1

/**
 * Reads a frame: commands as JSON, one to a line. One with nothing in it counts as an empty command.
 * @returns undefined if it is not of the protocol, or has more than `max` commands
 */
export function decodeCommands (text: string, max: number): Utterance[] | undefined {
  const commands: Utterance[] = []
  const lines = text.split('\n', max + 1)
  if (lines.length > max) return undefined
  for (const line of lines) {
    if (line.trim() === '') continue
    const command = decodeCommand(line)
    if (command === undefined) return undefined
    commands.push(command)
  }
  return commands.length === 0 ? [PONG] : commands
}

function decodeCommand (line: string): Utterance | undefined {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (Object.keys(value).length === 0) return PONG
  const method = METHODS.find(name => Object.hasOwn(value, name) && value[name] !== null)
  const id = Object.hasOwn(value, 'id') ? value.id : 0
  if (method === undefined || typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MAX_ID) return undefined
  if (id === 0 && method !== 'send') return undefined
  const request = value[method]
  const check = checks.get(method)!
  if (check.Check(request)) return { id, method, request } as Command
  const first = check.Errors(request).First()
  return id === 0 ? undefined : { id, method: 'bad', detail: `${method}${first?.path ?? ''}: ${first?.message ?? 'invalid'}` }
}
