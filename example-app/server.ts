import { buildApp } from './app.ts'

const { HOST = '127.0.0.1', PORT = '3000', JWT_SECRET, TOKEN_TTL } = process.env

const app = await buildApp({
  logger: true,
  ...(JWT_SECRET === undefined ? {} : { jwtSecret: JWT_SECRET }),
  ...(TOKEN_TTL === undefined ? {} : { tokenTtl: Number(TOKEN_TTL) })
})

// Once only: whoever presses Ctrl+C a second time does not want to wait for the goodbyes.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())

try {
  await app.listen({ host: HOST, port: Number(PORT) })
} catch (error) {
  app.log.fatal(error)
  process.exitCode = 1
  await app.close()
}
