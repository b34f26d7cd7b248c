// Runs the benchmark: node bench/run.js [--quick] [--rounds N] [--json] [--profile DIR] [workload ...]
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { chart } from './lib/chart.js'
import { beginPinning, canPin } from './lib/child.js'
import { report, tableOf } from './lib/report.js'
import { runWorkload } from './lib/run-workload.js'
import { workloads } from './workloads.js'

/** How long and how often: the CPU time of a round is in microseconds. */
const sizes = {
  full: { rounds: 9, budget: 500_000, isWarm: true },
  quick: { rounds: 1, budget: 300_000, isWarm: true },
  smoke: { rounds: 1, budget: 0, isWarm: false }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false }, // the whole suite in less than two minutes
    smoke: { type: 'boolean', default: false }, // a handful of clients: only whether everything is delivered
    rounds: { type: 'string' },
    json: { type: 'boolean', default: false },
    profile: { type: 'string' }
  }
})

const unknown = positionals.find(name => !workloads.some(workload => workload.name === name))
if (unknown !== undefined) {
  console.error(`There is no workload ${unknown}. There are: ${workloads.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}

const size = values.smoke ? 'smoke' : values.quick ? 'quick' : 'full'
const settings = { size, ...sizes[size], profileTo: values.profile && resolve(values.profile) }
if (values.rounds !== undefined) settings.fixedRounds = Number(values.rounds)
const chosen = workloads.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const results = []

if (size !== 'smoke') beginPinning()
if (!canPin) console.error('No taskset here: server and load share the cores, and the figures are noisier.')
const begin = performance.now()
for (const workload of chosen) results.push(await runWorkload(workload, settings, line => console.error(line)))
const minutes = (performance.now() - begin) / 60_000

if (values.json) console.log(JSON.stringify(results))
else console.log(`\n${tableOf(results, size !== 'smoke')}`)
console.error(`${minutes.toFixed(1)} minutes`)

if (size === 'full' && chosen.length === workloads.length) {
  writeFileSync(new URL('RESULTS.md', import.meta.url), report(results, { minutes, canPin }))
  writeFileSync(new URL('results.svg', import.meta.url), chart(results))
  console.error('bench/RESULTS.md and bench/results.svg are new.')
}
