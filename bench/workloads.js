import { createChannelMemory, createPresence, createResume } from './measure/channel-clients.js'
import { createPublish } from './measure/channels.js'
import { createConnect, createHeartbeat, createMemory } from './measure/connections.js'
import { createDelivery } from './measure/delivery.js'
import { createLatency } from './measure/latency.js'

const CPU = 'us CPU per delivery'
const everybody = [{ peer: 'bare' }, { peer: 'ours' }, { peer: 'socket.io' }, { peer: 'crossws' }, { peer: 'python' }]
const channelClients = [{ peer: 'ours' }, { peer: 'channels' }, { peer: 'numbered' }]
const both = [{ peer: 'bare' }, { peer: 'ours' }]

/**
 * The workloads, in the order in which they run. `ratio` names the two contestants that are divided; `quick` and `smoke`
 * are what is smaller in such a run. A window is how many turns the server may be ahead of the receivers.
 */
export const workloads = [
  {
    name: 'push-1',
    title: 'push, 1,000 receivers, 128 B, 1 message a turn',
    unit: CPU,
    create: createDelivery,
    kind: 'push',
    contestants: everybody,
    ratio: ['bare', 'ours'],
    clients: 1_000,
    size: 128,
    perTurn: 1,
    window: 16,
    minimum: 4,
    smoke: { clients: 20 }
  },
  {
    name: 'push-32',
    title: 'push, 1,000 receivers, 128 B, 32 messages a turn',
    unit: CPU,
    create: createDelivery,
    kind: 'push',
    contestants: everybody,
    ratio: ['bare', 'ours'],
    clients: 1_000,
    size: 128,
    perTurn: 32,
    window: 8,
    minimum: 2,
    smoke: { clients: 20, contestants: both }
  },
  {
    name: 'chat-200',
    title: 'chat, 200 clients, 100 B, in rounds',
    unit: CPU,
    create: createDelivery,
    kind: 'chat',
    contestants: everybody,
    ratio: ['bare', 'ours'],
    clients: 200,
    size: 100,
    minimum: 3,
    smoke: { clients: 20 }
  },
  {
    name: 'chat-1000',
    title: 'chat, 1,000 clients, 100 B, in rounds',
    rounds: 3,
    unit: CPU,
    create: createDelivery,
    kind: 'chat',
    contestants: both, // a round of anybody else takes ten seconds
    ratio: ['bare', 'ours'],
    clients: 1_000,
    size: 100,
    minimum: 2,
    quick: { minimum: 1 },
    smoke: { clients: 30, minimum: 1 }
  },
  {
    name: 'echo-1',
    title: 'echo, 100 clients, 128 B, 1 in flight each',
    unit: CPU,
    create: createDelivery,
    kind: 'echo',
    contestants: everybody,
    ratio: ['bare', 'ours'],
    clients: 100,
    size: 128,
    inFlight: 1,
    minimum: 50,
    smoke: { clients: 20, minimum: 10, contestants: both }
  },
  {
    name: 'echo-16',
    title: 'echo, 100 clients, 128 B, 16 in flight each',
    unit: CPU,
    create: createDelivery,
    kind: 'echo',
    contestants: everybody,
    ratio: ['bare', 'ours'],
    clients: 100,
    size: 128,
    inFlight: 16,
    minimum: 64,
    smoke: { clients: 20, minimum: 40 }
  },
  {
    name: 'push-deflate',
    title: 'push, 200 receivers, 1,000 B of JSON, compressed',
    unit: CPU,
    create: createDelivery,
    kind: 'push',
    contestants: both,
    ratio: ['bare', 'ours'],
    clients: 200,
    size: 1_000,
    isJson: true,
    isDeflated: true,
    maxBytes: 400,
    perTurn: 1,
    window: 16,
    minimum: 4,
    smoke: { clients: 20 }
  },
  {
    name: 'channels-1',
    title: 'push to 1,000 channel clients, 128 B, 1 message a turn',
    unit: CPU,
    create: createDelivery,
    kind: 'push',
    contestants: channelClients,
    ratio: ['channels', 'ours'],
    clients: 1_000,
    size: 128,
    perTurn: 1,
    window: 16,
    minimum: 4,
    smoke: { clients: 20 }
  },
  {
    name: 'channels-32',
    title: 'push to 1,000 channel clients, 128 B, 32 messages a turn',
    unit: CPU,
    create: createDelivery,
    kind: 'push',
    contestants: channelClients,
    ratio: ['channels', 'ours'],
    clients: 1_000,
    size: 128,
    perTurn: 32,
    window: 8,
    minimum: 2,
    smoke: { clients: 20 }
  },
  {
    name: 'channel-memory',
    title: 'memory of 100,000 live channels, 1 channel client each',
    rounds: 3,
    unit: 'KiB per channel',
    create: createChannelMemory,
    contestants: [{ peer: 'channels', key: 'ours' }],
    clients: 1_000,
    channels: 100,
    smoke: { clients: 20, channels: 5 }
  },
  {
    name: 'presence',
    title: 'presence of 10,000 in one channel',
    rounds: 5,
    unit: 'ms',
    create: createPresence,
    contestants: [{ peer: 'channels', key: 'ours' }],
    clients: 10_000,
    times: 20,
    quick: { clients: 5_000 },
    smoke: { clients: 20, times: 2 }
  },
  {
    name: 'resume',
    title: '2,000 channel clients come back at once, 100 publications of 128 B missed by each',
    rounds: 5,
    unit: 'ms',
    create: createResume,
    contestants: [{ peer: 'channels', key: 'ours' }],
    clients: 2_000,
    missed: 100,
    size: 128,
    smoke: { clients: 20, missed: 5 }
  },
  {
    name: 'resume-block',
    title: 'the same: longest block of the loop',
    rounds: 5,
    unit: 'ms',
    create: createResume,
    isBlock: true,
    contestants: [{ peer: 'channels', key: 'ours' }],
    clients: 2_000,
    missed: 100,
    size: 128,
    smoke: { clients: 20, missed: 5 }
  },
  {
    name: 'publish-100k',
    title: 'publication to one of 100,000 channels, 1 subscriber each',
    unit: 'us CPU per publication',
    create: createPublish,
    contestants: [{ peer: 'ours', key: 'one channel', subscribers: 1, channels: 1 }, { peer: 'ours', subscribers: 1_000, channels: 100 }],
    ratio: ['ours', 'one channel'],
    clients: 1_000,
    size: 128,
    perTurn: 100,
    window: 64,
    turns: 5_000,
    quick: { turns: 1_000 },
    smoke: {
      clients: 20,
      turns: 20,
      contestants: [{ peer: 'ours', key: 'one channel', subscribers: 1, channels: 1 }, { peer: 'ours', subscribers: 20, channels: 10 }]
    }
  },
  {
    name: 'connect',
    title: '1,000 connections made, with auth (ours) and without (bare)',
    rounds: 5,
    unit: 'us CPU per connection',
    create: createConnect,
    contestants: both,
    ratio: ['bare', 'ours'],
    clients: 1_000,
    smoke: { clients: 20 }
  },
  {
    name: 'memory',
    title: 'idle memory, 2,000 connections',
    rounds: 5,
    unit: 'KiB per connection',
    create: createMemory,
    contestants: both,
    ratio: ['ours', 'bare'],
    clients: 2_000,
    smoke: { clients: 20 }
  },
  {
    name: 'heartbeat',
    title: 'longest block of the loop, 10,000 connections, a ping to each every 2 s',
    rounds: 3,
    unit: 'ms',
    create: createHeartbeat,
    contestants: [{ peer: 'ours' }],
    clients: 10_000,
    interval: 2_000,
    timeout: 1_000, // a longer one than the interval would make the pings rarer
    duration: 10_000,
    quick: { clients: 5_000, duration: 6_000 },
    smoke: { clients: 20, interval: 200, timeout: 100, duration: 1_000 }
  },
  {
    name: 'latency-200',
    title: 'latency p50 (p99), 200 clients, 200 messages a second to all others',
    rounds: 5,
    unit: 'ms',
    create: createLatency,
    contestants: both,
    ratio: ['bare', 'ours'],
    clients: 200,
    rate: 200,
    seconds: 4,
    size: 100,
    quick: { seconds: 2 },
    smoke: { clients: 20, rate: 50, seconds: 1 }
  },
  {
    name: 'latency-1000',
    title: 'latency p50 (p99), 200 clients, 1,000 messages a second to all others',
    rounds: 3,
    unit: 'ms',
    create: createLatency,
    contestants: [{ peer: 'ours' }], // 199,000 deliveries a second are more than a core of bare can do
    clients: 200,
    rate: 1_000,
    seconds: 4,
    size: 100,
    quick: { seconds: 2 },
    smoke: { clients: 20, rate: 50, seconds: 1 }
  }
]
