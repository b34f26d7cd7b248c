import { inspect } from 'node:util'
import type { TSchema } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import { Value, type ValueError } from '@sinclair/typebox/value'
import { InvalidOptionError } from './errors.ts'

/**
 * @param owner what the options are for, where they are not those of the plugin: `route(/orders)`
 * @throws FST_RT_INVALID_OPTION naming the path and the value of the first that is wrong
 */
export function checkOptions (schema: TSchema, options: unknown, owner = ''): void {
  const error = Value.Errors(schema, options).First()
  if (error === undefined) return
  const { path, message, value, schema: wanted } = mostSpecific(error)
  const name = [owner, ...path.split('/').slice(1)].filter(part => part !== '').join('.') || 'options'
  if (value === undefined) throw new InvalidOptionError(name, 'is required, got undefined')
  throw wrongOption(name, wanted.description === undefined ? `${message}${choicesOf(wanted)}` : `Expected ${wanted.description}`, value)
}

/** @throws FST_RT_INVALID_OPTION */
export function checkFunction (name: string, value: unknown): void {
  if (typeof value !== 'function') throw wrongOption(name, 'Expected a function', value)
}

/**
 * The check of a schema that the application gave.
 * @throws FST_RT_INVALID_OPTION for one of another library, which has the same look
 */
export function compileOption (name: string, schema: TSchema): TypeCheck<TSchema> {
  try {
    return TypeCompiler.Compile(schema)
  } catch {
    throw wrongOption(name, 'Expected a schema of @sinclair/typebox 0.34', schema)
  }
}

function wrongOption (name: string, message: string, value: unknown): Error {
  return new InvalidOptionError(name, `${message}, got ${inspect(value, { depth: 1, breakLength: Infinity })}`)
}

/** Of a union that nothing fits, the variant that came furthest says best what is wrong. */
function mostSpecific (error: ValueError): ValueError {
  let best = error
  for (const variant of error.errors) {
    const first = variant.First()
    if (first === undefined) continue
    const inner = mostSpecific(first)
    if (inner.path.length > best.path.length) best = inner
  }
  return best
}

function choicesOf ({ anyOf }: TSchema): string {
  if (!Array.isArray(anyOf) || anyOf.some(({ const: literal }) => literal === undefined)) return ''
  return ` (one of ${anyOf.map(choice => inspect(choice.const)).join(', ')})`
}
