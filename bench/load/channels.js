/** Every client subscribes to channels of its own. */
export async function subscribe ({ clients }, { channels }) {
  await Promise.all(clients.map((client, number) =>
    client.ask(Array.from({ length: channels }, (_, n) => ({ id: n + 1, subscribe: { channel: `own:${number}:${n}` } })))))
}

/** Asks who is in a channel, so many times in a row. Returns the median of the answers' times in ms, and their length. */
export async function presence ({ clients: [client] }, { channel, times }) {
  const took = []
  let length = 0
  for (let time = 0; time < times; time++) {
    const begin = performance.now()
    length = await client.ask([{ id: 1, presence: { channel } }])
    took.push(performance.now() - begin)
  }
  return { ms: took.sort((a, b) => a - b)[times >> 1], length }
}

/** All clients come back to a channel at once. Returns the ms until the last has what it missed, and the length of an answer. */
export async function resume ({ clients }, { channel, offset }) {
  const begin = performance.now()
  const lengths = await Promise.all(clients.map(client =>
    client.ask([{ id: 1, subscribe: { channel, recover: true, epoch: '', offset } }])))
  return { ms: performance.now() - begin, lengths: [...new Set(lengths)] }
}
