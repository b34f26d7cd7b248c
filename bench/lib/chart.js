import { digits } from './stats.js'

const LABELS = 400
const BARS = 420
const ROW = 30
const TOP = 64
const RIGHT = 110
const TICKS = [1, 2, 5, 10, 20, 50, 100, 200]

/** A bar chart of how many times less CPU ours takes than the bare loop, on a logarithmic scale, readable in light and dark. */
export function chart (results) {
  const rows = results.filter(({ ratio, unit }) => ratio?.of === 'bare : ours' && unit.startsWith('us CPU'))
  const width = LABELS + BARS + RIGHT
  const height = TOP + rows.length * ROW + 24
  const largest = Math.max(2, ...rows.map(({ ratio }) => ratio.max))
  const smallest = Math.min(0.8, ...rows.map(({ ratio }) => ratio.min))
  const x = value => LABELS + BARS * Math.log(value / smallest) / Math.log(largest / smallest)

  const grid = TICKS.filter(tick => tick <= largest).map(tick => `
  <line class="${tick === 1 ? 'one' : 'grid'}" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${TOP - 6}" y2="${height - 18}"/>
  <text class="note" text-anchor="middle" x="${at(x(tick))}" y="${TOP - 12}">${tick}x</text>`)
  const bars = rows.map(({ title, ratio }, index) => {
    const y = TOP + index * ROW
    const [from, to] = ratio.median < 1 ? [x(ratio.median), x(1)] : [x(1), x(ratio.median)]
    return `
  <text text-anchor="end" x="${LABELS - 12}" y="${y + 17}">${title}</text>
  <rect class="${ratio.median < 1 ? 'worse' : 'better'}" x="${at(from)}" y="${y + 3}" width="${at(Math.max(1, to - from))}" height="${ROW - 10}" rx="2"/>
  <line class="spread" x1="${at(x(ratio.min))}" x2="${at(x(ratio.max))}" y1="${y + ROW / 2 - 2}" y2="${y + ROW / 2 - 2}"/>
  <text class="value" x="${at(Math.max(to, x(ratio.max)) + 8)}" y="${y + 17}">${digits(ratio.median)}</text>`
  })

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>How many times less server CPU fastify-realtime takes than the bare loop on @fastify/websocket</title>
  <style>
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .head { font-weight: 600; font-size: 14px }
    .note { fill: #6e7781 }
    .value { font-weight: 600 }
    .better { fill: #2da44e }
    .worse { fill: #cf222e }
    .grid { stroke: #d0d7de }
    .one { stroke: #6e7781 }
    .spread { stroke: #24292f; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .note { fill: #8b949e }
      .better { fill: #3fb950 }
      .worse { fill: #f85149 }
      .grid { stroke: #30363d }
      .one { stroke: #8b949e }
      .spread { stroke: #e6edf3 }
    }
  </style>
  <text class="head" x="12" y="24">Server CPU, bare loop : fastify-realtime (logarithmic; the line is the spread)</text>${grid.join('')}${bars.join('')}
</svg>
`
}

function at (value) {
  return value.toFixed(1)
}
