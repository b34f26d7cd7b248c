import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TSchema } from '@sinclair/typebox'
import { closeCodes } from '../src/close-codes.ts'
import * as errors from '../src/errors.ts'
import { RealtimeOptionsSchema, resolveOptions } from '../src/options.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The rows of the table below a heading, cell by cell, without the header. */
function table (heading: string): string[][] {
  const section = readme.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!
  return section.split('\n').filter(line => line.startsWith('| ')).slice(1)
    .filter(line => !line.startsWith('| ---')).map(line => line.split(/(?<!\\)\|/).slice(1, -1).map(cell => cell.trim()))
}

/** Every option there is, with dots: what has no properties of its own, and what may also be something simple. */
function optionNames (schema: TSchema, path = ''): string[] {
  if (schema.anyOf !== undefined) {
    const variants = schema.anyOf as TSchema[]
    return [path, ...variants.flatMap(variant => variant.properties === undefined ? [] : optionNames(variant, path))]
  }
  if (schema.properties === undefined || path === 'auth.anonymous') return [path]
  return Object.entries(schema.properties as Record<string, TSchema>)
    .flatMap(([name, property]) => optionNames(property, path === '' ? name : `${path}.${name}`))
}

test('the options table lists exactly the options there are', () => {
  const documented = table('Options').map(([name]) => name!.replaceAll('`', ''))
  assert.deepEqual([...documented].sort(), [...new Set(optionNames(RealtimeOptionsSchema))].sort())
})

test('the defaults in the options table are those of the code', () => {
  const resolved: unknown = resolveOptions({ auth: { authenticate: () => null }, compression: true })
  for (const [name = '', printed = ''] of table('Options')) {
    const literal = /^`(.*)`$/.exec(printed)?.[1]
    if (literal === undefined || literal === 'true' || literal === 'messages' || name === '`compression`') continue
    const value = name.replaceAll('`', '').split('.').reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], resolved)
    assert.deepEqual(value, literal === 'Infinity' ? Infinity : JSON.parse(literal.replaceAll("'", '"').replaceAll('_', '')), name)
  }
})

test('the close-code table is the one in the code', () => {
  assert.deepEqual(table('Close codes'), closeCodes.map(({ code, when, client }) => [String(code), when, client]))
})

test('the error-code table lists exactly the errors there are, with their status', () => {
  const inCode = Object.values(errors).filter(value => typeof value === 'function')
    .map(Constructor => new Constructor()).map(({ code, statusCode }) => [code, String(statusCode)])
  const documented = table('Error codes').map(([code, status]) => [code!.replaceAll('`', ''), status!])
  assert.deepEqual(documented.sort(), inCode.sort())
  assert.equal(new Set(inCode.map(([code]) => code)).size, inCode.length)
})

test('the two commands are in the README', () => {
  for (const command of ['npm ci && npm start', 'npm ci && npm test']) assert.ok(readme.includes(command))
})
