import type { TSchema } from '@sinclair/typebox'
import type { TypeCheck } from '@sinclair/typebox/compiler'
import type { Connection, ParamsOf, RpcOptions } from '../api.ts'
import { compileOption } from '../check-options.ts'
import { DuplicateMethodError } from '../errors.ts'

interface RpcMethod {
  readonly permission: string | undefined
  readonly check: TypeCheck<TSchema> | undefined
  readonly handler: (connection: Connection, params: never) => unknown
}

/** What the application does with what channel clients send. */
export class Handlers {
  onConnect: ((connection: Connection, data: unknown) => unknown) | undefined = undefined
  onMessage: ((connection: Connection, data: unknown) => void | Promise<void>) | undefined = undefined
  readonly #methods = new Map<string, RpcMethod>()

  get hasMethods (): boolean {
    return this.#methods.size > 0
  }

  method (name: string): RpcMethod | undefined {
    return this.#methods.get(name)
  }

  /** @throws FST_RT_DUPLICATE_METHOD */
  addMethod<P extends TSchema | undefined> (name: string, { params, permission }: RpcOptions<P>, handler: (connection: Connection, params: ParamsOf<P>) => unknown): void {
    if (this.#methods.has(name)) throw new DuplicateMethodError(name)
    this.#methods.set(name, { permission, check: params === undefined ? undefined : compileOption(`rpc(${name}).params`, params), handler })
  }
}
