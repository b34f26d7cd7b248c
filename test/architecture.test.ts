import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts')).map(name => join('src', name))
const importsOf = new Map(files.map(file => {
  const specifiers = [...readFileSync(file, 'utf8').matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, specifier]) => specifier!)
  return [file, specifiers.map(specifier => join(dirname(file), specifier))]
}))

test('no file imports itself by a detour, not even for a type', () => {
  const seen = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), [...path, file].join(' -> '))
    if (seen.has(file)) return
    for (const imported of importsOf.get(file)!) visit(imported, [...path, file])
    seen.add(file)
  }
  for (const file of files) visit(file, [])
  assert.equal(seen.size, files.length)
})

const forbidden: ReadonlyArray<[file: string, line: string]> = [
  ['src/core/hub.ts', "import type { FastifyRequest } from 'fastify'"],
  ['src/core/hub.ts', "import { WebSocket } from 'ws'"],
  ['src/core/hub.ts', "import type { IncomingMessage } from 'node:http'"],
  ['src/core/hub.ts', "import { resolveOptions } from '../resolve-options.ts'"],
  ['src/core/hub.ts', "import { acceptSocket } from '../routes/accept.ts'"],
  ['src/handshake/auth-hook.ts', "import { acceptSocket } from '../routes/accept.ts'"],
  ['src/routes/route.ts', "import realtime from '../plugin.ts'"],
  ['src/errors.ts', "import { CloseCode } from './close-codes.ts'"]
]

// In a process of its own: the loader that runs these tests and the linter's configuration do not go together.
const lint = `
  import { ESLint } from 'eslint'
  const results = []
  for (const [filePath, line] of JSON.parse(process.argv[1])) {
    const [result] = await new ESLint().lintText(line + '\\n', { filePath })
    results.push(result.messages.map(({ ruleId }) => ruleId))
  }
  console.log(JSON.stringify(results))
`

test('the lint refuses an import that goes up, and one of a framework in the core', () => {
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', lint, JSON.stringify(forbidden)], { encoding: 'utf8' })
  const results = JSON.parse(output) as string[][]
  forbidden.forEach(([file, line], index) => {
    assert.ok(results[index]!.includes('no-restricted-imports'), `${line} in ${file}`)
  })
})
