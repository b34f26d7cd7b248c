import type { Duplex } from 'node:stream'
import { TooManyConnectionsError, TooManyFromAddressError, TooManyOfPrincipalError } from '../errors.ts'

export interface AdmissionLimits {
  readonly maxConnections: number
  readonly maxConnectionsPerIp: number
  readonly maxConnectionsPerPrincipal: number
}

/**
 * Counts places, from the moment a handshake gets one until its socket is gone, so that many handshakes at once cannot
 * slip through together.
 */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #byAddress = new Map<string, number>()
  readonly #byPrincipal = new Map<string, number>()
  #total = 0

  constructor (limits: AdmissionLimits) {
    this.#limits = limits
  }

  /**
   * Before authentication.
   * @param socket the socket of the upgrade, which holds the place until it is gone; none under `inject`
   * @throws FST_RT_TOO_MANY_CONNECTIONS, FST_RT_TOO_MANY_FROM_ADDRESS
   */
  enter (socket: Duplex | undefined, address: string): void {
    const { maxConnections, maxConnectionsPerIp } = this.#limits
    if (this.#total >= maxConnections) throw new TooManyConnectionsError()
    if (placesOf(this.#byAddress, address) >= maxConnectionsPerIp) throw new TooManyFromAddressError()
    if (socket === undefined || (maxConnections === Infinity && maxConnectionsPerIp === Infinity)) return
    this.#total++
    take(this.#byAddress, address)
    socket.once('close', () => {
      this.#total--
      giveBack(this.#byAddress, address)
    })
  }

  /**
   * After authentication.
   * @throws FST_RT_TOO_MANY_OF_PRINCIPAL
   */
  enterAs (socket: Duplex | undefined, principalId: string): void {
    const { maxConnectionsPerPrincipal } = this.#limits
    if (placesOf(this.#byPrincipal, principalId) >= maxConnectionsPerPrincipal) throw new TooManyOfPrincipalError()
    if (socket === undefined || maxConnectionsPerPrincipal === Infinity) return
    take(this.#byPrincipal, principalId)
    socket.once('close', () => giveBack(this.#byPrincipal, principalId))
  }
}

function placesOf (taken: Map<string, number>, key: string): number {
  return taken.get(key) ?? 0
}

function take (taken: Map<string, number>, key: string): void {
  taken.set(key, placesOf(taken, key) + 1)
}

function giveBack (taken: Map<string, number>, key: string): void {
  const places = placesOf(taken, key) - 1
  if (places === 0) taken.delete(key)
  else taken.set(key, places)
}
