import type { AddRoute } from './route.ts'

/** `GET {prefix}/echo`: every message back as it came; `prefix` is put before a text. */
export function addEchoRoute (addRoute: AddRoute, { prefix }: { readonly prefix: string }): void {
  addRoute({ url: '/echo', permission: 'echo' }, {
    message: (_connection, message) => typeof message === 'string' ? prefix + message : message
  }, 'echo')
}
