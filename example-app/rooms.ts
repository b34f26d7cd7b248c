import type { FastifyInstance } from 'fastify'
import type { ChannelsOptions } from 'fastify-realtime'

export interface RoomHistory {
  readonly size: number
  /** ms */
  readonly ttl: number
}

/** `/ws/channels`: what is said in a room is kept for a while, and who types there is not. */
export function roomChannels (history: RoomHistory = { size: 100, ttl: 300_000 }): ChannelsOptions {
  return {
    namespaces: {
      room: { history, presence: true, joinLeave: true },
      typing: {}
    },
    // As often as the heartbeat of the other routes, for the same reason.
    ping: 2_000
  }
}

/** Lets the page see what becomes of it when its connection breaks off without a word. */
export function addRooms (app: FastifyInstance): void {
  app.realtime.rpc('drop', {}, connection => connection.terminate())
}
