/** A node of npm's bittorrent-dht as a process of its own, from `tests/peers`, whose packages `npm run peers` installs. */
import { existsSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import type { Place } from "./Clients.ts"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"

/** What one of its lines tells; which fields there are depends on `event`. */
export interface Told {
  readonly event: string
  readonly [field: string]: unknown
}

export interface NpmDht {
  /** `host:port` over UDP. */
  readonly address: string
  /** Of the other nodes in its process. */
  readonly others: ReadonlyArray<string>
  /** The peers that it finds, as `host:port`, each once. */
  readonly lookup: (infoHash: string) => Promise<ReadonlyArray<string>>
  readonly announce: (infoHash: string, port: number) => Promise<void>
  /** Keeps a text in the DHT; gives its target and how many nodes took it. With a `seed` of Ed25519 (hex) it is mutable. */
  readonly put: (text: string, author?: Author) => Promise<{ readonly hash: string; readonly nodes: number }>
  /** The text under a target, with its number if it is mutable; `null` where nobody has one. */
  readonly get: (
    target: string,
    salt?: string,
  ) => Promise<{ readonly value: string | null; readonly seq: number | null }>
  /** How many nodes are in its table. */
  readonly size: () => Promise<number>
  readonly log: () => string
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface Author {
  /** 32 bytes, hex. */
  readonly seed: string
  readonly seq: number
  readonly salt?: string
}

const peers = (name: string): string => fileURLToPath(new URL(`../peers/${name}`, import.meta.url))

/** Why it can't be started; `undefined` where it can. */
export const missing = (): string | undefined =>
  existsSync(peers("node_modules/bittorrent-dht"))
    ? undefined
    : "npm's bittorrent-dht is not installed (npm run peers)"

export interface Options extends Place {
  /** `host:port` of nodes by which it enters the DHT. */
  readonly bootstrap?: ReadonlyArray<string>
  /** How many more nodes there are to be in the same process. */
  readonly others?: number
}

/** Starts a node, which has entered the DHT when it is ready. */
export const start = async (options: Options = {}): Promise<NpmDht> => {
  const { bootstrap = [], enter = [], host = "127.0.0.1", others = 0 } = options
  // By its name: under Deno this process is not Node.
  const node = "Deno" in globalThis ? "node" : process.execPath
  const waiting: Array<(told: Told) => void> = []
  /** Peers of the torrent that was last looked up. */
  const found = new Set<string>()
  let rest = ""
  const onStdout = (text: string): void => {
    const lines = (rest + text).split("\n")
    rest = lines.pop()!
    for (const told of lines.map((line) => JSON.parse(line) as Told)) {
      if (told.event === "peer") found.add(String(told["peer"]))
      else if (told.event !== "warning" && told.event !== "listening") waiting.shift()?.(told)
    }
  }
  const [program, ...args] = [...enter, node, peers("bittorrentDht.mjs"), host, String(others), ...bootstrap]
  const child = Process.start(program!, args, { name: "bittorrent-dht", stdin: true, onStdout })
  const [line] = await Clients.whenReady(child, child.line(/^.*"event":"listening".*/))
  const ports = JSON.parse(line) as { readonly port: number; readonly others: ReadonlyArray<number> }

  let asked: Promise<unknown> = Promise.resolve()
  /** One question after the other: an answer does not say which one it is for. */
  const inTurn = <A>(question: () => Promise<A>): Promise<A> => {
    const answer = asked.then(question)
    asked = answer.catch(() => {})
    return answer
  }
  const tell = async (question: Readonly<Record<string, unknown>>): Promise<Told> => {
    const answer = new Promise<Told>((resolve) => waiting.push(resolve))
    child.write(JSON.stringify(question))
    const late = (): string => `no answer to ${JSON.stringify(question)}\n${Process.report(child)}`
    const told = await Process.within(answer, 20_000, late)
    if (told.event === "error") throw new Error(`bittorrent-dht: ${told["message"]}`)
    return told
  }
  const ask = (question: Readonly<Record<string, unknown>>): Promise<Told> => inTurn(() => tell(question))
  return {
    address: `${host}:${ports.port}`,
    others: ports.others.map((port) => `${host}:${port}`),
    lookup: (infoHash) =>
      inTurn(async () => {
        found.clear()
        await tell({ lookup: infoHash })
        return [...found]
      }),
    announce: async (infoHash, port) => void await ask({ announce: infoHash, port }),
    put: async (text, author) => {
      const { hash, nodes } = await ask({ put: text, ...author })
      return { hash: String(hash), nodes: Number(nodes) }
    },
    get: async (target, salt) => {
      const { seq, value } = await ask({ get: target, salt })
      return { value: value as string | null, seq: seq as number | null }
    },
    size: async () => Number((await ask({ size: true }))["nodes"]),
    log: () => Process.report(child),
    stop: child.stop,
    [Symbol.asyncDispose]: child.stop,
  }
}
