import { machine } from './machine.js'
import { digits } from './stats.js'
import { judge } from '../targets.js'

const COLUMNS = ['bare', 'ours', 'socket.io', 'crossws', 'python', 'channels', 'numbered', 'one channel']
const HEADINGS = ['workload', 'unit', 'rounds', 'bare loop', 'fastify-realtime', 'Socket.IO', 'crossws', 'Python websockets', 'channel clients', 'the same, numbered', 'control', 'ratio', 'target', 'verdict', 'others']

/** The results as a Markdown table. Targets are for workloads of full size only. */
export function tableOf (results, isJudged = true) {
  const rows = results.map(({ name, title, unit, rounds, figures, ratio, foreignLoad }) => {
    const judged = isJudged && judge(name, { ratio: ratio?.median, ours: figures.ours.median })
    return [
      title,
      unit,
      rounds,
      ...COLUMNS.map(key => cell(figures[key])),
      ratio === undefined ? spread(figures.ours) : `**${digits(ratio.median)}** (${digits(ratio.min)} - ${digits(ratio.max)}) ${ratio.of}`,
      judged ? judged.target : '',
      judged ? judged.verdict : '',
      foreignLoad === undefined ? '' : percent(foreignLoad)
    ]
  })
  // Columns in which nobody took part are left out.
  const used = HEADINGS.map((_, column) => rows.some(row => row[column] !== ''))
  return [HEADINGS, HEADINGS.map(() => '---'), ...rows]
    .map(row => `| ${row.filter((_, column) => used[column]).join(' | ')} |`)
    .join('\n')
}

function cell (figure) {
  if (figure === undefined) return ''
  return figure.p99 === undefined ? digits(figure.median) : `${digits(figure.median)} (${digits(figure.p99)})`
}

function percent (share) {
  return share.toLocaleString('en', { style: 'percent', maximumFractionDigits: 0 })
}

function spread ({ min, max }) {
  return `(${digits(min)} - ${digits(max)})`
}

/** The text of RESULTS.md. */
export function report (results, { minutes, canPin }) {
  const { cpu, cores, node, platform, versions, date, commit } = machine()
  const deliveries = results.reduce((sum, { figures }) => sum + Object.values(figures).reduce((total, figure) => total + figure.deliveries, 0), 0)
  return `# Results

Written by \`npm run bench\`; not edited by hand.

${tableOf(results)}

![Ratios of the bare loop to fastify-realtime](results.svg)

Figures are medians of so many rounds. A ratio is the median, and in parentheses the smallest and largest, of the ratios of
two rounds that followed each other. In parentheses behind a latency or a block of the loop is its 99th percentile.
Others is the share of the machine that processes which are not of this benchmark took meanwhile: where it is more than a few
percent, latencies and the block of the loop are theirs as much as the server's, and the other figures are noisier.
All ${deliveries.toLocaleString('en')} deliveries counted here arrived, each once.

## Machine

| | |
| --- | --- |
| CPU | ${cpu}, ${cores} cores |
| System | ${platform} |
| Node.js | ${node} |
${Object.entries(versions).map(([name, version]) => `| ${name} | ${version} |`).join('\n')}
| Date | ${date} |
| Commit | ${commit} |

## How it is measured

- A server and its load are two processes, ${canPin ? 'pinned to one core each with `taskset`' : '**not pinned**: this system has no `taskset`'}. The figure is the CPU time of the server,
  user and system, of all its threads, from before the first message until the last has arrived, divided by the messages delivered.
- The load counts messages on raw TCP sockets. Every message has a number; every receiver adds up the numbers it gets, and a
  message that is lost or comes twice ends the run with an error. Compressed messages must be compressed, and those of a sample of
  receivers are inflated and looked at.
- Contestants take turns, after a warm-up that does not count and in which the size of a round is found: half a second of CPU time, or
  what the smallest sensible amount takes.
- A push is so many messages in one turn of the server's event loop; the server stays a few turns ahead of the receivers at most.
  In a chat everybody sends one message per round, and a round begins when everybody has received all messages of the last.
  An echo client answers what it has read at once, in one write.
- fastify-realtime runs with everything on: authentication of every connection, registry, heartbeat and limits. The bare loop is
  @fastify/websocket with \`for (const client of clients) client.send(data)\`, and has none of these. Socket.IO uses WebSocket
  alone. Nobody compresses but in the workload that says so.
- Memory is physical memory (VmRSS) after a garbage collection, with a young generation of fixed size (\`--max-semi-space-size=1\`) for both, with 2,000 connections and with none, after 200 that have come and
  gone; each round starts a new server. The heap grows in steps, so the figure falls with the number of connections.
- The block of the loop is \`monitorEventLoopDelay({ resolution: 1 })\` of the server, less that resolution.

It took ${minutes.toFixed(1)} minutes. To repeat it: \`npm ci && npm run build && npm run bench\`, on a machine that does nothing else.
\`node bench/run.js --quick\` takes less than two minutes, \`node bench/run.js chat-200 echo-1\` runs some of them, and \`--rounds N\`
as many rounds as you like; none of these overwrites this file.
`
}
