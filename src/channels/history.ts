import type { HistoryOptions, ReadResult, StoredPublication } from '../backplane/backplane.ts'
import type { ChannelClient } from './client.ts'
import { CommandError, Errors } from './codes.ts'
import type { RequestOf } from './commands.ts'
import { publicationJson, type Result } from './encode.ts'
import type { ChannelHost } from './host.ts'

/** Answers the command `history`: a page of what is kept of a channel. */
export async function history (client: ChannelClient, request: RequestOf<'history'>, reply: (result: Result) => void): Promise<void> {
  const { channel, limit = 0 } = request
  const options = client.optionsOf(channel)
  if (options.history === undefined) throw new CommandError(Errors.NotAvailable)
  await client.authorize('history', channel)
  const kept = await read(client.host, channel, options.history, limit)
  const page = limit === 0 ? [] : pageOf(kept, request).slice(0, limit)
  await client.host.turnstile.pass(page.reduce((bytes, { payload }) => bytes + payload.data.length, 0))
  const { epoch, offset } = kept.top
  const publications = fitting(page, client.host.maxBuffered).join(',')
  reply({ json: `{"epoch":${JSON.stringify(epoch)},"offset":${offset},"publications":[${publications}]}` })
}

/** From what flows here already, if that is everything. */
async function read ({ feeds, backplane }: ChannelHost, channel: string, options: HistoryOptions, limit: number): Promise<ReadResult> {
  const feed = feeds.get(channel)
  if (feed?.hasAll) return { top: feed.top!, publications: feed.recent }
  return backplane.read(channel, options, undefined, limit === 0 ? 0 : undefined)
}

/** @throws error 112 for a position that is gone, or never was */
function pageOf ({ top, publications }: ReadResult, { since, reverse = false }: RequestOf<'history'>): readonly StoredPublication[] {
  if (since === undefined) return reverse ? publications.toReversed() : publications
  const { epoch = '', offset = 0 } = since
  if ((epoch !== '' && epoch !== top.epoch) || (offset > top.offset && !reverse)) throw new CommandError(Errors.UnrecoverablePosition)
  if (reverse) return publications.filter(({ position }) => position.offset < offset).reverse()
  const after = publications.filter(({ position }) => position.offset > offset)
  if ((after[0]?.position.prev ?? top.offset) !== offset) throw new CommandError(Errors.UnrecoverablePosition)
  return after
}

/** As JSON text, as many as a connection may have waiting: who wants more asks on from the last. One always fits. */
function fitting (page: readonly StoredPublication[], maxLength: number): string[] {
  const texts: string[] = []
  let length = 0
  for (const publication of page) {
    const text = publicationJson(publication)
    length += text.length
    if (length > maxLength && texts.length > 0) break
    texts.push(text)
  }
  return texts
}
