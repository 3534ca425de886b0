/**
 * One connection to a Redis server that scripts run over: pipelined, bounded, every call with an end. The client library
 * carries the protocol, TLS and log-in; when to give up, to drop the connection and to try again is decided here, since
 * the library's own time-out ends when a command is written and its reconnecting is no help against a silent server.
 */
import { Buffer } from "node:buffer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { toHex, utf8 } from "../../core/base/Bytes.ts"
import { err, ok, type Result } from "../../core/base/Result.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import { type Millis, SECOND } from "../../core/base/Time.ts"

/** Ten times what a busy server takes. A UDP client asks again after 15 s (BEP 15): it must have its answer by then. */
export const CALL_TIMEOUT_MS: Millis = 2 * SECOND

/** To name, connect, encrypt and log in; more than a slow network needs. */
export const CONNECT_TIMEOUT_MS: Millis = 5 * SECOND

/** A Redis that answers 100,000 calls a second is done with as many in a tenth of the time-out; each takes about 1 KiB. */
export const MAX_PENDING = 20_000

/** Between two tries to connect: at first, and at most; a server that restarts is back within a second or two. */
export const MIN_BACK_OFF_MS: Millis = 100
export const MAX_BACK_OFF_MS: Millis = 5 * SECOND

export interface LinkOptions {
  /** Hears, in sentences, when Redis goes away and when it is back; a warning in the log unless it is given. */
  readonly warn?: (message: string) => Effect.Effect<void>
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string
  readonly callTimeoutMs?: Millis
  readonly connectTimeoutMs?: Millis
  readonly maxPending?: number
  readonly maxBackOffMs?: Millis
}

/**
 * - `Away`: there is no connection, or it broke or fell silent before the answer; the script may have run.
 * - `Full`: too many calls are waiting, or Redis is at its limit of memory; the script did not run.
 * - `Failed`: Redis said no, for the reason in `detail`.
 */
export type LinkReason = "Away" | "Full" | "Failed"

export interface LinkFailure {
  readonly reason: LinkReason
  /** For the operator. */
  readonly detail: string
}

export interface Script {
  readonly text: string
  /** By which the server knows it once it has seen it. */
  readonly sha: string
}

export const script = (text: string): Script => ({ text, sha: toHex(sha1(utf8(text))) })

/** What scripts answer: whole numbers, byte strings, lists of them, nothing. */
export type Value = number | Buffer | null | ReadonlyArray<Value>

export interface Link {
  /**
   * Runs a script; `done` is called once, before `call` returns or within the time-out. Buffers among the arguments
   * belong to the link from now on.
   */
  readonly call: (
    script: Script,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<string | Buffer>,
    done: (reply: Result<Value, LinkFailure>) => void,
  ) => void
}

interface Pending {
  readonly deadline: Millis
  readonly done: (reply: Result<Value, LinkFailure>) => void
}

/** What is used of the library's client. */
interface Client {
  readonly isOpen: boolean
  readonly connect: () => Promise<unknown>
  readonly destroy: () => void
  readonly sendCommand: (args: ReadonlyArray<string | Buffer>) => Promise<unknown>
  readonly on: (event: "error", listener: (error: Error) => void) => unknown
}

interface Library {
  readonly open: (url: string, connectTimeoutMs: Millis) => Client
  /** Whether the server said so, and not the library. */
  readonly isReply: (error: Error) => boolean
}

/** Loads the library, which takes 0.1 s: whoever keeps peers in memory doesn't pay for it. */
const load: Effect.Effect<Library> = Effect.promise(async () => {
  const { createClient, ErrorReply, RESP_TYPES } = await import("@redis/client")
  return {
    open: (url, connectTimeoutMs) =>
      createClient({
        url,
        RESP: 2,
        disableOfflineQueue: true,
        // one of its timers a command would cost four times what the command does
        commandOptions: { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
        socket: { connectTimeout: connectTimeoutMs, reconnectStrategy: false },
      }) as unknown as Client,
    isReply: (error) => error instanceof ErrorReply,
  }
})

/** Why this can't be the URL of a Redis server; `undefined` if it can. The reason does not repeat the password. */
export const urlProblem = (url: string): string | undefined => {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    return "it is not a URL"
  }
  if (parsed.protocol !== "redis:" && parsed.protocol !== "rediss:") {
    return "it must begin with redis:// or rediss://"
  }
  if (parsed.hostname === "") return "it names no host"
  if (!/^\/?\d*$/.test(parsed.pathname)) return "what follows the host must be the number of a database"
  return undefined
}

/** The URL without user and password, for messages. */
export const redact = (url: string): string => {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

/**
 * A link that connects at once, and again whenever the connection is lost, until the scope ends. It is made once the first
 * try is over, well or not: Redis may come later than its trackers, and calls fail with `Away` until it does.
 */
export const make = (options: LinkOptions): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.gen(function* () {
    const library = yield* load
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const tried = yield* Deferred.make<void>()
    const warn = options.warn ?? Effect.logWarning
    const machine = start(options, library, {
      onTried: () => Deferred.unsafeDone(tried, Effect.void),
      warn: (message) => void fork(warn(message)),
    })
    yield* Effect.addFinalizer(() => Effect.sync(machine.close))
    yield* Deferred.await(tried)
    return machine
  })

/** The library throws where there is nothing left to destroy. */
const destroy = (client: Client): void => {
  if (client.isOpen) client.destroy()
}

const start = (
  options: LinkOptions,
  { isReply, open }: Library,
  { onTried, warn }: { readonly onTried: () => void; readonly warn: (message: string) => void },
): Link & { readonly close: () => void } => {
  const callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
  const maxPending = options.maxPending ?? MAX_PENDING
  const maxBackOffMs = options.maxBackOffMs ?? MAX_BACK_OFF_MS
  const server = redact(options.url)

  /** In the order they were made, which is that of their deadlines and of their answers. */
  const pending = new Set<Pending>()
  let client: Client | undefined
  let isUp = false
  let isClosed = false
  let failures = 0
  /** The last thing that was warned of, so that an outage is one line and not thousands. */
  let told: string | undefined
  let retryTimer: ReturnType<typeof setTimeout> | undefined
  let deadlineTimer: ReturnType<typeof setTimeout> | undefined

  const tell = (problem: string): void => {
    if (told === problem) return
    told = problem
    warn(`the peer store at ${server}: ${problem}`)
  }

  const connect = (): void => {
    retryTimer = undefined
    const mine = open(options.url, connectTimeoutMs)
    client = mine
    // Covers the log-in as well, which a server that accepts and says nothing would hold up for ever.
    const timer = setTimeout(() => lose(mine, "no answer to the log-in"), connectTimeoutMs)
    mine.on("error", (error) => lose(mine, error.message))
    mine.connect().then(
      () => {
        clearTimeout(timer)
        if (client !== mine) return destroy(mine)
        isUp = true
        failures = 0
        if (told !== undefined) tell("is back")
        told = undefined
        onTried()
      },
      (error: Error) => {
        clearTimeout(timer)
        lose(mine, error.message)
      },
    )
  }

  /** Gives up a connection, with all that waits for it, and arms the next try. */
  const lose = (mine: Client, why: string): void => {
    if (client !== mine) return
    client = undefined
    isUp = false
    destroy(mine)
    if (isClosed) return failAll("closed")
    onTried()
    tell(`${why}; trying again until it is back`)
    const backOffMs = Math.min(MIN_BACK_OFF_MS * 2 ** failures++, maxBackOffMs)
    // Trackers that lost the same Redis should not come back all in the same moment.
    retryTimer = setTimeout(connect, backOffMs * (0.5 + Math.random() / 2))
    failAll(why)
  }

  const failAll = (why: string): void => {
    clearTimeout(deadlineTimer)
    deadlineTimer = undefined
    const failed = [...pending]
    pending.clear()
    for (const { done } of failed) done(err({ reason: "Away", detail: why }))
  }

  /** Answers come in order: if the first call's is late, so are all, and only a new connection helps. */
  const checkDeadline = (suspect?: Pending): void => {
    deadlineTimer = undefined
    const first = pending.values().next().value
    if (first === undefined || client === undefined) return
    const leftMs = first.deadline - performance.now()
    if (leftMs <= 0 && (first === suspect || leftMs <= -callTimeoutMs)) {
      return lose(client, `no answer within ${callTimeoutMs} ms`)
    }
    // It may be this process that was busy and not Redis, so who is late has some time more, but not for ever.
    deadlineTimer = leftMs > 0
      ? setTimeout(checkDeadline, Math.ceil(leftMs))
      : setTimeout(checkDeadline, callTimeoutMs / 4, first)
  }

  const settle = (entry: Pending, reply: Result<Value, LinkFailure>): void => {
    if (pending.delete(entry)) entry.done(reply)
  }

  const call: Link["call"] = (script, keys, args, done) => {
    const mine = client
    if (!isUp || mine === undefined) return done(err({ reason: "Away", detail: "not connected" }))
    if (pending.size >= maxPending) {
      return done(err({ reason: "Full", detail: `${pending.size} calls are waiting` }))
    }
    const entry: Pending = { deadline: performance.now() + callTimeoutMs, done }
    pending.add(entry)
    deadlineTimer ??= setTimeout(checkDeadline, callTimeoutMs)
    const rest = [String(keys.length), ...keys, ...args]
    const answered = (value: unknown): void => settle(entry, ok(value as Value))
    const failed = (error: Error): void => {
      if (!pending.has(entry)) return
      // What the library says itself is about the connection.
      const failure = isReply(error)
        ? failureOf(error.message)
        : { reason: "Away", detail: error.message } as const
      if (failure.reason === "Away") lose(mine, failure.detail)
      else {
        tell(failure.detail)
        settle(entry, err(failure))
      }
    }
    mine.sendCommand(["EVALSHA", script.sha, ...rest]).then(answered, (error: Error) => {
      // The server forgets scripts when it restarts; this also makes it learn the script.
      if (error.message.startsWith("NOSCRIPT")) {
        mine.sendCommand(["EVAL", script.text, ...rest]).then(answered, failed)
      } else failed(error)
    })
  }

  connect()

  return {
    call,
    close: () => {
      isClosed = true
      clearTimeout(retryTimer)
      if (client !== undefined) lose(client, "closed")
    },
  }
}

/** Codes of a server that can't serve yet, or no longer: starting, or a replica since the last fail-over, or log-in lost. */
const AWAY = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOAUTH|BUSY) /

const failureOf = (message: string): LinkFailure => ({
  reason: message.startsWith("OOM ") ? "Full" : AWAY.test(message) ? "Away" : "Failed",
  detail: message,
})
