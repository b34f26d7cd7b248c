import type { FastifyRequest } from 'fastify'
import { jsonOf } from '../backplane/payload.ts'
import { namespaceOf, optionsOf, type ResolvedChannelOptions } from '../channel-options.ts'
import { isChannelName } from '../core/channel-name.ts'
import { logThrown } from '../core/thrown.ts'
import { saysExpired } from '../handshake/expired.ts'
import type { ChannelAction, Grant } from '../options.ts'
import type { AppConnection } from '../routes/shared.ts'
import { CommandError, Errors } from './codes.ts'
import type { ChannelHost } from './host.ts'

/** Who asks: what it may do, and what others see of it. */
export class ChannelClient {
  readonly host: ChannelHost
  readonly connection: AppConnection
  readonly request: FastifyRequest
  /** The connect reply is out. */
  isConnected = false
  /** JSON text of who this is, without the closing brace. */
  #info = ''

  constructor (host: ChannelHost, connection: AppConnection, request: FastifyRequest) {
    this.host = host
    this.connection = connection
    this.request = request
    this.introduce()
  }

  /** What others see of the principal may be new. */
  introduce (): void {
    const { id, principal } = this.connection
    const connInfo = this.jsonOf(principal.info)
    this.#info = `{"user":${JSON.stringify(principal.id)},"client":"${id}"${connInfo === undefined ? '' : `,"conn_info":${connInfo}`}`
  }

  /** @param chanInfo JSON text */
  infoWith (chanInfo: string | undefined): string {
    return `${this.#info}${chanInfo === undefined ? '' : `,"chan_info":${chanInfo}`}}`
  }

  /** JSON text of an info that the application gave; none, and a line in the log, for what is not JSON. */
  jsonOf (info: unknown): string | undefined {
    if (info === undefined) return undefined
    try {
      return jsonOf(info)
    } catch (error) {
      this.connection.log.warn({ err: error }, 'an info is not JSON')
      return undefined
    }
  }

  /** @throws error 107 for a name that cannot be, 102 for a namespace that is not there */
  optionsOf (channel: string): ResolvedChannelOptions {
    const { options } = this.host
    if (!isChannelName(channel, options.maxChannelLength)) throw new CommandError(Errors.BadRequest, 'channel')
    if (options.namespaces?.has(namespaceOf(channel)) === false) throw new CommandError(Errors.UnknownChannel)
    return optionsOf(channel, options)
  }

  /** @throws error 103, or 109 if it is for an expired token */
  async authorize (action: ChannelAction, channel: string, token?: string): Promise<Grant> {
    let answer: boolean | Grant
    try {
      answer = await this.host.authorize(this.connection.principal, action, channel, { token })
      if (typeof answer === 'object' && !isMoment(answer.expiresAt)) throw new TypeError('authorize() returned a grant whose expiresAt is no number')
    } catch (error) {
      logThrown(this.connection.log, 'warn', error, 'authorize failed', { action, channel })
      throw new CommandError(saysExpired(error) ? Errors.TokenExpired : Errors.PermissionDenied)
    }
    if (answer === false) throw new CommandError(Errors.PermissionDenied)
    return answer === true ? {} : answer
  }
}

/** As of a principal: a NaN would be over at once, and an infinity has no seconds to tell. */
function isMoment (expiresAt: unknown): boolean {
  return expiresAt === undefined || Number.isFinite(expiresAt)
}
