/**
 * Calls back with every JSON line of a stream. Servers, load and orchestrator talk this way because a server in Python can.
 * @param {import('node:stream').Readable} stream
 * @param {(message: any) => void} onMessage
 */
export function readJsonLines (stream, onMessage) {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', chunk => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()
    for (const line of lines) if (line !== '') onMessage(JSON.parse(line))
  })
}

/**
 * Answers the commands that arrive on stdin, each with its result or its error, until stdin ends. Returns a function that
 * tells the other side something nobody asked for.
 * @param {Record<string, (command: any) => unknown>} commands
 */
export function serveCommands (commands) {
  const write = message => { process.stdout.write(JSON.stringify(message) + '\n') }
  readJsonLines(process.stdin, async ({ id, command, ...parameters }) => {
    try {
      const result = await commands[command](parameters)
      if (id !== undefined) write({ id, result })
    } catch (error) {
      write({ id, error: error.stack ?? String(error) })
    }
  })
  // Without an orchestrator there is nobody left to work for.
  process.stdin.on('end', () => process.exit())
  return write
}
