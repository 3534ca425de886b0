/** redis-server (Debian: redis-server) on a free port of 127.0.0.1, in memory alone. */
import { createConnection } from "node:net"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import * as TempDir from "./TempDir.ts"

export const missing = (): string | undefined => Clients.missing("redis-server")

export interface Redis {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Sends commands in Redis' inline form and gives all that comes back, up to the answer to the last one. */
  readonly ask: (...commands: ReadonlyArray<string>) => Promise<string>
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface Options {
  /** Where to listen, for one that comes back in the place of another; a free port unless given. */
  readonly port?: number
  readonly password?: string
  /** More of redis.conf, as on the command line. */
  readonly args?: ReadonlyArray<string>
}

/** Starts a server that keeps nothing on the disk. */
export const start = async (options: Options = {}): Promise<Redis> => {
  const port = options.port ?? await Process.freePort()
  const { password } = options
  const temp = TempDir.make("redis")
  const child = Process.start("redis-server", [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", temp.path],
    ...["--save", "", "--appendonly", "no", "--daemonize", "no"],
    ...(password === undefined ? [] : ["--requirepass", password]),
    ...options.args ?? [],
  ])
  await Clients.whenReady(child, child.line(/Ready to accept connections/), temp.remove)
  const stop = async (): Promise<void> => {
    await child.stop()
    temp.remove()
  }
  const login = password === undefined ? [] : [`AUTH ${password}`]
  return {
    url: `redis://${password === undefined ? "" : `:${password}@`}127.0.0.1:${port}`,
    port,
    pid: child.pid,
    ask: (...commands) => ask(port, [...login, ...commands]),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const ask = (port: number, commands: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ host: "127.0.0.1", port })
    let text = ""
    socket.setEncoding("latin1")
      .on("connect", () => socket.write([...commands, "QUIT"].map((command) => `${command}\r\n`).join("")))
      .on("data", (chunk: string) => text += chunk)
      .on("error", reject)
      .on("close", () => resolve(text.replace(/\+OK\r\n$/, "")))
  })

/** A command that makes everything in the sorted sets of these keys so much older: their scores are times. */
export const age = (prefix: string, seconds: number): string =>
  `EVAL "for _, key in ipairs(redis.call('KEYS', '${prefix}*')) do ` +
  `if redis.call('TYPE', key).ok == 'zset' then ` +
  `for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do ` +
  `redis.call('ZINCRBY', key, -${seconds}, member) end end end" 0`
