import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TSchema } from '@sinclair/typebox'
import { ChannelsOptionsSchema } from '../src/channel-options.ts'
import { Disconnects, Errors, type ProtocolCode, Unsubscribes } from '../src/channels/codes.ts'
import { VERSION } from '../src/channels/version.ts'
import { closeCodes } from '../src/close-codes.ts'
import * as errors from '../src/errors.ts'
import { RealtimeOptionsSchema } from '../src/options.ts'
import { resolveOptions } from '../src/resolve-options.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The rows of the table below a heading of whatever level, cell by cell, without the header. */
function table (heading: string): string[][] {
  const section = readme.split(new RegExp(`\n##+ ${heading}\n`))[1]!.split(/\n##+ /)[0]!
  return section.split('\n').filter(line => line.startsWith('| ')).slice(1)
    .filter(line => !line.startsWith('| ---')).map(line => line.split(/(?<!\\)\|/).slice(1, -1).map(cell => cell.trim()))
}

/** Documented as a whole, whatever their schema looks at. */
const wholes = ['auth.anonymous', 'backplane']

/**
 * Every option there is, with dots: what has no properties of its own, and what may also be something simple. A record, as
 * `channels.namespaces`, is one option; what its members take is documented once, elsewhere.
 */
function optionNames (schema: TSchema, path = ''): string[] {
  if (schema.anyOf !== undefined) {
    const variants = schema.anyOf as TSchema[]
    return [path, ...variants.flatMap(variant => variant.properties === undefined ? [] : optionNames(variant, path))]
  }
  if (schema.properties === undefined || wholes.includes(path)) return [path]
  return Object.entries(schema.properties as Record<string, TSchema>)
    .flatMap(([name, property]) => optionNames(property, path === '' ? name : `${path}.${name}`))
}

test('the options table lists exactly the options there are', () => {
  const documented = table('Options').map(([name]) => name!.replaceAll('`', ''))
  assert.deepEqual([...documented].sort(), [...new Set(optionNames(RealtimeOptionsSchema))].sort())
})

test('a namespace takes the same options as `channels.defaults`, which is where they are listed', () => {
  const { namespaces, defaults } = ChannelsOptionsSchema.properties
  const [ofNamespace] = Object.values((namespaces as TSchema).patternProperties as Record<string, TSchema>)
  assert.deepEqual(optionNames(ofNamespace!), optionNames(defaults))
  assert.match(table('Options').find(([name]) => name === '`channels.namespaces`')![2]!, /each with the options that `channels\.defaults` has/)
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

for (const [heading, codes] of Object.entries({ Errors, Unsubscribes, Disconnects })) {
  test(`the table of the protocol's ${heading.toLowerCase()} is the one in the code`, () => {
    assert.deepEqual(table(heading), Object.values<ProtocolCode>(codes).map(({ code, message, when }) => [String(code), message, when]))
  })
}

test('channel clients are told the version of the package', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  assert.equal(VERSION, version)
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
