/**
 * A network inside the process for `Transport.layerMemory`. Every connection has a window of unread bytes each way, as
 * the kernel's buffers are; what happens is queued and done one thing at a time, in order, so equal runs are equal.
 *
 *     write → unsent bytes → window (64 KiB) → onRead
 *             bufferedBytes                    unless paused
 */
import { type Address, format } from "../core/base/Address.ts"
import { assert } from "../core/base/Assert.ts"
import { type Bytes, concat } from "../core/base/Bytes.ts"
import {
  type Connection,
  type ConnectionHandlers,
  DRAIN_BYTES,
  type ListenOptions,
  type OnConnection,
} from "./Connection.ts"
import type { ConnectReason } from "./Transport.ts"

/** Bytes under way or unread, one way of one connection. */
export const WINDOW_BYTES = 64 * 1024
/** Listens on every address. */
export const ANY = "0.0.0.0"
const LOOPBACK = "127.0.0.1"
const LOOPBACK_V6 = "::1"
/** First of the ports that are given out (RFC 6335, section 6). */
const FIRST_DYNAMIC_PORT = 49_152

export interface MemoryNetwork {
  readonly listeners: Map<string, OnConnection>
  /** `host:port` of machines that never answer: dialling them takes until the timeout. */
  readonly silent: Set<string>
  nextPort: number
}

export const make = (): MemoryNetwork => ({
  listeners: new Map(),
  silent: new Set(),
  nextPort: FIRST_DYNAMIC_PORT,
})

/** Runs a task later, in the order of asking. */
type Schedule = (task: () => void) => void

/** The address that is listened on, `undefined` where another one does. */
export const listen = (
  network: MemoryNetwork,
  { host = ANY, port }: ListenOptions,
  onConnection: OnConnection,
): Address | undefined => {
  const address = { host, port: port === 0 ? network.nextPort++ : port }
  if (network.listeners.has(format(address))) return undefined
  network.listeners.set(format(address), onConnection)
  return address
}

export const unlisten = (network: MemoryNetwork, address: Address): void => {
  network.listeners.delete(format(address))
}

/** Begins to connect and tells `done` how it went, unless the returned function was called before. */
export const dial = (
  network: MemoryNetwork,
  schedule: Schedule,
  address: Address,
  localAddress: string | undefined,
  done: (outcome: End | ConnectReason) => void,
): () => void => {
  let hasGivenUp = false
  let end: End | undefined
  schedule(() => {
    if (hasGivenUp) return
    const host = address.host === "localhost" ? LOOPBACK : address.host
    if (!host.includes(":") && !/^[\d.]+$/.test(host)) return done("Dns")
    if (network.silent.has(format(address))) return
    const onConnection = network.listeners.get(format({ host, port: address.port })) ??
      network.listeners.get(format({ host: ANY, port: address.port }))
    if (onConnection === undefined) return done("Refused")

    end = new End({ host, port: address.port }, schedule)
    const from = localAddress ?? (host.includes(":") ? LOOPBACK_V6 : LOOPBACK)
    const far = new End({ host: from, port: network.nextPort++ }, schedule)
    end.peer = far
    far.peer = end
    done(end)
    onConnection(far, (handlers) => far.begin(handlers))
    if (!far.hasBegun()) far.close()
  })
  return () => {
    hasGivenUp = true
    end?.close()
  }
}

/** One end of a connection. */
export class End implements Connection {
  readonly remote: Address
  peer: End | undefined
  readonly #schedule: Schedule
  #handlers: ConnectionHandlers | undefined
  #unsent: Array<Bytes> = []
  #sentOfFirst = 0
  #unsentBytes = 0
  #isAboveMark = false
  #unread: Array<Bytes> = []
  #unreadBytes = 0
  #isPaused = false
  #isClosed = false
  #isTurnDue = false

  constructor(remote: Address, schedule: Schedule) {
    this.remote = remote
    this.#schedule = schedule
  }

  readonly begin = (handlers: ConnectionHandlers): void => {
    this.#handlers = handlers
    this.#wake()
  }

  readonly hasBegun = (): boolean => this.#handlers !== undefined

  readonly write = (bytes: Bytes): void => {
    if (this.#isClosed || bytes.length === 0) return
    this.#unsent.push(bytes)
    this.#unsentBytes += bytes.length
    if (this.#unsentBytes > DRAIN_BYTES) this.#isAboveMark = true
    this.#wake()
  }

  readonly bufferedBytes = (): number => this.#isClosed ? 0 : this.#unsentBytes

  readonly pauseReads = (): void => {
    this.#isPaused = true
  }

  readonly resumeReads = (): void => {
    this.#isPaused = false
    this.#wake()
  }

  readonly close = (): void => {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#unread = []
    this.#unreadBytes = 0
    this.#peer().#drop()
    this.#wake()
    this.#peer().#wake()
  }

  /** Nobody is there to take it. */
  #drop(): void {
    this.#unsent = []
    this.#sentOfFirst = 0
    this.#unsentBytes = 0
  }

  #peer(): End {
    assert(this.peer !== undefined, "both ends are joined before either is used")
    return this.peer
  }

  /** A turn does one thing of each kind and asks for another while there is more. */
  #wake(): void {
    if (this.#isTurnDue || (this.#isClosed && this.#unsentBytes === 0)) return
    this.#isTurnDue = true
    this.#schedule(() => {
      this.#isTurnDue = false
      this.#send()
      this.#deliver()
    })
  }

  #send(): void {
    const peer = this.#peer()
    if (peer.#isClosed || this.#unsentBytes === 0) return
    while (this.#unsentBytes > 0 && peer.#unreadBytes < WINDOW_BYTES) {
      const first = this.#unsent[0]!
      const sent = first.subarray(this.#sentOfFirst, this.#sentOfFirst + WINDOW_BYTES - peer.#unreadBytes)
      this.#sentOfFirst += sent.length
      this.#unsentBytes -= sent.length
      // A copy, as on a real network: what the one end keeps is not what the other one sent.
      peer.#unread.push(sent.slice())
      peer.#unreadBytes += sent.length
      if (this.#sentOfFirst < first.length) break
      this.#unsent.shift()
      this.#sentOfFirst = 0
      if (!this.#isClosed) this.#handlers?.onWritten?.(first)
    }
    peer.#wake()
    if (!this.#isClosed && this.#isAboveMark && this.#unsentBytes <= DRAIN_BYTES) {
      this.#isAboveMark = false
      this.#handlers?.onDrain()
    }
  }

  #deliver(): void {
    if (this.#isClosed || this.#isPaused || this.#handlers === undefined) return
    if (this.#unreadBytes > 0) {
      const bytes = this.#unread.length === 1 ? this.#unread[0]! : concat(this.#unread)
      this.#unread = []
      this.#unreadBytes = 0
      // Room again for the sender; and after the last bytes, this end still has to see the peer's close.
      this.#peer().#wake()
      this.#wake()
      this.#handlers.onRead(bytes)
    } else if (this.#peer().#isClosed && this.#peer().#unsentBytes === 0) {
      this.close()
      this.#handlers.onClose(undefined)
    }
  }
}
