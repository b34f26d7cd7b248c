import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { CannotProvoke } from './fault.ts'
import { eventually } from './settle.ts'

export type ProxyName = 'nginx' | 'haproxy'

interface ProxyConfig {
  readonly folder: string
  readonly listen: number
  readonly backend: number
  /** s */
  readonly idle: number
}

const settings: Record<ProxyName, { arguments (file: string, folder: string): string[], configure (config: ProxyConfig): string }> = {
  nginx: {
    arguments: (file, folder) => ['-c', file, '-p', folder, '-e', 'stderr'],
    configure: ({ folder, listen, backend, idle }) => `
      daemon off; master_process off; pid ${folder}/pid; error_log stderr;
      events { worker_connections 256; }
      http {
        access_log off;
        client_body_temp_path ${folder}/1; proxy_temp_path ${folder}/2; fastcgi_temp_path ${folder}/3; uwsgi_temp_path ${folder}/4; scgi_temp_path ${folder}/5;
        server {
          listen 127.0.0.1:${listen};
          location / {
            proxy_pass http://127.0.0.1:${backend};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_read_timeout ${idle}s;
            proxy_send_timeout ${idle}s;
          }
        }
      }`
  },
  haproxy: {
    arguments: file => ['-db', '-f', file],
    // No leading spaces are needed, but the last line must end.
    configure: ({ listen, backend, idle }) => `
      global
        maxconn 256
      defaults
        mode http
        timeout connect 5s
        timeout client ${idle}s
        timeout server ${idle}s
        timeout tunnel ${idle}s
      frontend front
        bind 127.0.0.1:${listen}
        http-request set-header X-Forwarded-Host %[req.hdr(host)]
        http-request set-header X-Forwarded-For %[src]
        http-request set-header Host 127.0.0.1:${backend}
        default_backend back
      backend back
        server one 127.0.0.1:${backend}\n`
  }
}

/**
 * Puts a proxy in front of a server, stopped when the test ends.
 * @param idle s without a byte in either direction, after which it cuts a connection
 * @returns its port
 * @throws CannotProvoke where it is not installed
 */
export async function startProxy (t: TestContext, name: ProxyName, backend: number, idle: number): Promise<number> {
  if (spawnSync(name, ['-v']).error !== undefined) throw new CannotProvoke(`${name} is not installed (Debian's package ${name})`)
  const folder = mkdtempSync(join(tmpdir(), 'fastify-realtime-'))
  const listen = await freePort()
  const file = join(folder, 'proxy.conf')
  writeFileSync(file, settings[name].configure({ folder, listen, backend, idle }))
  const child = spawn(name, settings[name].arguments(file, folder), { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', chunk => { complaints += chunk })
  t.after(async () => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'close')
    rmSync(folder, { recursive: true })
  })
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`${name} did not start: ${complaints}`)
    return isListening(listen)
  })
  return listen
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function isListening (port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
